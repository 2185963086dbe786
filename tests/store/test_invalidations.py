"""A verdict that an invalidation turns: the tables show the verdict in force and keep what was recorded."""

from __future__ import annotations

import pytest

from theodolite.claims import Verdict
from theodolite.store import (
    EntryKind,
    LedgerConflict,
    LedgerPayloadError,
    block_use,
    entry_id,
    hypothesis_rows,
    invalidated_rows,
    invalidation_rows,
    slot_id,
    stream_use,
)


@pytest.fixture
def story(told, ledger):
    """A round with a support, of which nothing was found bad yet."""
    story = told.Story(ledger).begin()
    story.round(1, [told.Outcome(locus=1, verdict=Verdict.SUPPORTED, p=0.001, effect=0.3), told.Outcome(locus=2)])
    return story


def test_the_verdict_in_force_falls_and_the_recorded_one_stays(story, told, ledger):
    before = stream_use(ledger, told.STREAM), block_use(ledger, told.BLOCK)
    assert (before[0].supports, before[1].supports) == (1, 1)
    story.invalidate(1, 1, told.Outcome(locus=1), was="supported")
    row, other = hypothesis_rows(ledger)
    assert (row.verdict, row.recorded_verdict, row.tags) == (Verdict.INVALID, Verdict.SUPPORTED, ())
    assert row.invalid_because == "tool:axis_coordinate@1 was invalidated by Ada: it reads rows by position"
    assert (row.t, row.alpha, row.effect) == (1, 0.001, 0.3)
    assert (other.verdict, other.recorded_verdict, other.invalid_because) == ("inconclusive", "inconclusive", None)
    assert stream_use(ledger, told.STREAM) == (before[0].t, 0)
    assert block_use(ledger, told.BLOCK) == before[1]
    ((bad,), (turned,)) = invalidation_rows(ledger), invalidated_rows(ledger)
    assert (turned.invalidation, turned.was, turned.path) == (bad.id, "supported", ("tool:axis_coordinate@1",))


def turning(story, told, **changes):
    outcome = told.Outcome(locus=1)
    payload = {
        "prereg_sha256": story.plan(outcome, 1, 1).sha256,
        "hypothesis_id": story.hypothesis(outcome).id,
        "invalidation": "invalidation/0123",
        "was": "supported",
        "verdict": "invalid",
        "path": ["tool:axis_coordinate@1"],
    } | changes
    identifier = entry_id(told.CAMPAIGN, EntryKind.INVALIDATED, 1, 1, name="0123")
    return lambda: story.ledger.append(EntryKind.INVALIDATED, identifier, slot_id(told.CAMPAIGN, 1, 1), payload)


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({}, LedgerConflict, "the ledger holds no such invalidation"),
        ({"was": "refuted"}, LedgerConflict, "turns the verdict 'refuted'"),
        ({"hypothesis_id": "1" * 64}, LedgerConflict, "holds"),
        ({"verdict": "supported"}, LedgerPayloadError, "verdict"),
        ({"path": []}, LedgerPayloadError, "path"),
    ],
)
def test_a_row_that_contradicts_the_ledger_is_refused(story, told, changes, error, said):
    with pytest.raises(error, match=said):
        turning(story, told, **changes)()
    assert hypothesis_rows(story.ledger)[0].verdict is Verdict.SUPPORTED


def test_a_verdict_is_turned_once_by_one_invalidation(story, told):
    story.invalidate(1, 1, told.Outcome(locus=1), was="supported")
    with pytest.raises(LedgerConflict, match="exists as row"):
        story.invalidate(1, 1, told.Outcome(locus=1), was="invalid")
