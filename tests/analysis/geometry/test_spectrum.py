from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.analysis.geometry import layer_spectra, spectrum_shape
from theodolite.analysis.geometry.spectrum import singular_values


def named(n: int) -> list[str]:
    return [f"G{i}" for i in range(n)]


def test_equal_axes_have_their_number_as_rank():
    found = spectrum_shape([2.0] * 10, 50)
    assert found.effective_rank == pytest.approx(10.0) and found.participation_ratio == pytest.approx(10.0)
    assert found.k90 == 9 and found.first_share == pytest.approx(0.1)


@given(st.lists(st.floats(0.01, 100.0), min_size=1, max_size=12))
def test_the_ranks_lie_between_one_and_the_number_of_axes_in_their_order(values):
    found = spectrum_shape(values, 20)
    assert 1.0 - 1e-9 <= found.participation_ratio <= found.effective_rank + 1e-9 <= len(values) + 2e-9
    share = np.sort(np.square(values) / np.square(values).sum())[::-1]
    assert share[: found.k90].sum() >= 0.9 - 1e-9 and share[: found.k90 - 1].sum() < 0.9


def test_singular_values_are_those_of_the_centred_matrix_for_tall_and_wide_ones():
    rng = np.random.default_rng(0)
    for shape in ((40, 8), (8, 40)):
        rows = rng.standard_normal(shape) + 3.0
        expected = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)
        assert singular_values(rows)[: len(expected) - 1] == pytest.approx(expected[:-1], rel=1e-6)


def test_planted_dimensions_are_found_and_shuffling_columns_spreads_them():
    rng = np.random.default_rng(1)
    low = rng.standard_normal((2, 200, 3)) @ rng.standard_normal((3, 20))
    found = layer_spectra(low + 0.01 * rng.standard_normal((2, 200, 20)), named(200), shuffles=5)
    assert all(shape.effective_rank < 3.2 for shape in found.present)
    assert (found.shuffled > 10.0).all() and (found.shuffled_spread < 1.0).all()


def test_independent_columns_are_not_mistaken_for_structure():
    vectors = np.random.default_rng(2).standard_normal((3, 200, 20))
    found = layer_spectra(vectors, named(200), shuffles=20)
    ranks = np.array([shape.effective_rank for shape in found.present])
    assert (np.abs(ranks - found.shuffled) < 4.0 * found.shuffled_spread).all()


def test_f3_zero_rows_are_dropped_and_both_ranks_are_reported():
    """No gene changes its neighbours: only the length of the mean vector grows with depth, and rows are missing."""
    rng = np.random.default_rng(3)
    cloud, mean = rng.standard_normal((400, 24)), rng.standard_normal(24)
    vectors = np.zeros((5, 1_000, 24))
    for layer, length in enumerate((0.5, 1.0, 2.0, 4.0, 8.0)):
        vectors[layer, :400] = cloud + length * mean
    found = layer_spectra(vectors, named(1_000), shuffles=1)
    assert len(found.absent) == 600
    assert found.effective_rank.fold == pytest.approx(1.0)
    assert found.effective_rank_with_zero_rows.fold > 5.0, "the artefact alone looks like a collapse"
    assert found.with_zero_rows[-1].first_share > 0.9 and found.present[-1].first_share < 0.1
    assert found.present[0].rows == 400 and found.with_zero_rows[0].rows == 1_000


def test_without_absent_genes_there_is_only_one_spectrum():
    found = layer_spectra(np.random.default_rng(4).standard_normal((2, 30, 5)), named(30), shuffles=1)
    assert found.present == found.with_zero_rows and found.absent == ()


def test_equal_rows_and_no_shuffles_are_refused():
    with pytest.raises(ValueError, match="30 equal rows have no axis"):
        layer_spectra(np.ones((1, 30, 5)), named(30))
    with pytest.raises(ValueError, match="0 shuffles"):
        layer_spectra(np.random.default_rng(0).standard_normal((1, 30, 5)), named(30), shuffles=0)
