"""Attention within cell states: a planted gain is found, and the gain that any strata give is not taken for one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from small_subjects import reference, subject

from theodolite.data import CellSet
from theodolite.descriptions import Described, DescriptionError, Subject
from theodolite.descriptions.attention_states import mean_over_cells, stratified
from theodolite.models import cell_attention

GENES = tuple(f"G{index:02d}" for index in range(40))
PAIRS = [(GENES[2 * k], GENES[2 * k + 1]) for k in range(15)]
EACH, STATES = 40, 3
LABELS = [f"state {k}" for k in np.repeat(range(STATES), EACH)]


def maps(planted: bool, seed: int = 0) -> np.ndarray:
    """Return attention (cells, genes, genes); if planted, each pair attends in one state and turns away in the next."""
    rng = np.random.default_rng(seed)
    found = rng.standard_normal((EACH * STATES, 40, 40))
    state = np.repeat(range(STATES), EACH)
    for k in range(15):
        found[:, 2 * k, 2 * k + 1] += 0.2
        if planted:
            for sign, inside in ((0.8, state == k % STATES), (-0.8, state == (k + 1) % STATES)):
                found[inside, 2 * k, 2 * k + 1] += sign
    return found.astype(np.float32)


def cells(**roles: str) -> CellSet:
    n = len(LABELS)
    counts = np.ones((n, 40), dtype=np.int64)
    donors = ["d1", "d2"] * (n // 2)
    labels = {"state": LABELS, "donor": donors, "one": ["x"] * n}
    names = [f"c{row}" for row in range(n)]
    return CellSet.from_counts("states", counts, GENES, names, labels=labels, species="planted", origin="test", **roles)


@pytest.fixture
def see(monkeypatch: pytest.MonkeyPatch):
    """Return a function that describes attention of cells as it is given."""

    def run(attention: np.ndarray, read: CellSet | None = None, **params) -> Described:
        monkeypatch.setattr(cell_attention, "cell_attention", lambda *asked: attention)
        made = subject(np.zeros((2, 40, 2)), GENES, reference("pairs", PAIRS), attention=np.zeros((1, 1, 40, 40)))
        read = cells(cell_type="state") if read is None else read
        at_hand = Subject(made.bench, made.references, read_cells=read, loaded=lambda: None)  # type: ignore[arg-type]
        return stratified.run(at_hand, stratified.parsed({"draws": 19, **params}))

    return run


def test_pairs_that_attend_in_one_state_are_found_by_states_and_better_than_by_random_ones(see) -> None:
    found = see(maps(planted=True))
    assert found.facts["stratified"] > 0.9 > found.facts["pooled"] + 0.1
    assert found.facts["gain_over_shuffled"] > 0.05 and found.facts["p"] == 1 / 20
    assert found.facts["cells.state 0"] == EACH and found.facts["states"] == "state"
    assert found.measurement.groups == ("pooled", "stratified", "shuffled")
    np.testing.assert_allclose(found.measurement.y, [found.facts[name] for name in found.measurement.groups])
    assert "states of the same sizes drawn at random of" in found.sentence


def test_states_that_mean_nothing_do_no_better_than_random_ones(see) -> None:
    p = [see(maps(planted=False, seed=seed)).facts["p"] for seed in range(5)]
    assert np.median(p) > 0.1


def test_a_difference_between_donors_is_in_the_draws_where_donors_are_blocks(see) -> None:
    """States that are nothing but donors cannot be told from them: no cell can change places, and no draw differs."""
    found = see(maps(planted=True), cells(cell_type="state", donor="state"))
    assert found.facts["p"] == 1.0 and found.facts["blocks"] == "state"
    assert "drawn at random within state" in found.sentence
    free = see(maps(planted=True), cells(cell_type="state", donor="donor"))
    assert free.facts["blocks"] == "donor" and free.facts["p"] == 1 / 20


def test_pairs_have_no_direction_and_the_mean_of_states_is_close_to_all_cells_at_once(see) -> None:
    turned = maps(planted=True).swapaxes(1, 2)
    assert see(turned).facts["stratified"] == pytest.approx(see(maps(planted=True)).facts["stratified"])
    mean = see(maps(planted=True), aggregate="mean").facts
    assert mean["aggregate"] == "mean" and mean["stratified"] == pytest.approx(mean["pooled"], abs=0.02)


def test_a_pair_that_no_cell_of_a_used_state_holds_does_not_count(see) -> None:
    lacking = maps(planted=False)
    lacking[:, 0] = lacking[:, :, 0] = np.nan
    found = see(lacking)
    assert found.facts["edges"] == len(PAIRS) - 1
    score = mean_over_cells(lacking)(np.arange(5))
    assert np.isnan(score[0]).all() and score[1, 2] == pytest.approx(lacking[:5, 1, 2].mean())


@settings(max_examples=30)
@given(
    hnp.arrays(np.float32, (4, 3, 3), elements=st.one_of(st.just(np.nan), st.floats(0, 1, width=32))),
    st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True),
)
def test_the_score_of_some_cells_is_the_mean_over_those_that_hold_a_pair(
    attention: np.ndarray, chosen: list[int]
) -> None:
    found = mean_over_cells(attention)(np.array(chosen))
    held = [[attention[chosen, i, j][~np.isnan(attention[chosen, i, j])] for j in range(3)] for i in range(3)]
    wanted = [[part.mean(dtype=np.float64) if len(part) else np.nan for part in row] for row in held]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_what_is_missing_is_named_with_the_remedy(see) -> None:
    attention = maps(planted=False)
    with pytest.raises(
        DescriptionError, match=r"no label names the states of these cells; .* \(cells=\{.cell_type.: .leiden.\}\), or"
    ):
        see(attention, cells())
    with pytest.raises(
        DescriptionError, match="no column 'leiden' among the cells' labels; there is .*; name it when cells are read"
    ):
        see(attention, cells(), states="leiden")
    with pytest.raises(DescriptionError, match="1 of 1 strata have 20 cells or more"):
        see(attention, cells(), states="one")
    made = subject(np.zeros((2, 40, 2)), GENES, reference("pairs", PAIRS), attention=np.zeros((1, 1, 40, 40)))
    with pytest.raises(DescriptionError, match="the cells that the model read are not at hand"):
        stratified.run(made, stratified.parsed({}))
    captured = Subject(made.bench, made.references, read_cells=cells(cell_type="state"))
    with pytest.raises(DescriptionError, match="no model to run; give the model"):
        stratified.run(captured, stratified.parsed({}))
