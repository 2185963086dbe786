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

from theodolite.store import WHOLE_LEDGER, Ledger, Life, campaign_scopes, conflict
from theodolite.store.schema import ops_lease


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """Return a process that has nothing to do with any ledger."""
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def test_nobody_holds_a_free_ledger(ledger):
    assert ledger.ops.leases() == []
    with ledger.coordinator("me"):
        pass
    assert ledger.ops.leases() == []


def test_ones_own_lock_is_seen_and_not_dropped_by_looking(ledger):
    with ledger.coordinator("me"):
        (held,) = ledger.ops.leases()
        assert (held.life, held.confirmed, held.pid) == (Life.ALIVE, True, os.getpid())
        code = "import sys; from theodolite.store import Ledger; "
        code += "print([row.confirmed for row in Ledger.open(sys.argv[1], read_only=True).ops.leases()])"
        other = subprocess.run([sys.executable, "-c", code, str(ledger.path)], capture_output=True, text=True)
        assert other.stdout.strip() == "[True]"


def test_another_process_is_named_by_the_kernel_until_it_is_killed(ledger):
    with holder(ledger, "mine-00000001") as process:
        (held,) = ledger.ops.leases()
        assert (held.pid, held.life, held.confirmed) == (process.pid, Life.ALIVE, True)
        assert held.campaign == "mine-00000001"
    (left,) = ledger.ops.leases()
    assert left.same(held)
    assert (left.life, left.confirmed) == (Life.STALE, False)


def test_a_killed_coordinators_number_in_use_again_is_stale(ledger, bystander):
    _left_by(ledger, bystander.pid, socket.gethostname())
    (held,) = ledger.ops.leases()
    assert held.life is Life.STALE


def test_of_another_machine_nothing_is_known(ledger):
    _left_by(ledger, os.getpid(), "another-machine")
    (held,) = ledger.ops.leases()
    assert (held.life, held.confirmed) == (Life.UNKNOWN, False)


def test_a_conflict_is_told_without_taking_anything(ledger):
    mine, others = campaign_scopes("a" * 64, "main"), campaign_scopes("b" * 64, "other")
    assert conflict(ledger, mine) is None
    with ledger.coordinator("me", mine, "mine-00000001"):
        assert conflict(ledger, others) is None
        assert "'me', process" in str(conflict(ledger, mine))
        assert "the error stream 'main'" in str(conflict(ledger, campaign_scopes("b" * 64, "main")))
        assert "'me', process" in str(conflict(ledger, [WHOLE_LEDGER]))


def _left_by(ledger: Ledger, pid: int, host: str) -> None:
    with ledger.write() as connection:
        connection.execute(insert(ops_lease).values(scope="ledger", name="gone", pid=pid, host=host, at=ledger.now()))
