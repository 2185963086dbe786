"""A measurement as the gates see it: oriented, adjusted for what the claim holds fixed, ranked, with labels.

The reference never enters an adjustment. Residuals of one place in the model are shared by all claims about it, and
draws of one reference by all claims about that: both are remembered, and nothing depends on whether they were.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.claims import Covariate, Direction
from theodolite.gates.ablation import Ablation
from theodolite.gates.adjust import adjusted_genes, adjusted_pairs
from theodolite.gates.bipartite import contrast_bipartite
from theodolite.gates.confounds import residual_bipartite, residual_pairs
from theodolite.gates.contrasts import AnyContrast
from theodolite.gates.memo import Memo, array_key
from theodolite.gates.nulls import contrast_genes, contrast_pairs
from theodolite.measurements import BipartiteScores, Coexpression, GeneScores, Measurement, PairScores
from theodolite.measurements.centring import double_centred_bipartite
from theodolite.plans import Plan

__all__ = ["View", "adjusted_score", "beside", "corrected", "estimators", "hub_free_score", "view"]

Floats = NDArray[np.float64]
Names = tuple[str, ...]

_residuals: Memo[Floats] = Memo(1024, lambda residual: residual.nbytes)
# A contrast holds scores and ranks, the order of its strata, and what its nulls prepare of each.
_bases: Memo[AnyContrast] = Memo(128, lambda contrast: 6 * contrast.score.nbytes)


@dataclass(frozen=True)
class View:
    """A measurement against the reference.

    Attributes
    ----------
    main
        Scores without hubs, gene statistics and co-expression, as far as the claim holds them fixed.
    raw
        Scores without hubs only (pairs), or as measured (sets).
    """

    main: AnyContrast
    raw: AnyContrast


def _columns(names: tuple[str, ...], values: Floats, wanted: list[str]) -> Floats:
    position = {name: column for column, name in enumerate(names)}
    return np.asarray(values[:, [position[name] for name in wanted]])


def estimators(measurement: PairScores | BipartiteScores, coexpression: Coexpression) -> Floats:
    """Return both estimates of co-expression over the measurement's pairs, shape (2, rows, columns)."""
    if isinstance(measurement, BipartiteScores):
        return coexpression.estimators(measurement.regulators, measurement.targets)
    return coexpression.estimators(measurement.genes, measurement.genes)


def replicates(measurement: PairScores | BipartiteScores, coexpression: Coexpression) -> Floats:
    """Return co-expression over the measurement's pairs in two halves of the cells, shape (2, rows, columns)."""
    if isinstance(measurement, BipartiteScores):
        return coexpression.halves(measurement.regulators, measurement.targets)
    return coexpression.halves(measurement.genes, measurement.genes)


def hub_free_score(measurement: Measurement) -> Floats:
    """Return the scores before the claim's covariates are taken out: as measured for sets, without hubs for pairs."""
    if isinstance(measurement, BipartiteScores):
        return np.asarray(double_centred_bipartite(measurement.score, measurement.candidates()))
    if isinstance(measurement, PairScores):
        return adjusted_pairs(measurement.score, np.empty((len(measurement.genes), 0)))
    assert isinstance(measurement, GeneScores)
    return measurement.score


def _statistics(covariates: tuple[Covariate, ...]) -> list[str]:
    gene = (Covariate.MEAN, Covariate.VARIANCE, Covariate.DROPOUT)
    return [item.value for item in covariates if item in gene]


def adjusted_score(
    measurement: Measurement, adjustment: tuple[Covariate, ...], coexpression: Coexpression | None
) -> Floats:
    """Return the scores without what the adjustment set explains; remembered by content.

    Sets lose splines of their gene statistics. Pairs lose, by gene-disjoint cross-fitting, splines of both estimates
    of co-expression and of both genes' statistics, and then hubs.
    """
    if isinstance(measurement, GeneScores):
        wanted = _statistics(adjustment)
        return adjusted_genes(measurement.score, _columns(measurement.covariate_names, measurement.covariates, wanted))
    assert isinstance(measurement, (PairScores, BipartiteScores))
    if Covariate.CO_EXPRESSION not in adjustment or coexpression is None:
        return hub_free_score(measurement)
    return _residuals.get(
        (_content(measurement, coexpression), adjustment),
        lambda: _without_coexpression(measurement, adjustment, estimators(measurement, coexpression)),
    )


def _content(measurement: PairScores | BipartiteScores, coexpression: Coexpression) -> Hashable:
    """Return the identity of all that residuals are made of; the reference is no part of it."""
    if isinstance(measurement, BipartiteScores):
        names: tuple[Names, ...] = (measurement.regulators, measurement.targets)
        families: tuple[Names, ...] = (measurement.regulator_families, measurement.target_families)
        covariates: tuple[Floats, ...] = (measurement.regulator_covariates, measurement.target_covariates)
    else:
        names, families, covariates = (measurement.genes,), (measurement.families,), (measurement.covariates,)
    return (
        measurement.shape,
        array_key(measurement.score, *covariates),
        names,
        families,
        measurement.covariate_names,
        coexpression.sha256,
    )


