"""A line of the table says how a hypothesis ended, with numbers only where something was measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from theodolite.claims import Tag, Verdict
from theodolite.reports import OUTCOMES, count_outcomes, reused_supports, verdict_lines
from theodolite.reports.verdict_table import as_line
from theodolite.store import Ledger, SlotStatus, gate_rows, hypothesis_rows


def test_what_is_supported_comes_first(ledger):
    outcomes = [line.outcome for line in verdict_lines(ledger)]
    assert outcomes == sorted(outcomes, key=OUTCOMES.index)
    assert outcomes[0] == "supported" and len(outcomes) == 6


def test_every_verdict_and_refusal_has_its_place():
    assert set(OUTCOMES) == {*Verdict, "pending", "refused"}


def test_effects_are_auroc_and_evidence_stands_beside_its_level(ledger):
    rows = {row.subject: row for row in hypothesis_rows(ledger)}
    for line in verdict_lines(ledger):
        row = rows[line.subject]
        assert (line.effect, line.low, line.high) == (0.5 + row.effect, 0.5 + row.low, 0.5 + row.high)
        # Levels are those of e-values; p-values are held against the same divided by the harmonic number.
        assert line.p == row.p
        assert line.level == pytest.approx(row.alpha / sum(1 / k for k in range(1, row.t + 1)))
        assert (line.e, line.required) == (None, None)
        assert (line.outcome == "supported") <= (line.p <= line.level)
        assert (line.p <= line.level) == (row.e >= 1 / row.alpha)


def test_betting_shows_its_e_value_and_what_was_asked_and_no_p(row):
    line = as_line(replace(row, evidence="e", e=812.0, alpha=1 / 380), (), None)
    assert (line.p, line.level) == (None, None)
    assert (line.e, line.required) == (812.0, pytest.approx(380))


def test_a_row_of_the_first_catalogue_keeps_the_level_that_it_was_given(row):
    line = as_line(replace(row, evidence=None, e=None, t=3, alpha=0.004), (), None)
    assert (line.p, line.level, line.e, line.required) == (row.p, 0.004, None, None)


def test_the_first_unmet_gate_has_a_title_and_a_sentence(small_world):
    with Ledger.open(small_world.finished(2) / "ledger.sqlite", read_only=True) as ledger:
        (line,) = verdict_lines(ledger, verdict="inconclusive")
        recorded = {gate.gate: gate for gate in gate_rows(ledger, line.subject)}
    gate, _, title = line.first_unmet.partition(" ")
    assert recorded[gate].passed is False
    assert (title, line.unmet_sentence) == (recorded[gate].title, recorded[gate].sentence)
    assert line.next_step


def test_filters_choose_lines(ledger):
    lines = verdict_lines(ledger)
    families = {line.family for line in lines}
    assert len(families) > 1
    for family in families:
        assert verdict_lines(ledger, family=family) == [line for line in lines if line.family == family]
    assert verdict_lines(ledger, limit=2) == lines[:2]
    assert verdict_lines(ledger, "another-campaign") == []


def test_counts_follow_the_order_of_the_table(ledger):
    counted = count_outcomes(verdict_lines(ledger))
    assert sum(counted.values()) == 6
    assert list(counted) == [outcome for outcome in OUTCOMES if outcome in counted]


def test_supports_on_a_spent_block_are_counted_apart(row):
    free = as_line(replace(row, verdict=Verdict.SUPPORTED, tags=("[these cells]",)), (), None)
    tagged = as_line(replace(row, verdict=Verdict.SUPPORTED, tags=(Tag.REUSED_HOLD_OUT.value,)), (), None)
    refuted = as_line(replace(row, verdict=Verdict.REFUTED, tags=(Tag.REUSED_HOLD_OUT.value,)), (), None)
    assert reused_supports([free, tagged, refuted]) == 1


@pytest.fixture
def row(ledger):
    return hypothesis_rows(ledger)[0]


def test_a_refusal_says_why_and_shows_no_number(row):
    refused = replace(row, status=SlotStatus.REFUSED, verdict=None, t=None, first_unmet=None, next_step=None)
    line = as_line(refused, (), "not_testable: 4 genes in 4 families; use a larger reference")
    assert (line.outcome, line.first_unmet) == ("refused", "not testable")
    assert line.next_step == "4 genes in 4 families; use a larger reference"
    assert (line.effect, line.p) == (None, None)


def test_a_test_that_spent_no_level_was_not_measured(row):
    """Its recorded interval is everything and its p is 1: neither is a finding."""
    invalid = replace(row, verdict=Verdict.INVALID, t=None, alpha=None, effect=0.0, low=-0.5, high=0.5, p=1.0)
    line = as_line(invalid, (), None)
    assert (line.outcome, line.effect, line.p, line.level) == ("invalid", None, None, None)


def test_a_failure_quotes_its_reason(row):
    failed = replace(
        row, verdict=Verdict.ERROR, t=None, failure_code="timeout", failure_reason="no answer within 5 s",
        next_step="Mend what made the run fail.", first_unmet=None,
    )  # fmt: skip
    line = as_line(failed, (), None)
    assert (line.outcome, line.first_unmet) == ("error", "timeout")
    assert line.next_step == "no answer within 5 s. Mend what made the run fail."


def test_what_is_not_decided_is_pending(row):
    line = as_line(replace(row, status=SlotStatus.JUDGED, verdict=None, t=None, first_unmet=None), (), None)
    assert (line.outcome, line.effect, line.first_unmet) == ("pending", None, None)
