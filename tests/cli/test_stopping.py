"""``stop``: nobody is stopped by mistake, and a request never waits for the wrong run."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from subprocess import PIPE

import pytest
from holders import holder
from sqlalchemy import insert, update

from theodolite.agents.stop_requests import INBOX_KIND, StopAt, read_stop
from theodolite.cli.exit_codes import ExitCode
from theodolite.cli.stopping import signal_holder
from theodolite.store import EntryKind, LeaseRow, Ledger, Life
from theodolite.store.schema import ops_lease

CAMPAIGN = "mine-00000001"

HOLD_TWO = """
import sys
from theodolite.store import Ledger, campaign_scopes
with Ledger.open(sys.argv[1]) as ledger:
    with ledger.coordinator("one", campaign_scopes("a" * 64, "main"), {one!r}):
        with ledger.coordinator("two", campaign_scopes("b" * 64, "other"), {two!r}):
            print("held", flush=True)
            sys.stdin.read()
"""


@pytest.fixture
def ledger(tmp_path) -> Iterator[Ledger]:
    with Ledger.create(tmp_path / "mine.theodolite" / "ledger.sqlite") as made:
        yield made


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """Return a process that has nothing to do with any ledger."""
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def lease_of(ledger: Ledger) -> LeaseRow:
    (lease,) = ledger.ops.leases()
    return lease


def handed_in(ledger: Ledger) -> list[tuple[str, str, StopAt]]:
    found = []
    for item in ledger.ops.inbox(None, INBOX_KIND):
        handed = read_stop(item)
        assert handed is not None and handed.meant_for(lease_of(ledger))
        found.append((item.campaign, item.person, handed.stop))
    return found


def test_where_nothing_runs_nothing_is_asked(cli, ledger):
    found = cli("stop", ledger.path.parent)
    assert found.exit_code == ExitCode.BAD_INPUT
    assert f"nothing is running in '{ledger.path.parent}'" in found.stderr
    assert ledger.ops.inbox(None) == []


def test_a_dead_coordinator_is_named_and_nothing_is_asked(cli, ledger):
    with holder(ledger, CAMPAIGN) as process:
        pass
    found = cli("stop", ledger.path.parent)
    assert found.exit_code == ExitCode.BAD_INPUT
    assert f"process {process.pid}" in found.stderr and "is dead" in found.stderr
    assert ledger.ops.inbox(None) == []


def test_another_campaign_than_the_one_that_runs_is_refused(cli, ledger):
    with holder(ledger, CAMPAIGN) as process:
        found = cli("stop", ledger.path.parent, "--campaign", "other-00000002")
        assert process.poll() is None
    assert found.exit_code == ExitCode.BAD_INPUT and CAMPAIGN in found.stderr
    assert ledger.ops.inbox(None) == []


def test_of_several_one_must_be_named(cli, ledger):
    code = HOLD_TWO.format(one=CAMPAIGN, two="other-00000002")
    process = subprocess.Popen([sys.executable, "-c", code, str(ledger.path)], stdin=PIPE, stdout=PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        found = cli("stop", ledger.path.parent, "--after-round")
        assert found.exit_code == ExitCode.BAD_INPUT and "--campaign" in found.stderr
        assert CAMPAIGN in found.stderr and "other-00000002" in found.stderr
        found = cli("stop", ledger.path.parent, "--after-round", "--campaign", "other-00000002", "--person", "Ada")
        assert found.exit_code == 0, found.output
        assert [item.campaign for item in ledger.ops.inbox(None, INBOX_KIND)] == ["other-00000002"]
    finally:
        process.kill()
        process.communicate()


def test_a_name_that_several_campaigns_have_means_the_one_that_runs(cli, ledger):
    """A campaign file that was changed makes another campaign of the same name."""
    named = {"name": "planted", "sha256": "0" * 64}
    rest = {"spec": {}, "model": named, "cells": named, "references": [], "catalogue": "1", "decision": "1", "seed": 1}
    for campaign in ("mine-99999999", CAMPAIGN):
        ledger.append(EntryKind.CAMPAIGN, f"{campaign}/campaign", campaign, {"name": "mine", **rest})
    with holder(ledger, CAMPAIGN):
        found = cli("stop", ledger.path.parent, "--after-round", "--campaign", "mine", "--person", "Ada")
        assert found.exit_code == 0, found.output
        assert handed_in(ledger) == [(CAMPAIGN, "Ada", StopAt.ROUND)]


def test_what_runs_no_campaign_is_left_alone(cli, ledger):
    with holder(ledger) as process:
        found = cli("stop", ledger.path.parent)
        assert process.poll() is None
    assert found.exit_code == ExitCode.BAD_INPUT and "runs no campaign" in found.stderr


def test_after_the_round_no_signal_is_sent_and_nobody_waits(cli, ledger):
    with holder(ledger, CAMPAIGN) as process:
        found = cli("stop", ledger.path.parent, "--after-round", "--person", "Ada")
        assert found.exit_code == 0, found.output
        assert handed_in(ledger) == [(CAMPAIGN, "Ada", StopAt.ROUND)]
        assert process.poll() is None


@pytest.mark.parametrize(
    ("words", "number", "stop"), [([], signal.SIGTERM, StopAt.STEP), (["--now"], signal.SIGUSR1, StopAt.NOW)]
)
def test_the_coordinator_is_signalled_and_its_death_is_told(cli, ledger, words, number, stop):
    """This one hears no signal, as a campaign does, and dies of it."""
    with holder(ledger, CAMPAIGN) as process:
        found = cli("stop", ledger.path.parent, "--person", "Ada", *words)
        assert process.wait(60) == -number
        assert handed_in(ledger) == [(CAMPAIGN, "Ada", stop)]
    assert found.exit_code == ExitCode.PROBLEM and "died before it said" in found.stderr


def test_on_another_machine_the_inbox_alone_is_used(cli, ledger):
    with ledger.write() as connection:
        row = {"scope": "ledger", "name": "far", "pid": 1, "host": "another-machine", "at": ledger.now()}
        row["campaign"] = CAMPAIGN
        connection.execute(insert(ops_lease).values(**row))
    ledger.ops.start_session(CAMPAIGN)
    assert lease_of(ledger).life is Life.UNKNOWN
    found = cli("stop", ledger.path.parent, "--no-wait", "--person", "Ada")
    assert found.exit_code == 0 and "another machine" in found.stdout
    assert handed_in(ledger) == [(CAMPAIGN, "Ada", StopAt.STEP)]


def test_two_ends_at_once_are_refused(cli, ledger):
    found = cli("stop", ledger.path.parent, "--after-round", "--now")
    assert found.exit_code == ExitCode.BAD_INPUT and "contradict" in found.stderr


def test_a_number_that_was_given_to_another_process_is_never_signalled(ledger, bystander):
    """The row names a process that lives, but it is not the one that holds the lock."""
    with holder(ledger):
        with ledger.write() as connection:
            connection.execute(update(ops_lease).values(pid=bystander.pid))
        held = lease_of(ledger)
        assert (held.life, held.confirmed) == (Life.STALE, False)
        assert not signal_holder(ledger, held, at_once=False)
    assert bystander.poll() is None


def test_a_number_that_changes_hands_at_the_last_moment_is_not_signalled_either(ledger, bystander):
    with holder(ledger):
        wrong = replace(lease_of(ledger), pid=bystander.pid, confirmed=True)
        assert not signal_holder(ledger, wrong, at_once=True)
    assert bystander.poll() is None


def test_the_right_process_is_signalled(ledger):
    with holder(ledger) as process:
        assert signal_holder(ledger, lease_of(ledger), at_once=False)
        assert process.wait(60) == -signal.SIGTERM
