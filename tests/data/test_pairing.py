"""Lists of pairs that are made of others."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.data import Reference, confidence_tiers, of_kind
from theodolite.sources import Source

ORIGIN = Source(name="made up")
A_SET = Reference("three", "three", "set", ("A", "B", "C"), "made up", (ORIGIN,))
REGULON = Reference("reg", "reg", "regulon", (("B", "A"),), "made up", (ORIGIN,))


def test_where_pairs_are_wanted_a_set_stands_for_the_pairs_of_its_members() -> None:
    (pairs,) = of_kind([A_SET, REGULON], "pairs")
    assert pairs.id == "three_pairs" and pairs.pairs == {("A", "B"), ("A", "C"), ("B", "C")}
    assert [item.id for item in of_kind([A_SET, REGULON], "pairs", "regulon")] == ["reg", "three_pairs"]
    assert of_kind([A_SET, REGULON], "set") == (A_SET,) and of_kind([A_SET], "regulon") == ()


@given(st.lists(st.floats(0.0, 1.0), min_size=5, max_size=30, unique=True), st.integers(2, 5))
def test_a_pair_is_in_more_lists_the_higher_its_score_and_every_list_is_within_the_one_before(scores, tiers) -> None:
    scored = [(f"G{place}", f"H{place}", score) for place, score in enumerate(scores)]
    made = confidence_tiers(scored, name="x", origin=ORIGIN, tiers=tiers)
    assert [item.id for item in made] == [f"x_tier{tier}" for tier in range(1, tiers + 1)]
    assert len(made[0].pairs) == len(scores)
    assert all(later.pairs < earlier.pairs for earlier, later in zip(made, made[1:], strict=False))
    times = [
        sum((first, second) in item.pairs for item in made) for first, second, _ in sorted(scored, key=lambda x: x[2])
    ]
    assert times == sorted(times) and times[-1] == tiers


def test_a_pair_in_both_orders_has_its_larger_score() -> None:
    scored = [("A", "B", 0.1), ("B", "A", 0.9), ("A", "C", 0.5), ("B", "C", 0.2)]
    assert confidence_tiers(scored, name="x", origin=ORIGIN, tiers=3)[-1].pairs == {("A", "B")}


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ([0.1, 0.2], "2 scored pairs with 2 different scores cannot be cut into 5 tiers"),
        ([0.5] * 9, "9 scored pairs with 1 different scores cannot be cut into 5 tiers"),
        ([math.nan] * 9, "the score of G0 and H0 is nan; give a finite number"),
    ],
)
def test_scores_that_make_no_tiers_are_refused(scores: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        confidence_tiers(
            [(f"G{place}", f"H{place}", score) for place, score in enumerate(scores)], name="x", origin=ORIGIN
        )
