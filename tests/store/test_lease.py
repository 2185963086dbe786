"""One coordinator a ledger; a killed one does not keep its successor out."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from theodolite.store import Ledger, LedgerBusy

HOLD = """
import sys, time
from theodolite.store import Ledger
with Ledger.open(sys.argv[1]) as ledger, ledger.coordinator("the other"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_coordinator_is_refused_by_name_and_process(ledger):
    with ledger.coordinator("first"):
        (lease,) = ledger.ops.leases()
        assert (lease.name, lease.pid, lease.alive) == ("first", os.getpid(), True)
        with (
            Ledger.open(ledger.path) as again,
            pytest.raises(LedgerBusy, match=f"'first', process {os.getpid()}"),
            again.coordinator("second"),
        ):
            pass
    assert ledger.ops.leases() == []
    with ledger.coordinator("second"):
        pass


def test_a_coordinator_that_fails_gives_the_lease_back(ledger):
    with pytest.raises(RuntimeError, match="broken"), ledger.coordinator("first"):
        raise RuntimeError("broken")
    with ledger.coordinator("second"):
        pass


def test_ledgers_in_memory_have_a_coordinator_each():
    with Ledger.in_memory() as first, Ledger.in_memory() as second:
        with first.coordinator("a"), second.coordinator("b"):
            with pytest.raises(LedgerBusy, match="'a'"), first.coordinator("c"):
                pass


def test_another_process_holds_it_until_it_is_killed(ledger):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(ledger.path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(LedgerBusy, match=f"'the other', process {holder.pid}"),
            ledger.coordinator("mine"),
        ):
            pass
    finally:
        holder.kill()
        holder.communicate()
    with ledger.coordinator("mine"):
        assert [(row.name, row.alive) for row in ledger.ops.leases()] == [("mine", True)]
