"""Held-out rows are never trained on, whole donors are held out, and scaling is that of training rows."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_models import toy_model, toy_tokens

from theodolite.models.activations import Activations, write_activations
from theodolite.models.sites import OUTPUT, residual
from theodolite.saes import ArrayRows, SAETrainingError, StoredRows, hold_out_cells
from theodolite.saes.rows import scaling_of

SEED = st.integers(0, 2**32 - 1)
CELLS = 11


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Activations:
    folder = tmp_path_factory.mktemp("stored") / "activations"
    names = [f"cell {index}" for index in range(CELLS)]
    return write_activations(
        toy_model(), toy_tokens(CELLS), names, folder, cells_sha256="c" * 64, tokeniser={}, cells_a_shard=4,
        sites=[residual(1), residual(2)],
    )  # fmt: skip


def numbered(held_out: list[bool]) -> ArrayRows:
    """Rows whose first number says which they are."""
    values = np.zeros((len(held_out), 3), dtype=np.float32)
    values[:, 0] = np.arange(len(held_out))
    return ArrayRows(values, np.array(held_out))


@given(st.lists(st.booleans(), min_size=2, max_size=30).filter(lambda mask: len(set(mask)) == 2), SEED)
def test_rows_that_are_held_out_are_never_drawn_for_training(mask: list[bool], seed: int) -> None:
    rows = numbered(mask)
    for held_out in (False, True):
        drawn = np.concatenate(list(islice(rows.draws(40, seed, held_out=held_out), 10)))[:, 0].astype(int)
        offered = {row for row, held in enumerate(mask) if held is held_out}
        assert set(drawn.tolist()) <= offered
        # 400 draws of at most 29: what is offered comes.
        assert len(set(drawn.tolist())) >= 0.9 * len(offered)


def test_draws_go_on_where_they_were_broken_off() -> None:
    rows = numbered([False] * 20 + [True])
    whole = list(islice(rows.draws(5, 7), 6))
    assert len({tuple(drawn[:, 0]) for drawn in whole}) == 6
    np.testing.assert_array_equal(whole[4:], list(islice(rows.draws(5, 7, first=4), 2)))
    assert not np.array_equal(whole, list(islice(rows.draws(5, 8), 6)))


def test_another_array_mask_or_number_type_has_another_key() -> None:
    values, mask = np.arange(24, dtype=np.float32).reshape(6, 4), np.arange(6) < 2
    other = values.copy()
    other[3, 1] += 1
    keys = [
        ArrayRows(values, mask).key,
        ArrayRows(other, mask).key,
        ArrayRows(values, mask[::-1].copy()).key,
        # The same bytes, read as other numbers.
        ArrayRows(values.view(np.float16), mask).key,
    ]
    assert len(set(keys)) == 4
    assert ArrayRows(values.copy(), mask.copy()).key == keys[0]


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_refused(number: float) -> None:
    values = np.zeros((4, 3), dtype=np.float32)
    values[2, 1] = number
    with pytest.raises(SAETrainingError, match="hold a number that is not finite"):
        ArrayRows(values, np.arange(4) == 0)


@pytest.mark.parametrize(
    ("held_out", "said"),
    [
        ([False] * 4, "0 of 4 rows are held out; leave some on either side"),
        ([True] * 4, "4 of 4 rows are held out; leave some on either side"),
        ([True, False], r"values of shape \(4, 3\) with a mask of \(2,\)"),
    ],
)
def test_rows_without_either_side_are_refused(held_out: list[bool], said: str) -> None:
    with pytest.raises(SAETrainingError, match=said):
        ArrayRows(np.zeros((4, 3)), np.array(held_out))


def test_rows_of_a_store_are_those_of_genes_of_its_own_cells(store: Activations) -> None:
    held_out = np.arange(CELLS) % 3 == 0
    rows = StoredRows(store, residual(2), held_out)
    for side, cells in ((False, ~held_out), (True, held_out)):
        found = [store.by_cell(residual(2), int(cell)) for cell in np.flatnonzero(cells)]
        offered = {tuple(row) for each in found for row in each.values[each.gene >= 0].astype(np.float32)}
        drawn = np.concatenate(list(islice(rows.draws(64, 3, held_out=side), 30)))
        assert drawn.dtype == np.float32
        seen = {tuple(row) for row in drawn}
        assert seen <= offered
        assert len(seen) > 0.9 * len(offered)
    assert rows.width == store.by_cell(residual(2), 0).values.shape[1]


def test_rows_of_a_store_say_what_they_are(store: Activations) -> None:
    held_out = np.arange(CELLS) < 2
    rows = StoredRows(store, residual(2), held_out)
    assert rows.about["site"] == "residual.2"
    assert (rows.about["cells"], rows.about["held_out_cells"]) == (CELLS, 2)
    assert rows.about["activations"] == store.key
    others = [StoredRows(store, residual(1), held_out), StoredRows(store, residual(2), ~held_out)]
    assert len({rows.key, *(other.key for other in others)}) == 3


def test_a_site_or_cells_that_are_not_stored_are_refused(store: Activations) -> None:
    with pytest.raises(SAETrainingError, match="output is not stored; there are residual.1, residual.2"):
        StoredRows(store, OUTPUT, np.arange(CELLS) == 0)
    for mask in (np.zeros(CELLS, dtype=bool), np.ones(CELLS, dtype=bool), np.arange(CELLS + 1) == 0):
        with pytest.raises(SAETrainingError, match=f"of {CELLS} cells are held out"):
            StoredRows(store, residual(1), mask)


@given(
    st.lists(st.sampled_from("ABCDE"), min_size=2, max_size=60).filter(lambda donors: len(set(donors)) > 1),
    st.floats(0.01, 0.99),
    SEED,
)
def test_whole_donors_are_held_out_until_they_have_the_share_but_never_all(
    donors: list[str], share: float, seed: int
) -> None:
    counts = Counter(donors)
    held_out = hold_out_cells(len(donors), donors, share, seed)
    outside = {donor for donor, held in zip(donors, held_out, strict=True) if held}
    assert 0 < len(outside) < len(counts)
    assert held_out.sum() == sum(counts[donor] for donor in outside)
    # Enough, or all but one; and without the donor that was taken last it was not enough.
    assert held_out.sum() >= share * len(donors) or len(outside) == len(counts) - 1
    assert held_out.sum() - max(counts[donor] for donor in outside) < share * len(donors)
    np.testing.assert_array_equal(held_out, hold_out_cells(len(donors), donors, share, seed))


@pytest.mark.parametrize("groups", [None, ["one"] * 200])
def test_cells_are_held_out_by_lot_where_there_is_one_donor(groups: list[str] | None) -> None:
    held_out = hold_out_cells(200, groups, 0.1, 5)
    assert held_out.sum() == 20
    assert not np.array_equal(held_out, hold_out_cells(200, groups, 0.1, 6))


def test_a_share_or_donors_that_leave_one_side_empty_are_refused() -> None:
    for share in (0.0, 1.0, float("nan")):
        with pytest.raises(SAETrainingError, match="give one between 0 and 1"):
            hold_out_cells(10, None, share, 0)
    with pytest.raises(SAETrainingError, match="0.1 of 3 cells leaves one side empty; give more cells"):
        hold_out_cells(3, None, 0.1, 0)
    with pytest.raises(SAETrainingError, match="2 groups of 3 cells; give one a cell"):
        hold_out_cells(3, ["A", "B"], 0.5, 0)


def test_scaled_rows_are_centred_and_of_unit_mean_square() -> None:
    draw = np.random.default_rng(0)
    values = (5.0 + draw.standard_normal((30_000, 6)) * np.array([1, 2, 3, 4, 5, 6])).astype(np.float32)
    held_out = np.arange(len(values)) < 5_000
    values[held_out] += 100  # they must not count
    scaling = scaling_of(ArrayRows(values, held_out), 4_096, 1)
    scaled = scaling(values[~held_out])
    np.testing.assert_allclose(scaled.mean(axis=0), 0.0, atol=0.02)
    assert np.square(scaled).mean() == pytest.approx(1.0, rel=0.02)
    # One factor for all coordinates: their ratios stay.
    np.testing.assert_allclose(scaled.std(axis=0) / scaled.std(axis=0)[0], np.arange(1, 7), rtol=0.03)
    assert scaling.gamma == pytest.approx(5 * 6**0.5 / np.sqrt(np.square(np.arange(1, 7)).sum()), rel=0.02)


def test_rows_that_are_all_the_same_are_refused() -> None:
    rows = ArrayRows(np.full((10, 3), 7.3, dtype=np.float32), np.arange(10) < 2)
    with pytest.raises(SAETrainingError, match="all rows of activations are the same"):
        scaling_of(rows, 16, 0)
