from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.gates.bipartite import contrast_bipartite
from theodolite.gates.halves import Halves, family_halves, independent_halves, restricted
from theodolite.gates.nulls import contrast_genes, contrast_pairs, evidence_against
from theodolite.measurements import BipartiteScores, GeneScores, PairScores
from theodolite.measurements.centring import double_centred_bipartite

COVARIATES = ("mean_expression", "variance")


def genes(signal: float, *, n: int = 200, size: int = 50, seed: int = 0) -> GeneScores:
    rng = np.random.default_rng(seed)
    member = np.isin(np.arange(n), rng.choice(n, size, replace=False))
    score = rng.standard_normal(n) + signal * member
    families = tuple(f"F{gene // 2}" for gene in range(n))
    return GeneScores(
        tuple(f"G{gene}" for gene in range(n)), score, families, COVARIATES, rng.random((n, 2)), "unit", members=member
    )


def pairs(signal: float, *, n: int = 160, edges: int = 300, seed: int = 0) -> PairScores:
    rng = np.random.default_rng(seed)
    family = np.arange(n) // 2
    i, j = np.nonzero(np.triu(family[:, None] != family[None, :]))
    chosen = rng.choice(len(i), edges, replace=False)
    edge = np.zeros((n, n), dtype=bool)
    edge[i[chosen], j[chosen]] = edge[j[chosen], i[chosen]] = True
    noise = np.triu(rng.standard_normal((n, n)), 1)
    return PairScores(
        tuple(f"G{gene}" for gene in range(n)),
        noise + noise.T + signal * edge,
        tuple(f"F{index}" for index in family),
        COVARIATES,
        rng.random((n, 2)),
        "unit",
        edges=edge,
    )


def regulon(signal: float, *, r: int = 48, t: int = 120, edges: int = 400, seed: int = 0) -> BipartiteScores:
    """Regulators of families of two; the first ten of them are targets, too."""
    rng = np.random.default_rng(seed)
    regulators = tuple(f"R{gene}" for gene in range(r))
    targets = (*regulators[:10], *(f"T{gene}" for gene in range(t - 10)))
    row_families = tuple(f"FR{gene // 2}" for gene in range(r))
    column_families = (*row_families[:10], *(f"FT{gene // 2}" for gene in range(t - 10)))
    candidates = np.array(row_families)[:, None] != np.array(column_families)[None, :]
    edge = np.zeros((r, t), dtype=bool)
    edge[tuple(np.argwhere(candidates)[rng.choice(int(candidates.sum()), edges, replace=False)].T)] = True
    score = rng.standard_normal((r, t)) + signal * edge
    return BipartiteScores(
        regulators,
        targets,
        score,
        row_families,
        column_families,
        COVARIATES,
        rng.random((r, 2)),
        rng.random((t, 2)),
        "unit",
        edges=edge,
    )


def by_panel(half, number: int) -> tuple[float, float]:
    """The claim's own test on a half: effect and the largest p of the panel."""
    if isinstance(half, BipartiteScores):
        score = double_centred_bipartite(half.score, half.candidates())
        families = (half.regulator_families, half.target_families)
        contrast = contrast_bipartite(score, half.edges, *families, *half.target_covariates.T)
    elif isinstance(half, PairScores):
        contrast = contrast_pairs(half.score, half.edges, half.families, *half.covariates.T)
    else:
        contrast = contrast_genes(half.score, half.members, half.families, *half.covariates.T)
    p = max(evidence_against(contrast, null, 199, number).p for null in contrast.names)
    return float(contrast.to_effect(np.array([contrast.observed()]))[0]), p


EVERY_SHAPE = pytest.mark.parametrize("make", [genes, pairs, regulon])


def families_of(measurement) -> set[str]:
    if isinstance(measurement, BipartiteScores):
        return {*measurement.regulator_families, *measurement.target_families}
    return set(measurement.families)


@EVERY_SHAPE
def test_a_planted_signal_is_in_both_halves(make):
    found = independent_halves(make(0.9), 3, by_panel)
    assert found.possible
    assert found.agree
    assert min(found.effects) > 0.1
    assert max(found.p_values) <= 0.05


