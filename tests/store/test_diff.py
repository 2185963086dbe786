"""What two ledgers record differently."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.store import Ledger, diff


@pytest.fixture
def two(told):
    with Ledger.in_memory(clock=told.ticking_clock()) as first, Ledger.in_memory() as second:
        yield first, second


def stop(ledger, name, detail=""):
    ledger.append("stop", f"{name}/stop", name, {"reason": "budget", "detail": detail})


def test_equal_chains_differ_in_nothing_whenever_they_were_written(two, told):
    for ledger in two:
        told.whole(ledger)
    assert diff(*two) == []


def test_campaigns_can_be_compared_alone_in_chains_that_others_wrote_too(two):
    first, second = two
    for ledger, order in ((first, ("a", "ab", "b")), (second, ("b", "a"))):
        for name in order:
            stop(ledger, name)
    assert [difference.what for difference in diff(first, second)] == ["order", "only in first", "order"]
    assert diff(first, second, "a") == diff(first, second, "b") == []
    assert [difference.id for difference in diff(first, second, "ab")] == ["ab/stop"]


def test_another_number_is_named_by_its_field(two, told):
    for ledger, effect in zip(two, (0.21, 0.22), strict=True):
        told.Story(ledger).begin().look("second", effect)
    (difference,) = diff(*two)
    assert (difference.what, difference.first_seq, difference.second_seq) == ("content", 6, 6)
    assert str(difference) == f"{told.CAMPAIGN}/look/second: payload.effects.myeloid.effect is '0.21', not '0.22'"


def test_an_entry_that_only_one_has_does_not_make_those_after_it_differ(two):
    first, second = two
    for name in "abc":
        stop(first, name)
    for name in "acd":
        stop(second, name)
    assert [(item.id, item.what) for item in diff(first, second)] == [
        ("b/stop", "only in first"),
        ("d/stop", "only in second"),
    ]
    assert [(item.id, item.what) for item in diff(second, first)] == [
        ("d/stop", "only in first"),
        ("b/stop", "only in second"),
    ]


def test_another_order_is_a_difference(two):
    for ledger, names in zip(two, ("abc", "acb"), strict=True):
        for name in names:
            stop(ledger, name)
    assert {item.what for item in diff(*two)} == {"order"}


events = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["", "x"])), unique_by=lambda event: event[0])


@settings(max_examples=40)
@given(events, events)
def test_there_are_differences_exactly_when_the_heads_differ(first_events, second_events):
    with Ledger.in_memory() as first, Ledger.in_memory() as second:
        for ledger, told_events in ((first, first_events), (second, second_events)):
            for name, detail in told_events:
                stop(ledger, name, detail)
        assert (diff(first, second) == []) == (first.head().hash == second.head().hash)
