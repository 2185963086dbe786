from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from theodolite.data import CellSet, coexpression, load_pbmc, planted_cells


def made(counts: Any, **changes: Any) -> CellSet:
    n_cells, n_genes = np.shape(counts)
    values: dict[str, Any] = {
        "genes": tuple(f"G{index}" for index in range(n_genes)),
        "cells": tuple(f"c{index}" for index in range(n_cells)),
        "species": "human",
        "origin": "test",
    }
    return CellSet.from_counts("made", np.asarray(counts), **(values | changes))


def counts(n_cells: int, n_genes: int, seed: int) -> np.ndarray:
    """Return counts in which the first two genes rise and fall together."""
    rng = np.random.default_rng(seed)
    common = rng.gamma(2.0, 0.5, n_cells)
    rate = np.column_stack([common, common, *rng.gamma(2.0, 0.5, (n_genes - 2, n_cells))])
    return rng.poisson(3.0 * rate) + np.eye(n_cells, n_genes, dtype=int)


def without_means(values: np.ndarray, types: np.ndarray) -> np.ndarray:
    return values - np.array([values[types == kind].mean(axis=0) for kind in types])


def off_diagonal(matrix: np.ndarray) -> np.ndarray:
    return matrix[np.triu_indices(len(matrix), 1)]


def test_pearson_is_the_correlation_within_cell_types() -> None:
    types = np.array(["T", "B", "NK"])[np.arange(90) % 3]
    cells = made(counts(90, 6, 0), labels={"cell_type": types.tolist()})
    found = coexpression(cells, cells.genes)
    expected = np.corrcoef(without_means(cells.log1p_cp10k().astype(float), types), rowvar=False)
    np.testing.assert_allclose(off_diagonal(found.pearson), off_diagonal(expected), atol=2.0**-16)


def test_what_only_cell_types_share_is_no_co_expression() -> None:
    """Two genes of one cell type, in a population of two types."""
    rng = np.random.default_rng(1)
    types = np.where(np.arange(400) < 200, "T", "B")
    marker = rng.poisson(np.where(types == "T", 9.0, 1.0)[:, None], (400, 2))
    typed = made(np.hstack([marker, rng.poisson(4.0, (400, 40))]), labels={"cell_type": types.tolist()})
    untyped = replace(typed, labels={})
    assert (coexpression(untyped, untyped.genes).estimators(["G0"], ["G1"]) > 0.4).all()
    # 3 standard errors of a correlation over 400 cells
    assert (np.abs(coexpression(typed, typed.genes).estimators(["G0"], ["G1"])) < 0.15).all()


def test_without_donors_the_second_estimate_correlates_analytic_pearson_residuals() -> None:
    raw = counts(60, 5, 2)
    found = coexpression(made(raw), made(raw).genes)
    depth = raw.sum(1, keepdims=True)
    expected = depth * raw.sum(0) / raw.sum()
    residual = np.clip((raw - expected) / np.sqrt(expected + expected**2 / 100), -(60**0.5), 60**0.5)
    np.testing.assert_allclose(
        off_diagonal(found.robust), off_diagonal(np.corrcoef(residual, rowvar=False)), atol=2.0**-16
    )


def test_depth_that_differs_between_cells_biases_the_second_estimate_less() -> None:
    """Weakly expressed genes in proportion to depth, which share nothing else."""
    rng = np.random.default_rng(3)
    depth = rng.lognormal(0.0, 0.7, (2_000, 1))
    cells = made(rng.poisson(depth * np.array([*[0.4] * 30, 200.0])) + np.eye(31, dtype=int)[30])
    found = coexpression(cells, cells.genes[:30])
    assert abs(off_diagonal(found.robust).mean()) < 0.01
    assert abs(off_diagonal(found.pearson).mean()) > 0.03


