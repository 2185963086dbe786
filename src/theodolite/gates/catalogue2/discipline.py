"""G2, selection discipline, and G17, identity: every choice is from a closed list and was made before the block."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from theodolite.claims import LocusKind, Relation
from theodolite.gates.ablation import Ablation
from theodolite.gates.anchors.panel import ANCHOR_NULLS
from theodolite.gates.catalogue1.judging import POWER_MARGIN
from theodolite.judgements import GateResult
from theodolite.measurements import Variant, VariantKind
from theodolite.plans import NullName, Plan

__all__ = [
    "ANCHOR_BASELINES",
    "BASELINES",
    "LEAST_UNTRAINED",
    "PANELS",
    "REFITS",
    "WITHOUT_FEATURES",
    "baselines_for",
    "identity_gate",
    "margin_for",
    "panel_for",
    "refits_for",
    "selection_discipline",
]

PANELS: Final[Mapping[str, tuple[NullName, ...]]] = {
    "GeneScores": ("family_block_swap", "stratified_labels"),
    "PairScores": ("family_block_swap", "stratified_labels", "coexpression_strata"),
    "BipartiteScores": ("family_block_swap", "curveball", "stratified_labels", "coexpression_strata"),
    "AnchorLatents": ANCHOR_NULLS,
}
"""Nulls that a claim must beat, all of them, by shape. The first of each moves whole homology families; of anchors all
move stages within donors."""

BASELINES: Final = ("untrained(0)", "untrained(1)", "untrained(2)", "random_embedding(0)", "counts")
"""Variants measured beside every claim: the same for all campaigns, so that none can choose them."""

WITHOUT_FEATURES: Final = ("counts", "random_projection(0)", "static_embedding")
"""What stands in the place of a model and has no layers to read: its rows and its fitter are always the same."""

ANCHOR_BASELINES: Final = (*BASELINES[:3], *WITHOUT_FEATURES)
"""Variants measured beside a claim about anchors: untrained models, and what needs no model (methods, F17)."""

REFITS: Final = ("refitted(1)", "refitted(2)", "refitted(3)", "refitted(4)")
"""What is fitted from a seed is fitted from four more: G15 asks whether an effect holds in all five."""

LEAST_UNTRAINED: Final = 3
"""Untrained models beside a claim: with one, a lucky seed decides."""

_WITHOUT: Final[Mapping[str, frozenset[str]]] = {
    Ablation.NO_FAMILY_BLOCK: frozenset({"family_block_swap"}),
    Ablation.NO_CONFOUND_GATE: frozenset({"curveball", "stratified_labels", "coexpression_strata"}),
}

_SEEDED_LOCI: Final = (LocusKind.FEATURE,)
"""What is fitted from a seed, so that another seed finds other ones."""
_FITTED_LOCI: Final = (
    LocusKind.AXIS,
    LocusKind.WINDOW,
    LocusKind.READ_OUT_AXIS,
    LocusKind.READ_OUT_WINDOW,
    *_SEEDED_LOCI,
)
_FITTED_OBJECTS: Final = ("axis_window_proximity", "regulator_proximity")
"""What a claim of depth may read on axes, which its span of layers does not name."""


def baselines_for(relation: Relation) -> tuple[str, ...]:
    """Return the variants measured beside a claim: all, but for a claim of depth those that have layers.

    Counts say the same in every layer, so that a trend over them does not exist, and none could beat it. A claim of no
    effect has none: what learned nothing shows no effect either, and says nothing against it.
    """
    if relation.of_no_effect:
        return ()
    if relation.of_cells:
        return ANCHOR_BASELINES
    return tuple(name for name in BASELINES if not (relation.of_depth and name == "counts"))


def refits_for(fits: Collection[str]) -> tuple[str, ...]:
    """Return the variants of a claim whose fits hang on a seed, with that seed changed; none where nothing does."""
    return REFITS if "features" in fits else ()


def margin_for(relation: Relation | None = None) -> float:
    """Return what a test must be able to see, in smallest effects of interest; None stands for any claim of an effect.

    Where an effect is claimed to be none, the bound that has to be ruled out lies one such effect away.
    """
    return 1.0 if relation is not None and relation.of_no_effect else POWER_MARGIN


def panel_for(shape: str, ablation: str | None = None) -> tuple[NullName, ...]:
    """Return the nulls that a claim on a shape must beat; an ablation of a calibration study takes some away."""
    missing = _WITHOUT.get(ablation or "", frozenset())
    return tuple(null for null in PANELS[shape] if null not in missing)


def selection_discipline(plan: Plan) -> GateResult:
    """Return G2: everything that was chosen was chosen before the block was seen, and the plan names it."""
    locus = plan.hypothesis.locus
    kinds = [Variant.parse(text).kind for text in plan.variants]
    defects = []
    defects += _place_defects(plan)
    if plan.selected_on != "discovery":
        defects.append(f"locus, tail and fits were chosen on {plan.selected_on or 'an unnamed part'}, not on discovery")
    read = [locus] if plan.places is None else [place.locus for place in plan.places.listed]
    claim = plan.hypothesis.claim
    on_axes = claim.relation.of_depth and claim.object in _FITTED_OBJECTS
    if on_axes or any(place.kind in _FITTED_LOCI for place in read):
        missing = [variant for variant in plan.variants if variant not in plan.fitted]
        if missing:
            defects.append(f"no artefact fitted on discovery units is named for {', '.join(missing)}")
    untrained = LEAST_UNTRAINED if baselines_for(claim.relation) else 0
    if kinds.count(VariantKind.MAIN) != 1 or kinds.count(VariantKind.UNTRAINED) < untrained:
        defects.append(f"the variants must hold 'main' once and {untrained} untrained models")
    refits = REFITS if locus.kind in _SEEDED_LOCI else ()
    if tuple(name for name in plan.variants if Variant.parse(name).kind is VariantKind.REFITTED) != refits:
        defects.append(f"the variants must hold {', '.join(refits) or 'nothing that was fitted anew'}")
    fits = [plan.fitted[name] for name in ("main", *refits) if name in plan.fitted]
    if refits and len(set(fits)) < len(fits):
        defects.append("two of the dictionaries are one and the same, so that nothing was fitted anew")
    if plan.places is None and {name for name in plan.variants if Variant.parse(name).baseline} != {*(plan.loci or {})}:
        defects.append("each baseline needs its own place in the model, chosen on discovery units")
    if plan.null_panel != panel_for(plan.shape, plan.ablation):
        defects.append(
            f"the null panel is {', '.join(plan.null_panel)}; the catalogue asks for "
            f"{', '.join(panel_for(plan.shape, plan.ablation))}"
        )
    if plan.unit != "homology family":
        defects.append(f"the unit of exchangeability is {plan.unit or 'not named'}; it must be the homology family")
    return GateResult(
        gate="G2",
        title="selection discipline",
        number=float(len(defects)),
        threshold=0.0,
        passed=not defects,
        sentence=f"The plan leaves a choice open: {'; '.join(defects)}."
        if defects
        else f"{_fixed(plan)} the tail and whatever was fitted were fixed on discovery units.",
    )


def _fixed(plan: Plan) -> str:
    if plan.places is None:
        return f"The place ({plan.hypothesis.locus}),"
    return f"The largest of {len(plan.places.listed)} places counts, and is taken again in every draw;"


def _place_defects(plan: Plan) -> list[str]:
    """Return what is open about the place; whether a list is the instrument's own is for registration to see."""
    anywhere = plan.hypothesis.locus.kind is LocusKind.ANY
    if plan.hypothesis.locus.kind in _SEEDED_LOCI and plan.hypothesis.claim.relation.of_no_effect:
        return ["that nothing happens at a feature is what dictionaries that share nothing show too; claim an effect"]
    if anywhere and plan.hypothesis.claim.relation.of_no_effect:
        return ["that nothing happens is claimed of 'any' place; name one, such as the span of all layers"]
    if any(place.locus.kind in _SEEDED_LOCI for place in (plan.places.listed if plan.places else ())):
        return ["features of another dictionary are matched to one feature, not to the largest of many; name a feature"]
    if plan.places is None:
        return ["the locus is 'any' and the plan names no places to take the maximum over"] if anywhere else []
    if not anywhere:
        return [f"the plan lists places, but its claim is about {plan.hypothesis.locus}"]
    listed = [place.locus for place in plan.places.listed]
    defects = []
    if len({str(locus) for locus in listed}) != len(listed) or any(locus.kind is LocusKind.ANY for locus in listed):
        defects.append("the list of places names one twice, or 'any' itself")
    if plan.params or plan.loci is not None:
        defects.append("it names a place of its own beside the list, where the model and every baseline are read")
    return defects


def identity_gate(earlier: int) -> GateResult:
    """Return G17 from the registrations under the same identity that still stand in the way of a new one."""
    return GateResult(
        gate="G17",
        title="identity",
        number=float(earlier),
        threshold=0.0,
        passed=earlier == 0,
        sentence="This claim at this place was not registered before."
        if earlier == 0
        else "The same claim at the same locus is registered already; another metric, seed, direction, threshold or "
        "wording does not make it new.",
    )
