"""Counts say what the rows say when they are read one by one, and are read off indexes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import event

from theodolite.claims import Verdict
from theodolite.store import (
    EntryKind,
    Ledger,
    TrialTally,
    agent_view,
    block_retired,
    block_returned,
    block_seen_before,
    block_supports,
    block_use,
    campaign_rows,
    entry_id,
    hypothesis_rows,
    registered_count,
    round_count,
    round_rows,
    slots_of_round,
    stream_state,
    stream_use,
    trial_rows,
    trial_tallies,
    trials_given,
)

LATER = "later-00000002"


@pytest.fixture
def two(told, ledger):
    """Two campaigns on one block: a whole one, and one with a finished round and a round that is still open."""
    first = told.whole(ledger)
    story = told.Story(ledger, LATER).begin()
    story.t, story.keys = first.t, first.keys
    story.round(1, [told.Outcome(locus=11, verdict=Verdict.SUPPORTED, p=0.001), told.Outcome(locus=12)])
    story.open_round(
        2,
        [
            told.Outcome(locus=13, verdict=Verdict.SUPPORTED, p=0.001),
            told.Outcome(locus=14, refusal="leak"),
            told.Outcome(locus=15, failure="crash", observed=False),
        ],
    )
    return ledger


def test_the_use_of_a_block_is_what_its_rows_say(two, told):
    spent = [row for row in hypothesis_rows(two, block_id=told.BLOCK) if row.t is not None]
    supported = [row for row in spent if row.verdict is Verdict.SUPPORTED]
    assert block_use(two, told.BLOCK) == (len(spent), len(supported)) == (9, 4)
    for campaign, number in ((told.CAMPAIGN, 2), (LATER, 1), (LATER, 2), (LATER, 9)):
        elsewhere = [row for row in supported if (row.campaign, row.round) != (campaign, number)]
        assert block_use(two, told.BLOCK, unknown_to=(campaign, number)) == (9, len(elsewhere))
    assert block_use(two, "another") == (0, 0)
    assert (block_supports(two, told.BLOCK), block_supports(two, "another")) == (4, 0)


def test_a_stream_has_come_as_far_as_its_state_says(two, told):
    t, keys = stream_state(two, told.STREAM)
    assert stream_use(two, told.STREAM) == (t, len(keys)) == (9, 2)
    assert stream_use(two, "main/reused") == (0, 0)


def test_a_block_has_returned_what_finished_rounds_told(two, told):
    finished = {(row.campaign, row.round) for row in round_rows(two)}
    supported = hypothesis_rows(two, block_id=told.BLOCK, verdict=Verdict.SUPPORTED)
    returned = [row for row in supported if (row.campaign, row.round) in finished]
    assert block_returned(two, told.BLOCK) == len(returned) == 3
    assert block_returned(two, "another") == 0
    assert block_retired(two, told.BLOCK)


def test_a_block_was_seen_before_a_campaign_that_opened_after_a_test_of_another(two, told):
    opened = {row.campaign: row.seq for row in campaign_rows(two)}
    for campaign in (told.CAMPAIGN, LATER, "not-there"):
        others = [
            row.seq
            for row in hypothesis_rows(two, block_id=told.BLOCK)
            if row.observed and row.campaign != campaign and row.seq < opened.get(campaign, row.seq + 1)
        ]
        assert block_seen_before(two, told.BLOCK, campaign) is bool(others)
    assert not block_seen_before(two, told.BLOCK, told.CAMPAIGN)
    assert block_seen_before(two, told.BLOCK, LATER)


def test_a_block_that_only_its_own_campaign_used_was_not_seen_before(ledger, told):
    story = told.Story(ledger).begin()
    assert not block_seen_before(ledger, told.BLOCK, "not-there")
    story.round(1, [told.Outcome(failure="timeout")])
    assert not block_seen_before(ledger, told.BLOCK, "not-there")
    story.round(2, [told.Outcome(locus=2)])
    assert block_seen_before(ledger, told.BLOCK, "not-there")
    assert not block_seen_before(ledger, told.BLOCK, told.CAMPAIGN)


def test_campaigns_and_rounds_are_counted_by_themselves(two, told):
    assert [registered_count(two, campaign) for campaign in (told.CAMPAIGN, LATER, "not-there")] == [7, 4, 0]
    assert [round_count(two, campaign) for campaign in (told.CAMPAIGN, LATER, "not-there")] == [3, 1, 0]
    assert [slots_of_round(two, LATER, number) for number in (1, 2, 3)] == [[1, 2], [1, 2, 3], []]


def test_trials_are_tallied_as_they_went(two, told):
    story = told.Story(two, LATER)
    sham = {"item": "sham", "defect": None, "caught": False, "verdict": "inconclusive"}
    quiet = {"stage": None, "objections": [], "cap": "none"}
    story.trial(name="t2", trial="t2", **sham, **quiet)
    story.trial(name="t3", trial="t3", **sham, **quiet)
    # An objection alone is one held against the item, and so is a cap alone.
    story.trial(name="t4", trial="t4", **sham, cap="none")
    story.trial(name="t5", trial="t5", **sham, objections=[])
    story.trial(name="t6", trial="t6", reviewer="another")
    tallies = trial_tallies(two, "somebody")
    assert sorted(tallies, key=str) == sorted(
        [TrialTally("wrong_null", True, True, 1), TrialTally(None, False, False, 2), TrialTally(None, False, True, 2)],
        key=str,
    )
    assert sum(tally.trials for tally in tallies) == len(trial_rows(two, "somebody"))
    assert trial_tallies(two, "nobody") == []
    assert trials_given(two, LATER, ["t1", "t3", "t6", "t9"]) == {"t3", "t6"}
    assert trials_given(two, LATER, []) == set()


@pytest.mark.parametrize(
    "ask",
    [
        lambda ledger, told: block_use(ledger, told.BLOCK, unknown_to=(LATER, 1)),
        lambda ledger, told: block_returned(ledger, told.BLOCK),
        lambda ledger, told: block_seen_before(ledger, told.BLOCK, LATER),
        lambda ledger, told: block_retired(ledger, told.BLOCK),
        lambda ledger, told: block_supports(ledger, told.BLOCK),
        lambda ledger, told: stream_state(ledger, told.STREAM),
        lambda ledger, told: stream_use(ledger, told.STREAM),
        lambda ledger, told: slots_of_round(ledger, LATER, 1),
        lambda ledger, told: registered_count(ledger, LATER),
        lambda ledger, told: round_count(ledger, LATER),
        lambda ledger, told: hypothesis_rows(ledger, hypothesis_id="0" * 64),
        lambda ledger, told: trial_tallies(ledger, "somebody"),
        lambda ledger, told: trials_given(ledger, LATER, ["t1"]),
        lambda ledger, told: ledger.get(entry_id(LATER, EntryKind.STOP)),
    ],
)
def test_no_step_of_a_test_scans_a_table(two, told, ask):
    """What every test asks would otherwise take longer, the more tests there were before it."""
    with Ledger.open(two.path, read_only=True) as ledger:
        plans = plans_of(ledger, lambda: ask(ledger, told))
    assert any("SEARCH" in plan for plan in plans)
    assert [plan for plan in plans if plan.startswith("SCAN") and plan != "SCAN CONSTANT ROW"] == []


def test_a_view_that_is_followed_scans_the_blocks_only(two, told):
    agent_view(two, LATER)
    told.Story(two, LATER).look("geometry.axis-11223344")
    plans = plans_of(two, lambda: agent_view(two, LATER))
    assert any("hypothesis_changed" in plan for plan in plans)
    # There are a few blocks, however many tests; the end of the chain is the first row of its scan.
    assert [plan for plan in plans if plan.startswith("SCAN")] == ["SCAN entry", "SCAN block"]


def plans_of(ledger: Ledger, ask: Callable[[], object]) -> list[str]:
    """Return the steps in which SQLite answers what is asked of a ledger."""
    asked: list[str] = []

    def note(statement: str) -> None:
        if statement.startswith("SELECT"):
            asked.append(statement)

    def trace(connection, record, proxy):
        connection.set_trace_callback(note)  # of the driver, for some statements never pass through SQLAlchemy

    event.listen(ledger._engine, "checkout", trace)
    ask()
    event.remove(ledger._engine, "checkout", trace)
    with ledger.read() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.set_trace_callback(None)
        return [step[-1] for statement in asked for step in driver.execute(f"EXPLAIN QUERY PLAN {statement}")]
