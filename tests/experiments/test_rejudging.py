"""Judging again: today's catalogue on tests that an older one settled; rows are added, first verdicts stand."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from theodolite.canonical import digest
from theodolite.experiments.rejudging import rejudge
from theodolite.experiments.replay import verify_decisions
from theodolite.gates import CATALOGUE_VERSION
from theodolite.judgements import Judgement, Settlement
from theodolite.store import (
    Entry,
    EntryKind,
    Ledger,
    agent_view,
    campaign_rows,
    hypothesis_rows,
    rejudgement_rows,
    round_bits,
    round_rows,
    stream_rows,
    stream_state,
    verify,
)

OLD = Path(__file__).parents[1] / "ledgers" / "pbmc-demo-0.1.0"
"""A ledger of catalogue 1: sixteen tests of real cells."""


@pytest.fixture(scope="module")
def rejudged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the old ledger whose tests were judged again."""
    folder = tmp_path_factory.mktemp("rejudged") / "ledger"
    shutil.copytree(OLD, folder)
    with Ledger.open(folder / "ledger.sqlite") as ledger:
        assert len(list(rejudge(ledger))) == 16
    return folder


@pytest.fixture
def ledger(rejudged: Path) -> Iterator[Ledger]:
    with Ledger.open(rejudged / "ledger.sqlite", read_only=True) as opened:
        yield opened


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Ledger]:
    shutil.copytree(OLD, tmp_path / "old")
    with Ledger.open(tmp_path / "old" / "ledger.sqlite") as opened:
        yield opened


def told(ledger: Ledger) -> Any:
    """Return everything that levels, verdicts and agents rest on."""
    campaigns = [row.campaign for row in campaign_rows(ledger)]
    return (
        hypothesis_rows(ledger),
        {row.stream: stream_state(ledger, row.stream) for row in stream_rows(ledger)},
        [round_bits(ledger, row.campaign, row.round) for row in round_rows(ledger)],
        [agent_view(ledger, campaign).model_dump_json() for campaign in campaigns],
    )


def test_every_test_gets_one_row_after_all_others_and_its_first_verdict_stands(old: Ledger, ledger: Ledger) -> None:
    assert told(ledger) == told(old)
    head = old.head()
    rows = list(ledger.entries())
    assert [entry.hash for entry in rows[: head.seq]] == [entry.hash for entry in old.entries()]
    added = rows[head.seq :]
    assert {entry.kind for entry in added} == {EntryKind.REJUDGEMENT}
    assert [entry.subject for entry in added] == [entry.subject for entry in old.entries(kind=EntryKind.VERDICT)]
    assert {entry.payload["catalogue"] for entry in added} == {CATALOGUE_VERSION}


def test_a_second_call_writes_nothing_and_says_the_same(rejudged: Path, tmp_path: Path) -> None:
    shutil.copytree(rejudged, tmp_path / "again")
    with Ledger.open(tmp_path / "again" / "ledger.sqlite") as ledger:
        head = ledger.head()
        rows = list(rejudge(ledger))
        assert rows == rejudgement_rows(ledger)
        assert ledger.head() == head


def test_a_call_that_was_cut_short_is_finished_by_the_next(old: Ledger, ledger: Ledger) -> None:
    started = rejudge(old)
    first = [next(started), next(started)]
    started.close()
    assert len(rejudgement_rows(old)) == 2
    assert list(rejudge(old))[:2] == first
    assert rejudgement_rows(old) == rejudgement_rows(ledger)


def test_controls_that_a_test_never_had_are_missed_by_name_and_nothing_is_computed_without_them(
    ledger: Ledger,
) -> None:
    shapes = {entry.subject: entry.payload["plan"]["shape"] for entry in ledger.entries(kind=EntryKind.REGISTRATION)}
    assert set(shapes.values()) == {"GeneScores", "PairScores"}
    for entry in ledger.entries(kind=EntryKind.REJUDGEMENT):
        judgement = Judgement.model_validate(entry.payload["judgement"])
        settlement = Settlement.model_validate(entry.payload["settlement"])
        gates = {gate.gate: gate for gate in settlement.gates}
        assert (settlement.verdict, settlement.t, judgement.evidence) == ("invalid", None, ())
        assert "each baseline needs its own place" in gates["G2"].sentence
        if shapes[entry.subject] == "PairScores":
            assert settlement.first_unmet == "G1"
            assert "needs co-expression, and the plan names none" in gates["G1"].sentence
        else:
            assert settlement.first_unmet == "G2"
            assert gates["G1"].passed is True


@pytest.mark.slow
def test_a_rejudged_ledger_replays_down_to_its_measurements(ledger: Ledger) -> None:
    assert verify(ledger).ok
    assert verify_decisions(ledger) == []
    assert verify_decisions(ledger, deep=True) == []


