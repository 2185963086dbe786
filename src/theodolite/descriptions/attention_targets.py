"""Description of attention perturbation by perturbation: how well it ranks the genes that respond (2602.17532)."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from theodolite.analysis import attention as analysed
from theodolite.data import of_effects
from theodolite.descriptions.attention_scores import (
    UNSAID,
    ScoredEdges,
    asked_of,
    directed_edges,
    maps_bytes,
    one_reference,
    place_of,
    score_of,
    tested_in_words,
)
from theodolite.descriptions.described import Described, facts_of
from theodolite.descriptions.registry import description
from theodolite.descriptions.subject import Subject
from theodolite.measurements import UnitEffects
from theodolite.tools import BenchSize

__all__ = ["PerturbationRanking", "perturbation_ranking"]


class PerturbationRanking(ScoredEdges):
    """Parameters of :func:`perturbation_ranking`."""

    resamples: int = Field(default=2_000, ge=2, description="bootstrap resamples of perturbed genes, for intervals")


def _memory(size: BenchSize, params: PerturbationRanking) -> int:
    # Attention and its rivals over all pairs, and a weight a perturbation and resample.
    return maps_bytes(size, 8) + 24 * params.resamples * size.genes


@description(
    family="attention",
    shape=UnitEffects,
    unit="AUROC of the targets of one perturbation",
    reads=("attention", "coexpression"),
    references="regulons",
    memory=_memory,
)
def perturbation_ranking(subject: Subject, params: PerturbationRanking) -> Described:
    """How well attention ranks the targets of each perturbation, beside co-expression and what targets give alone.

    The unit is the perturbed gene (or regulator). Mean, variance and detection rank targets alike for every
    perturbation and know of no edge; a score of edges has to beat them. Effects of perturbations are given as a
    reference: ``effect_references(table, q=0.05)`` of a table that ``read_effects`` reads, and beside it
    ``effects_tested(table)``, whose id is given as ``tested``; without it a gene that nobody tested counts as one that
    did not respond. Source: arXiv 2602.17532 §perturbation-first ranking.

    Returns
    -------
    Described
        Units are perturbed genes: AUROC of attention, and as controls that of co-expression, mean, variance, detection
        and (fact ``controls``) in this order.

    Raises
    ------
    DescriptionError
        If there is no such reference or place, or the reference has no direction.
    ValueError
        If fewer than two perturbations have targets that respond and others.
    """
    edges, place = directed_edges(subject, params), place_of(subject, params.layer, params.head)
    found = analysed.perturbation_ranking(
        edges,
        score_of(subject, params),
        subject.statistics,
        coexpression=subject.coexpression().pearson,
        resamples=params.resamples,
        seed=subject.seed,
    )
    rivals = [comparison.rival for comparison in found.comparisons]
    facts: dict[str, Any] = {
        **asked_of(subject, edges.name, params.tested),
        "place": place,
        "perturbations": len(found.perturbations),
        "positives": found.positives,
        "candidates": edges.count,
        "tested": params.tested,
        "controls": rivals,
        **facts_of(found.mean, "mean", without=UNSAID),
    }
    for comparison in found.comparisons:
        facts |= facts_of(comparison, f"against.{comparison.rival}", without=(*UNSAID, "signal", "rival"))
    own, best = found.mean["attention"], max(rivals, key=lambda name: found.mean[name].estimate)
    against = found.against(best)
    effects = params.tested is not None or of_effects(one_reference(subject, params.against, params.tested))
    units = "perturbations" if effects else "regulators"
    sentence = (
        f"Over {len(found.perturbations)} {units} of {edges.name}, targets ranked among "
        f"{tested_in_words(params)}, attention of {place} has a mean AUROC of {own.estimate:.3f} [{own.low:.3f}, "
        f"{own.high:.3f}], and {best}, the best of {len(rivals)} controls, {found.mean[best].estimate:.3f}; the "
        f"difference is {against.difference.estimate:+.3f} (Wilcoxon q {against.wilcoxon_q:.2g})."
    )
    measured = UnitEffects(
        units=found.perturbations,
        effect=found.auroc["attention"],
        control=np.column_stack([found.auroc[name] for name in rivals]),
        unit=perturbation_ranking.unit,
    )
    return Described(measured, facts, sentence)
