"""Who writes which part of a ledger; a killed coordinator does not keep its successor out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from theodolite.store import WHOLE_LEDGER, EntryKind, Ledger, LedgerBusy, split_scope, stream_scope

A, B, C = "a" * 64, "b" * 64, "c" * 64
ONE = (split_scope(A), stream_scope("one"))
TWO = (split_scope(B), stream_scope("two"))

HOLD = """
import os, sys
from theodolite.store import Ledger, LedgerBusy
path, name, *scopes = sys.argv[1:]
campaign = None if scopes == ["ledger"] else name
def fit(number):
    try:
        ledger.append("fit", f"{name}/fit/{number}", name, {"variant": "main", "artefact": "0" * 64, "what": "axes"})
    except LedgerBusy as error:
        return str(error)
with Ledger.open(path) as ledger, ledger.coordinator(name, scopes, campaign):
    print("held", flush=True)
    for line in sys.stdin:
        print(eval(line), flush=True)
"""
"""Holds a lease and evaluates what it is told."""


class Holder:
    """Another process that holds a lease."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    @property
    def pid(self) -> int:
        return self.process.pid

    def tell(self, expression: str) -> str:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextmanager
def holding(ledger: Ledger, name: str, scopes: tuple[str, ...] = (WHOLE_LEDGER,)) -> Iterator[Holder]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(ledger.path), name, *scopes],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield Holder(process)
    finally:
        process.kill()
        process.communicate()


def refused(ledger: Ledger, scopes: tuple[str, ...] = (WHOLE_LEDGER,)) -> str:
    """Return the words with which a coordinator is turned away."""
    with pytest.raises(LedgerBusy) as caught, ledger.coordinator("mine", scopes):
        pass
    return str(caught.value)


def test_a_second_coordinator_is_refused_by_name_and_process(ledger):
    with ledger.coordinator("first"):
        (lease,) = ledger.ops.leases()
        assert (lease.name, lease.pid, lease.alive) == ("first", os.getpid(), True)
        with Ledger.open(ledger.path) as again:
            assert f"'first', process {os.getpid()}" in refused(again)
    assert ledger.ops.leases() == []
    with ledger.coordinator("second"):
        pass


def test_a_coordinator_that_fails_gives_the_lease_back(ledger):
    with pytest.raises(RuntimeError, match="broken"), ledger.coordinator("first"):
        raise RuntimeError("broken")
    assert ledger.ops.leases() == []
    with ledger.coordinator("second"):
        pass


def test_ledgers_in_memory_have_a_coordinator_each():
    with Ledger.in_memory() as first, Ledger.in_memory() as second:
        with first.coordinator("a"), second.coordinator("b"):
            assert "'a'" in refused(first)


def test_campaigns_of_one_process_share_a_ledger_by_split_and_stream(ledger):
    with Ledger.open(ledger.path) as again, ledger.coordinator("one", ONE), again.coordinator("two", TWO):
        assert "'one'" in refused(again, ONE)
        assert "'two'" in refused(ledger, TWO)
        assert "'one'" in refused(ledger)
    with ledger.coordinator("mine"):
        assert "the whole ledger" in refused(ledger, ONE)


def test_another_process_holds_it_until_it_is_killed(ledger):
    with holding(ledger, "the other") as other:
        assert f"'the other', process {other.pid}" in refused(ledger)
        other.kill()
        assert [(lease.name, lease.alive) for lease in ledger.ops.leases()] == [("the other", False)]
        with ledger.coordinator("mine"):
            assert [(lease.name, lease.alive) for lease in ledger.ops.leases()] == [("mine", True)]


def test_processes_on_other_splits_and_streams_run_beside_each_other(ledger):
    with holding(ledger, "one", ONE) as one, holding(ledger, "two", TWO) as two:
        with ledger.coordinator("mine", (split_scope(C), stream_scope("three"))):
            found = {(lease.pid, lease.alive) for lease in ledger.ops.leases()}
            assert found == {(one.pid, True), (two.pid, True), (os.getpid(), True)}
        same_split = refused(ledger, (split_scope(A), stream_scope("three")))
        assert f"'one', process {one.pid}" in same_split and f"the split {A[:12]}" in same_split
        assert "'two'" not in same_split and "`error.stream` of its own" in same_split
        same_stream = refused(ledger, (split_scope(C), stream_scope("two")))
        assert f"'two', process {two.pid}" in same_stream and "the error stream 'two'" in same_stream
        both = refused(ledger)
        assert "'one'" in both and "'two'" in both


