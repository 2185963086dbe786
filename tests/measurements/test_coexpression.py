from __future__ import annotations

import numpy as np
import pytest

from theodolite.measurements import Coexpression, MeasurementError, load_measurement


def measured(noise: float = 0.0) -> Coexpression:
    rng = np.random.default_rng(0)
    upper = np.triu(rng.uniform(-0.9, 0.9, (4, 4)), 1)
    matrix = upper + upper.T
    return Coexpression(("A", "B", "C", "D"), matrix + noise, matrix / 2, -matrix, matrix / 4)


def test_what_the_last_bits_of_linear_algebra_change_changes_nothing() -> None:
    assert measured(1e-13).sha256 == measured().sha256
    assert measured(1e-3).sha256 != measured().sha256


def test_what_comes_back_from_its_bytes_is_what_was_rounded() -> None:
    back = load_measurement(measured().to_bytes())
    assert isinstance(back, Coexpression)
    np.testing.assert_array_equal(back.pearson, measured().pearson)
    assert not np.diag(back.pearson).any()
    assert np.abs(measured().pearson - 2.0 * measured().robust).max() < 2.0**-15


def test_estimates_and_halves_between_two_lists_of_genes_go_by_name() -> None:
    whole = measured()
    between = whole.estimators(["D", "A"], ["B", "A", "C"])
    assert between.shape == (2, 2, 3)
    assert between[0, 0, 0] == whole.pearson[3, 1]
    assert between[1, 1, 2] == whole.robust[0, 2]
    assert between[0, 1, 1] == 0.0
    halves = whole.halves(["D"], ["C"])
    assert halves.ravel().tolist() == [whole.half_a[3, 2], whole.half_b[3, 2]]


def test_a_gene_without_co_expression_is_named() -> None:
    with pytest.raises(MeasurementError, match="no co-expression of 'X', 'Y'; compute it over all genes"):
        measured().estimators(["A", "Y"], ["X"])
