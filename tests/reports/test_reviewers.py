"""Reviewers as people read them: from the rows of the ledger, in words and as a figure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import pytest

from theodolite.canonical import digest
from theodolite.gates.advisory import ReviewerStanding
from theodolite.judgements import ObjectionCode
from theodolite.reports.reviewers import (
    DEFECT_WORDS,
    STANDING_WORDS,
    reviewer_agreements,
    reviewer_standings,
    save_reviewer_figure,
    standing_sentence,
)
from theodolite.store import EntryKind, Ledger, entry_id


def put(ledger: Ledger, reviewer: str, defect: str | None, number: int, right: bool) -> None:
    """Write a trial: ``right`` is a plant that was caught, or a sham that was left alone."""
    objects = right is (defect is not None)
    trial: dict[str, Any] = {
        "trial": f"{defect}-{number}",
        "reviewer": reviewer,
        "item": "sham" if defect is None else "plant",
        "item_sha256": digest([defect, number]),
        "defect": defect,
        "stage": 1 if objects else None,
        "caught": objects and defect is not None,
        "objections": [{"code": defect or "sign_flip", "gate": "G3", "evidence": "x", "note": "so"}] if objects else [],
        "cap": "inconclusive" if objects else "none",
        "predicted_verdict": "supported",
        "verdict": "supported",
    }
    name = digest([reviewer, defect, number])[:12]
    ledger.append(EntryKind.REVIEW_TRIAL, entry_id("reviewers", EntryKind.REVIEW_TRIAL, name=name), "reviewers", trial)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """Yield the trials of a good reviewer, of one that objects to everything, and of one with a single trial."""
    with Ledger.in_memory() as opened:
        for number in range(10):
            for defect in get_args(ObjectionCode):
                put(opened, "careful", defect, number, right=number < 9)
                put(opened, "contrary", defect, number, right=True)
        for number in range(40):
            put(opened, "careful", None, number, right=True)
            put(opened, "contrary", None, number, right=False)
        put(opened, "new", None, 0, right=True)
        yield opened


def test_standings_come_from_the_rows(ledger: Ledger) -> None:
    careful, contrary, new = reviewer_standings(ledger)
    assert (careful.standing, contrary.standing, new.standing) == (
        ReviewerStanding.BINDING,
        ReviewerStanding.ADVISORY,
        ReviewerStanding.UNMEASURED,
    )
    assert {one.caught for one in careful.classes.values()} == {9}
    assert (contrary.false_alarms, contrary.shams, contrary.beyond_code.caught) == (40, 40, 30)


def test_sentences_say_what_the_record_amounts_to(ledger: Ledger) -> None:
    careful, contrary, new = map(standing_sentence, reviewer_standings(ledger))
    assert careful == (
        "careful: its cap binds. Of the plants that code cannot always catch it found 27 of 30 (at least 76 % with "
        "95 % confidence, 60 % is asked for); it objected to 0 of 40 clean items (15 % is allowed)."
    )
    assert "advisory: its cap does not bind" in contrary
    assert "it objected to 40 of 40 clean items" in contrary
    assert "unmeasured: too few trials to say" in new
    assert "0 plants that code cannot always catch and 1 shams; 30 and 30 are asked for" in new


def test_every_class_and_standing_has_words() -> None:
    assert tuple(DEFECT_WORDS) == get_args(ObjectionCode)
    assert set(STANDING_WORDS) == set(ReviewerStanding)


def test_agreement_of_each_two_reviewers(ledger: Ledger) -> None:
    pairs = {(pair.first, pair.second): pair for pair in reviewer_agreements(ledger)}
    assert set(pairs) == {("careful", "contrary"), ("careful", "new"), ("contrary", "new")}
    both = pairs["careful", "contrary"]
    assert (both.items, both.share) == (170, 117 / 170)
    assert both.kappa == 0.0, "one of them always says the same"


def test_the_figure_tells_the_numbers_of_each_reviewer(ledger: Ledger, tmp_path: Path) -> None:
    save_reviewer_figure(reviewer_standings(ledger), tmp_path / "reviewers.svg")
    text = [
        element.text
        for element in ElementTree.parse(tmp_path / "reviewers.svg").iter("{http://www.w3.org/2000/svg}text")
    ]
    words = " ".join(filter(None, text))
    for said in ("careful", "contrary", "advisory", "unmeasured", "9 of 10", "27 of 30", "40 of 40", "0 of 40"):
        assert said in words
    assert set(DEFECT_WORDS.values()) <= set(text)


def test_the_same_rows_give_the_same_figure(ledger: Ledger, tmp_path: Path) -> None:
    found = reviewer_standings(ledger)
    for suffix in ("svg", "png"):
        contents = []
        for name in ("one", "two"):
            save_reviewer_figure(found, tmp_path / f"{name}.{suffix}")
            contents.append((tmp_path / f"{name}.{suffix}").read_bytes())
        assert contents[0] == contents[1]
        assert len(contents[0]) > 5_000


def test_without_trials_there_is_nothing_to_draw(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no reviewer was tried"):
        save_reviewer_figure([], tmp_path / "none.png")
