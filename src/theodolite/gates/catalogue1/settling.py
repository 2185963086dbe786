"""Settlement: the level from the stream, the gates that waited for it, the verdict, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Final

from theodolite.claims import ReviewerCap, Tag, Verdict
from theodolite.gates.catalogue1.judging import CATALOGUE_VERSION, GATE_ORDER, POWER_MARGIN, spends
from theodolite.gates.decision import DECISION_VERSION, decide
from theodolite.gates.stream import Level, settle_level
from theodolite.judgements import GateId, GateResult, Judgement, Settlement
from theodolite.plans import Plan

__all__ = ["settle", "settle_failure"]

_NULL_WORDS: Final[Mapping[str, str]] = {
    "family_block_swap": "whole gene families swapped",
    "stratified_labels": "labels moved between genes of like expression",
}


def _level(plan: Plan, t: int | None, supports_before: int) -> Level | None:
    if t is None:
        return None
    return settle_level(t, supports_before, plan.level.q, plan.level.n_max)


def _panel(judgement: Judgement, alpha: float) -> GateResult:
    hardest = max(judgement.evidence, key=lambda item: item.p)
    return GateResult(
        gate="G3",
        title="null panel",
        number=hardest.p,
        threshold=alpha,
        passed=hardest.p <= alpha,
        sentence=f"The hardest null, with {_NULL_WORDS[hardest.null]}, did as well as the real labels in "
        f"{hardest.exceedances:,} of {hardest.draws:,} draws (p = {hardest.p:.2g}).",
    )


def _error_stream(plan: Plan, judgement: Judgement, t: int, level: Level) -> GateResult:
    passed = judgement.p <= level.alpha
    return GateResult(
        gate="G8",
        title="online error",
        number=judgement.p,
        threshold=level.alpha,
        passed=passed,
        sentence=f"As test {t} of the stream {plan.level.stream} the p of {judgement.p:.2g} "
        f"{'meets' if passed else 'misses'} its level of {level.alpha:.2g}, which keeps false discoveries of the "
        f"whole stream at {100 * plan.level.q:g} %.",
    )


def _hold_out(plan: Plan, block_reused: bool) -> GateResult:
    return GateResult(
        gate="G16",
        title="hold-out budget",
        number=None,
        threshold=None,
        passed=not block_reused,
        sentence=f"The block {plan.block.id} had already returned a support: a result on it is exploratory in part."
        if block_reused
        else f"No earlier round had a support on the block {plan.block.id}.",
    )


def _reviewer(cap: ReviewerCap) -> GateResult:
    return GateResult(
        gate="G13",
        title="reviewer",
        number=None,
        threshold=None,
        passed=cap == "none",
        sentence="The reviewer left the verdict as it was."
        if cap == "none"
        else f"The reviewer capped the verdict at {cap}.",
    )


def _next_step(plan: Plan, judgement: Judgement, verdict: Verdict, unmet: GateId | None) -> str:
    noun = "member genes" if plan.shape == "GeneScores" else "reference pairs"
    match unmet:
        case None:
            return "Register the same claim in another model or other cells to learn how far it carries."
        case "G0":
            return "Find which input changed after the lock, restore it and run the plan again."
        case "G1":
            return "Mend the input that the first gate names, then register anew; nothing was spent."
        case "G2":
            return "Fix the open choice on discovery units and register the complete plan; nothing was spent."
        case "G6":
            return f"Raise the draws above {plan.draws:,}, or choose a reference that can be arranged in more ways."
        case "G12b":
            ratio = plan.minimum_detectable_effect / (POWER_MARGIN * plan.sesoi)
            more = max(1, ceil(plan.reference_in_block * (ratio**2 - 1)))
            return f"Extend the reference by about {more} {noun} in the block, or pool blocks; nothing was spent."
        case "G3" | "G8":
            if judgement.effect.estimate >= plan.sesoi:
                return "The effect is large enough but not beyond this stream's level: replicate it on an unused block."
            return "Nothing to follow up at this locus: the effect is smaller than what counts, and p above its level."
        case "G9":
            return "The effect is beyond chance but small or uncertain: only a larger reference could show more."
        case "G5":
            return "The untrained model shows nearly as much: ask where in the model training makes the difference."
        case "G16":
            return "Replicate on an unused block: this one had already been used to find something."
        case _:
            return f"Answer the reviewer's objection with a control and register anew; this one stays {verdict.value}."


def settle(
    plan: Plan,
    judgement: Judgement,
    *,
    t: int | None,
    supports_before: int,
    cap: ReviewerCap,
    block_reused: bool,
    tags: tuple[Tag, ...] = (),
) -> Settlement:
    """Settle a judged test at record.

    Parameters
    ----------
    plan, judgement
        The locked plan and what :func:`theodolite.gates.judge` returned.
    t
        Index in the stream; None exactly when the test spends nothing (:func:`theodolite.gates.spends`).
    supports_before
        Distinct claim keys supported in the stream before it.
    cap
        The lowest cap of the reviewers.
    block_reused
        Whether the block was retired before this round.
    tags
        Further tags that the caller knows of.

    Raises
    ------
    StreamExhausted
        If the stream has no level left.
    ValueError
        If ``t`` is given for a test that spends nothing, or missing for one that does.
    """
    if spends(judgement) is (t is None):
        raise ValueError(
            f"t is {t!r} for a test that {'computed' if spends(judgement) else 'did not compute'} its statistic; "
            "exactly the tests that computed it take an index"
        )
    level = _level(plan, t, supports_before)
    gates = [*judgement.gates, _hold_out(plan, block_reused), _reviewer(cap)]
    if t is not None and level is not None:
        gates += [_panel(judgement, level.alpha), _error_stream(plan, judgement, t, level)]
    gates.sort(key=lambda item: GATE_ORDER.index(item.gate))
    passed = {item.gate: item.passed for item in gates}
    decision = decide(passed, cap=cap)
    if decision.final is Verdict.SUPPORTED:
        # catalogue 1 has no independent halves (G10), so every support rests on one block
        tags = (*tags, Tag.ONE_BLOCK, *((Tag.REUSED_HOLD_OUT,) if block_reused else ()))
    unmet = next((item.gate for item in gates if item.passed is False), None)
    return _settlement(
        plan,
        t,
        level,
        supports_before,
        gates=tuple(gates),
        machine_verdict=decision.machine,
        cap=cap,
        verdict=decision.final,
        tags=tuple(dict.fromkeys(tags)),
        first_unmet=unmet,
        next_step=_next_step(plan, judgement, decision.final, unmet),
    )


def settle_failure(plan: Plan, t: int | None, *, supports_before: int, cap: ReviewerCap = "none") -> Settlement:
    """Settle a run that crashed: ``t`` if it had computed its observed statistic, which spends, else None.

    Raises
    ------
    StreamExhausted
        If the stream has no level left.
    """
    return _settlement(
        plan,
        t,
        _level(plan, t, supports_before),
        supports_before,
        gates=(),
        machine_verdict=Verdict.ERROR,
        cap=cap,
        verdict=Verdict.ERROR,
        tags=(),
        first_unmet=None,
        next_step="Mend what made the run fail and register it again"
        + ("; nothing was spent." if t is None else ": its result had been computed, so this attempt was spent."),
    )


def _settlement(plan: Plan, t: int | None, level: Level | None, supports_before: int, **rest: object) -> Settlement:
    return Settlement.model_validate(
        {
            "stream": plan.level.stream,
            "t": t,
            "supports_before": None if t is None else supports_before,
            "gamma": None if level is None else level.gamma,
            "harmonic": None if level is None else level.harmonic,
            "alpha": None if level is None else level.alpha,
            "catalogue": CATALOGUE_VERSION,
            "decision": DECISION_VERSION,
            **rest,
        }
    )
