"""Exact checks on a plan and on measurements (G1, G2): what can be wrong without looking at any observed statistic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from theodolite.claims import Covariate, LocusKind, Relation
from theodolite.gates.adjust import least_genes
from theodolite.judgements import GateResult
from theodolite.measurements import GeneScores, Measurement, PairScores, Variant, VariantKind
from theodolite.plans import Plan

__all__ = [
    "MINIMUM_FAMILIES",
    "MINIMUM_REFERENCE",
    "input_defects",
    "minimum_counts",
    "required_covariates",
    "selection_discipline",
]

MINIMUM_REFERENCE: Final[Mapping[str, int]] = {"GeneScores": 10, "PairScores": 30, "BipartiteScores": 30}
"""Member genes or reference pairs that a block must hold."""
MINIMUM_FAMILIES: Final = 8
"""Homology families that they must span."""
LARGEST_TIE: Final = 0.05
"""Share of genes that may have one and the same score."""

_NOUN: Final[Mapping[str, str]] = {
    "GeneScores": "member genes",
    "PairScores": "reference pairs",
    "BipartiteScores": "regulator-target pairs",
}
_SHAPE_OF: Final[Mapping[Relation, str]] = {
    Relation.SEPARATES: "GeneScores",
    Relation.RANKS_ABOVE: "PairScores",
    Relation.CHANGES_WITH_DEPTH: "PairScores",
    Relation.PEAKS_EARLIER: "PairScores",
    Relation.STABLE_WITH_DEPTH: "PairScores",
}
_FITTED_LOCI: Final = (
    LocusKind.AXIS,
    LocusKind.WINDOW,
    LocusKind.READ_OUT_AXIS,
    LocusKind.READ_OUT_WINDOW,
)

Floats = NDArray[np.float64]


def minimum_counts(shape: str, reference_in_block: int, families_in_block: int) -> GateResult:
    """Return whether a reference is testable in a block: the least counts of its shape (statistics, rule 7).

    Set claims need 10 member genes, pair claims 30 pairs, in 8 homology families each; where regulators are permuted,
    the families are theirs.

    Raises
    ------
    ValueError
        If the shape has no rule.
    """
    if shape not in MINIMUM_REFERENCE:
        raise ValueError(f"no minimum counts for the shape {shape!r}; known: {', '.join(MINIMUM_REFERENCE)}")
    wanted = MINIMUM_REFERENCE[shape]
    enough = reference_in_block >= wanted and families_in_block >= MINIMUM_FAMILIES
    sentence = (
        f"The block holds {reference_in_block} {_NOUN[shape]} in {families_in_block} homology families; "
        f"a test needs {wanted} in {MINIMUM_FAMILIES}."
    )
    return GateResult(
        gate="G1",
        title="input",
        number=float(reference_in_block),
        threshold=float(wanted),
        passed=enough,
        sentence=sentence if enough else f"Not testable here. {sentence}",
    )


def required_covariates(plan: Plan) -> tuple[str, ...]:
    """Return the covariates that the strata and the claim's adjustment need."""
    strata = (Covariate.MEAN, Covariate.VARIANCE) if plan.shape == "GeneScores" else (Covariate.MEAN,)
    return tuple(dict.fromkeys(item.value for item in (*strata, *_of_genes(plan))))


def _of_genes(plan: Plan) -> tuple[Covariate, ...]:
    """Return what the claim holds fixed of single genes; co-expression and degree are of pairs."""
    pairs = (Covariate.CO_EXPRESSION, Covariate.DEGREE)
    return tuple(item for item in plan.hypothesis.claim.adjustment if item not in pairs)


def selection_discipline(plan: Plan) -> GateResult:
    """Return G2: everything that was chosen was chosen before the block was seen, and the plan names it."""
    locus = plan.hypothesis.locus
    defects = []
    if locus.kind is LocusKind.ANY:
        defects.append("the locus is 'any', whose maximum statistic this catalogue does not compute; choose a locus")
    if locus.kind in _FITTED_LOCI:
        missing = [variant for variant in plan.variants if variant not in plan.fitted]
        if missing:
            defects.append(f"no artefact fitted on discovery units is named for {', '.join(missing)}")
    kinds = [Variant.parse(text).kind for text in plan.variants]
    if kinds.count(VariantKind.MAIN) != 1 or VariantKind.UNTRAINED not in kinds:
        defects.append("the variants must hold 'main' once and an untrained model")
    if len(set(plan.null_panel)) != len(plan.null_panel) or set(plan.null_panel) != {
        "family_block_swap",
        "stratified_labels",
    }:
        defects.append(f"the null panel is {', '.join(plan.null_panel)}; it must be both nulls of the catalogue")
    return GateResult(
        gate="G2",
        title="selection discipline",
        number=float(len(defects)),
        threshold=0.0,
        passed=not defects,
        sentence=f"The plan leaves a choice open: {'; '.join(defects)}."
        if defects
        else f"The place ({locus}), the tail and whatever was fitted were fixed on discovery units.",
    )


