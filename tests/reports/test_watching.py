"""What a live view shows is what the ledger holds, asked by small queries that wait for nobody."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import event

from theodolite.agents.stop_requests import StopAt, hand_in_stop
from theodolite.reports import standing
from theodolite.reports.asked import asked
from theodolite.reports.watching import Watcher
from theodolite.store import JobState, Ledger, Life, campaign_scopes


def test_a_finished_campaign(ledger):
    now, all_of_it = Watcher(ledger).look(), standing(ledger)
    (campaign,) = all_of_it.campaigns
    shown = now.campaign
    assert shown is not None and now.over and now.coordinator is None
    assert (shown.campaign, shown.name, shown.stopped) == (campaign.campaign, campaign.name, campaign.stopped)
    assert (shown.round, shown.rounds_closed) == (3, 3)
    assert sum(shown.slots.values()) == 2
    assert [(item.name, item.used, item.limit) for item in shown.budgets] == [("experiments", 6.0, 6.0)]
    assert sum(stream.t for stream in shown.streams) == 6
    assert (shown.blocks, shown.blocks_left) == (1, 0)
    assert {name: count for name, count in campaign.outcomes.items() if count} == shown.verdicts
    assert [row.seq for row in now.last] == list(range(now.entries - 7, now.entries + 1))


def test_an_empty_ledger():
    with Ledger.in_memory() as empty:
        now = Watcher(empty).look()
    assert (now.campaign, now.over, now.last) == (None, True, ())


@pytest.fixture
def running(tmp_path):
    """A ledger whose coordinator has begun a session of a campaign."""
    with Ledger.create(tmp_path / "ledger.sqlite") as ledger, ledger.coordinator("a run", campaign="mine-00000001"):
        ledger.ops.start_session("mine-00000001")
        yield ledger


def test_jobs_are_counted_and_those_that_run_are_named(running):
    for job in "abc":
        running.ops.start_job(job, campaign="mine-00000001", what=f"job {job}", worker_pid=17)
    running.ops.finish_job("a", JobState.DONE)
    running.ops.start_job("z", campaign="other-00000002")
    shown = Watcher(running).look().campaign
    assert shown is not None and shown.jobs == {"running": 2, "done": 1}
    assert [(job.what, job.worker_pid, job.attempts) for job in shown.running] == [("job b", 17, 1), ("job c", 17, 1)]


def test_time_that_passes_and_signs_of_life_are_no_change(running):
    running.ops.start_job("a", campaign="mine-00000001")
    watcher = Watcher(running)
    first = watcher.look()
    running.ops.beat(["a"])
    running.ops.update_session(1, 55.0)
    assert watcher.look() == first
    running.ops.finish_job("a", JobState.DONE)
    assert watcher.look() != first


def test_the_soonest_stop_that_was_asked_for_is_shown(running):
    watcher, (lease,) = Watcher(running), running.ops.leases()
    assert watcher.look().stop_asked is None
    hand_in_stop(running, "mine-00000001", "Ada", StopAt.ROUND, lease)
    running.ops.take_in(1)
    asked = watcher.look().stop_asked
    assert asked is not None and (asked.person, asked.stop) == ("Ada", StopAt.ROUND)
    hand_in_stop(running, "mine-00000001", "Bob", StopAt.STEP, lease)
    asked = watcher.look().stop_asked
    assert asked is not None and asked.person == "Bob"


def test_a_coordinator_lives_while_it_holds_the_lock(running):
    now = Watcher(running).look()
    assert not now.over and now.coordinator is not None
    assert (now.coordinator.life, now.coordinator.name, now.beside) == (Life.ALIVE, "a run", ())


def test_of_several_campaigns_the_newest_is_shown_or_the_one_that_is_named(tmp_path):
    one = ("one", campaign_scopes("a" * 64, "main"), "one-00000001")
    two = ("two", campaign_scopes("b" * 64, "other"), "two-00000002")
    with (
        Ledger.create(tmp_path / "ledger.sqlite") as ledger,
        ledger.coordinator(*one),
        ledger.coordinator(*two),
    ):
        newest, named = Watcher(ledger).look(), Watcher(ledger, "one-00000001").look()
    assert newest.campaign is not None and named.campaign is not None
    assert (newest.campaign.campaign, newest.beside) == ("two-00000002", ("one-00000001",))
    assert (named.campaign.campaign, named.beside) == ("one-00000001", ("two-00000002",))


def test_time_runs_on_while_nobody_writes_it_down(running):
    watcher = Watcher(running)
    campaign = watcher.look().campaign
    assert campaign is not None and campaign.wall_time is not None and campaign.session is not None
    since = datetime.fromisoformat(campaign.session.started_at)
    assert 0 <= campaign.wall_time.used <= (datetime.now(UTC) - since).total_seconds()


def test_no_table_is_read_through(ledger, monkeypatch):
    """A look, the first and the last included, searches by index; blocks and streams are few."""
    # As in a campaign with language models, where everything is limited.
    everything = dict.fromkeys(("experiments", "wall_time", "tokens", "money", "looks", "repeats"), 100.0)
    monkeypatch.setattr(
        "theodolite.reports.watching.asked", lambda row: replace(asked(row), limits=everything, executor="a model")
    )
    statements: list[tuple[str, object]] = []

    def note(connection, cursor, statement, parameters, context, executemany):
        statements.append((statement, parameters))

    event.listen(ledger._engine, "before_cursor_execute", note)
    try:
        Watcher(ledger).look()
    finally:
        event.remove(ledger._engine, "before_cursor_execute", note)
    selects = [(statement, parameters) for statement, parameters in statements if statement.startswith("SELECT")]
    assert len(selects) > 10
    scans = set()
    with ledger.read() as connection:
        for statement, parameters in selects:
            for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters):
                # A walk along the newest rows ends after a few.
                if step.detail.startswith("SCAN") and "LIMIT" not in statement:
                    scans.add(step.detail)
                assert "entry_subject" not in step.detail, "every row of the campaign"
    assert all(scan.split()[1] in ("block", "ops_lease") for scan in scans), scans
