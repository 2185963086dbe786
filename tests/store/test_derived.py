"""What the database derives of hypotheses is what counting them gives, whatever happened to them and in which order."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from large_ledgers import make_large_ledger

from theodolite.claims import Author, Verdict
from theodolite.store import (
    CHOICES,
    TALLIED,
    EntryKind,
    Find,
    Ledger,
    LedgerQueryError,
    choices,
    count_found,
    find,
    gate_rows,
    hypothesis_rows,
    model_call_rows,
    rebuild,
    tallies,
    verify,
)

COLUMNS = {"cells": "context"}
DERIVED = ("tally", "mark", "day")


@pytest.fixture
def copy(campaign_file, tmp_path):
    shutil.copytree(campaign_file.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / campaign_file.name


def counted_one_by_one(ledger, by, campaign=None):
    rows = hypothesis_rows(ledger, campaign)
    found = Counter(tuple(getattr(row, COLUMNS.get(name, name)) for name in by) for row in rows)
    return sorted((*values, number) for values, number in found.items())


def outcomes(told):
    ends = [
        told.Outcome(),
        told.Outcome(verdict=Verdict.SUPPORTED, p=0.001),
        told.Outcome(verdict=Verdict.REFUTED, p=0.9, reference="ribosomal"),
        told.Outcome(verdict=Verdict.INVALID, p=0.6),
        told.Outcome(refusal="underpowered"),
        told.Outcome(failure="timeout"),
        told.Outcome(failure="crash", observed=True),
    ]
    return st.lists(st.sampled_from(ends), min_size=1, max_size=6)


@settings(max_examples=15)
@given(data=st.data())
def test_counters_are_right_at_every_step(told, data):
    with Ledger.in_memory(clock=told.ticking_clock()) as ledger:
        for number, campaign in enumerate(("pbmc-1", "pbmc-2"), start=1):
            story = told.Story(ledger, campaign)
            story.begin()
            story.t = 100 * number
            slots = [
                (slot, told.Outcome(**{**vars(outcome), "locus": slot}))
                for slot, outcome in enumerate(data.draw(outcomes(told)), start=1)
            ]
            registered = [(slot, outcome) for slot, outcome in slots if outcome.refusal is None]
            for phase, some in (
                (story.propose, slots), (story.register, slots), (story.run, registered), (story.judge, registered),
                (story.record, registered),
            ):  # fmt: skip
                for slot, outcome in some:
                    phase(1, slot, outcome)
                check(ledger)
        done = [(slot, outcome) for slot, outcome in registered if outcome.failure is None]
        if done:
            slot, outcome = done[0]
            story.invalidate(1, slot, outcome, was=outcome.verdict.value)
            check(ledger)
        assert verify(ledger).ok
        before = tables(ledger)
        rebuild(ledger)
        assert tables(ledger) == before


def tables(ledger):
    with ledger.read() as connection:
        return {name: connection.exec_driver_sql(f"SELECT * FROM {name}").all() for name in DERIVED}


def check(ledger):
    for by in (["outcome"], ["campaign", "outcome"], ["family", "locus"], ["reference", "outcome"], []):
        assert tallies(ledger, by=by) == counted_one_by_one(ledger, by)
    assert tallies(ledger, by=["outcome"], campaign="pbmc-2") == counted_one_by_one(ledger, ["outcome"], "pbmc-2")
    unmet = Counter(gate.gate for gate in gate_rows(ledger) if gate.passed is False)
    assert choices(ledger, "unmet") == unmet
    for field in CHOICES:
        for value, number in choices(ledger, field).items():
            assert count_found(ledger, Find(**{field: value})) == (number, False)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "ledger.sqlite"
    make_large_ledger(path, 200, seed=5)
    with Ledger.open(path, read_only=True) as ledger:
        yield ledger


@settings(max_examples=60)
@given(by=st.lists(st.sampled_from(TALLIED), unique=True, max_size=4), within=st.booleans())
def test_tallies_by_any_fields_are_those_of_counting(large, by, within):
    campaign = next(iter(choices(large, "campaign"))) if within else None
    assert tallies(large, by=by, campaign=campaign) == counted_one_by_one(large, by, campaign)


def test_a_large_ledger_is_as_its_triggers_would_have_made_it(tmp_path):
    path = tmp_path / "ledger.sqlite"
    make_large_ledger(path, 120, seed=1)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        before = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in DERIVED}
        rows = [connection.execute(f"SELECT * FROM {name}").fetchall() for name in ("hypothesis", "gate")]
        for name in ("gate", "hypothesis", "mark", "day", "tally"):
            connection.execute(f"DELETE FROM {name}")
        connection.execute("INSERT INTO hypothesis_text (hypothesis_text) VALUES ('rebuild')")
        for name, some in zip(("hypothesis", "gate"), rows, strict=True):
            connection.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(some[0]))})", some)
        assert {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in DERIVED} == before
        connection.execute("INSERT INTO hypothesis_text (hypothesis_text) VALUES ('integrity-check')")


@pytest.mark.parametrize(("field", "message"), [("taste", "by 'taste'; name each of"), ("layer", "by 'layer'")])
def test_what_nothing_is_counted_by_is_refused_by_name(large, field, message):
    with pytest.raises(LedgerQueryError, match=message):
        choices(large, field)
    with pytest.raises(LedgerQueryError, match=message):
        tallies(large, by=["campaign", field])
    with pytest.raises(LedgerQueryError, match="once at most"):
        tallies(large, by=["campaign", "campaign"])


def test_texts_that_come_later_are_found_and_those_that_went_are_not(ledger, told):
    story = told.Story(ledger).begin()
    refused, failed = told.Outcome(locus=1, refusal="underpowered"), told.Outcome(locus=2, failure="timeout")
    story.round(1, [refused, failed])
    assert [row.slot for row in find(ledger, Find(text="needs families")).rows] == [1]
    assert [row.slot for row in find(ledger, Find(text="worker killed")).rows] == [2]
    assert [row.slot for row in find(ledger, Find(text="separates myeloid")).rows] == [2, 1]
    with ledger.write() as connection:
        connection.exec_driver_sql("INSERT INTO hypothesis_text (hypothesis_text) VALUES ('integrity-check')")


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        (
            "UPDATE tally SET number = number + 1 WHERE kind = '' AND outcome = 'error'",
            "number is 3, the entries say 2",
        ),
        ("DELETE FROM tally WHERE kind = 'unmet'", "projection 'tally' lacks the row ('unmet', '', 'G3', '', '')"),
        ("INSERT INTO mark VALUES ('tag', '[one block]', 6)", "has a row ('tag', '[one block]', 6) that no entry made"),
        (
            "UPDATE hypothesis SET outcome = 'supported' WHERE slot = 4",
            "outcome is 'supported', the entries say 'error'",
        ),
        ("UPDATE hypothesis SET cost = 0.5 WHERE slot = 4", "cost is 0.5, the entries say None"),
        ("UPDATE day SET last_seq = 7", "projection 'day', row ('2026-01-01',): last_seq is 7"),
        ("DROP TRIGGER hypothesis_ended", "trigger 'hypothesis_ended' is missing"),
    ],
)
def test_verify_finds_what_was_changed_and_rebuild_repairs_it(copy, statement, what):
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute(statement)
    assert what in str(verify(copy))
    with Ledger.open(copy) as ledger:
        rebuild(ledger)
    assert verify(copy).ok


def call(ledger, campaign, talk, role, cost):
    number = ledger.count(EntryKind.MODEL_CALL)
    said = {
        "conversation": talk, "turn": 1, "attempt": 1, "role": role, "model": "m", "rung": "tools",
        "request_sha256": "0" * 64, "request": ledger.artefacts.put(b"{}"), "response": None, "http_status": 200,
        "status": "ok", "detail": "", "tokens_in": 10, "tokens_out": 5, "estimated": False, "cost": cost,
        "priced": True, "prompts_sha256": "0" * 64,
    }  # fmt: skip
    ledger.append(EntryKind.MODEL_CALL, f"{campaign}/model_call/{number}", campaign, said)


def test_calls_are_charged_to_the_slot_that_they_led_to(ledger, told, monkeypatch):
    story, campaign = told.Story(ledger).begin(), told.CAMPAIGN
    first, second, mine = told.Outcome(locus=1), told.Outcome(locus=2), told.Outcome(locus=3)
    planned = story.hypothesis
    monkeypatch.setattr(
        story, "hypothesis", lambda outcome: planned(outcome).model_copy(update={"author": Author.EXECUTOR})
    )
    call(ledger, campaign, "r01.c01-executor", "executor", 0.1)
    call(ledger, campaign, "r01.c01-executor", "executor", 0.2)
    story.propose(1, 1, first)
    call(ledger, campaign, "r01.c02-executor", "executor", 0.4)  # led to nothing
    call(ledger, "another", "r01.c03-executor", "executor", 51.2)
    call(ledger, campaign, "r01.c03-executor", "executor", 0.8)
    story.propose(1, 2, second)
    call(ledger, campaign, "q1-person", "executor", 102.4)  # for a person, who proposes by another way
    story.propose(1, 3, mine)
    call(ledger, campaign, "review1-a", "reviewer", 1.6)
    story.register(1, 1, first)
    call(ledger, campaign, "review1-b", "reviewer", 3.2)
    call(ledger, campaign, "review2-b", "reviewer", 6.4)
    story.trial()
    story.register(1, 2, second)
    rows = {row.slot: row for row in hypothesis_rows(ledger)}
    assert (rows[1].cost, rows[1].tokens) == (pytest.approx(1.9), 45)
    assert (rows[2].cost, rows[2].tokens) == (0.8, 15)
    assert (rows[3].cost, rows[3].tokens) == (None, None)
    about = {row.conversation: row.about for row in model_call_rows(ledger, campaign)}
    assert about["r01.c02-executor"] is about["q1-person"] is None
    assert (about["review1-b"], about["review2-b"]) == ("t1", "t1")
    assert [row.slot for row in find(ledger, Find(cost_from=0.0), sort="cost").rows] == [1, 2]
    assert verify(ledger).ok


def test_an_old_ledger_is_charged_when_its_tables_are_made_anew(checkout: Path, tmp_path: Path):
    kept = shutil.copytree(checkout / "tests" / "ledgers" / "models-catalogue-2", tmp_path / "kept")
    with Ledger.open(kept / "ledger.sqlite") as ledger:
        rows = hypothesis_rows(ledger, round=1)
        # One call for the review of a plan and two for that of the record; two more in which the executor proposed.
        assert [(row.author, row.cost) for row in rows] == [
            ("person", pytest.approx(3 * 0.0011)),
            ("executor", pytest.approx(5 * 0.0011)),
        ]
        calls = model_call_rows(ledger)
        assert sum(row.cost or 0 for row in hypothesis_rows(ledger)) < sum(call.cost for call in calls)
