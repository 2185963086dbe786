"""What a payload of each kind must hold for the projections; other fields are kept and hashed, but not read here.

Where a payload carries its own hash (the identity of a hypothesis, the pre-registration hash of a plan) it is
recomputed, so that a row can never name something else than it holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from theodolite.canonical import digest
from theodolite.claims import Hypothesis, Named, ReviewerCap, Sha256, Verdict
from theodolite.judgements import Judgement, Objection, ObjectionCode, Review, Settlement
from theodolite.store.agent_records import (
    ApprovalRecord,
    BudgetRecord,
    ControlRecord,
    MalformedRecord,
    ModelCallRecord,
    RepeatRecord,
    WishRecord,
)
from theodolite.store.description_records import DescriptionRecord
from theodolite.store.errors import LedgerPayloadError
from theodolite.store.invalidations import InvalidatedRecord, InvalidationRecord
from theodolite.store.kinds import EntryKind
from theodolite.store.matrix_records import MatrixRecord
from theodolite.store.tool_checks import ToolCheckRecord

__all__ = [
    "CampaignRecord",
    "FailureRecord",
    "FigureRecord",
    "FitRecord",
    "HypothesisRecord",
    "JudgementRecord",
    "LookRecord",
    "RefusalCode",
    "RefusalRecord",
    "RegistrationRecord",
    "RejudgementRecord",
    "ResultRecord",
    "ReviewTrialRecord",
    "RoundRecord",
    "SplitRecord",
    "StopRecord",
    "StreamRecord",
    "ToolCheckRecord",
    "VerdictRecord",
    "artefacts_of",
    "parse",
]

RefusalCode = Literal[
    "duplicate",
    "not_testable",
    "leak",
    "underpowered",
    "resolution",
    "exhausted",
    "retired",
    "invalid_locus",
    "mismatch",
    "hold_out",
    "unfit_tool",
    "invalidated",
]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ReferenceRecord(_Record):
    """A reference of a campaign, with what of it lies in a hold-out block."""

    name: str
    sha256: Sha256
    title: str
    genes_in_block: int
    families_in_block: int
    testable: bool


class CampaignRecord(_Record):
    """A campaign file, resolved to content hashes; ``matrix`` where it came with others in one file."""

    name: str
    spec: Any
    model: Named
    cells: Named
    references: tuple[ReferenceRecord, ...]
    catalogue: str
    decision: str
    seed: int
    matrix: MatrixRecord | None = None


class StreamRecord(_Record):
    """An error budget; ledger-wide and locked by the first campaign that names it."""

    stream: str
    rule: str
    q: float = Field(gt=0, lt=1)
    n_max: int = Field(ge=1)


class SplitRecord(_Record):
    """The partition into discovery units and hold-out blocks."""

    split_sha256: Sha256
    block_id: str
    k: int = Field(ge=1)


class FitRecord(_Record):
    """Something fitted on discovery units."""

    variant: str
    artefact: Sha256


class LookEffect(_Record):
    """An effect that the executor saw on discovery units, and the number of units."""

    effect: float
    n: int


class LookRecord(_Record):
    """A look of the executor; it can only be at discovery units."""

    tool: str
    params: dict[str, Any]
    split: Literal["discovery"]
    measurement: Sha256 | None
    effects: dict[str, LookEffect]


class HypothesisRecord(_Record):
    """A proposed hypothesis under its identity."""

    hypothesis: Hypothesis
    hypothesis_id: Sha256
    claim_key: Sha256
    family: str
    claim_text: str
    round: int = Field(ge=1)
    slot: int = Field(ge=1)

    @model_validator(mode="after")
    def _identity(self) -> HypothesisRecord:
        if self.hypothesis_id != self.hypothesis.id or self.claim_key != self.hypothesis.claim.key:
            raise ValueError(
                f"hypothesis_id {self.hypothesis_id!r} or claim_key {self.claim_key!r} is not that of the hypothesis "
                f"({self.hypothesis.id!r}, {self.hypothesis.claim.key!r}); take both from Hypothesis"
            )
        return self


class RefusalRecord(_Record):
    """A hypothesis that was refused before it ran."""

    hypothesis_id: Sha256
    claim_key: Sha256
    code: RefusalCode
    reason: str


class _PlanBlock(_Record):
    id: str
    split_sha256: Sha256
    reused: bool


class _PlanLevel(_Record):
    stream: str


class _PlanPart(_Record):
    # Only what projections read: a ledger outlives versions of Plan, and the plan is hashed whole anyway.
    campaign: str
    round: int
    slot: int
    hypothesis: Hypothesis
    block: _PlanBlock
    level: _PlanLevel
    evidence: str | None = None


class RegistrationRecord(_Record):
    """A locked plan under its pre-registration hash."""

    plan: _PlanPart
    prereg_sha256: Sha256


class ResultRecord(_Record):
    """The jobs of a plan have run: variant to job hash, and to the artefact of its measurement."""

    prereg_sha256: Sha256
    jobs: dict[str, Sha256]
    measurements: dict[str, Sha256]


class FailureRecord(_Record):
    """A run that broke; ``observed`` says whether the observed statistic had been computed, which spends its level."""

    prereg_sha256: Sha256
    phase: str
    code: str
    reason: str
    observed: bool


class JudgementRecord(_Record):
    """What the gates computed."""

    prereg_sha256: Sha256
    judgement: Judgement


class VerdictRecord(_Record):
    """How the hypothesis ended, and all that decided it."""

    prereg_sha256: Sha256
    hypothesis_id: Sha256
    claim_key: Sha256
    settlement: Settlement


class ReviewTrialRecord(_Record):
    """One sealed item that a reviewer was given among the others: a planted defect, or a clean sham.

    Attributes
    ----------
    trial
        Name of the item; two reviewers who were given the same item share it.
    item_sha256
        Hash of all that the reviewer was shown.
    item, defect
        What the item was, and the class of the planted defect; None for a sham.
    stage
        Stage at which the reviewer first objected rightly to a plant, or at all to a sham; None if it never did.
    caught
        Whether a plant drew the objection that it deserves.
    objections, cap
        All that was objected at either stage, and the lower cap of the two.
    predicted_verdict, confidence
        What the reviewer predicted from the plan alone, and the probability it gave to that; None where it gave none.
    verdict
        What the gates say of the item, before any reviewer.
    """

    trial: str = Field(min_length=1)
    reviewer: str = Field(min_length=1)
    item: Literal["plant", "sham"]
    item_sha256: Sha256
    defect: ObjectionCode | None
    stage: Literal[1, 2] | None
    caught: bool
    objections: tuple[Objection, ...]
    cap: ReviewerCap
    predicted_verdict: Verdict
    confidence: float | None = Field(default=None, gt=0, lt=1)
    verdict: Verdict

    @model_validator(mode="after")
    def _consistent(self) -> ReviewTrialRecord:
        if (self.item == "plant") is (self.defect is None):
            raise ValueError(f"a {self.item} with the defect {self.defect!r}; exactly the plants have one")
        if self.caught and (self.item == "sham" or self.stage is None):
            raise ValueError(
                f"a {self.item} caught at stage {self.stage!r}; only a plant is caught, by an objection of some stage"
            )
        return self


class RejudgementRecord(_Record):
    """What a newer catalogue of gates says of a test that an older one settled; the first verdict stands."""

    prereg_sha256: Sha256
    hypothesis_id: Sha256
    catalogue: str
    judgement: Judgement
    settlement: Settlement

    @model_validator(mode="after")
    def _of_its_catalogue(self) -> RejudgementRecord:
        if self.settlement.catalogue != self.catalogue:
            raise ValueError(
                f"a rejudgement under catalogue {self.catalogue!r} was settled under {self.settlement.catalogue!r}"
            )
        return self


class FigureRecord(_Record):
    """A figure of what was measured, as the artefact of its Vega-Lite specification."""

    prereg_sha256: Sha256
    title: str
    view: str
    measurement: Sha256
    artefact: Sha256


class RoundRecord(_Record):
    """The end of a round: the one bit a claim that agents learn."""

    round: int = Field(ge=1)
    bits: dict[str, bool]
    block_id: str
    retired: bool
    stream_t: int = Field(ge=0)
    supports: int = Field(ge=0)


class StopRecord(_Record):
    """Why a campaign stopped."""

    reason: str
    detail: str


_MODELS: dict[EntryKind, type[BaseModel]] = {
    EntryKind.CAMPAIGN: CampaignRecord,
    EntryKind.STREAM: StreamRecord,
    EntryKind.SPLIT: SplitRecord,
    EntryKind.FIT: FitRecord,
    EntryKind.LOOK: LookRecord,
    EntryKind.DESCRIPTION: DescriptionRecord,
    EntryKind.HYPOTHESIS: HypothesisRecord,
    EntryKind.REFUSAL: RefusalRecord,
    EntryKind.REGISTRATION: RegistrationRecord,
    EntryKind.PLAN_REVIEW: Review,
    EntryKind.RESULT: ResultRecord,
    EntryKind.FAILURE: FailureRecord,
    EntryKind.JUDGEMENT: JudgementRecord,
    EntryKind.RECORD_REVIEW: Review,
    EntryKind.VERDICT: VerdictRecord,
    EntryKind.REJUDGEMENT: RejudgementRecord,
    EntryKind.INVALIDATION: InvalidationRecord,
    EntryKind.INVALIDATED: InvalidatedRecord,
    EntryKind.REVIEW_TRIAL: ReviewTrialRecord,
    EntryKind.MODEL_CALL: ModelCallRecord,
    EntryKind.MALFORMED: MalformedRecord,
    EntryKind.REPEAT: RepeatRecord,
    EntryKind.WISH: WishRecord,
    EntryKind.BUDGET: BudgetRecord,
    EntryKind.CONTROL: ControlRecord,
    EntryKind.APPROVAL: ApprovalRecord,
    EntryKind.FIGURE: FigureRecord,
    EntryKind.TOOL_CHECK: ToolCheckRecord,
    EntryKind.ROUND: RoundRecord,
    EntryKind.STOP: StopRecord,
}


def parse(kind: EntryKind, payload: Mapping[str, Any]) -> BaseModel:
    """Return the payload as the record of its kind.

    Raises
    ------
    LedgerPayloadError
        Naming the fields that are missing or wrong.
    """
    try:
        record = _MODELS[kind].model_validate(payload)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'payload'}: {item['msg']}" for item in error.errors()[:5]
        )
        raise LedgerPayloadError(f"a payload of kind {kind.value!r} is wrong: {wrong}") from error
    if isinstance(record, RegistrationRecord) and digest(payload["plan"]) != record.prereg_sha256:
        raise LedgerPayloadError(
            f"prereg_sha256 {record.prereg_sha256!r} is not the hash of the plan, {digest(payload['plan'])!r}; "
            "take it from Plan.sha256"
        )
    return record


def artefacts_of(kind: str, payload: Mapping[str, Any]) -> dict[str, str]:
    """Return the artefacts that a payload names: field to SHA-256."""
    found: dict[str, Any] = {}
    for field in ("artefact", "measurement", "request", "response", "prompts"):
        if field in payload:
            found[field] = payload[field]
    groups = {"measurements": payload.get("measurements"), "fitted": payload.get("fitted")}
    plan = payload.get("plan")
    if kind == EntryKind.REGISTRATION and isinstance(plan, Mapping):
        groups["plan.fitted"] = plan.get("fitted")
    for group, members in groups.items():
        if isinstance(members, Mapping):
            found.update({f"{group}.{name}": sha256 for name, sha256 in members.items()})
    return {field: sha256 for field, sha256 in found.items() if isinstance(sha256, str)}
