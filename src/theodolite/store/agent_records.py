"""What the ledger keeps of language models and people: calls, unusable answers, repeats, wishes, budgets, approvals."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from theodolite.claims import ReviewerCap, Sha256

__all__ = [
    "APPROVALS",
    "WARN_AT",
    "ApprovalRecord",
    "BudgetName",
    "BudgetRecord",
    "CallStatus",
    "ControlName",
    "ControlRecord",
    "MalformedCode",
    "MalformedRecord",
    "ModelCallRecord",
    "RepeatRecord",
    "StopReason",
    "WishRecord",
]

Role = Literal["executor", "reviewer"]

BudgetName = Literal["wall_time", "tokens", "money", "experiments", "looks", "repeats"]
"""What a campaign may spend."""

WARN_AT = (65, 85, 95, 100)
"""Percentages of a budget at which a row says so; 100 is spent."""

ControlName = Literal["untrained_again", "random_embedding_again", "shuffled_input"]
"""Controls that a reviewer may order: an untrained model, random gene vectors, cells shuffled within genes."""


class StopReason(StrEnum):
    """Why a campaign stopped; a closed list. The first group is final, the second waits for the same command."""

    BUDGET = "budget"
    """All experiments are registered."""
    TOKENS = "tokens"
    MONEY = "money"
    WALL_TIME = "wall_time"
    REPEATS = "repeats"
    BLOCKS_SPENT = "blocks_spent"
    EXHAUSTED = "exhausted"
    """The error stream has no level left."""
    NO_CANDIDATES = "no_candidates"
    """The executor has nothing more to propose."""
    NO_PROGRESS = "no_progress"
    """Round after round, nothing that was proposed could be registered."""

    INTERRUPTED = "interrupted"
    """A person or the system asked for it; the step under way was finished."""
    MODEL_UNAVAILABLE = "model_unavailable"
    """The circuit breaker opened: the language model's server did not answer for too long."""
    AWAITING_APPROVAL = "awaiting_approval"
    """People have to approve before it goes on."""

    @property
    def final(self) -> bool:
        """Whether it is written as a row, after which nothing more is run."""
        return self not in (StopReason.INTERRUPTED, StopReason.MODEL_UNAVAILABLE, StopReason.AWAITING_APPROVAL)


class CallStatus(StrEnum):
    """How one call of a language model ended; a closed list."""

    OK = "ok"
    REFUSED = "refused"
    """The model declined, or the server filtered its answer."""
    CUT_OFF = "cut_off"
    """The answer reached its length limit."""
    REJECTED = "rejected"
    """The server does not accept the request (400, 413, 422): the next rung of the ladder is tried."""
    BAD_BODY = "bad_body"
    """What came is no answer of the chat-completions protocol: cut short, no JSON, no choices, too large."""
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    UNAUTHORISED = "unauthorised"
    """The key or the name of the model is wrong: a person must act."""

    @property
    def transient(self) -> bool:
        """Whether the same request may fare better later."""
        return self in (
            CallStatus.BAD_BODY,
            CallStatus.RATE_LIMITED,
            CallStatus.SERVER_ERROR,
            CallStatus.TIMEOUT,
            CallStatus.CONNECTION,
        )


