"""Recorded calls: every request is a row before its answer is used, and a recorded one is never sent again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from theodolite.agents.halting import CampaignPaused
from theodolite.agents.llm.breaker import CircuitBreaker
from theodolite.agents.llm.replies import Completion, Paid, Reply, read_completion
from theodolite.agents.llm.settings import ModelSettings
from theodolite.agents.llm.usage import cost_of, estimated_tokens, request_tokens
from theodolite.agents.llm.wire import Wire, scrubbed
from theodolite.canonical import canonical_json, sha256_bytes
from theodolite.experiments import StepError
from theodolite.prompts import clean_text
from theodolite.store import (
    CallStatus,
    Entry,
    EntryKind,
    Ledger,
    ModelCallRecord,
    StopReason,
    entry_id,
    rejected_rungs,
)

__all__ = ["Answer", "Caller", "Role", "Rung", "call_name"]

Rung = Literal["tools", "json_schema", "json_object", "text"]
Role = Literal["executor", "reviewer"]

_CHARGED = (CallStatus.OK, CallStatus.REFUSED, CallStatus.CUT_OFF, CallStatus.BAD_BODY, CallStatus.TIMEOUT)
"""Ends of a call for which a server may have counted tokens."""


@dataclass(frozen=True)
class Answer:
    """What came of a request: the completion, and the id of the row that holds it."""

    completion: Completion
    call: str


@dataclass(frozen=True)
class _Charge:
    """What a call cost: tokens in and out, whether they are estimated, US dollars, whether the model has a price."""

    tokens_in: int
    tokens_out: int
    estimated: bool
    cost: float
    priced: bool


def call_name(conversation: str, turn: int, attempt: int) -> str:
    """Return the name of a call within its campaign."""
    return f"{conversation}.t{turn:02d}.a{attempt:02d}"


@dataclass
class Caller:
    """Sends requests of one campaign and keeps them.

    Attributes
    ----------
    ledger, subject
        Where rows go, and under which campaign.
    wire
        What sends.
    settings, breaker
        Prices and patience.
    prompts_sha256
        Hash of the prompts in force.
    before_call
        Called before a request is sent that is not recorded yet; raises where no more may be spent or a stop was asked.
    warn
        Told when a server begins to fail, and when its circuit opens, so that nobody watches a silent pause.
    """

    ledger: Ledger
    subject: str
    wire: Wire
    settings: ModelSettings
    breaker: CircuitBreaker
    prompts_sha256: str
    before_call: Callable[[], None] = field(default=lambda: None)
    warn: Callable[[str], None] = field(default=lambda said: None)

    def ask(
        self, role: Role, model: str, conversation: str, turn: int, rung: Rung, body: dict[str, Any],
        context: dict[str, Any] | None = None,
    ) -> Answer:  # fmt: skip
        """Return the answer to a request: the recorded one, or that of the server, tried until it is one.

        Raises
        ------
        CampaignPaused
            If the server does not answer for too long, or the key or the model's name is wrong.
        StepError
            If another request is recorded for this turn.
        """
        secret = self.settings.key
        # Scrubbed before it is hashed, so that the hash can be checked against what is kept.
        text = scrubbed(canonical_json(body), secret.get_secret_value() if secret else None)
        asked = sha256_bytes(text.encode())
        attempt = 1
        while True:
            name = call_name(conversation, turn, attempt)
            identifier = entry_id(self.subject, EntryKind.MODEL_CALL, name=name)
            entry = self.ledger.get(identifier)
            recorded = entry is not None
            if entry is None:
                self.before_call()
                reply = self.wire.send(identifier, body)
                entry = self._write(
                    identifier, role, model, conversation, turn, attempt, rung, body, text, reply, context
                )
                self._count(entry, reply.retry_after_s)
            elif entry.payload["request_sha256"] != asked:
                raise StepError(
                    f"{identifier} holds another request than this version makes; the campaign was begun by another "
                    "version of theodolite, which can continue it"
                )
            status = CallStatus(entry.payload["status"])
            if status is CallStatus.UNAUTHORISED and not recorded:
                raise CampaignPaused(StopReason.MODEL_UNAVAILABLE, self._unauthorised(model, entry))
            if not status.transient and status is not CallStatus.UNAUTHORISED:
                return Answer(self._completion(entry), identifier)
            attempt += 1

    def opening(self, conversation: str) -> tuple[list[dict[str, Any]], dict[str, Any] | None] | None:
        """Return the messages that a conversation was opened with and the query behind them, if it is recorded.

        The ledger has grown since, so that a context made anew would be another one.
        """
        entry = self.ledger.get(entry_id(self.subject, EntryKind.MODEL_CALL, name=call_name(conversation, 1, 1)))
        if entry is None:
            return None
        request = json.loads(self.ledger.artefacts.get(str(entry.payload["request"])))
        return request["messages"], entry.payload["context"]

    def rejected_rungs(self, role: Role, model: str, conversation: str) -> set[str]:
        """Return the rungs of the ladder that a server had not accepted of a role before a conversation began."""
        return rejected_rungs(self.ledger, self.subject, role, model, conversation)

    def _count(self, entry: Entry, retry_after_s: float | None) -> None:
        if not CallStatus(entry.payload["status"]).transient:
            self.breaker.succeeded()
            return
        self._warn(entry)
        self.breaker.failed(retry_after_s)
        if self.breaker.given_up:
            raise CampaignPaused(
                StopReason.MODEL_UNAVAILABLE,
                f"{self.breaker.failures} calls in a row failed, the last with {entry.payload['status']} "
                f"({entry.payload['detail']}); the same command tries again",
            )

    def _warn(self, entry: Entry) -> None:
        """Say that a call failed before the pause that follows: at the first in a row, and where the circuit opens."""
        failures, settings = self.breaker.failures + 1, self.settings
        how = f"{entry.payload['status']}: {entry.payload['detail']}"
        if failures == settings.opens_after and settings.probes:
            self.warn(
                f"{failures} calls in a row failed ({how}); from now on one call every {settings.cool_down_s:g} s, "
                f"{settings.probes} at most, before the campaign pauses"
            )
        elif failures == 1:
            self.warn(f"a call of {entry.payload['model']!r} failed ({how}); it is sent again")

    def _unauthorised(self, model: str, entry: Entry) -> str:
        where = self.settings.server or "the hosted server"
        return (
            f"{where} turned the call away ({entry.payload['detail']}); check OPENAI_API_KEY, OPENAI_BASE_URL (most "
            f"end in /v1) and the model's name, {model!r}, then give the same command again"
        )

    def _write(
        self, identifier: str, role: Role, model: str, conversation: str, turn: int, attempt: int, rung: Rung,
        body: dict[str, Any], text: str, reply: Reply, context: dict[str, Any] | None,
    ) -> Entry:  # fmt: skip
        completion = _read(reply)
        charge = self._charge(model, body, reply, completion)
        record = ModelCallRecord(
            conversation=conversation,
            turn=turn,
            attempt=attempt,
            role=role,
            model=model,
            rung=rung,
            request_sha256=sha256_bytes(text.encode()),
            request=self.ledger.artefacts.put(text.encode()),
            response=None if reply.body is None else self.ledger.artefacts.put(reply.body.encode()),
            http_status=reply.http_status,
            status=completion.status,
            # A server's words go into a hashed row and to terminals.
            detail=clean_text(reply.detail or completion.detail, 500),
            tokens_in=charge.tokens_in,
            tokens_out=charge.tokens_out,
            estimated=charge.estimated,
            cost=charge.cost,
            priced=charge.priced,
            prompts_sha256=self.prompts_sha256,
            context=context,
        )
        return self.ledger.append(EntryKind.MODEL_CALL, identifier, self.subject, record.model_dump(mode="json"))

    def _charge(self, model: str, body: dict[str, Any], reply: Reply, completion: Completion) -> _Charge:
        """Return what a call costs: as the server counts, or estimated where it does not say."""
        price = self.settings.prices.get(model)
        estimated = completion.usage is None and completion.status in _CHARGED
        if completion.usage is not None:
            given, made = completion.usage
        elif estimated:
            given, made = request_tokens(body), estimated_tokens(reply.body or "")
        else:
            given, made = 0, 0
        # The price table is no part of the chain; how many tokens there were follows from what was sent and what came.
        paid = reply.paid or Paid(cost_of(given, made, price), price is not None)
        return _Charge(given, made, estimated, paid.cost, paid.priced)

    def _completion(self, entry: Entry) -> Completion:
        response = entry.payload["response"]
        if response is None:
            return Completion(CallStatus(entry.payload["status"]), detail=str(entry.payload["detail"]))
        return read_completion(self.ledger.artefacts.get(str(response)).decode("utf-8"))


def _read(reply: Reply) -> Completion:
    if reply.body is None:
        return Completion(reply.status, detail=reply.detail)
    return read_completion(reply.body)