@EVERY_SHAPE
def test_noise_seldom_agrees_with_itself(make):
    agreements = [independent_halves(make(0.0, seed=seed), seed, by_panel).agree for seed in range(40)]
    assert sum(agreements) <= 2, "both halves at 0.05, in the claimed direction: one in four hundred"


@pytest.mark.parametrize(
    ("effects", "p_values", "agree"),
    [
        ((0.2, 0.1), (0.05, 0.01), True),
        ((0.2, 0.1), (0.051, 0.01), False),
        ((0.2, -0.1), (0.01, 0.01), False),
        ((-0.2, -0.1), (0.01, 0.01), True),
        ((0.2, 0.0), (0.01, 0.01), False),
    ],
)
def test_halves_agree_on_sign_and_significance(effects, p_values, agree):
    assert Halves(True, (30, 30), (9, 9), effects, p_values).agree is agree


@EVERY_SHAPE
@given(seed=st.integers(0, 2**32))
def test_halves_share_no_family_and_leave_none_out(make, seed):
    measurement = make(0.0)
    first, second = family_halves(measurement, seed)
    assert not first & second
    assert first | second == families_of(measurement)
    assert family_halves(measurement, seed) == (first, second)


@EVERY_SHAPE
def test_the_reference_is_divided_evenly_and_at_random(make):
    measurement = make(0.0)
    divisions = {family_halves(measurement, seed)[0] for seed in range(20)}
    assert len(divisions) == 20
    found = independent_halves(measurement, 1, by_panel)
    assert min(found.families) > 0.8 * max(found.families)
    assert min(found.reference) > 0.6 * max(found.reference)


@EVERY_SHAPE
def test_a_half_is_the_measurement_of_its_families(make):
    measurement = make(0.5)
    half = restricted(measurement, family_halves(measurement, 2)[0])
    if isinstance(half, BipartiteScores):
        rows = [measurement.regulators.index(gene) for gene in half.regulators]
        columns = [measurement.targets.index(gene) for gene in half.targets]
        assert np.array_equal(half.regulator_covariates, measurement.regulator_covariates[rows])
        assert np.array_equal(half.target_covariates, measurement.target_covariates[columns])
        assert np.array_equal(half.edges, measurement.edges[np.ix_(rows, columns)])
    else:
        rows = columns = [measurement.genes.index(gene) for gene in half.genes]
        assert np.array_equal(half.covariates, measurement.covariates[rows])
    if isinstance(half, GeneScores):
        assert np.array_equal(half.score, measurement.score[rows])
        assert np.array_equal(half.members, measurement.members[rows])
    else:
        assert np.array_equal(half.score, measurement.score[np.ix_(rows, columns)])
    whole = restricted(measurement, frozenset(families_of(measurement)))
    assert whole.sha256 == measurement.sha256


def test_pairs_between_the_halves_are_left_out():
    measurement = pairs(0.0)
    found = independent_halves(measurement, 1, by_panel)
    assert sum(found.reference) < np.triu(measurement.edges).sum()


@pytest.mark.parametrize("measurement", [genes(1.0, size=16), pairs(1.0, edges=60), regulon(1.0, edges=80)])
def test_a_reference_that_is_too_small_is_not_divided(measurement):
    found = independent_halves(measurement, 1, lambda half, number: pytest.fail("a half below the minimum was tested"))
    assert not found.possible
    assert not found.agree
    assert (found.effects, found.p_values) == (None, None)


@pytest.mark.parametrize("number", [0, 1])
def test_a_half_that_cannot_be_tested_makes_the_check_impossible(number):
    found = independent_halves(genes(1.0), 1, lambda half, which: None if which == number else by_panel(half, which))
    assert not found.possible
    assert not found.agree


def test_a_measurement_without_a_reference_has_no_halves():
    bare = GeneScores(("A", "B"), np.zeros(2), ("F0", "F1"), (), np.zeros((2, 0)), "unit")
    with pytest.raises(ValueError, match="carries no reference"):
        family_halves(bare, 1)
