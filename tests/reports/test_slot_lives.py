"""The life of a slot is read back whole, under any name that a person would use."""

from __future__ import annotations

import pytest

from theodolite.reports import find_subject, slot_life
from theodolite.store import campaign_rows


def test_a_slot_is_found_by_its_end_its_id_and_its_entries(ledger):
    (campaign,) = campaign_rows(ledger)
    subject = f"{campaign.campaign}/r01.s002"
    for name in ("r01.s002", subject, f"{subject}/verdict"):
        assert find_subject(ledger, name) == [subject]
    assert find_subject(ledger, "s002") == find_subject(ledger, f"{campaign.campaign}/stop") == []


def test_a_life_runs_from_proposal_to_verdict(ledger):
    (subject,) = find_subject(ledger, "r01.s001")
    life = slot_life(ledger, subject)
    assert [step.kind for step in life.steps] == [
        "hypothesis", "registration", "plan_review", "result", "judgement", "record_review", "verdict",
    ]  # fmt: skip
    assert life.plan["campaign"] == life.hypothesis.campaign
    assert [review.stage for review in life.reviews] == [1, 2]
    assert {null.null for null in life.nulls} == set(life.plan["null_panel"])
    assert {gate.gate for gate in life.gates} >= {"G0", "G3", "G8", "G9"}
    assert life.settlement["verdict"] == life.hypothesis.verdict
    assert life.refusal is None


def test_a_slot_that_is_not_there(ledger):
    with pytest.raises(KeyError, match="r99.s001"):
        slot_life(ledger, "finished/r99.s001")
