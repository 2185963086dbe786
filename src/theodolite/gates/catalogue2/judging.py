"""Catalogue 2: from a locked plan and its dossier to gate results, everything that does not wait for a level.

The observed statistic is computed only when every gate that can be answered without it has passed, the planted controls
included. Until then nothing of the error stream is spent (:func:`theodolite.gates.spends`).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from theodolite.claims import Covariate
from theodolite.gates.ablation import Ablation
from theodolite.gates.catalogue1.judging import power_gate
from theodolite.gates.catalogue2.baselines import baseline_margin, hardest
from theodolite.gates.catalogue2.confounds import Allowed, confound_residual
from theodolite.gates.catalogue2.controls import controls
from theodolite.gates.catalogue2.discipline import selection_discipline
from theodolite.gates.catalogue2.effect import effect_size, equivalence
from theodolite.gates.catalogue2.halves import halves_gate
from theodolite.gates.catalogue2.inputs import genes_of, input_defects, largest_tie
from theodolite.gates.catalogue2.panel import draw_panel, held, quick_p, reaches, resolution, stuck
from theodolite.gates.catalogue2.settling import CATALOGUE_VERSION
from theodolite.gates.catalogue2.views import View, beside, corrected, view
from theodolite.gates.catalogue2.words import things
from theodolite.gates.confounds import retention
from theodolite.gates.contrasts import AnyContrast
from theodolite.gates.dossier import Dossier
from theodolite.gates.effects import UNIT, effect_with_gains
from theodolite.gates.kernels import derive_seed
from theodolite.gates.lint import minimum_counts
from theodolite.judgements import Effect, GateResult, Judgement
from theodolite.measurements import BipartiteScores, Coexpression, GeneScores, PairScores, Variant, VariantKind
from theodolite.plans import Plan

__all__ = ["PROMISING", "judge", "preflight"]

PROMISING: Final = 0.05
"""Confounds, baselines and halves are worked out for a p up to this one, and for whatever a level could let through."""

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
        power_gate(plan.minimum_detectable_effect, plan.sesoi),
    )


def _require_version(plan: Plan) -> None:
    if plan.catalogue != CATALOGUE_VERSION:
        raise ValueError(
            f"the plan was locked under catalogue {plan.catalogue!r}; this is catalogue {CATALOGUE_VERSION!r}"
        )


def _provenance(provenance_ok: bool) -> GateResult:
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


def _input(defects: list[str], plan: Plan, contrast: AnyContrast | None) -> GateResult:
    if contrast is None or defects:
        sentence = f"The input cannot be tested: {'; '.join(defects)}."
    else:
        sentence = (
            f"{contrast.size} {things(plan)} among {contrast.candidates:,} candidates; no duplicate, tied or missing "
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


def _coexpression(plan: Plan, dossier: Dossier) -> tuple[Coexpression | None, list[str]]:
    if plan.coexpression_sha256 is None:
        wanted = Covariate.CO_EXPRESSION in plan.hypothesis.claim.adjustment or "coexpression_strata" in plan.null_panel
        return None, ["the test needs co-expression, and the plan names none"] if wanted else []
    found = dossier.coexpression
    if not isinstance(found, Coexpression):
        return None, ["the co-expression that the plan names is not at hand"]
    absent = sorted(genes_of(dossier.measurements[Variant(VariantKind.MAIN)]) - set(found.genes))
    return found, [f"there is no co-expression of {', '.join(absent[:3])}"] if absent else []


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
        If a variant of the plan is not among the measurements, or the plan names another catalogue.
    """
    _require_version(plan)
    missing = [text for text in plan.variants if Variant.parse(text) not in dossier.measurements]
    if missing or Variant(VariantKind.MAIN) not in dossier.measurements:
        raise ValueError(f"no measurement of {', '.join(missing) or 'main'}; judge needs every variant of the plan")
    used = {variant: dossier.measurements[variant] for variant in map(Variant.parse, plan.variants)}
    main = used[Variant(VariantKind.MAIN)]
    assert isinstance(main, (GeneScores, PairScores, BipartiteScores))

    coexpression, defects = _coexpression(plan, dossier)
    defects += input_defects(plan, used)
    seen: View | None = None
    arrangements: float | None = None
    found, margins = {}, {}
    if not defects:
        seen = view(plan, main, coexpression)
        found, margins = reaches(seen.main, plan), held(seen.main, plan)
        defects += stuck(found, margins)
        arrangements = min(far.log10_arrangements for far in found.values())
    gates = [
        _provenance(dossier.provenance_ok),
        _input(defects, plan, None if seen is None else seen.main),
        selection_discipline(plan),
        resolution(plan, arrangements),
        power_gate(plan.minimum_detectable_effect, plan.sesoi),
    ]
    if seen is not None and all(gate.passed for gate in gates) and plan.ablation != Ablation.NO_ASSAY_GATE:
        gates += controls(plan, seen.main)
    if seen is None or not all(gate.passed for gate in gates):
        return Judgement(effect=_UNKNOWN, baseline=None, gain=None, evidence=(), p=1.0, gates=tuple(gates))

    evidence = draw_panel(seen.main, plan, found, margins)
    p = max(item.p for item in evidence)
    e = None if plan.evidence != "e" else min(item.e or 0.0 for item in evidence)
    others = {
        variant: beside(plan, seen.main, measurement, coexpression)
        for variant, measurement in sorted(used.items())
        if variant.kind is not VariantKind.MAIN and _promising(plan, p, e)
    }
    best = hardest({variant: _estimate(contrast) for variant, contrast in others.items()}) if others else None
    effect, pairs = effect_with_gains(
        seen.main.items,
        [] if best is None else [others[best].items],
        derive_seed(plan.seed, "bootstrap"),
        bounded=True,
    )
    sensitive = next((gate.passed for gate in gates if gate.gate == "G7+"), None)
    gates += [effect_size(plan, effect, seen.main.size), equivalence(plan, effect, sensitive=sensitive)]
    raw: Effect | None = None
    baseline = gain = None
    if best is not None:
        baseline, gain = pairs[0]
        raw, confounded = _confounds(plan, dossier, seen, effect, coexpression)
        gates += [
            *confounded,
            baseline_margin(effect, best, baseline, gain, len(others) - 1),
            halves_gate(plan, main, coexpression),
        ]
    return Judgement(
        effect=effect,
        baseline=baseline,
        gain=gain,
        evidence=evidence,
        p=p,
        gates=tuple(gates),
        e=e,
        raw=raw,
        largest_tie=largest_tie(used),
    )


