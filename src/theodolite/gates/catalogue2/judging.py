"""Catalogue 2: from a locked plan and its dossier to gate results, everything that does not wait for a level.

The observed statistic is computed only when every gate that can be answered without it has passed, the planted controls
included. Until then nothing of the error stream is spent (:func:`theodolite.gates.spends`).
"""

from __future__ import annotations

from typing import Final

from theodolite.gates.ablation import Ablation
from theodolite.gates.catalogue1.judging import power_gate
from theodolite.gates.catalogue2.anywhere import AnywhereCase, shared
from theodolite.gates.catalogue2.baselines import baseline_margin
from theodolite.gates.catalogue2.case import Case
from theodolite.gates.catalogue2.confounds import confound_residual
from theodolite.gates.catalogue2.discipline import margin_for, selection_discipline
from theodolite.gates.catalogue2.panel import resolution, stuck
from theodolite.gates.catalogue2.settling import CATALOGUE_VERSION
from theodolite.gates.catalogue2.stability import stability_gate
from theodolite.gates.catalogue2.within import WithinCase
from theodolite.gates.catalogue2.words import things
from theodolite.gates.dossier import Dossier
from theodolite.gates.effects import UNIT
from theodolite.gates.lint import minimum_counts
from theodolite.judgements import Effect, GateResult, Judgement
from theodolite.measurements import Variant
from theodolite.plans import Plan

__all__ = ["PROMISING", "judge", "preflight", "provenance_gate"]

PROMISING: Final = 0.05
"""Confounds, baselines and halves are worked out for a p up to this one, and for whatever a level could let through."""

BESIDE_THE_LEVEL: Final = frozenset({"G4", "G5", "G9", "G15"})
"""What a support needs besides evidence; halves (G10) tag a support, and are worked out where these gates are met."""

_UNKNOWN: Final = Effect(estimate=0.0, low=-0.5, high=0.5, unit=UNIT)


def preflight(plan: Plan) -> tuple[GateResult, ...]:
    """Return the gates that a plan alone answers (G1 counts, G2, G6, G12b), for refusal at registration.

    Raises
    ------
    ValueError
        If the plan names another catalogue.
    """
    _require_version(plan)
    return (
        minimum_counts(plan.shape, plan.reference_in_block, plan.families_in_block),
        selection_discipline(plan),
        resolution(plan),
        _power(plan),
    )


def _require_version(plan: Plan) -> None:
    if plan.catalogue != CATALOGUE_VERSION:
        raise ValueError(
            f"the plan was locked under catalogue {plan.catalogue!r}; this is catalogue {CATALOGUE_VERSION!r}"
        )


def _power(plan: Plan) -> GateResult:
    return power_gate(plan.minimum_detectable_effect, plan.sesoi, margin_for(plan.hypothesis.claim.relation))


def provenance_gate(provenance_ok: bool) -> GateResult:
    """Return G0 from whether every hash that the result names is the plan's."""
    return GateResult(
        gate="G0",
        title="lock and provenance",
        number=0.0 if provenance_ok else 1.0,
        threshold=0.0,
        passed=provenance_ok,
        sentence="The plan was locked before the result, and every hash that the result names matches."
        if provenance_ok
        else "A hash that the result names differs from the locked plan: the result is of something else.",
    )


def _input(defects: list[str], case: Case) -> GateResult:
    if defects:
        sentence = f"The input cannot be tested: {'; '.join(defects)}."
    else:
        sentence = (
            f"{case.size} {things(case.plan)} among {case.candidates:,} candidates; no duplicate, tied or missing "
            "scores stand in the way, and every null moves."
        )
    return GateResult(
        gate="G1",
        title="input",
        number=float(len(defects)),
        threshold=0.0,
        passed=not defects,
        sentence=sentence,
    )


