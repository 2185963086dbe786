"""``stop``: nobody is stopped by mistake, and a request never waits for the wrong run."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest
from holders import holder
from sqlalchemy import insert, update

from theodolite.agents.stop_requests import INBOX_KIND, StopAt, read_stop
from theodolite.cli import stopping
from theodolite.cli.exit_codes import ExitCode
from theodolite.cli.stopping import signal_holder
from theodolite.store import Ledger
from theodolite.store.holding import Life, holding
from theodolite.store.schema import ops_lease

CAMPAIGN = "mine-00000001"


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


def handed_in(ledger: Ledger) -> list[tuple[str, str, StopAt]]:
    found = []
    for item in ledger.ops.inbox(None, INBOX_KIND):
        handed = read_stop(item)
        assert handed is not None and handed.meant_for(ledger.ops.lease())
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


def test_what_runs_no_campaign_is_left_alone(cli, ledger, monkeypatch):
    monkeypatch.setattr(stopping, "_PATIENCE_S", 0.0)
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
        connection.execute(insert(ops_lease).values(**row))
    ledger.ops.start_session(CAMPAIGN)
    held = holding(ledger)
    assert held is not None and held.life is Life.UNKNOWN
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
        held = holding(ledger)
        assert held is not None and (held.life, held.confirmed) == (Life.ALIVE, False)
        assert not signal_holder(ledger.path, held, at_once=False)
    assert bystander.poll() is None


def test_a_number_that_changes_hands_at_the_last_moment_is_not_signalled_either(ledger, bystander):
    with holder(ledger):
        held = holding(ledger)
        assert held is not None
        wrong = replace(held, lease=replace(held.lease, pid=bystander.pid), confirmed=True)
        assert not signal_holder(ledger.path, wrong, at_once=True)
    assert bystander.poll() is None


def test_the_right_process_is_signalled(ledger):
    with holder(ledger) as process:
        held = holding(ledger)
        assert held is not None and signal_holder(ledger.path, held, at_once=False)
        assert process.wait(60) == -signal.SIGTERM
