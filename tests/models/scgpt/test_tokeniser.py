"""Binning and tokens: against a plain restatement, and the properties that make counts fit to be read as they stand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.data import CellDataError, CellSet
from theodolite.models.scgpt.model import ScGPTModel
from theodolite.models.scgpt.settings import ScGPTSettings
from theodolite.models.scgpt.tokeniser import bin_values, tokenise

N_BINS = 51
# Not a multiple of 7: else an inner edge lies on a value, and the last bit of a quantile decides.
LENGTHS = st.integers(2, 200).filter(lambda n: (n - 1) % 7 != 0)


def without_ties(seed: int, n: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return draw.permutation(np.concatenate([draw.choice(5_000, size=n, replace=False) + 1, np.zeros(5)]))


def middle(values: np.ndarray) -> np.ndarray:
    return np.full(values.shape, 0.5)


def restated(values: list[float], n_bins: int, draws: list[float]) -> list[int]:
    """Bins by the definition: edges below, and edges below or at, a value, counted one by one."""
    above = [value for value in values if value > 0]
    if not above:
        return [0] * len(values)
    edges = [float(np.quantile(above, place)) for place in np.linspace(0, 1, n_bins - 1)]
    bins = []
    for value, draw in zip(values, draws, strict=True):
        below = sum(edge < value for edge in edges)
        reached = sum(edge <= value for edge in edges)
        bins.append(0 if value == 0 else int(np.ceil(draw * (below - reached) + reached)))
    return bins


@given(st.lists(st.integers(0, 12), min_size=1, max_size=60), st.integers(0, 2**31))
def test_bins_are_those_of_the_definition(values: list[int], seed: int) -> None:
    draws = np.random.default_rng(seed).random(len(values))
    found = bin_values(np.array(values), N_BINS, draws)
    assert found.tolist() == restated([float(value) for value in values], N_BINS, draws.tolist())


@given(st.lists(st.integers(0, 40), min_size=1, max_size=80), st.integers(3, 60), st.integers(0, 2**31))
def test_bins_stay_in_range_and_zeros_stay_zero(values: list[int], n_bins: int, seed: int) -> None:
    row = np.array(values)
    found = bin_values(row, n_bins, np.random.default_rng(seed).random(len(values)))
    assert ((found == 0) == (row == 0)).all()
    assert found.max(initial=0) <= n_bins - 1


@given(st.integers(0, 2**31), LENGTHS, st.floats(1e-3, 1e3))
def test_depth_and_logarithm_leave_bins_as_they_are(seed: int, n: int, scale: float) -> None:
    row = without_ties(seed, n)
    bins = bin_values(row, N_BINS, middle(row))
    assert (bin_values(row * scale, N_BINS, middle(row)) == bins).all()
    assert (bin_values(np.log1p(row / row.sum() * 1e4), N_BINS, middle(row)) == bins).all()


@given(st.integers(0, 2**31), LENGTHS)
def test_bins_rise_with_values(seed: int, n: int) -> None:
    row = without_ties(seed, n)
    bins = bin_values(row, N_BINS, middle(row))[np.argsort(row)]
    assert (np.diff(bins) >= 0).all()
    assert bins[-1] == N_BINS - 1 and bins[5] == 1


def test_a_cell_without_counts_is_all_zeros() -> None:
    assert bin_values(np.zeros(4), N_BINS, np.zeros(4)).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(("value", "code"), [(np.nan, "not_finite"), (np.inf, "not_finite"), (-1.0, "negative")])
def test_values_that_are_no_counts_are_refused(value: float, code: str) -> None:
    with pytest.raises(CellDataError, match=code):
        bin_values(np.array([1.0, value]), N_BINS, np.zeros(2))


def test_cls_comes_first_and_every_counted_gene_follows(model: ScGPTModel, cells: CellSet) -> None:
    found = tokenise(cells, replace(model.settings, max_seq_len=1200), model.vocabulary)
    dense = cells.counts.toarray()[:, :40]
    for cell in range(len(cells.cells)):
        start, stop = found.indptr[cell], found.indptr[cell + 1]
        assert (found.ids[start], found.genes[start], found.values[start]) == (model.vocabulary.cls_id, -1, -2.0)
        assert found.genes[start + 1 : stop].tolist() == np.flatnonzero(dense[cell]).tolist()
        assert (found.ids[start + 1 : stop] == model.vocabulary.gene_ids[found.genes[start + 1 : stop]]).all()
        assert found.values[start + 1 : stop].min() >= 1
    assert not found.cut.any()


def test_a_cell_has_the_same_tokens_wherever_it_stands(model: ScGPTModel, cells: CellSet) -> None:
    whole = model.tokenise(cells)
    order = [7, 2, 11]
    some = model.tokenise(cells.take_cells([cells.cells[row] for row in order]))
    picked = whole.take(order)
    assert (some.ids == picked.ids).all() and (some.values == picked.values).all()


def test_the_order_of_genes_changes_nothing(model: ScGPTModel, cells: CellSet) -> None:
    turned = np.arange(len(cells.genes))[::-1]
    other = replace(cells, genes=tuple(cells.genes[gene] for gene in turned), counts=cells.counts[:, turned])
    first, second = model.tokenise(cells), model.tokenise(other)
    assert (first.ids == second.ids).all() and (first.values == second.values).all()


def test_too_many_genes_are_drawn_from_and_the_rest_is_counted(model: ScGPTModel, cells: CellSet) -> None:
    whole = tokenise(cells, replace(model.settings, max_seq_len=1200), model.vocabulary)
    cut = tokenise(cells, replace(model.settings, max_seq_len=11), model.vocabulary)
    assert cut.lengths.max() == 11
    assert (cut.cut == np.maximum(whole.lengths - 11, 0)).all() and cut.cut[2] == 30
    for cell in range(len(cells.cells)):
        all_bins = dict(zip(whole.take([cell]).genes, whole.take([cell]).values, strict=True))
        kept = cut.take([cell])
        assert kept.ids[0] == model.vocabulary.cls_id
        # Bins are made before genes are left out.
        assert all(all_bins[gene] == value for gene, value in zip(kept.genes, kept.values, strict=True))
    assert cut.take([2]).genes.tolist() != whole.take([2]).genes[:11].tolist()


def test_cells_that_share_no_gene_with_the_model_are_refused(model: ScGPTModel, cells: CellSet) -> None:
    mouse = replace(cells, genes=tuple(f"Gene{index}" for index in range(50)))
    with pytest.raises(CellDataError, match=r"^no_known_gene: none of the 50 genes \(such as 'Gene0'\).*name genes by"):
        model.tokenise(mouse)


def test_a_cell_without_a_known_gene_is_named(model: ScGPTModel) -> None:
    counts = np.array([[3, 0], [0, 4]])
    cells = CellSet.from_counts("two", counts, ["GENE1", "OTHER"], ["good", "blank"], species="human", origin="test")
    with pytest.raises(CellDataError, match=r"^no_known_gene: 1 cells have no count of the 1 genes.*'blank'"):
        model.tokenise(cells)


def test_log_values_never_reach_a_model_of_counts(cells: CellSet) -> None:
    with pytest.raises(CellDataError, match="not_integer.*log-normalised"):
        replace(cells, counts=cells.log1p_cp10k())


def test_cells_shuffled_within_genes_are_read_by_their_counts(model: ScGPTModel, cells: CellSet) -> None:
    shuffled = cells.shuffled_within_gene(4)
    found = model.tokenise(shuffled)
    assert found.take([0]).genes[1:].tolist() == np.flatnonzero(shuffled.counts.toarray()[0, :40]).tolist()


def test_settings_of_the_published_model_are_the_defaults() -> None:
    defaults = ScGPTSettings(512, 8, 512, 12)
    assert (defaults.n_bins, defaults.max_seq_len, defaults.pad_value) == (51, 1200, -2.0)
