"""A wire that plays a script, and conversations on a ledger in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field
from talks import Talk

from theodolite.agents.llm import (
    ActionDef,
    Caller,
    CircuitBreaker,
    Conversation,
    ModelPrice,
    ModelSettings,
    Reply,
)
from theodolite.prompts import load_prompts
from theodolite.store import CallStatus, Ledger, verify

CAMPAIGN = "talk-00000000"


class Look(BaseModel):
    model_config = ConfigDict(extra="forbid")
    layer: int = Field(ge=0, le=3, description="layer")


def completion(content: Any = None, *, finish: str = "stop", usage: Any = (100, 20), **message: Any) -> Reply:
    """Return what a server sends: text, or whatever message is given."""
    body: dict[str, Any] = {"choices": [{"finish_reason": finish, "message": {"content": content, **message}}]}
    if usage is not None:
        body["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
    return Reply(CallStatus.OK, 200, json.dumps(body))


def look(layer: Any) -> Reply:
    """Return an answer that looks at a layer."""
    return completion(json.dumps({"action": "look", "arguments": {"layer": layer}}))


@dataclass
class Script:
    """Sends nothing: gives the next reply of a script, and remembers what was asked."""

    replies: list[Reply]
    asked: list[dict[str, Any]] = field(default_factory=list)

    def send(self, call_id: str, body: dict[str, Any]) -> Reply:
        self.asked.append(json.loads(json.dumps(body)))
        return self.replies.pop(0)


@dataclass
class Stage:
    """A ledger in memory and what talks on it."""

    ledger: Ledger
    script: Script
    settings: ModelSettings
    waited: list[float] = field(default_factory=list)
    checks: list[Callable[[], None]] = field(default_factory=list)

    def caller(self) -> Caller:
        breaker = CircuitBreaker(self.settings, self.waited.append)
        return Caller(
            self.ledger,
            CAMPAIGN,
            self.script,
            self.settings,
            breaker,
            load_prompts().sha256,
            lambda: [check() for check in self.checks] and None,
        )

    def conversation(self, name: str = "r01.c01-executor") -> Conversation:
        talk = Conversation(self.caller(), load_prompts(), "executor", "some-model", name)
        talk.open("You are a test.", lambda: ("Begin.", {"looks": 3}))
        return talk


@pytest.fixture
def actions() -> tuple[ActionDef, ...]:
    return (ActionDef("look", "Look at a layer.", Look),)


@pytest.fixture
def stage() -> Iterator[Callable[..., Stage]]:
    """Set a stage with a script of replies; keyword arguments are settings."""
    with Ledger.in_memory() as ledger:

        def set_up(*replies: Reply, own: bool = True, **settings: Any) -> Stage:
            defaults = {"base_url": "http://localhost:1" if own else None, "opens_after": 3, "probes": 2}
            prices = {"some-model": ModelPrice(input=1, output=10)}
            return Stage(ledger, Script(list(replies)), ModelSettings(**(defaults | {"prices": prices} | settings)))

        yield set_up


@pytest.fixture
def replies() -> Any:
    """Return the makers of replies, since a test cannot import its conftest by name."""

    class Replies:
        look = staticmethod(look)
        completion = staticmethod(completion)
        campaign = CAMPAIGN

        @staticmethod
        def failed(status: CallStatus, code: int | None = None, detail: str = "no") -> Reply:
            return Reply(status, code, None, detail)

    return Replies


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Callable[..., Talk]]:
    """Return a conversation with a real server that plays what a test says."""
    ledger = Ledger.create(tmp_path / "ledger.sqlite")
    with ledger:
        yield lambda *answers, **settings: Talk(ledger, list(answers), **settings)
        assert verify(ledger).ok
