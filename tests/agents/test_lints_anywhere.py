"""What the lints say of a plan about any place."""

from __future__ import annotations

from typing import Any

import pytest

from theodolite.agents import LintReviewer
from theodolite.plans import Plan
from theodolite.tools import ModelShape, closed_list, get_tool

REVIEWER = LintReviewer()
TOOL = get_tool("geometry.axis_separation")


@pytest.fixture
def anywhere(example_plan: Plan) -> Plan:
    """The flawless plan, with its place left open."""
    hypothesis = example_plan.hypothesis.model_dump() | {"locus": {"kind": "any"}, "parents": ()}
    places = closed_list(TOOL, ModelShape(n_layers=2, n_heads=2))
    changes: dict[str, Any] = {"hypothesis": hypothesis, "params": {}, "places": places.model_dump()}
    return Plan.model_validate(example_plan.model_dump() | changes)


def objections(plan: Plan) -> list[tuple[str, str, str]]:
    return [(item.code, item.gate, item.note) for item in REVIEWER.review_plan(plan).objections]


def listing(plan: Plan, *listed: Any) -> Plan:
    assert plan.places is not None
    return plan.model_copy(update={"places": plan.places.model_copy(update={"listed": listed})})


def test_a_plan_that_locks_the_closed_list_draws_nothing(anywhere: Plan) -> None:
    assert objections(anywhere) == []
    assert REVIEWER.review_plan(anywhere).cap == "none"


def test_a_list_that_is_not_the_tools_is_cherry_picked(anywhere: Plan) -> None:
    assert anywhere.places is not None
    listed = anywhere.places.listed
    for changed in (listed[2:], listed[:-1], tuple(reversed(listed)), (listed[1], *listed[1:])):
        (code, gate, note) = objections(listing(anywhere, *changed))[0]
        assert (code, gate) == ("cherry_picked_locus", "G2")
        assert f"the plan lists {len(changed)} places, {TOOL.name} has 18 in such a model" in note


def test_a_plan_without_a_list_or_with_a_place_of_its_own_is_cherry_picked(anywhere: Plan) -> None:
    assert "lists none" in objections(anywhere.model_copy(update={"places": None}))[0][2]
    own = anywhere.model_copy(update={"params": {"layer": 1, "axis": 1}})
    assert "one place beside the list" in objections(own)[0][2]


def test_a_claim_about_one_place_has_no_list(anywhere: Plan, example_plan: Plan) -> None:
    listed = example_plan.model_copy(update={"places": anywhere.places})
    assert objections(listed)[0][:2] == ("cherry_picked_locus", "G2")


def test_whatever_the_block_showed_is_still_no_reason(anywhere: Plan) -> None:
    told = anywhere.hypothesis.model_copy(update={"parents": ("small/r01.s001/judgement",)})
    assert objections(anywhere.model_copy(update={"hypothesis": told}))[0][0] == "double_dipping"
