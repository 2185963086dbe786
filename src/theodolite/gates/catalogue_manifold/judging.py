"""Catalogue manifold-1: from a locked plan and its dossier to gate results, everything that does not wait for a level.

The observed statistic is computed only when every gate that can be answered without it has passed, the planted controls
included. The null branch and the panel are looked at before: neither is the claim.
"""

from __future__ import annotations

from theodolite.gates.ablation import Ablation
from theodolite.gates.anchors.arrangement import arrangement_test
from theodolite.gates.anchors.panel import ANCHOR_NULLS, anchor_null
from theodolite.gates.anchors.permutation import PermutationNull
from theodolite.gates.anchors.scores import anchor_scores
from theodolite.gates.catalogue1.judging import power_gate
from theodolite.gates.catalogue2.discipline import margin_for
from theodolite.gates.catalogue2.judging import provenance_gate
from theodolite.gates.catalogue2.panel import p_level, resolution
from theodolite.gates.catalogue_manifold.case import MAIN, AnchorCase, input_defects
from theodolite.gates.catalogue_manifold.controls import planted_negative, planted_positive
from theodolite.gates.catalogue_manifold.discipline import minimum_counts, selection_discipline
from theodolite.gates.catalogue_manifold.effect import UNKNOWN, Sized
from theodolite.gates.catalogue_manifold.settling import CATALOGUE_VERSION
from theodolite.gates.catalogue_manifold.shape import arrangement_gate, dimension_gate, shape_gates
from theodolite.gates.dossier import Dossier
from theodolite.gates.kernels import derive_seed
from theodolite.judgements import GateResult, Judgement, NullEvidence
from theodolite.plans import NullName, Plan

__all__ = ["judge", "preflight"]


def preflight(plan: Plan) -> tuple[GateResult, ...]:
    """Return the gates that a plan alone answers (G1 counts, G2, G6, G12b), for refusal at registration.

    Raises
    ------
    ValueError
        If the plan names another catalogue.
    """
    _require_version(plan)
    return (minimum_counts(plan), selection_discipline(plan), resolution(plan), _power(plan))


def _require_version(plan: Plan) -> None:
    if plan.catalogue != CATALOGUE_VERSION:
        raise ValueError(
            f"the plan was locked under catalogue {plan.catalogue!r}; this is catalogue {CATALOGUE_VERSION!r}"
        )


def _power(plan: Plan) -> GateResult:
    gate = power_gate(plan.minimum_detectable_effect, plan.sesoi, margin_for(plan.hypothesis.claim.relation))
    sentence = (
        f"The anchors of this block are {'enough' if gate.passed else 'too few'}: a correlation of "
        f"{plan.minimum_detectable_effect:.2f} would be found nine times in ten, {gate.threshold:.2f} or less is asked "
        "for."
    )
    return gate.model_copy(update={"sentence": sentence})


def _input(defects: list[str], case: AnchorCase | None) -> GateResult:
    if defects or case is None:
        sentence = f"The input cannot be tested: {'; '.join(defects)}."
    else:
        rows = case.rows
        sentence = (
            f"{len(rows.donor)} anchors of {len(set(rows.donor))} donors and {len(set(rows.branch))} branches count; "
            "none lie in one place, and every variant has the same."
        )
    return GateResult(
        gate="G1",
        title="input",
        number=float(len(defects)),
        threshold=0.0,
        passed=not defects and case is not None,
        sentence=sentence,
    )


def judge(plan: Plan, dossier: Dossier) -> Judgement:
    """Compute every gate of catalogue manifold-1 that does not wait for the level; pure and deterministic.

    Parameters
    ----------
    plan
        The locked plan.
    dossier
        Every variant of the plan, with the ruler and depth attached.

    Returns
    -------
    Judgement
        Bad data give a failed G1, never an exception. When a gate that needs no observed statistic fails, the
        evidence is empty, p is 1 and the effect's interval is everything.

    Raises
    ------
    ValueError
        If the plan names another catalogue.
    """
    _require_version(plan)
    defects, measured = input_defects(plan, dossier)
    case = None if defects else AnchorCase(plan, measured)
    arrangements = None if case is None else min(case.nulls.values())
    gates = [
        provenance_gate(dossier.provenance_ok),
        _input(defects, case),
        selection_discipline(plan),
        resolution(plan, arrangements),
        _power(plan),
    ]
    if case is not None and all(gate.passed for gate in gates) and plan.ablation != Ablation.NO_ASSAY_GATE:
        gates += [planted_negative(case), planted_positive(case)]
    if case is None or not all(gate.passed for gate in gates):
        return Judgement(effect=UNKNOWN, baseline=None, gain=None, evidence=(), p=1.0, gates=tuple(gates))
    return _tested(case, gates)


def _tested(case: AnchorCase, gates: list[GateResult]) -> Judgement:
    plan, distance = case.plan, case.distance(MAIN)
    nulls: dict[NullName, PermutationNull] = {
        null: anchor_null(case.rows, null, distance, plan.draws, derive_seed(plan.seed, null))
        for null in ANCHOR_NULLS
        if null in case.nulls
    }
    evidence = tuple(_evidence(null, found, derive_seed(plan.seed, null)) for null, found in nulls.items())
    sized = Sized(case)
    sensitive = next((gate.passed for gate in gates if gate.gate == "G7+"), None)
    gates = [
        *gates,
        *shape_gates(anchor_scores(case.main, plan.seed), nulls, all(case.rows.depth)),
        arrangement_gate(
            arrangement_test(distance, case.rows.ruler, plan.seed),
            plan.params.get("fitter"),
            p_level("p", plan.level, plan.draws),
        ),
        sized.size(),
        sized.margin(),
        sized.stability(),
        sized.equivalence(sensitive=sensitive),
        dimension_gate(case.main),
    ]
    baseline, gain = sized.strongest
    return Judgement(
        effect=sized.effect,
        baseline=baseline,
        gain=gain,
        evidence=evidence,
        p=max(item.p for item in evidence),
        gates=tuple(gates),
    )


def _evidence(null: NullName, found: PermutationNull, seed: int) -> NullEvidence:
    return NullEvidence(
        null=null,
        exceedances=round(found.p * (1 + found.draws)) - 1,
        draws=found.draws,
        p=found.p,
        seed=seed,
        moved=found.moved,
        log10_arrangements=found.log10_arrangements,
        spread=found.spread,
    )
