"""Campaigns of the small world for agents."""

from __future__ import annotations

import copy
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from theodolite.agents.llm import ModelSettings, Reply
from theodolite.experiments import CampaignRun
from theodolite.judgements import Judgement
from theodolite.plans import Plan
from theodolite.store import CallStatus, Entry, EntryKind, Ledger


@pytest.fixture
def open_campaign(small_world: Any, tmp_path: Path) -> Iterator[Callable[..., CampaignRun]]:
    """Open a campaign of the small world in a folder; keyword arguments change the campaign file."""
    with ExitStack() as stack:

        def start(name: str = "small", *, folder: Path = tmp_path / "ledger", **overrides: Any) -> CampaignRun:
            run = stack.enter_context(small_world.opened(folder, small_world.spec(name, **overrides)))
            run.open()
            return run

        yield start


@pytest.fixture
def go_round() -> Callable[..., None]:
    """Take hypotheses through a round without a reviewer."""

    def go(run: CampaignRun, number: int, hypotheses: list[Any]) -> None:
        for slot, hypothesis in enumerate(hypotheses, start=1):
            run.propose(number, slot, hypothesis)
        run.register(number)
        run.run_jobs(number)
        run.judge(number)
        run.record(number)
        run.close_round(number)

    return go


@pytest.fixture
def retold() -> Callable[..., None]:
    """Copy a ledger into another folder, changing payloads on the way."""

    def copy_changed(original: Path, folder: Path, change: Callable[[Entry, dict[str, Any]], None]) -> None:
        shutil.copytree(original / "artefacts", folder / "artefacts")
        with (
            Ledger.open(original / "ledger.sqlite", read_only=True) as source,
            Ledger.create(folder / "ledger.sqlite") as target,
        ):
            for entry in source.entries():
                payload = copy.deepcopy(entry.payload)
                change(entry, payload)
                target.append(entry.kind, entry.id, entry.subject, payload)

    return copy_changed


class Killed(BaseException):
    """Stands for the death of the process: nothing catches it."""


@pytest.fixture
def dies_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[EntryKind, int], None]:
    """Let a campaign die right after the nth row of a kind was committed, until ``monkeypatch.undo()``."""

    def arm(kind: EntryKind, nth: int) -> None:
        append, seen = Ledger._append, Counter[EntryKind]()

        def append_and_die(ledger: Ledger, written: EntryKind, identifier: str, *rest: Any, once: bool) -> Any:
            new = not ledger.has(identifier)
            entry = append(ledger, written, identifier, *rest, once=once)
            seen[entry.kind] += new
            if new and entry.kind is kind and seen[kind] == nth:
                raise Killed("killed")
            return entry

        monkeypatch.setattr(Ledger, "_append", append_and_die)

    return arm


@pytest.fixture(scope="session")
def judged(small_world: Any) -> list[tuple[Plan, Judgement]]:
    """Return every plan of the finished campaigns with its judgement."""
    found: list[tuple[Plan, Judgement]] = []
    for blocks in (1, 2):
        with Ledger.open(small_world.finished(blocks) / "ledger.sqlite", read_only=True) as ledger:
            plans = {
                entry.subject: Plan.model_validate(entry.payload["plan"])
                for entry in ledger.entries(kind=EntryKind.REGISTRATION)
            }
            found += [
                (plans[entry.subject], Judgement.model_validate(entry.payload["judgement"]))
                for entry in ledger.entries(kind=EntryKind.JUDGEMENT)
            ]
    return found


class Models:
    """Language models without a server: a wire whose answers are a function of the request."""

    class Wired:
        """Answers by a function of the request, and remembers what was asked."""

        def __init__(self, answer: Callable[[dict[str, Any]], Reply]) -> None:
            self.answer = answer
            self.asked: list[dict[str, Any]] = []

        def send(self, call_id: str, body: dict[str, Any]) -> Reply:
            self.asked.append(json.loads(json.dumps(body)))
            return self.answer(body)

    @staticmethod
    def acting(name: str, /, **arguments: Any) -> Reply:
        """Return a completion that calls one function."""
        call = {"id": "1", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        usage = {"prompt_tokens": 100, "completion_tokens": 20}
        body = {"choices": [{"finish_reason": "tool_calls", "message": message}], "usage": usage}
        return Reply(CallStatus.OK, 200, json.dumps(body))

    @staticmethod
    def saying(text: str) -> Reply:
        """Return a completion of plain text."""
        body = {"choices": [{"finish_reason": "stop", "message": {"content": text}}], "usage": None}
        return Reply(CallStatus.OK, 200, json.dumps(body))

    @staticmethod
    def told(body: dict[str, Any], label: str) -> Any:
        """Return the data that a request holds under a label, from its last message that has it."""
        for message in reversed(body["messages"]):
            lines = str(message["content"]).split("\n")
            if f"<data of={label!r}>" in lines:
                return json.loads(lines[lines.index(f"<data of={label!r}>") + 1])
        raise KeyError(label)

    @staticmethod
    def offered(body: dict[str, Any]) -> list[str]:
        """Return the names of the functions that a request offers."""
        return [tool["function"]["name"] for tool in body.get("tools", ())]

    @staticmethod
    def turns(body: dict[str, Any]) -> int:
        """Return how many answers of the model a request holds."""
        return sum(message["role"] == "assistant" for message in body["messages"])

    @staticmethod
    def settings(**given: Any) -> ModelSettings:
        """Return settings of an own server that nobody waits for."""
        return ModelSettings(**({"base_url": "http://localhost:1", "backoff_s": 0, "cool_down_s": 0} | given))


@pytest.fixture(scope="session")
def models() -> type[Models]:
    return Models


@pytest.fixture(scope="session")
def play(small_world: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Play a whole campaign with two players; equal ones are played once a session (see ``stage.py``)."""
    from stage import Stage

    return Stage(small_world, lambda: tmp_path_factory.mktemp("played"))