Change = Callable[[dict[str, Any]], None]


def forged(original: Path, folder: Path, change: Callable[[Entry, dict[str, Any]], None]) -> Ledger:
    """Write a ledger anew with other payloads, as one who can write the whole chain would."""
    shutil.copytree(original / "artefacts", folder / "artefacts")
    written = Ledger.create(folder / "ledger.sqlite")
    with Ledger.open(original / "ledger.sqlite", read_only=True) as ledger:
        for entry in ledger.entries():
            payload = copy.deepcopy(entry.payload)
            change(entry, payload)
            written.append(entry.kind, entry.id, entry.subject, payload)
    return written


def support(payload: dict[str, Any]) -> None:
    payload["settlement"] |= {"verdict": "supported", "machine_verdict": "supported", "first_unmet": None}


def pass_gate(payload: dict[str, Any]) -> None:
    for part in ("judgement", "settlement"):
        for gate in payload[part]["gates"]:
            if gate["gate"] in ("G1", "G2"):
                gate["passed"] = True


def another_cap(payload: dict[str, Any]) -> None:
    payload["settlement"]["cap"] = "inconclusive"


def another_catalogue(payload: dict[str, Any]) -> None:
    payload["catalogue"] = payload["settlement"]["catalogue"] = "3"


def another_plan(payload: dict[str, Any]) -> None:
    payload["prereg_sha256"] = "0" * 64


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (support, "its settlement does not follow from its judgement: "),
        (pass_gate, "its settlement does not follow from its judgement: "),
        (another_cap, "cap is 'inconclusive'"),
        (another_catalogue, "judged again under catalogue 3; this version judges by 2"),
        (another_plan, "plan"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_rejudgement_that_does_not_follow_is_found_without_its_measurements(
    rejudged: Path, tmp_path: Path, change: Change, said: str
) -> None:
    done: list[str] = []

    def tamper(entry: Entry, payload: dict[str, Any]) -> None:
        if entry.kind is EntryKind.REJUDGEMENT and not done:
            change(payload)
            done.append(entry.id)

    with forged(rejudged, tmp_path / "forged", tamper) as ledger:
        assert verify(ledger).ok
        problems = verify_decisions(ledger)
    assert {problem.id for problem in problems} == set(done)
    assert any(said in problem.what for problem in problems)


def test_a_judgement_that_the_measurements_do_not_give_is_found_from_them(rejudged: Path, tmp_path: Path) -> None:
    def tamper(entry: Entry, payload: dict[str, Any]) -> None:
        if entry.kind is EntryKind.REJUDGEMENT and entry.subject.endswith("r01.s001"):
            payload["judgement"]["effect"]["estimate"] = "0.3"

    with forged(rejudged, tmp_path / "forged", tamper) as ledger:
        assert verify_decisions(ledger) == []
        (problem,) = verify_decisions(ledger, deep=True)
    assert "judged again from its measurements: effect.estimate is '0.3'" in problem.what


def test_nothing_is_judged_again_that_todays_catalogue_settled(small_world: Any, tmp_path: Path) -> None:
    shutil.copytree(small_world.finished(), tmp_path / "new")
    with Ledger.open(tmp_path / "new" / "ledger.sqlite") as ledger:
        head = ledger.head()
        assert list(rejudge(ledger)) == []
        assert ledger.head() == head


def test_a_plan_that_states_everything_is_settled_as_if_it_were_locked_today_and_gives_no_credit(
    small_world: Any, tmp_path: Path
) -> None:
    """Today's tests under the name of an older catalogue: judging again must find what today's judging found."""
    names: dict[str, str] = {}

    def older(entry: Entry, payload: dict[str, Any]) -> None:
        if entry.kind is EntryKind.REGISTRATION:
            payload["plan"]["catalogue"] = "1"
            names[payload["prereg_sha256"]] = digest(payload["plan"])
        if "prereg_sha256" in payload:
            payload["prereg_sha256"] = names[payload["prereg_sha256"]]

    with forged(small_world.finished(), tmp_path / "older", older) as ledger:
        before = told(ledger)
        rows = list(rejudge(ledger))
        assert told(ledger) == before
        first = {entry.subject: entry for entry in ledger.entries(kind=EntryKind.VERDICT)}
        judged = {entry.subject: entry for entry in ledger.entries(kind=EntryKind.JUDGEMENT)}
        again = list(ledger.entries(kind=EntryKind.REJUDGEMENT))
        assert "supported" in {row.verdict for row in rows}
        assert len(again) == len(rows) == len(first)
        for entry in again:
            assert entry.payload["judgement"] == judged[entry.subject].payload["judgement"]
            assert entry.payload["settlement"] == first[entry.subject].payload["settlement"]
