"""Words about p-values: which is the smallest, what it could have been at the least, and what no null controls."""

from __future__ import annotations

import numpy as np
import pytest

from theodolite.analysis.geometry import NullResult
from theodolite.descriptions.profiles import hardest, largest_p, p_in_words, smallest


def null(name: str, p: float, *, z: float = 1.0, moved: float = 0.9) -> NullResult:
    one = np.ones(2)
    return NullResult(name, one, one, z * one, p * one, p, 19, moved)


@pytest.mark.parametrize(
    ("p", "name", "begins"),
    [
        ({"a": 0.3}, "a", "Reference 'a'"),
        ({"a": 0.3, "b": 0.1}, "b", "'b' has the smallest p of 2 references, before any correction for choosing among"),
        (
            {"a": 0.3, "b": 0.05},
            "b",
            "'b' has the smallest p of 2 references, the least that 19 draws can give, before",
        ),
        (
            {"a": 0.3, "b": 0.1, "c": 0.1},
            "b",
            "2 of 3 references share the smallest p (0.1), before any correction for ",
        ),
        (
            {"a": 0.05, "b": 0.05, "c": 1.0},
            "a",
            "2 of 3 references share the smallest p (0.05, the least that 19 draws can give), before any correction "
            "for choosing among them; the first of these is 'a'",
        ),
    ],
)
def test_the_smallest_p_is_said_to_be_shared_at_its_floor_and_uncorrected(
    p: dict[str, float], name: str, begins: str
) -> None:
    found, words = smallest(p, lambda value: value, 19)
    assert found == name and words.startswith(begins)


def test_what_is_chosen_and_over_what_a_p_is_not_corrected_can_be_said() -> None:
    words = smallest({"a": 0.25, "b": 0.5}, float, 3, drawn="matched genes", of="gene", among="them and the layers")[1]
    assert words == (
        "'a' has the smallest p of 2 genes, the least that 3 matched genes can give, before any correction for "
        "choosing among them and the layers"
    )


def test_what_another_model_picked_is_told_as_that_and_what_was_not_seen_is_not() -> None:
    p = {"a": 0.1, "b": 0.3}
    assert smallest(p, float, 19, about="b") == ("b", "'b', which was picked of 2 references in the model beside it")
    assert smallest(p, float, 19, about="c") == smallest(p, float, 19)
    assert smallest({"b": 0.3}, float, 19, about="b") == ("b", "Reference 'b'")


def test_the_hardest_null_is_one_that_moves_and_of_equal_ones_that_which_is_beaten_least() -> None:
    labels, families, still = (
        null("gene_labels", 0.05, z=9.0),
        null("family_block_swap", 0.05, z=3.0),
        null("x", 1.0, moved=0.0),
    )
    assert hardest([labels, families, still]) is families and largest_p([labels, families, still]) == 0.05
    assert hardest([still]) is None and largest_p([still]) == 1.0


def test_what_a_null_that_moves_nothing_would_have_controlled_is_said_in_words() -> None:
    strata = null("degree_strata", 1.0, moved=0.0)
    assert p_in_words([null("gene_labels", 0.05), strata]) == (
        "p for the best layer is 0.05, of one null; numbers of partners are not controlled here "
        "(degree_strata moves nothing)"
    )
    own = p_in_words([strata, null("own", 1.0, moved=0.0)], None, {"degree_strata": "levels of expression"})
    assert own == (
        "no null can give a p; levels of expression and labels of own are not controlled here (degree_strata and "
        "own move nothing)"
    )
