"""What gates return: numbers with thresholds and a sentence each, and the evidence they were computed from."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from theodolite.claims import Locus, ReviewerCap, Tag, Verdict
from theodolite.records import Record

__all__ = [
    "Effect",
    "GateId",
    "GateResult",
    "Judgement",
    "NullEvidence",
    "Objection",
    "ObjectionCode",
    "Review",
    "Settlement",
]


GateId = Literal[
    "G0", "G1", "G2", "G3", "G4", "G5", "G6", "G7+", "G7-", "G8", "G9", "G10", "G11", "G12", "G12b", "G13", "G14",
    "G15", "G16", "G17", "M1", "M2", "M3", "M4", "M5", "M6", "M7",
]  # fmt: skip


class GateResult(Record):
    """One gate's answer.

    Attributes
    ----------
    gate, title
        Id in the catalogue and its short name.
    number, threshold
        What was computed and what it was held against; None where the gate is exact and the sentence says it all.
    passed
        True, False, or None if the gate does not apply to this claim.
    sentence
        What it means, for a biologist.
    """

    gate: GateId
    title: str
    number: float | None
    threshold: float | None
    passed: bool | None
    sentence: str


class NullEvidence(Record):
    """One null of the panel.

    Attributes
    ----------
    null
        Its name.
    exceedances, draws
        b and B: draws at least as extreme as the observed statistic (ties count), and draws made.
    p
        ``(b + 1) / (B + 1)`` (Phipson and Smyth 2010).
    seed
        Seed of the draws.
    moved
        Mean share of the reference's units that a draw put elsewhere; near 0 means that the null is stuck.
    log10_arrangements
        Base-10 logarithm of the number of distinct arrangements the null can reach.
    spread
        Standard deviation of the statistic over the draws, in the unit of the effect.
    e
        Wealth of the betting e-process when it stopped; None where the evidence is a p-value.
    stopped
        Why the drawing ended.
    margins
        Whether what the null must hold fixed (degrees, sizes of strata) was equal in every draw.
    """

    later: ClassVar[frozenset[str]] = frozenset({"e", "stopped", "margins"})

    null: str
    exceedances: int = Field(ge=0)
    draws: int = Field(ge=1)
    p: float = Field(gt=0, le=1)
    seed: int
    moved: float = Field(ge=0, le=1)
    log10_arrangements: float
    spread: float = Field(ge=0)
    e: float | None = Field(default=None, ge=0)
    stopped: Literal["success", "futility", "exceedances", "exhausted"] | None = None
    margins: bool | None = None


class Effect(Record):
    """An estimate with its 95 % interval.

    Attributes
    ----------
    estimate, low, high
        The estimate and its two-sided interval.
    unit
        What one unit is (``AUROC - 0.5``).
    upper
        One-sided 95 % upper bound, which an equivalence test holds against the smallest effect of interest.
    """

    later: ClassVar[frozenset[str]] = frozenset({"upper"})
    estimate: float
    low: float
    high: float
    unit: str
    upper: float | None = None


class Judgement(Record):
    """All that the gates computed for one test, before the stream settles its level.

    Attributes
    ----------
    effect
        The main effect, signed so that the claimed direction is positive.
    baseline
        Effect of the untrained model at the same locus, None where no baseline applies.
    gain
        Main minus baseline, paired; None where no baseline applies.
    evidence
        One entry a null.
    p
        The largest p of the panel; times the number of nulls where the claim is about any place.
    gates
        Results of every gate that does not wait for the level.
    e
        The smallest e of the panel, where the evidence is e, over the number of nulls where the claim is about any
        place; None where the evidence is p.
    raw
        The effect before co-expression, gene statistics and hubs were taken out.
    largest_tie
        Largest share of the candidates that have one and the same score, over all variants.
    place
        Where a claim about "any" place stands out most: effect, baseline, gain and raw effect are of this place. None
        where the claim is about one place, or nothing was tested.
    """

    later: ClassVar[frozenset[str]] = frozenset({"e", "raw", "largest_tie", "place"})
    effect: Effect
    baseline: Effect | None
    gain: Effect | None
    evidence: tuple[NullEvidence, ...]
    p: float
    gates: tuple[GateResult, ...]
    e: float | None = None
    raw: Effect | None = None
    largest_tie: float | None = None
    place: Locus | None = None


class Settlement(Record):
    """The verdict with everything that decided it at record.

    Attributes
    ----------
    stream, t, supports_before, gamma, harmonic, alpha
        Index in the stream, distinct keys supported before it, ``gamma_t``, ``H_t`` and the level; None when nothing
        was spent.
    gates
        All gates, those that waited for the level included.
    verdict, tags
        How the hypothesis ended.
    first_unmet
        The first gate in catalogue order that did not pass; None if all did.
    next_step
        What a person could do next, in one sentence.
    machine_verdict, cap
        The verdict before the reviewer and the reviewer's cap.
    e
        The e-value that was held against the level: the panel's, or its p through the grid calibrator.
    multiplier
        What economy mode multiplies the required e by; None in strict mode.
    advisory
        True where the reviewer's record is too weak for its cap to bind.
    """

    later: ClassVar[frozenset[str]] = frozenset({"e", "multiplier", "advisory"})
    stream: str
    t: int | None
    supports_before: int | None
    gamma: float | None
    harmonic: float | None
    alpha: float | None
    gates: tuple[GateResult, ...]
    machine_verdict: Verdict
    cap: ReviewerCap
    verdict: Verdict
    tags: tuple[Tag, ...]
    first_unmet: GateId | None
    next_step: str
    catalogue: str
    decision: str
    e: float | None = None
    multiplier: float | None = None
    advisory: bool | None = None


ObjectionCode = Literal[
    "label_leak",
    "wrong_null",
    "metric_switch",
    "double_dipping",
    "degenerate_statistic",
    "sign_flip",
    "too_few_draws",
    "own_embedding_covariate",
    "donor_leakage",
    "tie_artefact",
    "wrong_unit",
    "cherry_picked_locus",
    "hash_mismatch",
]
"""What a reviewer may object, in the order of the defect classes that reviewers are tried with."""


class Objection(Record):
    """A reviewer's objection from the closed menu.

    Attributes
    ----------
    code
        Which defect it alleges.
    gate
        The gate that the defect concerns.
    evidence
        The hash or ledger id it points at.
    note
        In one sentence.
    """

    code: ObjectionCode
    gate: GateId
    evidence: str
    note: str


class Review(Record):
    """A review: stage 1 sees the plan only, stage 2 the machine record. It can lower a verdict, never raise one.

    Attributes
    ----------
    stage
        1 or 2.
    objections
        From the closed menu.
    likely_confound
        The single most likely confound, named before the record is seen.
    predicted_verdict, confidence
        The verdict that the reviewer expects, and the probability it gives to it.
    cap
        The highest verdict that it would let stand.
    reviewer
        Its name.
    controls
        Controls that it orders on the plan, from a closed menu; None for none.
    code_cap
        What lints of code alone leave of the verdict, behind which a language model reviews: it binds also where the
        model's record is too weak for its own cap to bind. None where code is the reviewer.
    """

    later: ClassVar[frozenset[str]] = frozenset({"confidence", "controls", "code_cap"})
    stage: Literal[1, 2]
    objections: tuple[Objection, ...]
    likely_confound: str
    predicted_verdict: Verdict
    cap: ReviewerCap
    reviewer: str
    confidence: float | None = Field(default=None, gt=0, lt=1)
    controls: tuple[str, ...] | None = None
    code_cap: ReviewerCap | None = None
