"""Rows of the projection tables as frozen records; their fields are the tables' columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from theodolite.claims import ReviewerCap, Verdict
from theodolite.judgements import ObjectionCode
from theodolite.store.project_slots import SlotStatus

__all__ = [
    "BlockRow",
    "CampaignRow",
    "GateRow",
    "HypothesisRow",
    "LookRow",
    "NullRow",
    "ReferenceRow",
    "RefusalRow",
    "RejudgementRow",
    "ReviewRow",
    "RoundRow",
    "StreamRow",
    "ToolCheckRow",
    "TrialRow",
]


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A campaign; ``campaign`` is its id, ``stop_reason`` is None while it runs."""

    campaign: str
    seq: int
    name: str
    model: str
    model_sha256: str
    cells: str
    cells_sha256: str
    catalogue: str
    decision: str
    seed: int
    spec: Any
    stop_reason: str | None
    stop_detail: str | None


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """A reference of a campaign and what of it lies in a hold-out block."""

    campaign: str
    name: str
    seq: int
    sha256: str
    title: str
    genes_in_block: int
    families_in_block: int
    testable: bool


@dataclass(frozen=True, slots=True)
class LookRow:
    """A look at discovery units; ``effects`` maps a reference to ``{"effect": decimal string, "n": units}``."""

    id: str
    seq: int
    campaign: str
    tool: str
    params: dict[str, Any]
    split: str
    measurement: str | None
    effects: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class HypothesisRow:
    """A slot and all that the ledger says about its hypothesis.

    Attributes
    ----------
    subject
        The slot.
    seq, last_seq
        Rows that proposed it and that last changed it.
    proposed_at, decided_at
        When it was proposed, and when its verdict or refusal was recorded: UTC, ISO 8601.
    effect, low, high, baseline, gain
        In ``unit``; None before it is judged.
    stream, t, alpha, e
        Error stream, index, level, and the e-value held against it (None before catalogue 2); ``t`` is None when
        nothing was spent.
    multiplier
        What economy mode multiplied the required e by; None in strict mode.
    evidence
        ``p`` or ``e``: what the nulls gave; None before catalogue 2, which is ``p``.
    observed
        True once the observed statistic has been computed.
    verdict, recorded_verdict
        The verdict in force, and the one that was recorded: an invalidation turns the first and leaves the second.
    invalid_because
        What was invalidated, by whom and why; None where nothing was.
    outcome
        The verdict in force, ``pending``, or ``refused``.
    cost, tokens
        US dollars and tokens of the calls of language models that were made for this slot; None where none were.
    """

    subject: str
    seq: int
    last_seq: int
    proposed_at: str
    decided_at: str | None
    campaign: str
    round: int
    slot: int
    hypothesis_id: str
    claim_key: str
    object: str
    relation: str
    reference: str
    reference_sha256: str
    model: str
    model_sha256: str
    context: str
    context_sha256: str
    adjustment: tuple[str, ...]
    locus: str
    locus_kind: str
    layer: int | None
    direction: str
    tool: str
    family: str
    claim_text: str
    rationale: str
    parents: tuple[str, ...]
    author: str
    status: SlotStatus
    prereg_sha256: str | None
    block_id: str | None
    reused: bool | None
    failure_phase: str | None
    failure_code: str | None
    failure_reason: str | None
    refusal_reason: str | None
    observed: bool
    effect: float | None
    low: float | None
    high: float | None
    unit: str | None
    baseline: float | None
    gain: float | None
    p: float | None
    stream: str | None
    t: int | None
    alpha: float | None
    e: float | None
    multiplier: float | None
    evidence: str | None
    machine_verdict: Verdict | None
    cap: ReviewerCap | None
    verdict: Verdict | None
    recorded_verdict: Verdict | None
    invalid_because: str | None
    tags: tuple[str, ...]
    first_unmet: str | None
    next_step: str | None
    outcome: str
    cost: float | None
    tokens: int | None


@dataclass(frozen=True, slots=True)
class RefusalRow:
    """A hypothesis refused before it ran."""

    subject: str
    seq: int
    campaign: str
    hypothesis_id: str
    claim_key: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class GateRow:
    """One gate of one slot, in catalogue order by ``position``."""

    subject: str
    position: int
    seq: int
    gate: str
    title: str
    number: float | None
    threshold: float | None
    passed: bool | None
    sentence: str


@dataclass(frozen=True, slots=True)
class NullRow:
    """One null of one slot: ``exceedances`` of ``draws``."""

    subject: str
    position: int
    seq: int
    null: str
    exceedances: int
    draws: int
    p: float
    seed: int
    moved: float
    log10_arrangements: float
    spread: float
    e: float | None
    stopped: str | None
    margins: bool | None


@dataclass(frozen=True, slots=True)
class RejudgementRow:
    """What a newer catalogue says of a slot that an older one settled."""

    subject: str
    catalogue: str
    seq: int
    hypothesis_id: str
    verdict: Verdict
    first_unmet: str | None
    next_step: str


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """One review of one slot: stage 1 saw the plan, stage 2 the record; ``confidence`` is None if none was stated."""

    subject: str
    stage: int
    seq: int
    reviewer: str
    likely_confound: str
    predicted_verdict: str
    confidence: float | None
    cap: str
    objections: list[dict[str, Any]]
    controls: list[str] | None


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One sealed item that a reviewer was given; fields as in the record of a review trial.

    ``subject`` is the campaign in whose course it was given, or what a trial outside of campaigns names itself.
    """

    trial: str
    reviewer: str
    seq: int
    subject: str
    item: Literal["plant", "sham"]
    item_sha256: str
    defect: ObjectionCode | None
    stage: int | None
    caught: bool
    objections: list[dict[str, Any]]
    cap: ReviewerCap
    predicted_verdict: Verdict
    confidence: float | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class ToolCheckRow:
    """What an instrument of exactly this source shows in worlds of known truth; fields as in its record."""

    id: str
    seq: int
    tool: str
    version: str
    source_sha256: str
    shape: str
    worlds: str
    catalogue: str
    places: tuple[str, ...]
    planted: int
    found: int
    power: float
    power_low: float
    empty: int
    passed_empty: int
    error: float
    error_low: float
    error_high: float
    unmeasured: int
    level: float
    fit: bool


@dataclass(frozen=True, slots=True)
class RoundRow:
    """A finished round."""

    campaign: str
    round: int
    seq: int
    block_id: str
    retired: bool
    stream_t: int
    supports: int


@dataclass(frozen=True, slots=True)
class BlockRow:
    """A hold-out block; ``retired_in_round`` is None while it is open."""

    block_id: str
    seq: int
    split_sha256: str | None
    k: int | None
    retired_in_campaign: str | None
    retired_in_round: int | None


@dataclass(frozen=True, slots=True)
class StreamRow:
    """An error stream: ``t`` levels spent, ``supports`` distinct claim keys; rule, q, n_max None if undeclared."""

    stream: str
    seq: int
    rule: str | None
    q: float | None
    n_max: int | None
    t: int
    supports: int
