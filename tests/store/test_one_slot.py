"""Questions about one slot are answered from indexes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from theodolite.store import EntryKind, Ledger, hypothesis_rows
from theodolite.store.one_slot import (
    calls_about,
    figure_names,
    followers,
    jobs_named,
    reference_size,
    refusal_of,
    same_claim,
    slots_named,
)
from theodolite.store.ops import JobState


@pytest.fixture
def ledger(small_world: Any) -> Iterator[Ledger]:
    with Ledger.open(small_world.finished() / "ledger.sqlite", read_only=True) as opened:
        yield opened


def test_a_slot_is_named_in_full_or_by_its_end(ledger):
    subject = hypothesis_rows(ledger)[0].subject
    assert slots_named(ledger, subject) == slots_named(ledger, "r01.s001") == [subject]
    for other in ("r1.s1", "s001", "", "other/r01.s001", "r99999999999.s001", "r01.s001\0", f"{subject}/verdict"):
        assert slots_named(ledger, other) == []


def test_no_question_reads_all_hypotheses(ledger, monkeypatch):
    row = hypothesis_rows(ledger)[0]
    asked: list[tuple[str, Any]] = []
    from sqlalchemy import event

    def note(connection: Any, cursor: Any, statement: str, values: Any, context: Any, many: bool) -> None:
        asked.append((statement, values))

    event.listen(ledger._engine, "before_cursor_execute", note)
    slots_named(ledger, "r01.s001")
    refusal_of(ledger, row.subject)
    calls_about(ledger, row.subject)
    jobs_named(ledger, ["a", "b"])
    same_claim(ledger, row.claim_key, row.subject)
    followers(ledger, row.subject, row.seq)
    reference_size(ledger, row.campaign, row.reference)
    event.remove(ledger._engine, "before_cursor_execute", note)
    with ledger.read() as connection:
        for statement, values in asked:
            if not statement.startswith("SELECT"):
                continue
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
            steps = [step[3] for step in plan if " campaign" not in step[3]]
            assert not [step for step in steps if step.startswith("SCAN")], (statement, steps)


def test_what_is_not_there_is_empty(ledger):
    row = hypothesis_rows(ledger)[0]
    assert refusal_of(ledger, row.subject) is None
    assert calls_about(ledger, row.subject) == [] and jobs_named(ledger, ["0" * 64]) == {}
    assert followers(ledger, row.subject, row.seq) == [] and not figure_names(ledger, "0" * 64)
    assert reference_size(ledger, row.campaign, "no such") is None


def test_a_job_is_found_by_its_hash():
    with Ledger.in_memory() as ledger:
        ledger.ops.start_job("j1", campaign="c", what="main")
        ledger.ops.finish_job("j1", JobState.DONE, seconds=2.0)
        found = jobs_named(ledger, ["j1", "j2"])
    assert list(found) == ["j1"] and found["j1"].state is JobState.DONE


def test_a_figure_that_a_row_names_is_known(trees):
    with Ledger.open(trees.finished() / "ledger.sqlite", read_only=True) as ledger:
        figure = next(ledger.entries(kind=EntryKind.FIGURE))
        assert figure_names(ledger, figure.payload["artefact"])
        assert not figure_names(ledger, figure.payload["measurement"])
