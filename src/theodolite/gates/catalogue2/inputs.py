"""G1, input, for the shapes of catalogue 2: what can be wrong without looking at any observed statistic."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from theodolite.claims import Covariate, Relation
from theodolite.gates.lint import LARGEST_TIE, minimum_counts
from theodolite.gates.lint import input_defects as symmetric_defects
from theodolite.gates.memo import Memo, array_key
from theodolite.measurements import BipartiteScores, GeneScores, Measurement, PairScores, Variant, VariantKind
from theodolite.plans import Plan

__all__ = ["genes_of", "input_defects", "largest_tie"]

_ties: Memo[tuple[int, int]] = Memo(1_024)
_defects: Memo[str | None] = Memo(1_024)


def input_defects(plan: Plan, measurements: Mapping[Variant, Measurement]) -> list[str]:
    """Return what is wrong with the measurements of a plan, in words; empty if nothing is.

    Looks at shapes, counts, ties, missing vectors and covariates, never at a statistic of scores against labels, so
    refusing on it is not selection.
    """
    if plan.shape != "BipartiteScores":
        return symmetric_defects(plan, measurements)
    if plan.hypothesis.claim.relation is Relation.SEPARATES:
        return [f"a claim that {plan.hypothesis.claim.relation.value!r} is not about regulator-target pairs"]
    main = measurements[Variant(VariantKind.MAIN)]
    defects: list[str] = []
    for variant, measurement in measurements.items():
        if not isinstance(measurement, BipartiteScores):
            return [f"{variant} returned {measurement.shape}, the plan says {plan.shape}"]
        assert isinstance(main, BipartiteScores)
        if (measurement.regulators, measurement.targets) != (main.regulators, main.targets):
            defects.append(f"{variant} measured other regulators or targets than main")
        wrong = _score_defect(measurement)
        defects += [] if wrong is None else [wrong.format(name=variant)]
    assert isinstance(main, BipartiteScores)
    defects += _label_defects(main)
    wanted = {Covariate.MEAN.value, Covariate.DROPOUT.value}
    absent = sorted(wanted - set(main.covariate_names))
    if absent:
        defects.append(f"main carries no {', '.join(absent)} of the genes")
    return defects


def genes_of(measurement: Measurement) -> set[str]:
    """Return the genes that a measurement speaks of."""
    assert isinstance(measurement, (GeneScores, PairScores, BipartiteScores))
    if isinstance(measurement, BipartiteScores):
        return {*measurement.regulators, *measurement.targets}
    return set(measurement.genes)


def largest_tie(measurements: Mapping[Variant, Measurement]) -> float:
    """Return the largest share of candidates that have one and the same score, over all measurements."""
    return max(_tie_share(measurement) for measurement in measurements.values())


def _tie_share(measurement: Measurement) -> float:
    assert isinstance(measurement, (GeneScores, PairScores, BipartiteScores))
    candidates = None if isinstance(measurement, GeneScores) else measurement.candidates()
    if candidates is not None and isinstance(measurement, PairScores):
        candidates = np.triu(candidates)
    largest, values = _tied(measurement.score, candidates)
    return largest / values


def _tied(score: NDArray[np.float64], candidates: NDArray[np.bool_] | None) -> tuple[int, int]:
    """Return how many candidates share the commonest score, and how many candidates there are."""

    def count() -> tuple[int, int]:
        values = score if candidates is None else score[candidates]
        _, counts = np.unique(values, return_counts=True)
        return int(counts.max()), len(values)

    return _ties.get(array_key(score, candidates), count)


def _score_defect(measurement: BipartiteScores) -> str | None:
    """Return what is wrong with the scores, with a place for the variant's ``{name}``; None if nothing is."""
    key = array_key(measurement.score, measurement.candidates())
    return _defects.get(key, lambda: _find_score_defect(measurement))


def _find_score_defect(measurement: BipartiteScores) -> str | None:
    score, candidates = measurement.score, measurement.candidates()
    values = score[candidates]
    if len(values) < 2 or values.min() == values.max():
        return "all scores of {name} are equal"
    tied, _ = _tied(score, candidates)
    if tied > max(2, LARGEST_TIE * len(values)):
        return (
            f"{tied:,} of {len(values):,} pairs have one and the same score in {{name}}, as pairs of genes "
            "without a vector do"
        )
    flat = int((np.ptp(score, axis=1) == 0).sum())
    if flat:
        return f"{flat} of {len(score)} regulators score the same with every target in {{name}}"
    # zero and minus zero are one score
    same = len(score) - len({(row + 0.0).tobytes() for row in score})
    if same:
        return f"{same} regulators of {{name}} have the scores of another, as equal vectors do"
    return None


def _label_defects(main: BipartiteScores) -> list[str]:
    if main.edges is None:
        return ["no reference is attached to main"]
    candidates = main.candidates()
    if (main.edges & ~candidates).any():
        return ["the reference holds pairs inside a homology family, which are no candidates"]
    reference, others = int(main.edges.sum()), int(candidates.sum() - main.edges.sum())
    families = {family for family, row in zip(main.regulator_families, main.edges, strict=True) if row.any()}
    counts = minimum_counts(main.shape, reference, len(families))
    defects = [] if counts.passed else [counts.sentence.rstrip(".")]
    if others < reference // 4 or others < 30:
        defects.append(f"only {others} candidates are not in the reference; a comparison needs more")
    return defects