def _without_coexpression(
    measurement: PairScores | BipartiteScores,
    adjustment: tuple[Covariate, ...],
    shared: Floats,
    halves: Floats | None = None,
) -> Floats:
    wanted = _statistics(adjustment)
    if isinstance(measurement, BipartiteScores):
        return residual_bipartite(
            measurement.score,
            shared,
            _columns(measurement.covariate_names, measurement.regulator_covariates, wanted),
            _columns(measurement.covariate_names, measurement.target_covariates, wanted),
            measurement.candidates(),
            measurement.regulator_families,
            measurement.target_families,
            halves=halves,
        )
    return residual_pairs(
        measurement.score,
        shared,
        _columns(measurement.covariate_names, measurement.covariates, wanted),
        measurement.families,
        halves=halves,
    )


def _base(labelled: Measurement, coexpression: Coexpression | None) -> AnyContrast:
    """Return a contrast with the reference, its nulls, and scores that nobody reads; remembered by content."""
    assert isinstance(labelled, (GeneScores, PairScores, BipartiteScores))

    def shared() -> Floats | None:
        if coexpression is None or isinstance(labelled, GeneScores):
            return None
        return np.asarray(estimators(labelled, coexpression)[0])

    if isinstance(labelled, BipartiteScores):
        assert labelled.edges is not None
        edges, families = labelled.edges, (labelled.regulator_families, labelled.target_families)
        mean, dropout = _columns(
            labelled.covariate_names, labelled.target_covariates, [Covariate.MEAN.value, Covariate.DROPOUT.value]
        ).T
        names = labelled.regulators, labelled.targets
        beside = None if coexpression is None else coexpression.sha256
        return _bases.get(
            (array_key(edges, mean, dropout), families, names, beside),
            lambda: contrast_bipartite(np.zeros(edges.shape), edges, *families, mean, dropout, coexpression=shared()),
        )
    mean, variance = _columns(
        labelled.covariate_names, labelled.covariates, [Covariate.MEAN.value, Covariate.VARIANCE.value]
    ).T
    if isinstance(labelled, GeneScores):
        assert labelled.members is not None
        return contrast_genes(labelled.score, labelled.members, labelled.families, mean, variance)
    assert labelled.edges is not None
    return contrast_pairs(labelled.score, labelled.edges, labelled.families, mean, variance, coexpression=shared())


def _signed(plan: Plan, score: Floats) -> Floats:
    """Orient scores so that the claimed direction is upwards."""
    return score if plan.hypothesis.direction is Direction.GREATER else -score


def view(plan: Plan, measurement: Measurement, coexpression: Coexpression | None) -> View:
    """Return the model's measurement, which carries the reference, against it.

    Parameters
    ----------
    plan
        Direction, adjustment set, and which defence a calibration study switched off.
    measurement
        Main, with the reference attached.
    coexpression
        From counts of the same cells; None where the claim does not hold it fixed.
    """
    base = _base(measurement, coexpression)
    if plan.ablation == Ablation.NO_CONFOUND_GATE:
        assert isinstance(measurement, (GeneScores, PairScores, BipartiteScores))
        bare = base.replaced(_signed(plan, measurement.score))
        return View(bare, bare)
    raw = base.replaced(_signed(plan, hub_free_score(measurement)))
    return View(beside(plan, raw, measurement, coexpression), raw)


def beside(
    plan: Plan, contrast: AnyContrast, measurement: Measurement, coexpression: Coexpression | None
) -> AnyContrast:
    """Return a measurement, adjusted as the plan says, against the reference of a contrast."""
    if plan.ablation == Ablation.NO_CONFOUND_GATE:
        assert isinstance(measurement, (GeneScores, PairScores, BipartiteScores))
        return contrast.replaced(_signed(plan, measurement.score))
    return contrast.replaced(_signed(plan, adjusted_score(measurement, plan.hypothesis.claim.adjustment, coexpression)))


def corrected(plan: Plan, main: Measurement, seen: View, coexpression: Coexpression) -> AnyContrast:
    """Return the contrast after co-expression is taken out as what its noisy measurement stands for.

    Co-expression is measured twice, on two halves of the cells; the error of one half is not in the other, which
    serves as its instrument (errors in variables; Wald 1940).
    """
    assert isinstance(main, (PairScores, BipartiteScores))
    adjustment = plan.hypothesis.claim.adjustment
    score = _residuals.get(
        ("corrected", _content(main, coexpression), adjustment),
        lambda: _without_coexpression(main, adjustment, estimators(main, coexpression), replicates(main, coexpression)),
    )
    return seen.main.replaced(_signed(plan, score))
