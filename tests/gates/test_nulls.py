"""Type-I error and power of the nulls, in worlds in which each is needed.

Rejections of a true null at 0.05 in 300 replicates: a binomial stays at or below 27 in all but 1 of 1,000 runs.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from theodolite.gates.contrasts import AnyContrast
from theodolite.gates.nulls import Contrast, contrast_genes, contrast_pairs, evidence_against, reach

REPLICATES, DRAWS, ALPHA = 300, 199, 0.05
AT_MOST = 27
FAMILY, STRATA, PANEL = range(3)


def rejections(make: Callable[[np.random.Generator], Contrast], replicates: int = REPLICATES) -> list[int]:
    """Rejections by the family-block null, the stratified null, and both (the panel)."""
    p = np.empty((replicates, 2))
    for seed in range(replicates):
        contrast = make(np.random.default_rng(seed))
        p[seed] = [
            evidence_against(contrast, null, DRAWS, seed).p for null in ("family_block_swap", "stratified_labels")
        ]
    return [int(count) for count in (*(p <= ALPHA).sum(axis=0), (p.max(axis=1) <= ALPHA).sum())]


def expression(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    mean = rng.gamma(2.0, 1.0, n)
    return mean, mean * rng.lognormal(0.0, 0.3, n)


def names(family: np.ndarray) -> list[str]:
    return [f"F{index}" for index in family]


def plain_set(rng: np.random.Generator, signal: float = 0.0) -> Contrast:
    mean, variance = expression(300, rng)
    member = np.isin(np.arange(300), rng.choice(300, 40, replace=False))
    return contrast_genes(
        rng.standard_normal(300) + signal * member, member, names(np.arange(300) // 2), mean, variance
    )


def confounded_set(rng: np.random.Generator, adjusted: bool = True, signal: float = 0.0) -> Contrast:
    """Highly expressed genes score high and are members more often."""
    mean, variance = expression(300, rng)
    z = np.log(mean)
    z = (z - z.mean()) / z.std()
    member = np.isin(np.arange(300), rng.choice(300, 40, replace=False, p=np.exp(z) / np.exp(z).sum()))
    score = z + rng.standard_normal(300) + signal * member
    covariates = np.column_stack([mean, variance]) if adjusted else None
    return contrast_genes(score, member, names(np.arange(300) // 2), mean, variance, covariates=covariates)


def paralogous_set(rng: np.random.Generator) -> Contrast:
    """Families of four share scores and membership."""
    mean, variance = expression(300, rng)
    family = np.arange(300) // 4
    member = np.isin(family, rng.choice(75, 12, replace=False)) & (rng.random(300) < 0.8)
    score = 0.8 * rng.standard_normal(75)[family] + 0.6 * rng.standard_normal(300)
    return contrast_genes(score, member, names(family), mean, variance)


def symmetric(n: int, rng: np.random.Generator) -> np.ndarray:
    upper = np.triu(rng.standard_normal((n, n)), 1)
    return upper + upper.T


def chosen_pairs(weight: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    i, j = np.nonzero(np.triu(weight, 1))
    chosen = rng.choice(len(i), count, replace=False, p=weight[i, j] / weight[i, j].sum())
    edges = np.zeros(weight.shape, dtype=bool)
    edges[i[chosen], j[chosen]] = edges[j[chosen], i[chosen]] = True
    return edges


def plain_pairs(rng: np.random.Generator, signal: float = 0.0) -> Contrast:
    family = np.arange(100) // 2
    edges = chosen_pairs((family[:, None] != family).astype(float), 80, rng)
    return contrast_pairs(symmetric(100, rng) + signal * edges, edges, names(family), *expression(100, rng))


def hub_pairs(rng: np.random.Generator) -> Contrast:
    """Hubs score high with everything, multiplicatively, and have more reference pairs."""
    family = np.arange(100) // 2
    hub = rng.standard_normal(100)
    either = hub[:, None] + hub[None, :]
    edges = chosen_pairs((family[:, None] != family) * np.exp(either), 80, rng)
    score = 0.5 * symmetric(100, rng) + np.exp(0.5 * either)
    return contrast_pairs(score, edges, names(family), *expression(100, rng))


def alike_pairs(rng: np.random.Generator, adjusted: bool = True) -> Contrast:
    """Genes of like expression score high together and are reference pairs more often."""
    family = np.arange(100) // 2
    mean, _ = expression(100, rng)
    z = np.log(mean) / np.log(mean).std()
    unlike = np.abs(z[:, None] - z[None, :])
    edges = chosen_pairs((family[:, None] != family) * np.exp(-unlike), 80, rng)
    covariates = mean[:, None] if adjusted else None
    return contrast_pairs(
        0.5 * symmetric(100, rng) - unlike, edges, names(family), mean, np.ones(100), covariates=covariates
    )


def paralogous_pairs(rng: np.random.Generator) -> Contrast:
    """Families of four share their place in the model and their partners."""
    family = np.arange(100) // 4
    rows = 0.9 * rng.standard_normal((25, 3))[family] + 0.44 * rng.standard_normal((100, 3))
    distance = np.sqrt(((rows[:, None] - rows[None]) ** 2).sum(axis=2))
    between = chosen_pairs(np.ones((25, 25)), 12, rng)[np.ix_(family, family)]
    kept = np.triu(rng.random((100, 100)) < 0.7, 1)
    return contrast_pairs(-distance, between & (kept | kept.T), names(family), *expression(100, rng))


def test_both_nulls_hold_for_exchangeable_genes():
    assert max(rejections(plain_set)) <= AT_MOST


def test_expression_is_taken_out_of_a_set_by_adjustment():
    assert max(rejections(confounded_set)) <= AT_MOST


def test_without_adjustment_the_family_null_alone_would_believe_expression():
    counts = rejections(lambda rng: confounded_set(rng, adjusted=False), 100)
    assert counts[FAMILY] > 80
    assert counts[PANEL] < 30, "quintiles of expression are a coarse control: better, not enough"


def test_paralogues_need_the_family_null():
    counts = rejections(paralogous_set)
    assert counts[STRATA] > AT_MOST
    assert counts[FAMILY] <= AT_MOST
    assert counts[PANEL] <= AT_MOST


def test_planted_sets_are_found():
    assert rejections(lambda rng: plain_set(rng, signal=0.8), 100)[PANEL] >= 95
    assert rejections(lambda rng: confounded_set(rng, signal=0.8), 100)[PANEL] >= 90


def test_both_nulls_hold_for_exchangeable_pairs():
    assert max(rejections(plain_pairs)) <= AT_MOST


def test_hubs_are_taken_out_of_pairs():
    assert rejections(hub_pairs)[PANEL] <= AT_MOST


def test_likeness_in_expression_is_taken_out_of_pairs_by_adjustment():
    assert rejections(alike_pairs)[PANEL] <= AT_MOST
    assert rejections(lambda rng: alike_pairs(rng, adjusted=False), 60)[FAMILY] > 50


def test_paralogous_pairs_need_the_family_null():
    counts = rejections(paralogous_pairs)
    assert counts[STRATA] > AT_MOST
    assert counts[PANEL] <= AT_MOST


def test_planted_pairs_are_found():
    assert rejections(lambda rng: plain_pairs(rng, signal=0.5), 60)[PANEL] >= 54


def test_rank_sums_become_effects():
    contrast = plain_set(np.random.default_rng(0), signal=1.0)
    label = contrast.label.astype(bool)
    wins = (contrast.rank[label][:, None] > contrast.rank[~label][None, :]).mean()
    assert contrast.to_effect(np.array([contrast.observed()]))[0] == pytest.approx(wins - 0.5)


def test_a_pair_that_a_draw_puts_into_a_family_never_ranks_below_the_middle():
    family = np.arange(40) // 4
    score = symmetric(40, np.random.default_rng(1))
    inside = (family[:, None] == family) & ~np.eye(40, dtype=bool)
    score[inside] -= 10.0
    edges = chosen_pairs((family[:, None] != family).astype(float), 40, np.random.default_rng(2))
    contrast = contrast_pairs(score, edges, names(family), np.arange(40.0), np.ones(40))
    assert (contrast.rank[inside] >= (contrast.candidates + 1) / 2).all()
    between = contrast.rank[np.triu(family[:, None] != family)]
    assert sorted(between) == list(range(1, contrast.candidates + 1))


def test_a_null_that_cannot_move_says_so():
    rng = np.random.default_rng(0)
    family = np.repeat(np.arange(10), np.arange(1, 11))
    member = family >= 6
    contrast = contrast_genes(rng.standard_normal(55), member, names(family), *expression(55, rng))
    stuck = reach(contrast, "family_block_swap", 1)
    assert (stuck.moved, stuck.log10_arrangements) == (0.0, 0.0)
    assert reach(contrast, "stratified_labels", 1).moved > 0.2


def strata_world(rng: np.random.Generator) -> tuple[Contrast, np.ndarray]:
    family, coexpression = np.arange(60) // 2, symmetric(60, rng)
    edges = chosen_pairs((family[:, None] != family) * np.exp(coexpression), 60, rng)
    contrast = contrast_pairs(symmetric(60, rng), edges, names(family), *expression(60, rng), coexpression=coexpression)
    return contrast, coexpression


def test_pairs_with_co_expression_have_a_third_null():
    contrast, coexpression = strata_world(np.random.default_rng(0))
    assert contrast.names == ("family_block_swap", "stratified_labels", "coexpression_strata")
    ventile = np.searchsorted(np.quantile(coexpression, np.arange(1, 20) / 20), coexpression)
    assert contrast.replaced(ventile.astype(float)).draw("coexpression_strata", 50, 1).std() < (
        0.1 * contrast.replaced(symmetric(60, np.random.default_rng(1))).draw("coexpression_strata", 50, 1).std()
    )
    far = reach(contrast, "coexpression_strata", 1)
    assert far.moved > 0.8
    assert far.log10_arrangements > 30


def test_co_expression_strata_hold_where_the_score_is_co_expression():
    """The published error: reference pairs are co-expressed, and so is what scores high."""

    def make(rng: np.random.Generator) -> Contrast:
        contrast, coexpression = strata_world(rng)
        return contrast.replaced(coexpression + 0.5 * symmetric(60, rng))

    p = np.empty((100, 2))
    for seed in range(100):
        contrast = make(np.random.default_rng(seed))
        p[seed] = [
            evidence_against(contrast, null, 199, seed).p for null in ("family_block_swap", "coexpression_strata")
        ]
    assert (p[:, 0] <= ALPHA).sum() > 80
    assert (p[:, 1] <= ALPHA).sum() < 20, "within a ventile a little co-expression is left"


@pytest.mark.parametrize("kind", ["set", "pairs"])
def test_a_contrast_in_other_scores_or_of_another_reference_is_that_contrast_made_anew(kind):
    rng = np.random.default_rng(0)
    family, (mean, variance) = names(np.arange(60) // 2), expression(60, rng)
    if kind == "set":
        labels, scores = (np.arange(60) < 20, np.arange(60) >= 45), rng.standard_normal((2, 60))
        first, other = (contrast_genes(scores[0], each, family, mean, variance) for each in labels)
        fresh = contrast_genes(scores[1], labels[1], family, mean, variance)
    else:
        weight = (np.arange(60)[:, None] // 2 != np.arange(60) // 2).astype(float)
        labels = tuple(chosen_pairs(weight, 40, rng) for _ in range(2))
        first, other = (
            contrast_pairs(symmetric(60, np.random.default_rng(1)), each, family, mean, variance) for each in labels
        )
        fresh = contrast_pairs(symmetric(60, np.random.default_rng(2)), labels[1], family, mean, variance)
    contrast: AnyContrast = first.relabelled(labels[1])
    assert np.array_equal(contrast.labels, labels[1])
    assert contrast.observed() == other.observed()
    assert contrast.size == len(fresh.first)
    again = contrast.replaced(fresh.score)
    assert again.observed() == fresh.observed()
    for null in fresh.names:
        assert np.array_equal(again.draw(null, 20, 3), fresh.draw(null, 20, 3))
        assert np.array_equal(again.draw(null, 20, 3)[5:], again.draw(null, 15, 3, 5))
        assert again.margins(null, 20, 3) is None
