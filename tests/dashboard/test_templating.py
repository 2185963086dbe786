"""Numbers as people write them."""

from __future__ import annotations

import pytest

from theodolite.dashboard.templating import money, number


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (1_000_000, 6, "1,000,000"), (16, 3, "16"), (123_456.0, 3, "123,000"), (999.7, 2, "1,000"), (123.4, 2, "120"),
        (0.00684, 3, "0.00684"), (1e-4, 2, "1.0e-04"), (2.5e7, 3, "2.50e+07"), (0.0, 3, "0"), (-0.25, 2, "-0.25"),
        (float("inf"), 3, "inf"), (None, 3, ""),
    ],
)  # fmt: skip
def test_a_number_has_an_exponent_only_where_it_is_tiny_or_huge(value: float | None, digits: int, shown: str) -> None:
    assert number(value, digits) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(123.45, "$123.45"), (99.6, "$99.60"), (0.0042, "$0.0042"), (0.0, "$0.00"), (None, "")]
)
def test_money_is_told_to_the_cent(value: float | None, shown: str) -> None:
    assert money(value) == shown