def _case(plan: Plan, dossier: Dossier) -> Case:
    """Return the case of a plan whose measurements are all there."""
    wanted = [dossier.measurements] if plan.places is None else list(dossier.places)
    if plan.places is not None and len(wanted) != len(plan.places.listed):
        raise ValueError(
            f"measurements at {len(wanted)} places; the plan lists {len(plan.places.listed)} and judge needs them all"
        )
    missing = [
        text
        for text in dict.fromkeys((*plan.variants, "main"))
        if any(Variant.parse(text) not in measured for measured in wanted)
    ]
    if missing:
        raise ValueError(f"no measurement of {', '.join(missing)}; judge needs every variant of the plan")
    if plan.hypothesis.claim.relation.of_no_effect:
        return WithinCase(plan, dossier)
    return Case(plan, dossier) if plan.places is None else AnywhereCase(plan, dossier)


def judge(plan: Plan, dossier: Dossier) -> Judgement:
    """Compute every gate of catalogue 2 that does not wait for the level; pure and deterministic.

    Parameters
    ----------
    plan
        The locked plan.
    dossier
        Main with the reference attached, every baseline variant of the plan, co-expression where the plan names it.

    Returns
    -------
    Judgement
        Bad data give a failed G1, never an exception. When a gate that needs no observed statistic fails, the
        evidence is empty, p is 1 and the effect's interval is everything.

    Raises
    ------
    ValueError
        If a variant of the plan is not among the measurements (of every place, for a claim about "any"), or the plan
        names another catalogue.
    """
    _require_version(plan)
    case = _case(plan, dossier)
    defects = case.defects
    arrangements: float | None = None
    if not defects:
        defects = stuck(case.reach, case.margins)
        arrangements = min(far.log10_arrangements for far in case.reach.values())
    gates = [
        provenance_gate(dossier.provenance_ok),
        _input(defects, case),
        selection_discipline(plan),
        resolution(plan, arrangements),
        _power(plan),
    ]
    if all(gate.passed for gate in gates) and plan.ablation != Ablation.NO_ASSAY_GATE:
        gates += case.controls()
    if not all(gate.passed for gate in gates):
        return Judgement(effect=_UNKNOWN, baseline=None, gain=None, evidence=(), p=1.0, gates=tuple(gates))

    evidence = case.evidence
    p = max(item.p for item in evidence)
    e = None if plan.evidence != "e" else min(item.e or 0.0 for item in evidence)
    if plan.places is not None:
        p, e = shared(plan, p, e)
    effect = case.effect
    sensitive = next((gate.passed for gate in gates if gate.gate == "G7+"), None)
    gates += case.sized(sensitive=sensitive)
    raw: Effect | None = None
    baseline = gain = None
    if _promising(plan, p, e) and case.compared is not None:
        best, baseline, gain = case.compared
        raw = case.raw
        if case.confounded:
            # What measurement error could explain is asked of an effect that counts.
            allowed = case.allowed if effect.estimate >= plan.sesoi else None
            gates.append(confound_residual(plan, raw, effect, case.retained, allowed))
        others = sum(Variant.parse(text).baseline for text in plan.variants) - 1
        gates.append(baseline_margin(effect, best, baseline, gain, others))
    if _promising(plan, p, e):
        if case.refitted:
            gates.append(stability_gate(case.refitted))
        if case.compared is not None and all(gate.passed for gate in gates if gate.gate in BESIDE_THE_LEVEL):
            gates.append(case.halves)
    return Judgement(
        effect=effect,
        baseline=baseline,
        gain=gain,
        evidence=evidence,
        p=p,
        gates=tuple(gates),
        e=e,
        raw=raw,
        largest_tie=case.largest_tie,
        place=case.place,
    )


def _promising(plan: Plan, p: float, e: float | None) -> bool:
    """Return whether a verdict can depend on more than the nulls: no level of a stream is above its q."""
    return p <= max(PROMISING, plan.level.q) or (e is not None and e >= 1.0 / plan.level.q)