def _promising(plan: Plan, p: float, e: float | None) -> bool:
    """Return whether a verdict can depend on more than the nulls: no level of a stream is above its q."""
    return p <= max(PROMISING, plan.level.q) or (e is not None and e >= 1.0 / plan.level.q)


def _estimate(contrast: AnyContrast) -> float:
    return float(contrast.to_effect(np.array([contrast.observed()]))[0])


def _confounds(
    plan: Plan, dossier: Dossier, seen: View, effect: Effect, coexpression: Coexpression | None
) -> tuple[Effect, list[GateResult]]:
    seed = derive_seed(plan.seed, "bootstrap")
    raw = effect_with_gains(seen.raw.items, (), seed)[0]
    if not plan.hypothesis.claim.adjustment or plan.ablation == Ablation.NO_CONFOUND_GATE:
        return raw, []
    main = dossier.measurements[Variant(VariantKind.MAIN)]
    allowed: Allowed | None = None
    if coexpression is not None:
        contrast = corrected(plan, main, seen, coexpression)
        p = quick_p(contrast, plan, "measurement error")
        allowed = Allowed(_estimate(contrast), 1.0 if p is None else p)
    return raw, [confound_residual(plan, raw, effect, retention(seen.raw.items, seen.main.items, seed), allowed)]
