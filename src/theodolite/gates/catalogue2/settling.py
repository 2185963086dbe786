"""Settlement under catalogue 2: the e-LOND level, the gates that waited for it, the verdict, and what to do next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from theodolite.claims import ReviewerCap, Tag, Verdict
from theodolite.gates.catalogue2.words import GATE_ORDER, next_step, null_words
from theodolite.gates.decision import DECISION_VERSION, decide
from theodolite.gates.stream import Level, e_lond_level, grid_calibrated_e, history_multiplier
from theodolite.judgements import GateId, GateResult, Judgement, Settlement
from theodolite.plans import Plan

__all__ = ["CATALOGUE_VERSION", "OWN_RULES", "Place", "Rules", "settle", "settle_failure", "spends"]

CATALOGUE_VERSION = "2"


@dataclass(frozen=True)
class Place:
    """Where a test stands when it is recorded.

    Attributes
    ----------
    t
        Index in the stream; None exactly when the test spends nothing.
    supports_before
        Distinct claim keys supported in the stream before it.
    block_tests, block_supports
        Tests of the block up to and with this one, and supports it has returned; they price economy mode.
    """

    t: int | None
    supports_before: int
    block_tests: int = 1
    block_supports: int = 0


def _no_tags(plan: Plan) -> tuple[Tag, ...]:
    return ()


@dataclass(frozen=True)
class Rules:
    """What a catalogue brings to a settlement: levels, verdict and tags are reckoned alike in all that share this.

    Attributes
    ----------
    version
        Version of the catalogue.
    order
        Its gates in the order in which ``first_unmet`` follows them.
    null_words, next_step
        What a null does, and what a person could do next, in words.
    support_tags
        Further tags that a support of a plan carries.
    """

    version: str
    order: tuple[GateId, ...]
    null_words: Callable[[str], str]
    next_step: Callable[[Plan, Judgement, Verdict, GateId | None], str]
    support_tags: Callable[[Plan], tuple[Tag, ...]] = _no_tags


OWN_RULES: Final = Rules(CATALOGUE_VERSION, GATE_ORDER, null_words, next_step)
"""Those of catalogue 2."""


def spends(judgement: Judgement) -> bool:
    """Return whether the observed statistic was computed, so that the test takes an index of its error stream."""
    return bool(judgement.evidence)


def _multiplier(plan: Plan, place: Place) -> float | None:
    cap = plan.level.supports_per_block
    return None if cap is None else float(history_multiplier(place.block_tests, place.block_supports, cap))


def _panel(judgement: Judgement, e_value: float, required: float, p_level: float, rules: Rules) -> GateResult:
    if judgement.e is None:
        hardest = max(judgement.evidence, key=lambda item: item.p)
        what = rules.null_words(hardest.null)
        return GateResult(
            gate="G3",
            title="null panel",
            number=judgement.p,
            threshold=p_level,
            passed=judgement.p <= p_level,
            sentence=f"The hardest of {len(judgement.evidence)} nulls, with {what}, did as well as "
            f"the real labels in {hardest.exceedances:,} of {hardest.draws:,} draws (p = {judgement.p:.2g}).",
        )
    hardest = min(judgement.evidence, key=lambda item: (item.e or 0.0, -item.p))
    what = rules.null_words(hardest.null)
    won = "gave up" if hardest.stopped == "futility" else f"turned 1 into {e_value:.3g}"
    return GateResult(
        gate="G3",
        title="null panel",
        number=e_value,
        threshold=required,
        passed=e_value >= required,
        sentence=f"A bettor against the hardest of {len(judgement.evidence)} nulls, with {what}, "
        f"{won}; that null did as well as the real labels in {hardest.exceedances:,} of {hardest.draws:,} draws.",
    )


def _error_stream(plan: Plan, t: int, e_value: float, required: float) -> GateResult:
    passed = e_value >= required
    return GateResult(
        gate="G8",
        title="online error",
        number=e_value,
        threshold=required,
        passed=passed,
        sentence=f"As test {t} of the stream {plan.level.stream} it needs e = {required:,.0f} and "
        f"{'has' if passed else 'only has'} {e_value:,.3g}, which keeps false discoveries of the whole stream at "
        f"{100 * plan.level.q:g} %.",
    )


def _hold_out(plan: Plan, block_reused: bool) -> GateResult:
    return GateResult(
        gate="G16",
        title="hold-out budget",
        number=float(block_reused),
        threshold=0.0,
        passed=not block_reused,
        sentence=f"The block {plan.block.id} was used before this test: a result on it is exploratory in part."
        if block_reused
        else f"The block {plan.block.id} still had supports to give when this round began.",
    )


def _reviewer(cap: ReviewerCap, advisory: bool) -> GateResult:
    sentence = "The reviewer left the verdict as it was."
    if advisory:
        sentence = "The reviewer's own record is too weak for its cap to bind; a support needs two independent halves."
    elif cap != "none":
        sentence = f"The reviewer, a control that it ordered, or a person capped the verdict at {cap}."
    return GateResult(
        gate="G13", title="reviewer", number=None, threshold=None, passed=advisory or cap == "none", sentence=sentence
    )


def _of_the_model(plan: Plan) -> tuple[Tag, ...]:
    """Return what every verdict on a model says that was never shown to do what it was trained for."""
    return (Tag.UNVERIFIED_MODEL,) if plan.unverified_model else ()


def settle(
    plan: Plan,
    judgement: Judgement,
    place: Place,
    *,
    cap: ReviewerCap,
    block_reused: bool,
    advisory: bool = False,
    tags: tuple[Tag, ...] = (),
    rules: Rules = OWN_RULES,
) -> Settlement:
    """Settle a judged test at record.

    Parameters
    ----------
    plan, judgement
        The locked plan and what :func:`theodolite.gates.judge` returned.
    place
        Index, credit and block history.
    cap
        The lowest cap of the reviewers.
    block_reused
        Whether the block was retired before this round.
    advisory
        Whether the reviewer's measured record is below its floor: its cap then does not bind, and ``supported`` needs
        both independent halves of the block (G10).
    tags
        Further tags that the caller knows of.
    rules
        Those of the plan's catalogue.

    Raises
    ------
    StreamExhausted
        If the stream has no level left.
    ValueError
        If an index is given for a test that spends nothing, or is missing for one that does.
    """
    if spends(judgement) is (place.t is None):
        raise ValueError(
            f"t is {place.t!r} for a test that "
            f"{'computed' if spends(judgement) else 'did not compute'} its statistic; exactly the tests that computed "
            "it take an index"
        )
    binding: ReviewerCap = "none" if advisory else cap
    gates = [*judgement.gates, _hold_out(plan, block_reused), _reviewer(cap, advisory)]
    level: Level | None = None
    e_value = multiplier = None
    if place.t is not None:
        q, n_max = plan.level.q, plan.level.n_max
        level = e_lond_level(place.t, place.supports_before, q, n_max)
        multiplier = _multiplier(plan, place)
        # Economy mode leaves the test a smaller rate: its level, and the grid that a p is laid on, are of that.
        own = q / (multiplier or 1.0)
        required = 1.0 / e_lond_level(place.t, place.supports_before, own, n_max).alpha
        e_value = judgement.e if judgement.e is not None else grid_calibrated_e(judgement.p, place.t, own, n_max)
        p_level = 1.0 / (required * level.harmonic)
        gates += [
            _panel(judgement, e_value, required, p_level, rules),
            _error_stream(plan, place.t, e_value, required),
        ]
    gates.sort(key=lambda item: rules.order.index(item.gate))
    passed: dict[GateId, bool | None] = {item.gate: item.passed for item in gates}
    decision = decide(passed, cap=binding)
    verdict = decision.final
    if advisory and verdict is Verdict.SUPPORTED and passed.get("G10") is not True:
        verdict = Verdict.INCONCLUSIVE
    if verdict is Verdict.SUPPORTED:
        tags = (
            *tags,
            *(() if passed.get("G10") else (Tag.ONE_BLOCK,)),
            *((Tag.THESE_CELLS,) if plan.shared_cell_units else ()),
            *((Tag.REUSED_HOLD_OUT,) if block_reused else ()),
            *rules.support_tags(plan),
        )
    tags = (*_of_the_model(plan), *tags)
    # a refutation follows from what could be seen and was not: unmet gates of support are then no shortcoming
    unmet = (
        None
        if verdict in (Verdict.SUPPORTED, Verdict.REFUTED)
        else next((item.gate for item in gates if item.passed is False and item.gate not in ("G10", "G12")), None)
    )
    return Settlement(
        stream=plan.level.stream,
        t=place.t,
        supports_before=None if place.t is None else place.supports_before,
        gamma=None if level is None else level.gamma,
        harmonic=None if level is None else level.harmonic,
        alpha=None if level is None else level.alpha,
        gates=tuple(gates),
        machine_verdict=decision.machine,
        cap=cap,
        verdict=verdict,
        tags=tuple(dict.fromkeys(tags)),
        first_unmet=unmet,
        next_step=rules.next_step(plan, judgement, verdict, unmet),
        catalogue=rules.version,
        decision=DECISION_VERSION,
        e=e_value,
        multiplier=multiplier,
        advisory=advisory or None,
    )


def settle_failure(
    plan: Plan, place: Place, *, cap: ReviewerCap = "none", unsound: bool = False, rules: Rules = OWN_RULES
) -> Settlement:
    """Settle a run that crashed: it has an index if it had computed its observed statistic, which spends.

    Where it came to nothing because an intervention failed the checks that it runs on itself (``unsound``), the test is
    ``invalid``: it was carried out, but not as the claim says.

    Raises
    ------
    StreamExhausted
        If the stream has no level left.
    """
    level = None
    if place.t is not None:
        level = e_lond_level(place.t, place.supports_before, plan.level.q, plan.level.n_max)
    verdict = Verdict.INVALID if unsound else Verdict.ERROR
    return Settlement(
        stream=plan.level.stream,
        t=place.t,
        supports_before=None if place.t is None else place.supports_before,
        gamma=None if level is None else level.gamma,
        harmonic=None if level is None else level.harmonic,
        alpha=None if level is None else level.alpha,
        gates=(),
        machine_verdict=verdict,
        cap=cap,
        verdict=verdict,
        tags=_of_the_model(plan),
        first_unmet=None,
        next_step=(
            "The intervention failed its own checks: read which, and register it again once the instrument is mended; "
            if unsound
            else "It came to no result: read why, and register it again once that is mended; "
        )
        + ("nothing was spent." if place.t is None else "its level is spent."),
        catalogue=rules.version,
        decision=DECISION_VERSION,
    )
