from __future__ import annotations

import pytest

from theodolite.gates import minimum_counts


@pytest.mark.parametrize(
    ("shape", "reference", "families", "passed"),
    [
        ("GeneScores", 10, 8, True),
        ("GeneScores", 9, 8, False),
        ("GeneScores", 10, 7, False),
        ("PairScores", 30, 8, True),
        ("PairScores", 29, 30, False),
    ],
)
def test_minimum_counts(shape, reference, families, passed):
    gate = minimum_counts(shape, reference, families)
    assert gate.passed is passed
    assert gate.sentence.startswith("Not testable here") is not passed


def test_a_shape_without_a_rule_is_refused():
    with pytest.raises(ValueError, match="'CurveFit'"):
        minimum_counts("CurveFit", 10, 10)
