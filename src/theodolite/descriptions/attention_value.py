"""Descriptions of one score of attention: what gene statistics leave of it and what it adds to them (2602.17532)."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from theodolite.analysis import attention as analysed
from theodolite.descriptions.attention_scores import (
    UNSAID,
    ScoredEdges,
    ScoredReference,
    asked_of,
    directed_edges,
    maps_bytes,
    one_reference,
    place_of,
    score_of,
    seen_edges,
    tested_in_words,
)
from theodolite.descriptions.described import Described, facts_of
from theodolite.descriptions.registry import description
from theodolite.descriptions.subject import Subject
from theodolite.measurements import CurveFit, PredictionGain
from theodolite.tools import BenchSize

__all__ = ["IncrementalValue", "Matched", "Retention", "incremental_value", "matched", "retention"]

Floats = NDArray[np.float64]

_FIT_BYTES = 160
"""Bytes a pair that a fit is made on: features of both genes and of co-expression, twice where pairs have no order."""
_DRAW_BYTES = 16
"""Bytes a family and resample of a bootstrap."""


class Retention(ScoredReference):
    """Parameters of :func:`retention`."""

    learners: tuple[Literal["ols", "boosting", "splines"], ...] = Field(
        default=("ols", "boosting"),
        min_length=1,
        description="what foretells the score from gene statistics: least squares, boosted trees, or the splines of "
        "the gates; a signal is accepted only under all of them",
    )
    folds: int = Field(default=5, ge=2, description="folds of genes, whole families; no fit sees a gene it foretells")
    training_pairs: int = Field(default=50_000, ge=100, description="pairs that a fit is made on, at the most")
    resamples: int = Field(default=500, ge=2, description="bootstrap resamples of gene families, for intervals")
    rewirings: int = Field(default=200, ge=1, description="drawn graphs in which every gene keeps its number of edges")


class IncrementalValue(ScoredEdges):
    """Parameters of :func:`incremental_value`."""

    folds: int = Field(default=5, ge=2, description="folds of perturbed genes (or regulators), and of targets")
    joint_folds: int = Field(default=3, ge=2, description="folds of each side where both are held out at once")
    top_k: tuple[int, ...] = Field(
        default=(10, 50), description="numbers of targets at the top of each perturbation, for recall"
    )
    resamples: int = Field(default=100, ge=2, description="bootstrap resamples of what is held out, for intervals")
    training_pairs: int = Field(default=100_000, ge=100, description="pairs that a fit is made on, at the most")
    target_means: bool = Field(
        default=True,
        description="whether the baseline also holds the score's own mean over perturbations, without which a score "
        "that only knows which targets respond to anything adds something and is no edge",
    )


class Matched(ScoredEdges):
    """Parameters of :func:`matched`."""

    neighbours: int = Field(default=5, ge=1, description="other pairs that each edge is matched with")
    caliper: float | None = Field(
        default=None,
        gt=0,
        description="largest distance to a match, in standard deviations of the propensity's logit; null for any",
    )
    affected: bool = Field(
        default=True, description="whether the number of genes that a perturbation affects is matched on too"
    )
    resamples: int = Field(default=500, ge=2, description="bootstrap resamples of perturbed genes, for intervals")


def _retention_memory(size: BenchSize, params: Retention) -> int:
    fit = _FIT_BYTES * min(params.training_pairs, size.genes**2)
    return maps_bytes(size, 6, copies=2.0) + fit + _DRAW_BYTES * params.resamples * size.genes


def _value_memory(size: BenchSize, params: IncrementalValue) -> int:
    fit = _FIT_BYTES * min(params.training_pairs, size.genes**2)
    # Features of every candidate for the baseline, for attention and for co-expression, and what is returned.
    features = 8 * 16 * size.genes**2
    return maps_bytes(size, 4, copies=2.0) + features + fit + 2 * _DRAW_BYTES * params.resamples * size.genes


def _matched_memory(size: BenchSize, params: Matched) -> int:
    # Covariates of every candidate, and the window of neighbours of each edge; at most every pair is one.
    return maps_bytes(size, 4) + (8 * 5 + 48 * params.neighbours) * size.genes**2


@description(
    family="attention",
    shape=CurveFit,
    unit="AUROC",
    reads=("attention", "coexpression"),
    references="pairs",
    memory=_retention_memory,
)
def retention(subject: Subject, params: Retention) -> Described:
    """AUROC that a score of attention keeps once gene statistics, and co-expression as well, are taken out.

    The score of a pair is foretold from mean, variance and dropout of both genes (and from co-expression) by a fit that
    saw neither gene's family, and the prediction taken out; co-expression, the rival, goes through the same. Retention
    is (AUROC left - 0.5) / (raw AUROC - 0.5). Accepted are 0.80 or more and a z above 3 against graphs with the same
    degrees, under every learner and adjustment. Source: arXiv 2602.17532 §expression residualisation.

    Returns
    -------
    Described
        A curve a signal and learner over what was taken out: 0 nothing, 1 gene statistics, 2 co-expression as well.

    Raises
    ------
    DescriptionError
        If there is no such reference or place.
    ValueError
        If there are too few edges, or families to hold any out.
    """
    reference = one_reference(subject, params.against)
    edges, place = seen_edges(subject, reference, params), place_of(subject, params.layer, params.head)
    related = subject.coexpression().pearson
    found = analysed.retained_signals(
        edges,
        {"attention": score_of(subject, params), "coexpression": np.abs(related)},
        subject.statistics,
        coexpression=related,
        learners=params.learners,
        folds=params.folds,
        training_pairs=params.training_pairs,
        resamples=params.resamples,
        rewirings=params.rewirings,
        seed=subject.seed,
    )
    facts = asked_of(subject, reference.id) | {"place": place, "edges": edges.size, "candidates": edges.count}
    points: list[tuple[float, float, str]] = []
    for row in found.rows:
        name = f"{row.signal}.{row.learner}.{'+'.join(row.adjusted_for)}"
        facts |= facts_of(row, name, without=(*UNSAID, "signal", "learner", "adjusted_for"))
        facts[f"{name}.accepted"] = row.accepted
        group = f"{row.signal}, {row.learner}"
        if group not in {point[2] for point in points}:
            points.append((0.0, row.raw.estimate + 0.5, group))
        points.append((float(len(row.adjusted_for)), row.residual.estimate + 0.5, group))
    facts["attention.accepted"] = found.accepted("attention")
    attention = found.of("attention")
    least = min(attention, key=lambda row: row.retention.estimate)
    taken_out = {1: "gene statistics", 2: "gene statistics and co-expression"}[len(least.adjusted_for)]
    sentence = (
        f"Attention of {place} recovers {reference.id} with an AUROC of {0.5 + least.raw.estimate:.3f}, and of "
        f"{0.5 + least.residual.estimate:.3f} once {taken_out} are taken out by {least.learner} (retention "
        f"{least.retention.estimate:.2f}, the least of {len(attention)}); against graphs with the "
        f"same degrees it is {'stuck' if np.isnan(least.degree_z) else f'at z {least.degree_z:.2g}'}"
    )
    rivals = [row for row in found.rows if row.signal == "coexpression"]  # none where only splines were asked for
    for row in rivals[-1:]:
        sentence += f"; co-expression keeps {row.retention.estimate:.2f} of {row.raw.estimate:+.3f} under {row.learner}"
    x, y, groups = zip(*points, strict=True)
    measured = CurveFit(np.array(x), np.array(y), groups, curve="adjustment", unit=retention.unit)
    return Described(measured, facts, f"{sentence}.")


@description(
    family="attention",
    shape=PredictionGain,
    unit="score of attention",
    reads=("attention", "coexpression"),
    references="regulons",
    memory=_value_memory,
)
def incremental_value(subject: Subject, params: IncrementalValue) -> Described:
    """Gain by a score of attention over gene statistics that predict the same edges, on groups that were held out.

    Edges from perturbed genes (or regulators) are predicted from mean, variance and dropout of the target, without and
    with the score, by logistic regression and boosted trees, with perturbations held out, with targets held out, and
    with both. The score is accepted only if the lower limit of its gain in AUROC is above 0 in all six; co-expression
    goes through the same. Source: arXiv 2602.17532 §incremental value.

    Returns
    -------
    Described
        A row a candidate pair: baseline (gene statistics of the target), signal (attention), outcome (1 for an edge),
        and as group the family of the perturbed gene.

    Raises
    ------
    DescriptionError
        If there is no such reference or place, or the reference has no direction.
    ValueError
        If a training set has one class only; give more perturbations, or fewer folds.
    """
    edges, place = directed_edges(subject, params), place_of(subject, params.layer, params.head)
    score = score_of(subject, params)
    found = analysed.incremental_value(
        edges,
        {"attention": score, "coexpression": np.abs(subject.coexpression().pearson)},
        subject.statistics,
        folds=params.folds,
        joint_folds=params.joint_folds,
        top_k=params.top_k,
        resamples=params.resamples,
        training_pairs=params.training_pairs,
        target_means=params.target_means,
        seed=subject.seed,
    )
    facts = asked_of(subject, edges.name, params.tested)
    facts |= {"place": place, "edges": edges.size, "candidates": edges.count}
    for gain in found.gains:
        name = f"{gain.signal}.{gain.learner}.{gain.split}"
        facts |= facts_of(gain, name, without=(*UNSAID, "signal", "learner", "split", "recall"))
        facts |= facts_of({f"recall_{k}": effect for k, effect in gain.recall}, name, UNSAID)
    gains = found.of("attention")
    accepted = facts["attention.accepted"] = found.accepted("attention")
    facts["coexpression.accepted"] = found.accepted("coexpression")
    least, held = min(gains, key=lambda gain: gain.d_auroc.low), sum(gain.d_auroc.low > 0.0 for gain in gains)
    sentence = (
        f"Attention of {place} adds to gene statistics that predict {edges.name} among {tested_in_words(params)} in "
        f"{held} of 6 pairs of learner and held-out side, so it is {'' if accepted else 'not '}accepted; the least is "
        f"{least.d_auroc.estimate:+.4f} [{least.d_auroc.low:+.4f}, {least.d_auroc.high:+.4f}] to "
        f"{least.base_auroc:.3f} ({least.learner}, {least.split} held out), and co-expression is "
        f"{'' if facts['coexpression.accepted'] else 'not '}accepted."
    )
    rows, columns = np.nonzero(edges.candidates)
    target = edges.columns[columns]
    measured = PredictionGain(
        baseline=subject.statistics.matrix()[target],
        signal=edges.matrix(score)[edges.candidates][:, None],
        outcome=edges.truth.astype(np.float64),
        groups=tuple(edges.row_families[row] for row in rows.tolist()),
        unit=incremental_value.unit,
    )
    return Described(measured, facts, sentence)


@description(
    family="attention",
    shape=CurveFit,
    unit="AUROC",
    reads=("attention", "coexpression"),
    references="regulons",
    memory=_matched_memory,
)
def matched(subject: Subject, params: Matched) -> Described:
    """AUROC of attention among pairs that looked as likely to be edges beforehand, with the balance that was reached.

    A logistic model of mean, variance and dropout of the target gives each pair a propensity; each edge is held against
    the other pairs of nearest propensity. Covariates are balanced where their standardised mean difference is within
    0.1; where they are not, what is left still holds what gene statistics explain. Source: arXiv 2602.17532 §matching.

    Returns
    -------
    Described
        A curve a signal, attention and co-expression: at 0 the AUROC of all pairs, at 1 that of matched ones.

    Raises
    ------
    DescriptionError
        If there is no such reference or place, or the reference has no direction.
    ValueError
        If there are fewer other pairs than neighbours, or the caliper leaves no edge matched.
    """
    edges, place = directed_edges(subject, params), place_of(subject, params.layer, params.head)
    found = analysed.matched_scores(
        edges,
        {"attention": score_of(subject, params), "coexpression": np.abs(subject.coexpression().pearson)},
        subject.statistics,
        neighbours=params.neighbours,
        caliper=params.caliper,
        affected=params.affected,
        resamples=params.resamples,
        seed=subject.seed,
    )
    attention, rival = found.of("attention"), found.of("coexpression")
    worst = max(found.balance[:-1], key=lambda one: abs(one.after))
    before = max(abs(one.before) for one in found.balance)
    balance = (
        f"all standardised mean differences are within 0.1 (from up to {before:.2f})"
        if found.balanced
        else f"no balance was reached ({worst.covariate} is {worst.after:+.2f} standard deviations apart), so that "
        "gene statistics may explain what is left"
    )
    sentence = (
        f"Attention of {place} ranks edges of {edges.name} among {tested_in_words(params)} with an AUROC of "
        f"{attention.raw:.3f}, and of {attention.matched:.3f} among pairs of like propensity, beside "
        f"{rival.matched:.3f} of co-expression; {balance}."
    )
    facts = asked_of(subject, edges.name, params.tested) | {"place": place, "candidates": edges.count}
    facts |= facts_of(found, without=UNSAID)
    measured = CurveFit(
        x=np.array([0.0, 1.0] * len(found.scores)),
        y=np.array([value for score in found.scores for value in (score.raw, score.matched)]),
        groups=tuple(score.signal for score in found.scores for _ in range(2)),
        curve="matching",
        unit=matched.unit,
    )
    return Described(measured, facts, sentence)
