"""Raised scores: they undo what a hypothesis says and no more, so that a test on them errs as seldom as it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from theodolite.gates.bipartite import contrast_bipartite
from theodolite.gates.controls import MOST
from theodolite.gates.evidence import exceedances, monte_carlo_p
from theodolite.gates.kernels import differences_within
from theodolite.gates.nulls import Contrast, contrast_genes, contrast_pairs
from theodolite.gates.shifts import both_raised, raised, shift, turned
from theodolite.gates.standins import random_genes

NULLS = ("family_block_swap", "stratified_labels")
FEW = st.integers(1, 30)
SEED = st.integers(0, 2**32 - 1)


def quantile(pool: np.ndarray, effect: float) -> float:
    """The shift that wins 0.5 + effect of all comparisons in a pool, by writing them all down."""
    differences = np.sort(np.subtract.outer(pool, pool), axis=None)
    return float(differences[int(np.ceil((0.5 + effect) * len(differences))) - 1])


def gene_set(score: np.ndarray, members: np.ndarray, seed: int = 0) -> Contrast:
    n, rng = len(score), np.random.default_rng(seed)
    return contrast_genes(score, members, [f"F{i // 2}" for i in range(n)], *rng.gamma(2.0, 1.0, (2, n)))


def effect(contrast: Contrast) -> float:
    return float(contrast.to_effect(np.array([contrast.observed()]))[0])


def panel_p(contrast: Contrast, draws: int, seed: int) -> float:
    """The largest p of both nulls."""
    found = [
        monte_carlo_p(exceedances(contrast.draw(null, draws, contrast.seed(null, seed)), contrast.observed()), draws)
        for null in NULLS
    ]
    return max(found)


def stability_p(contrast: Contrast, bound: float, draws: int, seed: int) -> float:
    return max(panel_p(side, draws, seed) for side in both_raised(contrast, bound))


@given(st.lists(st.integers(-5, 5), min_size=1), st.lists(st.integers(-5, 5), min_size=1), st.integers(-11, 11))
def test_differences_are_counted_as_if_they_were_written_down(first: list[int], second: list[int], most: int) -> None:
    a, b = np.sort(np.array(first, dtype=float)), np.sort(np.array(second, dtype=float))
    assert differences_within(a, b, float(most)) == int((np.subtract.outer(a, b) <= most).sum())


def test_of_normal_scores_it_is_the_shift_that_gives_the_auroc() -> None:
    rng = np.random.default_rng(0)
    score, members = rng.standard_normal(20_000), np.arange(20_000) < 2_000
    lowered = score - 2.0**0.5 * norm.ppf(0.6) * members
    by = shift(lowered[~members], lowered[members], 0.1)
    assert by == pytest.approx(2.0**0.5 * norm.ppf(0.6), rel=0.05)


@settings(max_examples=60, deadline=None)
@given(FEW, FEW, SEED, st.floats(0.02, 0.4), st.floats(0.0, 2.0), st.booleans())
@example(20, 30, 20, 0.3, 0.0, False)  # the difference that is the shift is off by rounding in the lowered scores
def test_a_lowered_reference_is_raised_to_where_it_came_from_or_to_less(
    inside: int, outside: int, seed: int, bound: float, further: float, tied: bool
) -> None:
    rng = np.random.default_rng(seed)
    pool = rng.standard_normal(inside + outside)
    pool = pool.round(1) if tied else pool
    members = np.arange(len(pool)) < inside
    away = quantile(pool, bound) + further
    lowered = pool - away * members
    assert shift(lowered[~members], lowered[members], bound) <= away + 1e-12


@pytest.mark.parametrize("varies", [0.3, 0.6])
def test_a_reference_that_varies_less_is_raised_by_what_lifts_its_own_auroc(varies: float) -> None:
    rng = np.random.default_rng(1)
    members = np.arange(6_000) < 1_500
    score = np.where(members, varies, 1.0) * rng.standard_normal(6_000)
    just = norm.ppf(0.4) * np.hypot(1.0, varies)
    at_the_bound = gene_set(score + just * members, members)
    assert effect(at_the_bound) == pytest.approx(-0.1, abs=0.02)
    assert effect(raised(at_the_bound, 0.1)) == pytest.approx(0.0, abs=0.01)


def test_either_bound_is_left_upwards() -> None:
    rng = np.random.default_rng(2)
    members = np.arange(400) < 80
    contrast = gene_set(rng.standard_normal(400), members)
    assert effect(turned(contrast)) == pytest.approx(-effect(contrast))
    from_below, from_above = both_raised(contrast, 0.2)
    assert effect(from_below) > effect(contrast) and effect(from_above) > -effect(contrast)
    assert np.array_equal(from_below.score[~members], contrast.score[~members])


def test_pairs_and_regulators_are_raised_as_genes_are() -> None:
    rng = np.random.default_rng(3)
    score = np.triu(rng.standard_normal((30, 30)), 1)
    score += score.T
    edges = np.zeros((30, 30), dtype=bool)
    edges[:6, 10:20] = True
    families = [f"F{i}" for i in range(30)]
    statistics = rng.gamma(2.0, 1.0, (2, 30))
    of_pairs = contrast_pairs(score, edges | edges.T, families, *statistics)
    of_regulators = contrast_bipartite(score, edges, families, [f"T{i}" for i in range(30)], *statistics)
    for contrast in (of_pairs, of_regulators):
        found = raised(contrast, 0.1)
        gained = (found.score - contrast.score)[contrast.labels]
        assert gained.min() == pytest.approx(gained.max()) and gained.min() > 0.1
        assert np.array_equal(found.score[~contrast.labels], contrast.score[~contrast.labels])
        assert effect(found) > effect(contrast)
    assert of_pairs.once.sum() == of_pairs.candidates and of_regulators.once.sum() == of_regulators.candidates


@pytest.mark.parametrize("bound", [0.0, 0.5, -0.1])
def test_what_is_no_distance_of_an_auroc_is_refused(bound: float) -> None:
    with pytest.raises(ValueError, match=f"effect is {bound}; it must lie between 0 and 0.5"):
        shift(np.arange(5.0), np.arange(3.0), bound)


def test_a_shift_needs_scores_on_both_sides() -> None:
    with pytest.raises(ValueError, match="0 scores in the reference and 5 beside it; need both"):
        shift(np.arange(5.0), np.empty(0), 0.1)


BOUND = 0.2
WORLDS = {"equal spreads": 1.0, "reference varies less": 0.4, "somewhat more": 1.3, "much more": 2.5}


@pytest.mark.parametrize("varies", WORLDS.values(), ids=WORLDS)
@pytest.mark.parametrize("side", [-1.0, 1.0], ids=["lower bound", "upper bound"])
def test_an_effect_that_just_counts_is_called_none_no_more_often_than_the_level_says(
    varies: float, side: float
) -> None:
    rng = np.random.default_rng([4, int(10 * varies), int(side > 0)])
    small = 0
    for number in range(200):
        family = np.arange(160) // 2
        members = np.isin(np.arange(160), rng.choice(160, 45, replace=False))
        score = np.where(members, varies, 1.0) * random_genes(family, 0.25, rng)
        score += side * norm.ppf(0.5 + BOUND) * np.hypot(1.0, varies) * members
        small += stability_p(gene_set(score, members, number), BOUND, 99, number) <= 0.05
    # 18 of 200 at 0.05 are exceeded about once in two hundred times, as in the planted null.
    assert small <= MOST


def test_where_there_is_no_effect_it_is_found_to_be_none() -> None:
    rng, found = np.random.default_rng(5), 0
    for number in range(60):
        members = np.isin(np.arange(160), rng.choice(160, 45, replace=False))
        contrast = gene_set(random_genes(np.arange(160) // 2, 0.25, rng), members, number)
        found += stability_p(contrast, BOUND, 99, number) <= 0.05
    assert found >= 51
