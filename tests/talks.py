"""One conversation with a server on a ledger of its own, for tests of single calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chat_server import Answer, Asked, ChatServer, act
from pydantic import BaseModel, ConfigDict, Field

from theodolite.agents.llm import Action, ActionDef, Caller, CircuitBreaker, Conversation, ModelSettings, OpenAIWire
from theodolite.prompts import load_prompts
from theodolite.store import EntryKind, Ledger, ModelCallRow, model_call_rows

__all__ = ["CHOOSE", "GOOD", "Choice", "Talk", "always", "chosen"]


class Choice(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    number: int = Field(ge=1, le=9)
    why: str = Field(min_length=1, max_length=40)


CHOOSE = ActionDef("choose", "Choose a number.", Choice)
GOOD = {"number": 7, "why": "a reason"}


class Talk:
    """A conversation with a server on a ledger of its own."""

    def __init__(self, ledger: Ledger, answers: list[Callable[[Asked], Answer]], **settings: Any) -> None:
        self.ledger = ledger
        self.pauses: list[float] = []
        self.said: list[str] = []
        self._answers = iter(answers)
        self.server = ChatServer(self._next)
        patience = {"timeout_s": 20, "opens_after": 2, "probes": 1, "backoff_s": 1, "cool_down_s": 50}
        self.settings = ModelSettings(base_url=self.server.url, **{**patience, **settings})

    def _next(self, asked: Asked) -> Answer:
        return next(self._answers, lambda asked: act(asked, "choose", GOOD))(asked)

    def conversation(self, name: str = "c1") -> Conversation:
        breaker = CircuitBreaker(self.settings, self.pauses.append)
        prompts = load_prompts()
        caller = Caller(
            self.ledger,
            "test",
            OpenAIWire(self.settings),
            self.settings,
            breaker,
            prompts.sha256,
            warn=self.said.append,
        )
        talk = Conversation(caller, prompts, "executor", "some-model", name)
        talk.open("You choose.", lambda: ("Choose.", None))
        return talk

    def act(self, name: str = "c1") -> Action:
        with self.server:
            return self.conversation(name).act([CHOOSE])

    @property
    def rows(self) -> list[ModelCallRow]:
        return model_call_rows(self.ledger)

    @property
    def ends(self) -> list[str]:
        return [row.outcome for row in self.rows]

    @property
    def malformed(self) -> list[dict[str, Any]]:
        return [entry.payload for entry in self.ledger.entries(kind=EntryKind.MALFORMED)]


def always(answer: Answer) -> Callable[[Asked], Answer]:
    return lambda asked: answer


def chosen(asked: Asked) -> Answer:
    return act(asked, "choose", GOOD)
