"""``kill -9`` and signals while a language model proposes: the same command again ends in the same ledger, and at most
one call a kill is made again."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from chat_server import Answer, Asked, ChatServer, Player
from killing import PATIENCE, command, finish, has_row, kill_at, kill_group, log_of
from players import EXECUTOR, REVIEWER, capable, cast, fair

from theodolite.experiments.replay import verify_decisions
from theodolite.store import EntryKind, Ledger, diff, verify

pytestmark = pytest.mark.slow

PLAYER = cast(partial(capable, looks=2), fair)


class Gate:
    """Plays, and holds one request back until the test has done something; once."""

    def __init__(self, player: Player, number: int) -> None:
        self._player = player
        self._left = number
        self._lock = threading.Lock()
        self.reached = threading.Event()
        self.open = threading.Event()

    def __call__(self, asked: Asked) -> Answer:
        with self._lock:
            self._left -= 1
            mine = self._left == 0
        if mine:
            self.reached.set()
            self.open.wait(PATIENCE)
        return self._player(asked)


def settings_for(server: ChatServer) -> dict[str, str]:
    return {
        "OPENAI_BASE_URL": server.url,
        "THEODOLITE_MODEL_CALLS": "local",
        "THEODOLITE_MODELS_BACKOFF_S": "0",
        "THEODOLITE_MODELS_TIMEOUT_S": "120",
    }


@dataclass(frozen=True)
class Whole:
    """An undisturbed run: the campaign file, its folder, and how many calls it took."""

    file: Path
    folder: Path
    calls: int


@pytest.fixture(scope="module")
def whole(small_world: Any, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    file = small_world.campaign_file(
        tmp_path_factory.mktemp("files") / "killed.yaml",
        budget={"experiments": 3},
        agents={"executor": EXECUTOR, "reviewer": REVIEWER, "looks_a_claim": 2},
        tools=["geometry.axis_separation"],
    )
    folder = tmp_path_factory.mktemp("e2e") / "undisturbed"
    with ChatServer(PLAYER) as server:
        finish(file, folder, settings_for(server))
        return Whole(file, folder, len(server.asked))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "killed"


def check_same(whole: Whole, folder: Path, server: ChatServer, most_again: int) -> None:
    """Check that rows and head are those of the undisturbed run, and how many calls were made again."""
    with (
        Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger,
        Ledger.open(whole.folder / "ledger.sqlite", read_only=True) as expected,
    ):
        assert diff(ledger, expected) == []
        assert ledger.head().hash == expected.head().hash
        assert verify(ledger).ok
        assert verify_decisions(ledger, deep=True) == []
    assert whole.calls <= len(server.asked) <= whole.calls + most_again


def check_unfinished(folder: Path) -> None:
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        assert ledger.count(EntryKind.STOP) == 0, "the campaign was over before it was killed"
        assert verify(ledger).ok


def delete_checkpoints(folder: Path) -> None:
    found = list(folder.glob("checkpoints/*"))
    assert found
    for file in found:
        file.unlink()


def test_the_undisturbed_run_asked_looked_and_tested(whole: Whole) -> None:
    with Ledger.open(whole.folder / "ledger.sqlite", read_only=True) as ledger:
        assert ledger.count(EntryKind.MODEL_CALL) == whole.calls
        assert ledger.count(EntryKind.VERDICT) == 3
        assert ledger.count(EntryKind.LOOK) > 2
        assert ledger.count(EntryKind.REVIEW_TRIAL) > 0


DURING_A_CALL = [(1, "kept"), (3, "deleted"), (7, "kept"), (9, "deleted"), (12, "deleted")]
"""Which call, and what becomes of the checkpoints. The first six are those of the executor's first two claims."""


@pytest.mark.parametrize(("number", "checkpoints"), DURING_A_CALL)
def test_a_kill_during_a_model_call(whole: Whole, folder: Path, number: int, checkpoints: str) -> None:
    gate = Gate(PLAYER, number)
    with ChatServer(gate) as server:
        process = command(whole.file, folder, settings_for(server))
        try:
            assert gate.reached.wait(PATIENCE), log_of(folder)
        finally:
            kill_group(process)
            gate.open.set()
        check_unfinished(folder)
        with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
            assert ledger.count(EntryKind.MODEL_CALL) == number - 1
        if checkpoints == "deleted":
            delete_checkpoints(folder)
        finish(whole.file, folder, settings_for(server))
        check_same(whole, folder, server, 1)
        assert len(server.asked) == whole.calls + 1


def _results(folder: Path) -> int:
    return sum(1 for _ in (folder / "cache" / "results").glob("*"))


