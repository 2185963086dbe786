"""Agents learn one bit a claim: worlds that differ in anything else look the same to them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.claims import Verdict
from theodolite.store import Ledger, agent_view

SECRET = [Verdict.INCONCLUSIVE, Verdict.INVALID, Verdict.REFUTED]


@pytest.fixture
def story(told):
    with Ledger.in_memory() as ledger:
        yield told.Story(ledger).begin()


def view(story):
    return agent_view(story.ledger, story.campaign)


def test_discovery_looks_and_refusals_are_told_at_once(story, told):
    story.propose(1, 1, told.Outcome(refusal="not_testable"))
    story.register(1, 1, told.Outcome(refusal="not_testable"))
    seen = view(story)
    assert [(look.tool, look.effects["myeloid"].effect) for look in seen.looks] == [("axis_coordinate@1", 0.21)]
    (refused,) = seen.refusals
    assert (refused.code, refused.reason) == (
        "not_testable",
        "12 genes in 5 families; needs 10 genes in 8 families",
    )
    assert refused.locus == "layer 3 axis 1"
    assert (seen.slots_used, seen.families[0].refused, seen.tried_hypotheses) == (1, 1, ())


def test_a_failure_before_the_observed_statistic_is_told_and_one_after_it_is_not(story, told):
    story.round(
        1,
        [told.Outcome(failure="timeout"), told.Outcome(locus=2, failure="crash", observed=True), told.Outcome(locus=3)],
    )
    seen = view(story)
    assert [failure.code for failure in seen.failures] == ["timeout"]
    assert [bit.supported for bit in seen.bits] == [False, False, False]


def test_bits_come_at_the_end_of_the_round_and_not_before(story, told):
    bits = story.open_round(1, [told.Outcome(verdict=Verdict.SUPPORTED, p=0.001), told.Outcome(locus=2)])
    assert view(story).bits == ()
    assert view(story).families[0].supported == 0
    assert len(view(story).tried_hypotheses) == 2
    story.end_round(1, bits)
    assert [(bit.locus, bit.supported) for bit in view(story).bits] == [
        ("layer 3 axis 1", True),
        ("layer 3 axis 2", False),
    ]
    assert view(story).families[0].supported == 1


def test_sealed_trials_are_told_to_nobody(story, told):
    story.round(1, [told.Outcome(verdict=Verdict.SUPPORTED, p=0.001)])
    before = view(story)
    story.trial()
    assert view(story) == before


def test_verdicts_are_released_when_the_block_retires(story, told):
    story.round(1, [told.Outcome(verdict=Verdict.INVALID, p=0.6, objection="wrong_null")])
    assert view(story).released == ()
    assert "wrong_null" not in view(story).model_dump_json()
    story.round(2, [told.Outcome(locus=2, verdict=Verdict.SUPPORTED, p=0.001)])
    invalid, supported = view(story).released
    assert (invalid.verdict, invalid.first_unmet, invalid.p) == (Verdict.INVALID, "G3", 0.6)
    assert [(gate.gate, gate.number, gate.threshold) for gate in invalid.unmet] == [("G3", 0.6, 0.05)]
    assert invalid.objections == ("wrong_null (G4): look again",)
    assert (supported.verdict, supported.unmet) == (Verdict.SUPPORTED, ())
    assert view(story).retired_blocks == (told.BLOCK,)


def test_a_reused_block_still_tells_nothing_before_its_round_ends(story, told):
    story.round(1, [told.Outcome(verdict=Verdict.SUPPORTED, p=0.001)])
    bits = story.open_round(2, [told.Outcome(locus=2)])
    assert len(view(story).released) == 1
    story.end_round(2, bits)
    assert len(view(story).released) == 2


def test_a_later_campaign_knows_what_the_ledger_tells(story, told):
    story.round(1, [told.Outcome(verdict=Verdict.SUPPORTED, p=0.001), told.Outcome(locus=2, refusal="leak")])
    later = agent_view(story.ledger, "later")
    assert (later.bits, later.released) == (view(story).bits, view(story).released)
    assert later.tried_hypotheses == view(story).tried_hypotheses
    assert (later.refusals, later.looks, later.families, later.slots_used) == ((), (), (), 0)


unsupported = st.one_of(
    st.fixed_dictionaries({"verdict": st.sampled_from(SECRET)}),
    st.just({"failure": "crash", "observed": True}),
)
numbers = st.fixed_dictionaries(
    {
        "p": st.floats(0.001, 1),
        "effect": st.floats(-0.4, 0.4),
        "objection": st.sampled_from([None, "wrong_null", "sign_flip"]),
    }
)


@settings(max_examples=20)
@given(
    fates=st.lists(st.tuples(unsupported, numbers, unsupported, numbers), min_size=1, max_size=4),
    before_the_end=st.booleans(),
)
def test_two_worlds_with_equal_bits_give_byte_identical_views_until_the_block_retires(told, fates, before_the_end):
    views = []
    for world in (0, 1):
        with Ledger.in_memory() as ledger:
            story = told.Story(ledger).begin()
            outcomes = [
                replace(told.Outcome(locus=locus), **fate[2 * world], **fate[2 * world + 1])
                for locus, fate in enumerate(fates, start=1)
            ]
            story.round(1, outcomes[:2])
            bits = story.open_round(2, outcomes[2:])
            if not before_the_end:
                story.end_round(2, bits)
            views.append(view(story).model_dump_json())
    assert views[0] == views[1]


def test_the_property_above_can_fail(told):
    """The two worlds do differ, and the difference does show once the block retires."""
    views = []
    for secret in (Verdict.INCONCLUSIVE, Verdict.INVALID):
        with Ledger.in_memory() as ledger:
            story = told.Story(ledger).begin()
            story.round(1, [told.Outcome(verdict=secret)], retired=True)
            views.append(view(story).model_dump_json())
    assert views[0] != views[1]