def test_with_six_donors_the_second_estimate_ranks_pseudobulk_sums() -> None:
    raw = counts(180, 5, 4)
    donor = np.arange(180) % 6
    types = np.array(["T", "B"])[(np.arange(180) // 6) % 2]
    labels = {"donor": [f"d{index}" for index in donor], "cell_type": types.tolist()}
    cells = made(raw, labels=labels, donor="donor")
    found = coexpression(cells, cells.genes)
    groups = [(index, kind) for index in range(6) for kind in ("B", "T")]
    sums = np.array([raw[(donor == index) & (types == kind)].sum(axis=0) for index, kind in groups])
    values = np.log1p(1e4 * sums / sums.sum(axis=1, keepdims=True))
    ranks = rankdata(without_means(values, np.array([kind for _, kind in groups])), axis=0)
    expected = np.corrcoef(ranks, rowvar=False)
    np.testing.assert_allclose(off_diagonal(found.robust), off_diagonal(expected), atol=2.0**-16)


@pytest.mark.parametrize(("donors", "each"), [(5, 20), (12, 9)])
def test_few_donors_or_few_cells_of_each_make_no_pseudobulk(donors: int, each: int) -> None:
    raw = counts(donors * each, 5, 5)
    donor = [f"d{index % donors}" for index in range(donors * each)]
    with_donors = made(raw, labels={"donor": donor}, donor="donor")
    np.testing.assert_array_equal(
        coexpression(with_donors, with_donors.genes).robust, coexpression(made(raw), with_donors.genes).robust
    )


def test_genes_that_do_not_vary_are_correlated_with_nothing() -> None:
    raw = counts(80, 40, 6)
    raw[:, 4:6] = 0
    types = np.arange(80) % 2
    cells = made(raw, labels={"cell_type": [f"t{kind}" for kind in types]})
    # a gene that is constant within each type, in normalised values that no scale gives
    values = cells.log1p_cp10k()
    values[:, 5] = np.where(types == 0, 1.1, 2.7)
    shuffled = replace(cells, scale=None, normalised=type(cells.counts)(values))
    for given_cells in (cells, shuffled):
        found = coexpression(given_cells, given_cells.genes)
        for matrix in (found.pearson, found.robust, found.half_a, found.half_b):
            assert np.isfinite(matrix).all()
            assert not matrix[:, 4].any() and not matrix[:, 5].any()
            assert matrix[0, 1] > 0.0


def test_halves_are_pearson_over_whole_donors() -> None:
    world = planted_cells(300, 40, 2, 7, n_donors=5)
    cells, genes = world.cells, world.cells.genes
    found = coexpression(cells, genes)
    donors = sorted(set(cells.units))
    matches = []
    for bits in range(1, 2 ** len(donors) - 1):
        chosen = {donor for place, donor in enumerate(donors) if bits >> place & 1}
        half = cells.take_cells([cell for cell, unit in zip(cells.cells, cells.units, strict=True) if unit in chosen])
        if np.array_equal(coexpression(half, genes).pearson, found.half_a):
            matches.append(len(half.cells))
    assert matches and all(120 <= size <= 180 for size in matches)


def test_two_halves_of_the_cells_of_a_single_donor() -> None:
    labels = {"donor": ["d1"] * 60}
    found = coexpression(made(counts(60, 5, 8), labels=labels, donor="donor"), ["G0", "G1"])
    assert found.half_a[0, 1] != found.half_b[0, 1]
    assert min(found.half_a[0, 1], found.half_b[0, 1]) > 0.2


@settings(max_examples=20)
@given(seed=st.integers(0, 1_000), n_cells=st.integers(4, 20))
def test_it_is_a_function_of_the_content_and_its_genes_come_by_name(seed: int, n_cells: int) -> None:
    cells = made(counts(n_cells, 5, seed))
    again = replace(cells, name="another name", origin="elsewhere")
    assert coexpression(cells, cells.genes).sha256 == coexpression(again, cells.genes).sha256
    some = coexpression(cells, ["G3", "G1"])
    whole = coexpression(cells, cells.genes)
    np.testing.assert_array_equal(some.estimators(["G3"], ["G1"]), whole.estimators(["G3"], ["G1"]))
    np.testing.assert_array_equal(some.halves(["G3"], ["G1"]), whole.halves(["G3"], ["G1"]))


def test_shuffled_cells_have_no_co_expression_left() -> None:
    cells = planted_cells(800, 60, 2, 9).cells
    before = coexpression(cells, cells.genes)
    after = coexpression(cells.shuffled_within_gene(1), cells.genes)
    for name in ("pearson", "robust"):
        assert off_diagonal(getattr(after, name)).std() < 0.05 < off_diagonal(getattr(before, name)).std()


def test_real_cells_agree_between_halves_more_than_chance() -> None:
    cells = load_pbmc()
    found = coexpression(cells, cells.genes)
    agreement = np.corrcoef(off_diagonal(found.half_a), off_diagonal(found.half_b))[0, 1]
    assert 0.1 < agreement < 0.9
    assert np.corrcoef(off_diagonal(found.pearson), off_diagonal(found.robust))[0, 1] > 0.5


def test_genes_and_cells_that_are_not_there_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match="has no counts of 'CD3D'; leave such genes out"):
        coexpression(made(counts(10, 3, 0)), ["G0", "CD3D"])
    with pytest.raises(ValueError, match="has 3 cells; halves of them need two each"):
        coexpression(made(counts(3, 3, 0)), ["G0"])