def test_maintenance_holds_all_of_it(ledger):
    with holding(ledger, "theodolite ledger rebuild") as other:
        said = refused(ledger, ONE)
        assert f"'theodolite ledger rebuild', process {other.pid}" in said and "the whole ledger" in said


def test_a_killed_holder_is_not_named_in_place_of_the_living(ledger):
    with holding(ledger, "dead", ONE) as dead, holding(ledger, "alive", TWO):
        dead.kill()
        assert [(lease.name, lease.alive) for lease in ledger.ops.leases()] == [("dead", False), ("alive", True)]
        assert "'dead'" not in refused(ledger)
        with ledger.coordinator("mine", ONE):
            assert {lease.name for lease in ledger.ops.leases()} == {"alive", "mine"}
    with ledger.coordinator("mine"):
        assert [lease.name for lease in ledger.ops.leases()] == ["mine"], "nobody else can be there"


def test_asking_who_holds_a_lease_does_not_drop_it(ledger):
    with holding(ledger, "one", ONE) as one:
        assert one.tell("len(ledger.ops.leases())") == "1"
        assert one.tell("Ledger.open(path).ops.leases()[0].alive") == "True"
        assert "'one'" in refused(ledger, ONE)


def test_a_forked_worker_does_not_keep_the_lease_of_a_killed_coordinator(ledger):
    with holding(ledger, "one", ONE) as one:
        child = int(one.tell("os.fork() or os.execvp('sleep', ['sleep', '600'])"))
        try:
            one.process.kill()
            one.process.wait()
            os.kill(child, 0)
            with ledger.coordinator("mine", ONE):
                pass
        finally:
            os.kill(child, signal.SIGKILL)


def fit(ledger: Ledger, campaign: str, number: int) -> None:
    ledger.append(
        EntryKind.FIT, f"{campaign}/fit/{number}", campaign, {"variant": "main", "artefact": "0" * 64, "what": "axes"}
    )


def test_a_process_without_a_lease_writes_nothing_while_another_holds_one(ledger):
    fit(ledger, "free", 1)
    with holding(ledger, "one", ONE) as one:
        with pytest.raises(LedgerBusy, match=f"holds no lease, and 'one', process {one.pid}"):
            fit(ledger, "free", 2)
        with ledger.coordinator("two", TWO, "two"):
            fit(ledger, "two", 1)
        with pytest.raises(LedgerBusy, match="holds no lease"):
            fit(ledger, "two", 2)
        one.kill()
        fit(ledger, "free", 2)
    assert ledger.count(EntryKind.FIT) == 3


def test_a_lease_for_a_campaign_is_for_its_entries_alone(ledger):
    with ledger.coordinator("two", TWO, "two"):
        fit(ledger, "two", 1)
        with pytest.raises(LedgerBusy, match="coordinates two only"):
            fit(ledger, "twofold", 1)
        ledger.append(EntryKind.STREAM, "stream/x", "x", {"stream": "x", "rule": "e-lond", "q": 0.1, "n_max": 4})


def test_a_process_that_was_stopped_still_holds_its_lease(ledger):
    with holding(ledger, "one", ONE) as one:
        os.kill(one.pid, signal.SIGSTOP)
        assert "'one'" in refused(ledger, ONE)
        os.kill(one.pid, signal.SIGCONT)
        assert one.tell("fit(1)") == "None"


def test_a_process_that_lost_its_lease_writes_nothing(ledger):
    """Who removes the lock file lets another coordinator in; the first one must notice."""
    with holding(ledger, "one", ONE) as one:
        assert one.tell("fit(1)") == "None"
        ledger.path.with_name(ledger.path.name + ".lock").unlink()
        with holding(ledger, "two", ONE) as two:
            assert "lost its lease" in one.tell("fit(2)")
            assert two.tell("fit(1)") == "None"
    assert ledger.count(EntryKind.FIT) == 2


def test_coordinators_take_turns_where_they_must_see_each_other(ledger):
    entered = threading.Event()

    def enter() -> None:
        with ledger.one_at_a_time():
            entered.set()

    with holding(ledger, "one", ONE) as one:
        assert one.tell("(turn := ledger.one_at_a_time()).__enter__()") == "None"
        waiting = threading.Thread(target=enter)
        waiting.start()
        assert not entered.wait(0.2)
        assert one.tell("turn.__exit__(None, None, None)") in ("None", "False")
        waiting.join(60)
        assert entered.is_set()
        assert "'one'" in refused(ledger, ONE), "its turn is over, its lease is not"