@pytest.mark.parametrize("checkpoints", ["kept", "deleted"])
def test_a_kill_during_a_tool_run(whole: Whole, folder: Path, checkpoints: str) -> None:
    with ChatServer(PLAYER) as server:
        process = command(whole.file, folder, settings_for(server))
        until = time.monotonic() + PATIENCE
        try:
            # Plans are reviewed, and the first of the jobs that follow has come back: others are under way.
            while not has_row(folder / "ledger.sqlite", EntryKind.PLAN_REVIEW, 2):
                assert process.poll() is None and time.monotonic() < until, log_of(folder)
                time.sleep(0.002)
            before = _results(folder)
            while _results(folder) == before:
                assert process.poll() is None and time.monotonic() < until, log_of(folder)
                time.sleep(0.001)
        finally:
            kill_group(process)
        check_unfinished(folder)
        if checkpoints == "deleted":
            delete_checkpoints(folder)
        finish(whole.file, folder, settings_for(server))
        check_same(whole, folder, server, 1)


AFTER_A_ROW = [
    (EntryKind.MODEL_CALL, 2, "deleted"),
    (EntryKind.LOOK, 3, "kept"),
    (EntryKind.HYPOTHESIS, 1, "deleted"),
    (EntryKind.REGISTRATION, 1, "kept"),
    (EntryKind.PLAN_REVIEW, 1, "deleted"),
    (EntryKind.RECORD_REVIEW, 1, "deleted"),
    (EntryKind.VERDICT, 1, "kept"),
    (EntryKind.ROUND, 1, "deleted"),
]


@pytest.mark.parametrize(("kind", "number", "checkpoints"), AFTER_A_ROW)
def test_a_kill_while_the_ledger_is_written(
    whole: Whole, folder: Path, kind: EntryKind, number: int, checkpoints: str
) -> None:
    with ChatServer(PLAYER) as server:
        kill_at(whole.file, folder, kind, number, settings_for(server))
        check_unfinished(folder)
        if checkpoints == "deleted":
            delete_checkpoints(folder)
        finish(whole.file, folder, settings_for(server))
        check_same(whole, folder, server, 1)


def test_three_kills_cost_three_calls_at_most(whole: Whole, folder: Path) -> None:
    with ChatServer(PLAYER) as server:
        for number in (2, 6, 10):
            kill_at(whole.file, folder, EntryKind.MODEL_CALL, number, settings_for(server))
        check_unfinished(folder)
        finish(whole.file, folder, settings_for(server))
        check_same(whole, folder, server, 3)


@pytest.mark.parametrize("number", [2, 8], ids=["of the executor", "of the reviewer"])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_finishes_the_step_and_the_same_command_goes_on(
    whole: Whole, folder: Path, name: str, number: int
) -> None:
    gate = Gate(PLAYER, number)
    with ChatServer(gate) as server:
        process = command(whole.file, folder, settings_for(server))
        try:
            assert gate.reached.wait(PATIENCE), log_of(folder)
            os.kill(process.pid, signal.Signals[name])
            gate.open.set()
            assert process.wait(timeout=PATIENCE) == 130, log_of(folder)
        finally:
            gate.open.set()
            kill_group(process)
        assert "goes on with the same command" in log_of(folder) or "interrupted" in log_of(folder)
        check_unfinished(folder)
        with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
            # The call that was under way is kept, and no other was made.
            assert ledger.count(EntryKind.MODEL_CALL) == number
            ended = [session.ended for session in ledger.ops.sessions(_campaign(ledger))]
            assert ended == ["interrupted"]
        finish(whole.file, folder, settings_for(server))
        check_same(whole, folder, server, 0)


def _campaign(ledger: Ledger) -> str:
    return next(ledger.entries(kind=EntryKind.CAMPAIGN)).subject


def test_a_second_interrupt_breaks_a_call_off_at_once(whole: Whole, folder: Path) -> None:
    gate = Gate(PLAYER, 2)
    with ChatServer(gate) as server:
        process = command(whole.file, folder, settings_for(server))
        try:
            assert gate.reached.wait(PATIENCE), log_of(folder)
            os.kill(process.pid, signal.SIGINT)
            until = time.monotonic() + PATIENCE
            while "Press Ctrl-C again" not in log_of(folder):
                assert time.monotonic() < until, log_of(folder)
                time.sleep(0.01)
            os.kill(process.pid, signal.SIGINT)
            # The server never answers: nothing but the signal can end the wait.
            assert process.wait(timeout=100) == 130, log_of(folder)
        finally:
            kill_group(process)
            gate.open.set()
        finish(whole.file, folder, settings_for(server))
        check_same(whole, folder, server, 1)


def test_a_server_that_is_down_pauses_the_campaign_and_it_goes_on_when_it_is_back(whole: Whole, folder: Path) -> None:
    with ChatServer(PLAYER) as gone:
        settings = settings_for(gone) | {"THEODOLITE_MODELS_OPENS_AFTER": "2", "THEODOLITE_MODELS_PROBES": "0"}
    process = command(whole.file, folder, settings)
    try:
        assert process.wait(timeout=PATIENCE) == 4, log_of(folder)
    finally:
        kill_group(process)
    assert "the same command tries again" in log_of(folder).replace("\n", " ")
    with ChatServer(PLAYER) as server:
        finish(whole.file, folder, settings_for(server))
        with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
            assert verify(ledger).ok
            assert ledger.count(EntryKind.MODEL_CALL) == whole.calls + 2
            assert ledger.count(EntryKind.VERDICT) == 3
