from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.claims import ReviewerCap, Verdict
from theodolite.gates import HARD_GATES, capped, decide
from theodolite.judgements import GateId

GATES = get_args(GateId)
CAPS = get_args(ReviewerCap)
answers = st.dictionaries(st.sampled_from(GATES), st.sampled_from([True, False, None]))
ALL_PASS = dict.fromkeys(GATES, True) | {"G12": None}


@given(answers, st.booleans(), st.sampled_from(CAPS))
def test_no_reviewer_raises_a_verdict(passed, failed, cap):
    decision = decide(passed, failed=failed, cap=cap)
    assert decision.machine is decide(passed, failed=failed).final
    assert decision.final.rank <= decision.machine.rank
    if cap != "none" and not failed:
        assert decision.final.rank <= Verdict(cap).rank


@given(answers, st.sampled_from(HARD_GATES), st.sampled_from(CAPS))
def test_failing_any_hard_gate_never_gives_supported(passed, gate, cap):
    assert decide(passed | {gate: False}, cap=cap).final is not Verdict.SUPPORTED


@given(answers)
def test_the_decision_is_that_of_the_rule_restated(passed):
    fails = {gate for gate, answer in passed.items() if answer is False}
    if fails & {"G0", "G1", "G2", "G7+", "G7-"}:
        expected = "invalid"
    elif {passed.get(gate) for gate in ("G3", "G8", "G9")} == {True} and not fails & {
        "G4", "G5", "G14", "G15", "G6", "G12b", "G17",
    }:  # fmt: skip
        expected = "supported"
    else:
        expected = "refuted" if passed.get("G12") else "inconclusive"
    assert decide(passed).machine.value == expected


def test_all_gates_passed_is_supported_and_a_failed_run_is_an_error():
    assert decide(ALL_PASS).final is Verdict.SUPPORTED
    assert decide(ALL_PASS, failed=True, cap="invalid").final is Verdict.ERROR
    assert decide({}).final is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("gate", ["G10", "G11", "G13", "G16"])
def test_gates_that_only_tag_or_inform_leave_the_verdict(gate):
    assert decide(ALL_PASS | {gate: False}).final is Verdict.SUPPORTED


def test_refuted_needs_equivalence_and_is_capped_like_supported():
    passed = ALL_PASS | {"G3": False, "G8": False, "G12": True}
    assert decide(passed).final is Verdict.REFUTED
    assert decide(passed, cap="inconclusive").final is Verdict.INCONCLUSIVE
    assert decide(passed | {"G7+": False}).final is Verdict.INVALID


@given(st.sampled_from(list(Verdict)), st.sampled_from(CAPS), st.sampled_from(CAPS))
def test_two_caps_are_the_lower_one_in_either_order(verdict, one, other):
    assert capped(capped(verdict, one), other) is capped(capped(verdict, other), one)