MalformedCode = Literal["invalid", "refused", "cut_off", "rejected", "undecided"]
"""Why a conversation ended without a usable answer; ``undecided`` is one that used up its turns without a claim."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ModelCallRecord(_Record):
    """One request to a language model and what came back; a request that is tried again is another row.

    Attributes
    ----------
    conversation, turn, attempt
        Which exchange, its turn and the attempt at it, both counted from 1.
    role, model, rung
        Who asked, of which model, on which rung of the ladder of structured output.
    request_sha256
        Hash of the canonical JSON of the request.
    request, response
        Artefacts, secrets scrubbed; no response where none came.
    http_status, status, detail
        How it ended.
    tokens_in, tokens_out, estimated
        Usage; ``estimated`` where the server did not say, from the length of the texts.
    cost, priced
        In US dollars by the price table in force; ``priced`` is False where that names no such model.
    prompts_sha256
        Hash of the prompts.
    context
        The query that the context was built by, and its hash; on the first turn of an executor.
    """

    conversation: str = Field(min_length=1)
    turn: int = Field(ge=1)
    attempt: int = Field(ge=1)
    role: Role
    model: str = Field(min_length=1)
    rung: Literal["tools", "json_schema", "json_object", "text"]
    request_sha256: Sha256
    request: Sha256
    response: Sha256 | None
    http_status: int | None
    status: CallStatus
    detail: str
    tokens_in: int = Field(ge=0)
    tokens_out: int = Field(ge=0)
    estimated: bool
    cost: float = Field(ge=0)
    priced: bool
    prompts_sha256: Sha256
    context: dict[str, Any] | None = None


class MalformedRecord(_Record):
    """A conversation that ended without a usable answer: never a pass, never a crash.

    Attributes
    ----------
    conversation, role, model
        Which exchange, whose.
    code
        Why.
    problems
        What the validator said, turn by turn.
    calls
        Ids of the calls.
    """

    conversation: str = Field(min_length=1)
    role: Role
    model: str
    code: MalformedCode
    problems: tuple[str, ...]
    calls: tuple[str, ...]


class RepeatRecord(_Record):
    """An action of a model that repeats one whose answer it has, by the hash of its name and arguments."""

    conversation: str = Field(min_length=1)
    turn: int = Field(ge=1)
    action: str
    signature: Sha256


class WishRecord(_Record):
    """A tool or reference that the executor misses: for people to read; nothing follows from it."""

    conversation: str = Field(min_length=1)
    what: Literal["tool", "reference", "model", "cells"]
    name: str = Field(min_length=1)
    reason: str


class BudgetRecord(_Record):
    """A budget has been spent to 65, 85, 95 or 100 per cent.

    Attributes
    ----------
    budget, limit
        Which, and how much there is of it.
    percent
        The mark that was passed.
    spent
        How much was spent; None for time, which is no part of the chain.
    """

    budget: BudgetName
    percent: Literal[65, 85, 95, 100]
    limit: float = Field(gt=0)
    spent: float | None

    @model_validator(mode="after")
    def _clockless(self) -> BudgetRecord:
        if (self.spent is None) is not (self.budget == "wall_time"):
            raise ValueError(f"budget {self.budget!r} with spent {self.spent!r}; time alone is left out of the chain")
        return self


class ControlRecord(_Record):
    """A control that a reviewer ordered on a plan: its measurement on another variant, held against the claim.

    Attributes
    ----------
    control, variant
        What was ordered, and the variant that it is.
    jobs, measurements
        Job hashes and artefacts by variant.
    status, reason
        ``done``, or how the job failed.
    baseline, gain, low
        Effect of the control, and the gain of the claim over it with the lower end of its 95 % interval.
    threshold
        Least gain.
    passed
        Whether the claim did clearly better; None where it could not be compared.
    sentence
        What that means.
    """

    prereg_sha256: Sha256
    control: ControlName
    variant: str
    jobs: dict[str, Sha256]
    measurements: dict[str, Sha256]
    status: str
    reason: str
    baseline: float | None
    gain: float | None
    low: float | None
    threshold: float
    passed: bool | None
    sentence: str


APPROVALS = ("registration", "verdict")
"""What people may be asked to approve."""


class ApprovalRecord(_Record):
    """What a person said of a locked plan, or of a verdict about to be recorded.

    Attributes
    ----------
    prereg_sha256
        The plan.
    of
        Registration or verdict.
    approved
        Whether it goes on as it is. A registration that is not approved is withdrawn before it runs; a verdict that is
        not approved is capped.
    person, reason
        Who, and why.
    """

    prereg_sha256: Sha256
    of: Literal["registration", "verdict"]
    approved: bool
    person: str = Field(min_length=1)
    reason: str

    @property
    def cap(self) -> ReviewerCap:
        """What of a verdict is left; a person can only lower it."""
        return "none" if self.approved else "inconclusive"
