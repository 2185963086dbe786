"""What a campaign says as tables: typed, in order, floats as they were."""

from __future__ import annotations

import dataclasses

import pytest

from theodolite.claims import Verdict
from theodolite.store import (
    BudgetMark,
    EntryKind,
    InvalidatedRow,
    InvalidationRow,
    Ledger,
    LedgerConflict,
    LedgerPayloadError,
    ModelCallRow,
    SlotStatus,
    StreamState,
    block_retired,
    block_rows,
    campaign_rows,
    gate_rows,
    hypothesis_rows,
    look_rows,
    null_rows,
    reference_rows,
    refusal_rows,
    registered_ids,
    review_rows,
    round_bits,
    round_rows,
    slot_id,
    stream_rows,
    stream_state,
    trial_rows,
)
from theodolite.store import rows as row_records
from theodolite.store.tables import PROJECTIONS


@pytest.fixture
def whole(campaign_file):
    with Ledger.open(campaign_file, read_only=True) as ledger:
        yield ledger


def test_a_campaign_and_its_references(whole, told):
    (campaign,) = campaign_rows(whole)
    assert (campaign.campaign, campaign.model, campaign.seed) == (told.CAMPAIGN, "planted", 2**100 + 7)
    assert campaign.spec == {"budget": 40, "tolerance": "0.5"}
    assert campaign.stop_reason == "budget"
    assert [(row.name, row.genes_in_block, row.testable) for row in reference_rows(whole, told.CAMPAIGN)] == [
        ("myeloid", 30, True),
        ("ribosomal", 30, True),
    ]
    assert [row.tool for row in look_rows(whole)] == ["axis_coordinate@1"]


def test_a_hypothesis_carries_all_that_decided_it(whole, told):
    (row,) = hypothesis_rows(whole, subject=slot_id(told.CAMPAIGN, 2, 1))
    assert (row.status, row.verdict, row.t, row.alpha) == (SlotStatus.VERDICT, Verdict.SUPPORTED, 3, 0.001)
    assert (row.p, row.effect, row.low, row.high, row.unit) == (0.001, 0.3, 0.3 - 0.1, 0.3 + 0.1, "AUROC - 0.5")
    assert (row.locus, row.relation, row.reference) == ("layer 3 axis 5", "separates", "myeloid")
    assert (row.block_id, row.reused, row.stream) == (told.BLOCK, False, told.STREAM)
    (gate,) = gate_rows(whole, row.subject)
    assert (gate.gate, gate.number, gate.passed) == ("G3", 0.001, True)
    (null,) = null_rows(whole, row.subject)
    assert (null.exceedances, null.draws, null.seed, null.moved) == (0, 999, 2**80, 0.93)
    assert [review.stage for review in review_rows(whole, row.subject)] == [1, 2]


def test_every_way_to_end_has_its_status(whole):
    assert [(row.status, row.verdict) for row in hypothesis_rows(whole, round=1)] == [
        (SlotStatus.VERDICT, Verdict.INVALID),  # which it was not when it was recorded
        (SlotStatus.REFUSED, None),
        (SlotStatus.VERDICT, Verdict.INVALID),
        (SlotStatus.VERDICT, Verdict.ERROR),
    ]
    failed = hypothesis_rows(whole, verdict=Verdict.ERROR)
    assert [(row.failure_code, row.observed, row.t) for row in failed] == [("timeout", False, None), ("crash", True, 5)]
    assert [row.code for row in refusal_rows(whole)] == ["not_testable"]


def test_hypotheses_are_paged(whole):
    everything = hypothesis_rows(whole)
    assert len(everything) == 8
    page = hypothesis_rows(whole, limit=3)
    assert page + hypothesis_rows(whole, after=page[-1].seq) == everything


def test_rounds_blocks_and_streams(whole, told):
    assert [(row.round, row.retired, row.stream_t, row.supports) for row in round_rows(whole, told.CAMPAIGN)] == [
        (1, False, 2, 0),
        (2, True, 5, 1),
        (3, True, 6, 2),
    ]
    assert sorted(round_bits(whole, told.CAMPAIGN, 2).values()) == [False, False, True]
    assert round_bits(whole, told.CAMPAIGN, 9) == {}
    (block,) = block_rows(whole)
    assert (block.block_id, block.k, block.retired_in_round) == (told.BLOCK, 1, 2)
    assert (block_retired(whole, told.BLOCK), block_retired(whole, "another")) == (True, False)
    (stream,) = stream_rows(whole)
    assert (stream.rule, stream.q, stream.n_max, stream.t, stream.supports) == ("r-lond", 0.1, 400, 6, 2)
    supported = {row.claim_key for row in hypothesis_rows(whole, verdict=Verdict.SUPPORTED)}
    assert stream_state(whole, told.STREAM) == (6, supported)
    assert stream_state(whole, "main/reused") == StreamState(0, frozenset())


