"""Whether a reviewer's caps bind follows from its trials, read one by one or counted by the ledger."""

from __future__ import annotations

import pytest

from theodolite.canonical import digest
from theodolite.claims import ReviewerCap, Verdict
from theodolite.experiments.standing import cap_of, is_advisory, is_advisory_now
from theodolite.judgements import Review
from theodolite.store import EntryKind, Ledger, trial_rows

REVIEWER = "somebody"


def give(ledger: Ledger, *, caught: int, plants: int, alarms: int, shams: int, defect: str = "wrong_unit") -> None:
    """Write trials of a reviewer: so many of the plants caught, so many of the shams objected to."""
    note = [{"code": "wrong_unit", "gate": "G1", "evidence": digest("plan"), "note": "cells are not units"}]
    for number in range(plants + shams):
        plant = number < plants
        objects = number < caught if plant else number - plants < alarms
        name = f"{defect}-{number}"
        ledger.append(
            EntryKind.REVIEW_TRIAL,
            f"trials/{name}",
            "trials",
            {
                "trial": name,
                "reviewer": REVIEWER,
                "item": "plant" if plant else "sham",
                "item_sha256": digest(name),
                "defect": defect if plant else None,
                "stage": 1 if objects else None,
                "caught": plant and objects,
                "objections": note if objects else [],
                "cap": "none",
                "predicted_verdict": "inconclusive",
                "confidence": None,
                "verdict": "supported",
            },
        )


@pytest.mark.parametrize(
    ("trials", "advisory"),
    [
        ({"caught": 30, "plants": 30, "alarms": 0, "shams": 30}, False),
        ({"caught": 10, "plants": 30, "alarms": 0, "shams": 30}, True),
        ({"caught": 30, "plants": 30, "alarms": 4, "shams": 30}, False),
        ({"caught": 30, "plants": 30, "alarms": 5, "shams": 30}, True),
        ({"caught": 0, "plants": 29, "alarms": 30, "shams": 30}, False),
        ({"caught": 0, "plants": 30, "alarms": 30, "shams": 30, "defect": "wrong_null"}, False),
    ],
    ids=["good", "blind", "just quiet enough", "too loud", "unmeasured", "unmeasured where it counts"],
)
def test_counts_of_the_ledger_say_what_its_rows_say(trials: dict[str, int], advisory: bool) -> None:
    with Ledger.in_memory() as ledger:
        give(ledger, **trials)
        assert is_advisory(trial_rows(ledger), REVIEWER) is advisory
        assert is_advisory_now(ledger, REVIEWER) is advisory
        assert not is_advisory_now(ledger, "another")


@pytest.mark.parametrize(("code", "left"), [(None, "none"), ("none", "none"), ("invalid", "invalid")])
def test_what_code_found_binds_behind_a_model_whose_own_cap_does_not(
    code: ReviewerCap | None, left: ReviewerCap
) -> None:
    review = Review(
        stage=2,
        objections=(),
        likely_confound="hubs",
        predicted_verdict=Verdict.SUPPORTED,
        cap="invalid",
        reviewer=REVIEWER,
        code_cap=code,
    )
    held = cap_of(review, advisory=True)
    assert ("none" if held.advisory else held.cap) == left
    assert cap_of(review, advisory=False).cap == "invalid"
