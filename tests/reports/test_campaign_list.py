"""The list of campaigns says what came out, what it took and how each stands, by small queries."""

from __future__ import annotations

import pytest
from sqlalchemy import event

from theodolite.gates.stream import level_at
from theodolite.reports import standing
from theodolite.reports.campaign_list import CampaignList, Stands, error_levels
from theodolite.store import (
    EntryKind,
    Ledger,
    StopReason,
    StreamRow,
    entry_id,
    stream_rows,
)
from theodolite.store.campaign_facts import rows_of_campaign


def campaign(ledger: Ledger, name: str, **spec: object) -> str:
    """Open a campaign of which nothing but its row is known."""
    identifier = f"{name}-00000001"
    ledger.append(
        EntryKind.CAMPAIGN,
        entry_id(identifier, EntryKind.CAMPAIGN),
        identifier,
        {
            "name": name,
            "spec": {"budget": {"experiments": 4}, "error": {"stream": "main"}, **spec},
            "model": {"name": "planted", "sha256": "0" * 64},
            "cells": {"name": "blood", "sha256": "0" * 64},
            "references": [],
            "catalogue": "2",
            "decision": "1",
            "seed": 1,
        },
    )
    return identifier


@pytest.fixture
def empty():
    """Return a ledger without a campaign."""
    with Ledger.in_memory() as made:
        yield made


def test_a_finished_campaign(ledger):
    found = CampaignList(ledger).page()
    (line,), (whole,) = found.lines, standing(ledger).campaigns
    assert (found.total, found.before) == (1, None)
    assert (line.campaign, line.name, line.registered, line.budget) == (whole.campaign, "finished", 6, 6)
    assert line.outcomes == {name: count for name, count in whole.outcomes.items() if count}
    assert line.stands is Stands.STOPPED and f"budget: {line.why}" == whole.stopped
    assert (line.blocks, line.blocks_left) == (1, 0)
    assert (line.seconds, line.spent.calls, line.hypotheses) == (whole.seconds, 0, 6)
    rows = list(ledger.entries())
    own = [row for row in rows if row.subject.partition("/")[0] == line.campaign]
    assert (line.first_at, line.last_at, line.last) == (own[0].at, own[-1].at, own[-1].seq)


def test_the_level_that_one_more_test_would_face(ledger):
    (line,) = CampaignList(ledger).page().lines
    (stream,) = [stream for stream in stream_rows(ledger) if stream.stream == "main"]
    main = line.levels[0]
    assert (main.t, main.n_max, main.supports) == (stream.t, 12, stream.supports)
    assert main.next_level == level_at("e-lond", main.t + 1, main.supports, 0.1, 12).alpha
    assert main.next_e == pytest.approx(1 / main.next_level)


@pytest.mark.parametrize(
    "stream", [StreamRow("main", 1, "e-lond", 0.1, 4, 4, 2), StreamRow("main", 1, None, None, None, 0, 0)]
)
def test_a_stream_that_is_used_up_or_not_locked_has_no_next_level(stream):
    (level,) = error_levels({"main": stream}, "main")
    assert (level.next_level, level.next_e) == (None, None)


def test_reused_blocks_are_listed_once_something_was_tested_there():
    main = StreamRow("main", 1, "r-lond", 0.1, 40, 3, 1)
    reused = StreamRow("main/reused", 2, "r-lond", 0.1, 40, 0, 0)
    assert [level.stream for level in error_levels({"main": main, "main/reused": reused}, "main")] == ["main"]
    used = StreamRow("main/reused", 2, "r-lond", 0.1, 40, 2, 0)
    assert [level.stream for level in error_levels({"main": main, "main/reused": used}, "main")] == [
        "main",
        used.stream,
    ]


def test_an_empty_ledger(empty):
    found = CampaignList(empty).page()
    assert (found.lines, found.before, found.total) == ((), None, 0)
    assert CampaignList(empty).one("nobody-00000000") is None


def test_pages_go_from_the_newest_to_the_oldest(empty):
    names = [campaign(empty, f"c{number}") for number in range(5)]
    listing, seen, before = CampaignList(empty), [], None
    while True:
        page = listing.page(before, 2)
        seen += [line.campaign for line in page.lines]
        if (before := page.before) is None:
            break
    assert seen == names[::-1] and page.total == 5


def test_a_campaign_that_was_opened_and_not_run(empty):
    campaign(empty, "mine")
    (line,) = CampaignList(empty).page().lines
    assert (line.stands, line.outcomes, line.registered, line.seconds, line.blocks) == (Stands.OPENED, {}, 0, 0.0, 0)
    assert line.first_at == line.last_at


def test_how_a_campaign_stands(tmp_path):
    with Ledger.create(tmp_path / "ledger.sqlite") as ledger:
        mine = campaign(ledger, "mine")

        def stands() -> Stands:
            line = CampaignList(ledger).one(mine)
            assert line is not None
            return line.stands

        with ledger.coordinator("theodolite run", campaign=mine):
            session = ledger.ops.start_session(mine)
            assert stands() is Stands.RUNNING
        # It holds no lease any more, and never said how its session ended.
        assert stands() is Stands.UNFINISHED
        ledger.ops.update_session(session, 5.0, ended=StopReason.AWAITING_APPROVAL.value, detail="2 plans wait")
        assert stands() is Stands.PEOPLE
        ledger.ops.update_session(session, 5.0, ended=StopReason.INTERRUPTED.value, detail="Ctrl-C")
        assert stands() is Stands.WAITING


def test_a_coordinator_that_was_killed_left_it_unfinished(tmp_path):
    from holders import holder

    with Ledger.create(tmp_path / "ledger.sqlite") as ledger:
        mine = campaign(ledger, "mine")
        with holder(ledger, mine):
            running = CampaignList(ledger).one(mine)
        left = CampaignList(ledger).one(mine)
    assert running is not None and left is not None
    assert (running.stands, left.stands) == (Stands.RUNNING, Stands.UNFINISHED)
    assert "is gone" in left.why


def test_rows_of_a_campaign_leave_out_those_of_others(empty):
    mine, other = campaign(empty, "mine"), campaign(empty, "mine-too")
    empty.append(
        EntryKind.WISH,
        entry_id(mine, EntryKind.WISH, name="a"),
        mine,
        {"conversation": "c", "what": "tool", "name": "n", "reason": "r"},
    )
    assert [row.seq for row in rows_of_campaign(empty, mine, 3, 10)] == [3, 1]
    assert [row.subject for row in rows_of_campaign(empty, other, 3, 10)] == [other]


def test_no_table_is_read_through(ledger):
    """Every statement searches by index; streams, blocks and leases are few."""
    asked_for: list[tuple[str, object]] = []

    def note(connection, cursor, statement, parameters, context, executemany):
        asked_for.append((statement, parameters))

    event.listen(ledger._engine, "before_cursor_execute", note)
    try:
        CampaignList(ledger).page()
        rows_of_campaign(ledger, "finished", 50, 10)
    finally:
        event.remove(ledger._engine, "before_cursor_execute", note)
    scans = set()
    with ledger.read() as connection:
        for statement, parameters in asked_for:
            if not statement.startswith("SELECT"):
                continue
            for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters):
                if step.detail.startswith("SCAN") and "LIMIT" not in statement:
                    scans.add(step.detail)
    few = {"block", "stream", "ops_lease", "counter", "CONSTANT", "(subquery"}
    assert all(scan.split()[1] in few for scan in scans), scans
