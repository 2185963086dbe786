"""Whole campaigns with models good, bad and hostile: whoever plays, nothing is raised, credited twice or overspent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from chat_server import Answer, Asked, said
from players import (
    EXECUTOR,
    EXECUTORS,
    REVIEWER,
    REVIEWERS,
    capable,
    dreamer,
    fair,
    forger,
    forging_reviewer,
    hostile,
    lazy,
    ordering,
    p_hacker,
    rubber_stamp,
    sloppy,
    wishful,
)
from stage import Played, check_every_promise, rows_of

from theodolite.agents import LintReviewer
from theodolite.calibration.plants import seal_round
from theodolite.claims import Verdict
from theodolite.store import (
    EntryKind,
    SlotStatus,
    hypothesis_rows,
    model_call_rows,
    refusal_rows,
    stream_rows,
    stream_state,
    trial_rows,
)

PAIRS = [
    ("capable", "fair"),
    ("sloppy", "hostile"),
    ("lazy", "rubber stamp"),
    ("p-hacker", "rubber stamp"),
    ("forger", "forger"),
    ("injected", "ordering"),
    ("wishful", "fair"),
    ("dreamer", "fair"),
]


@pytest.mark.parametrize(("executor", "reviewer"), PAIRS, ids=[" and ".join(pair) for pair in PAIRS])
def test_whoever_plays_every_promise_holds(play: Callable[..., Played], executor: str, reviewer: str) -> None:
    check_every_promise(play(EXECUTORS[executor], REVIEWERS[reviewer]))


def test_a_capable_model_finds_what_is_there_and_nothing_else(play: Callable[..., Played], small_world: Any) -> None:
    played = play(capable, fair)
    assert played.reason == "budget: all 3 experiments are registered"
    supported = {row.reference.removesuffix("_pairs") for row in rows_of(played) if row.verdict is Verdict.SUPPORTED}
    assert supported == small_world.real


def test_a_lazy_model_is_tested_once_and_repeats_are_counted(play: Callable[..., Played]) -> None:
    played = play(lazy, rubber_stamp)
    assert played.reason.startswith("no_progress: ")
    with played.ledger as ledger:
        assert ledger.count(EntryKind.REGISTRATION) == 1
        refused = refusal_rows(ledger)
        assert {row.code for row in refused} == {"duplicate"}
        assert ledger.count(EntryKind.REPEAT) == len(refused) == len(hypothesis_rows(ledger)) - 1


def test_variants_of_a_claim_are_credited_once(play: Callable[..., Played]) -> None:
    played = play(p_hacker, rubber_stamp, experiments=3, alias=True)
    rows = check_every_promise(played)
    # Another name, another direction and other words are the same hypothesis; another layer is another one.
    refused = [row for row in rows if row.status is SlotStatus.REFUSED]
    assert {"alias_1", "program_1"} <= {row.reference for row in refused}
    assert {row.direction for row in refused} >= {"greater", "less"}
    supported = [row for row in rows if row.verdict is Verdict.SUPPORTED]
    assert len(supported) >= 2
    assert len({row.claim_key for row in supported}) == 1
    with played.ledger as ledger:
        assert all(len(stream_state(ledger, stream.stream)[1]) <= 1 for stream in stream_rows(ledger))


def test_a_sloppy_model_costs_turns_and_some_conversations_only(play: Callable[..., Played]) -> None:
    played = play(sloppy, hostile)
    with played.ledger as ledger:
        calls = model_call_rows(ledger, played.campaign)
        for entry in ledger.entries(kind=EntryKind.MALFORMED):
            assert len(entry.payload["problems"]) <= 3
        repaired = sum(
            "validator" in message["content"] for one in played.server.asked for message in one.messages[-1:]
        )
        assert repaired > 0
        assert len(calls) < 60


def test_a_hostile_reviewer_lowers_everything_and_raises_nothing(play: Callable[..., Played]) -> None:
    rows = rows_of(play(sloppy, hostile))
    assert {row.cap for row in rows if row.verdict is not None} == {"invalid"}
    assert Verdict.SUPPORTED not in {row.verdict for row in rows}


def test_forged_words_are_words(play: Callable[..., Played]) -> None:
    played = play(forger, forging_reviewer)
    with played.ledger as ledger:
        for row in hypothesis_rows(ledger):
            assert row.rationale.isprintable()
            assert "decoy" not in row.reference or row.verdict is not Verdict.SUPPORTED
        known = {row.subject for row in hypothesis_rows(ledger) if row.prereg_sha256 is not None}
        assert {entry.subject for entry in ledger.entries(kind=EntryKind.VERDICT)} == known
        reviews = [*ledger.entries(kind=EntryKind.PLAN_REVIEW), *ledger.entries(kind=EntryKind.RECORD_REVIEW)]
        assert {entry.payload["cap"] for entry in reviews} <= {"none", "inconclusive", "invalid"}
        stated = {entry.payload["confidence"] for entry in reviews} - {None}
        assert all(0 < float(number) < 1 for number in stated)
        # What was forged was tried, and answered by the validator.
        turned_down = [text for entry in told_by_validator(played) for text in entry]
        assert any("record_verdict" in text or "there is no action" in text for text in turned_down)


def told_by_validator(played: Played) -> Iterator[list[str]]:
    for asked in played.server.asked:
        yield asked.told("validator")


def test_controls_that_were_ordered_are_rows_and_only_lower(play: Callable[..., Played]) -> None:
    played = play(EXECUTORS["injected"], ordering)
    with played.ledger as ledger:
        rows = {row.subject: row for row in hypothesis_rows(ledger)}
        ordered = list(ledger.entries(kind=EntryKind.CONTROL))
        assert len(ordered) == 2 * ledger.count(EntryKind.RESULT) > 0
        for entry in ordered:
            if entry.payload["passed"] is False:
                verdict = rows[entry.subject].verdict
                assert verdict is not None
                assert verdict.rank <= Verdict.INCONCLUSIVE.rank


def test_wishes_are_rows_and_nothing_follows_from_them(play: Callable[..., Played]) -> None:
    played = play(wishful, fair)
    with played.ledger as ledger:
        wishes = list(ledger.entries(kind=EntryKind.WISH))
        assert wishes
        assert all(entry.payload["name"].isprintable() for entry in wishes)
        # The second wish in the same words is a repeat, and so is the second look at the same place.
        assert ledger.count(EntryKind.REPEAT) >= 2 * len(wishes)


def test_a_model_that_never_claims_leaves_rows_that_say_so(play: Callable[..., Played]) -> None:
    played = play(dreamer, fair)
    reason = played.reason.partition(":")[0]
    assert reason in ("no_candidates", "repeats")
    with played.ledger as ledger:
        assert ledger.count(EntryKind.HYPOTHESIS) == 0
        assert ledger.count(EntryKind.LOOK) == 1
        assert ledger.count(EntryKind.REPEAT) > 3


def test_a_model_that_never_makes_sense_ends_the_campaign(play: Callable[..., Played]) -> None:
    played = play(gibberish, gibberish)
    assert played.reason.startswith("no_candidates: ")
    with played.ledger as ledger:
        codes = [entry.payload["code"] for entry in ledger.entries(kind=EntryKind.MALFORMED)]
        # Two conversations in each of three rounds, of three turns each.
        assert codes == ["invalid"] * 6
        assert len(model_call_rows(ledger)) == 18


def test_a_reviewer_that_never_makes_sense_leaves_the_lints(play: Callable[..., Played]) -> None:
    played = play(lazy, gibberish)
    check_every_promise(played)
    with played.ledger as ledger:
        (row,) = ledger.entries(kind=EntryKind.PLAN_REVIEW)
        assert row.payload["reviewer"] == LintReviewer().name
        assert ledger.count(EntryKind.MALFORMED) == 1


def gibberish(asked: Asked) -> Answer:
    return said("flurb")


# --- sealed trials -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REVIEWERS)
def test_a_model_that_reviews_is_measured_on_sealed_items(play: Callable[..., Played], name: str) -> None:
    played = play(lazy, REVIEWERS[name], trials=seal_round)
    check_every_promise(played)
    with played.ledger as ledger:
        trials = trial_rows(ledger)
        assert trials
        if name in ("fair", "hostile", "rubber stamp"):
            assert all(EXECUTOR not in row.reviewer and REVIEWER in row.reviewer for row in trials)
        if name == "hostile":
            assert all(row.cap == "invalid" for row in trials)