def test_trials_are_told_by_reviewer(whole, told):
    (row,) = trial_rows(whole)
    assert (row.trial, row.reviewer, row.subject) == ("t1", "somebody", told.CAMPAIGN)
    assert (row.item, row.defect, row.stage, row.caught, row.cap) == ("plant", "wrong_null", 1, True, "invalid")
    assert (row.predicted_verdict, row.confidence, row.verdict) == (Verdict.INCONCLUSIVE, 0.6, Verdict.SUPPORTED)
    assert [item["code"] for item in row.objections] == ["wrong_null"]
    assert trial_rows(whole, "somebody", subject=told.CAMPAIGN) == [row]
    assert trial_rows(whole, "nobody") == trial_rows(whole, subject="another") == []


def test_a_reviewer_is_given_an_item_once(ledger, told):
    story = told.Story(ledger).begin()
    story.trial()
    story.trial(name="of another", reviewer="another")
    with pytest.raises(LedgerConflict, match="each is recorded once"):
        story.trial(name="again")
    assert [row.reviewer for row in trial_rows(ledger)] == ["somebody", "another"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"defect": None}, "exactly the plants have one"),
        ({"item": "sham"}, "exactly the plants have one"),
        ({"item": "sham", "defect": None}, "only a plant is caught"),
        ({"stage": None}, "by an objection of some stage"),
        ({"defect": "bad_taste"}, "defect"),
        ({"confidence": 1.0}, "less than 1"),
    ],
)
def test_a_trial_that_contradicts_itself_is_refused(ledger, told, changes, message):
    with pytest.raises(LedgerPayloadError, match=message):
        told.Story(ledger).begin().trial(**changes)


def test_the_second_support_of_a_claim_key_raises_nothing(ledger, told):
    story = told.Story(ledger).begin()
    story.round(1, [told.Outcome(locus=locus, verdict=Verdict.SUPPORTED, p=0.001) for locus in (1, 2)])
    assert stream_rows(ledger)[0].supports == 1
    t, keys = stream_state(ledger, told.STREAM)
    assert (t, len(keys)) == (2, 1)


def test_registered_ids_leave_out_what_was_refused(whole, told):
    rows = hypothesis_rows(whole)
    refused = {row.hypothesis_id for row in rows if row.status is SlotStatus.REFUSED}
    assert registered_ids(whole) == {row.hypothesis_id for row in rows} - refused
    assert registered_ids(whole, "another") == set()


def test_a_slot_takes_one_path(ledger, told):
    story = told.Story(ledger).begin()
    outcome, refused = told.Outcome(), told.Outcome(refusal="leak")
    with pytest.raises(LedgerConflict, match="has no hypothesis entry"):
        story.register(1, 1, refused)
    story.propose(1, 1, outcome)
    story.register(1, 1, outcome)
    with pytest.raises(LedgerConflict, match="which is registered"):
        story.register(1, 1, refused)
    story.propose(1, 2, told.Outcome(locus=2))
    with pytest.raises(LedgerConflict, match="refuse the hypothesis of the slot"):
        story.register(1, 2, refused)
    story.register(1, 2, told.Outcome(locus=2, refusal="leak"))
    with pytest.raises(LedgerConflict, match="is 'refused' and cannot be registered"):
        story.register(1, 2, told.Outcome(locus=2))
    with pytest.raises(LedgerConflict, match="each is recorded once"):
        story.add(EntryKind.PLAN_REVIEW, 1, 1, story.review(1), name="again")


def test_records_and_tables_have_the_same_columns():
    records = {
        "block": row_records.BlockRow,
        "budget_mark": BudgetMark,
        "campaign": row_records.CampaignRow,
        "gate": row_records.GateRow,
        "hypothesis": row_records.HypothesisRow,
        "invalidated": InvalidatedRow,
        "invalidation": InvalidationRow,
        "look": row_records.LookRow,
        "model_call": ModelCallRow,
        "null_evidence": row_records.NullRow,
        "reference_set": row_records.ReferenceRow,
        "refusal": row_records.RefusalRow,
        "rejudgement": row_records.RejudgementRow,
        "review": row_records.ReviewRow,
        "review_trial": row_records.TrialRow,
        "round": row_records.RoundRow,
        "stream": row_records.StreamRow,
        "tool_check": row_records.ToolCheckRow,
    }
    for table, record in records.items():
        fields = {field.name for field in dataclasses.fields(record)}
        assert fields == {column.name for column in PROJECTIONS.tables[table].columns}, table
    assert PROJECTIONS.tables.keys() - records.keys() == {"counter", "day", "mark", "round_bit", "tally"}
