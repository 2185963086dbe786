"""Who holds the lock, the kernel says; a row alone proves nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from holders import holder
from sqlalchemy import insert

from theodolite.store import Ledger
from theodolite.store.holding import Life, campaign_run, holding, lock_holder
from theodolite.store.schema import ops_lease


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """Return a process that has nothing to do with any ledger."""
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def test_nobody_holds_a_free_ledger(ledger):
    assert lock_holder(ledger.path) is None and holding(ledger) is None
    with ledger.coordinator("me"):
        pass
    assert lock_holder(ledger.path) is None and holding(ledger) is None


def test_ones_own_lock_is_seen_and_not_dropped_by_looking(ledger):
    with ledger.coordinator("me"):
        assert lock_holder(ledger.path) == os.getpid()
        held = holding(ledger)
        assert held is not None and (held.life, held.confirmed) == (Life.ALIVE, True)
        code = "import sys; from pathlib import Path; from theodolite.store.holding import lock_holder; "
        code += "print(lock_holder(Path(sys.argv[1])))"
        other = subprocess.run([sys.executable, "-c", code, str(ledger.path)], capture_output=True, text=True)
        assert other.stdout.strip() == str(os.getpid())


def test_another_process_is_named_by_the_kernel_until_it_is_killed(ledger):
    with holder(ledger) as process:
        assert lock_holder(ledger.path) == process.pid
        held = holding(ledger)
        assert held is not None and (held.lease.pid, held.life, held.confirmed) == (process.pid, Life.ALIVE, True)
    left = holding(ledger)
    assert left is not None and (left.lease, left.life, left.confirmed) == (held.lease, Life.STALE, False)


def test_a_killed_coordinators_number_in_use_again_is_stale(ledger, bystander):
    _left_by(ledger, bystander.pid, socket.gethostname())
    held = holding(ledger)
    assert held is not None and held.life is Life.STALE


def test_of_another_machine_nothing_is_known(ledger):
    _left_by(ledger, os.getpid(), "another-machine")
    held = holding(ledger)
    assert held is not None and (held.life, held.confirmed) == (Life.UNKNOWN, False)


def test_the_campaign_of_a_coordinator_is_the_one_whose_session_it_began(ledger):
    ledger.ops.start_session("left-open-by-a-killed-one")
    with holder(ledger, "mine-00000001"):
        held = holding(ledger)
        assert held is not None and campaign_run(ledger, held.lease) == "mine-00000001"
        ledger.ops.update_session(2, 1.0, ended="budget", detail="all")
        assert campaign_run(ledger, held.lease) is None


def _left_by(ledger: Ledger, pid: int, host: str) -> None:
    with ledger.write() as connection:
        connection.execute(insert(ops_lease).values(scope="ledger", name="gone", pid=pid, host=host, at=ledger.now()))