def _score_defects(name: str, measurement: GeneScores | PairScores) -> list[str]:
    score = measurement.score
    n = len(measurement.genes)
    if isinstance(measurement, GeneScores):
        _, counts = np.unique(score, return_counts=True)
        if len(counts) < 2:
            return [f"all scores of {name} are equal"]
        if counts.max() > max(2, LARGEST_TIE * n):
            return [f"{counts.max()} of {n} genes have one and the same score in {name}, as genes without a vector do"]
        return []
    if n < 3:
        return [f"{name} has {n} genes; pairs need three or more"]
    off = np.array(score)
    np.fill_diagonal(off, np.nan)
    flat = np.nanmax(off, axis=1) == np.nanmin(off, axis=1)
    if flat.any():
        return [f"{int(flat.sum())} of {n} genes score the same with every other gene in {name}"]
    duplicates = _duplicate_rows(score)
    if duplicates:
        return [f"{duplicates} pairs of genes have identical scores with all others in {name}, as equal vectors do"]
    return []


def _duplicate_rows(score: Floats) -> int:
    """Count pairs (i, j) whose scores with all third genes are equal, by one random projection of the rows."""
    off = np.array(score)
    np.fill_diagonal(off, 0.0)
    weight = np.random.default_rng(0).uniform(1.0, 2.0, len(off))
    row = off @ weight
    without = row[:, None] - off * weight[None, :]
    scale = np.abs(off).sum(axis=1).max()
    equal = np.abs(without - without.T) <= 1e-12 * scale
    return int(np.triu(equal, 1).sum())


def _label_defects(measurement: GeneScores | PairScores) -> list[str]:
    families = np.array(measurement.families)
    if isinstance(measurement, GeneScores):
        if measurement.members is None:
            return ["no reference is attached to main"]
        reference, others = int(measurement.members.sum()), int((~measurement.members).sum())
        spanned = len(set(families[measurement.members]))
    else:
        if measurement.edges is None:
            return ["no reference is attached to main"]
        candidates = measurement.candidates()
        if (measurement.edges & ~candidates).any():
            return ["the reference holds pairs inside a homology family, which are no candidates"]
        reference = int(np.triu(measurement.edges).sum())
        others = int(np.triu(candidates).sum()) - reference
        spanned = len(set(families[measurement.edges.any(axis=1)]))
    counts = minimum_counts(measurement.shape, reference, spanned)
    defects = [] if counts.passed else [counts.sentence.rstrip(".")]
    wanted = MINIMUM_REFERENCE[measurement.shape]
    if others < wanted:
        defects.append(f"only {others} candidates are not in the reference; a comparison needs {wanted}")
    return defects


def input_defects(plan: Plan, measurements: Mapping[Variant, Measurement]) -> list[str]:
    """Return what is wrong with the measurements of a plan, in words; empty if nothing is.

    Looks at shapes, counts, ties, duplicate vectors and covariates, never at a statistic of scores against labels, so
    refusing on it is not selection.
    """
    wanted = _SHAPE_OF[plan.hypothesis.claim.relation]
    if plan.shape != wanted:
        return [f"a claim that {plan.hypothesis.claim.relation.value!r} is about {wanted}, the plan says {plan.shape}"]
    defects: list[str] = []
    main = measurements[Variant(VariantKind.MAIN)]
    for variant, measurement in measurements.items():
        if not isinstance(measurement, (GeneScores, PairScores)) or measurement.shape != plan.shape:
            return [f"{variant} returned {measurement.shape}, the plan says {plan.shape}"]
        assert isinstance(main, (GeneScores, PairScores))
        if measurement.genes != main.genes or measurement.families != main.families:
            defects.append(f"{variant} measured other genes or families than main")
        defects += _score_defects(str(variant), measurement)
        if measurement is main:
            defects += _label_defects(measurement)
    assert isinstance(main, (GeneScores, PairScores))
    absent = [name for name in required_covariates(plan) if name not in main.covariate_names]
    if absent:
        defects.append(f"main carries no {', '.join(absent)} of the genes")
    # the hubs of a pair score are one covariate more
    terms = len(_of_genes(plan)) + (plan.shape == "PairScores")
    if len(main.genes) < least_genes(terms):
        defects.append(f"{len(main.genes)} genes are too few to adjust; {least_genes(terms)} are needed")
    return defects
