"""A filter stands in an address, and an empty field of a form is none."""

from __future__ import annotations

import pytest

from theodolite.dashboard.failing import Refused
from theodolite.dashboard.filters import filtering


def test_what_a_form_leaves_empty_is_any() -> None:
    found = filtering(outcome="supported", layer="", cost_from=" ", sort="", order="")
    assert found.find.given() == {"outcome": "supported"}
    assert found.params == {"outcome": "supported"}


def test_an_order_goes_into_the_address_where_it_is_not_the_usual_one() -> None:
    assert filtering(sort="effect", order="ascending", layer="3").params == {
        "layer": 3,
        "sort": "effect",
        "order": "ascending",
    }


@pytest.mark.parametrize(
    "wrong",
    [{"layer": "x"}, {"layer": "9" * 30}, {"cost_to": "nan"}, {"cost_from": "-1"}, {"sort": "t"}, {"order": "up"}],
)
def test_what_is_no_number_or_order_is_refused_by_name(wrong: dict[str, str]) -> None:
    with pytest.raises(Refused) as refused:
        filtering(**wrong)
    assert refused.value.status == 400 and next(iter(wrong)) in refused.value.what


def test_signs_alone_are_no_filter() -> None:
    assert filtering(text="-- = “").find.given() == {}
    assert filtering(text="B-cell").find.text == "B-cell"
