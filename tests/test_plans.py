"""The locked plan: its hash covers every field, so that nothing of a test can change unseen."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from theodolite.canonical import digest
from theodolite.plans import Places, Plan

CHANGES: dict[str, Any] = {
    "claim_text": "another wording",
    "campaign": "another-campaign",
    "round": 2,
    "slot": 9,
    "estimand": "something else",
    "shape": "PairScores",
    "params": {"layer": 1, "axis": 2},
    "variants": ("main", "untrained(2)"),
    "fitted": {"main": "1" * 64},
    "reference_sha256": "1" * 64,
    "families_sha256": "1" * 64,
    "cells_sha256": "1" * 64,
    "model_sha256": "1" * 64,
    "null_panel": ("family_block_swap",),
    "draws": 2_001,
    "seed": 8,
    "sesoi": 0.21,
    "minimum_detectable_effect": 0.13,
    "reference_in_block": 41,
    "families_in_block": 21,
    "catalogue": "0",
    "decision": "0",
    "evidence": "e",
    "unit": "homology family",
    "selected_on": "discovery",
    "loci": {"untrained(0)": {"axis": 2}},
    "coexpression_sha256": "5" * 64,
    "sources": {"score": ("model:compact",)},
    "shared_cell_units": 700,
    "ablation": "no_lock",
    "tool_sha256": "6" * 64,
    "runs_on": "cuda float16",
    "unverified_model": True,
    "places": {
        "n_layers": 1,
        "n_heads": 2,
        "read_out": False,
        "listed": [
            {"locus": {"kind": "head", "layer": 1, "index": (1,)}, "params": {"layer": 1, "head": 1}},
            {"locus": {"kind": "head", "layer": 1, "index": (2,)}, "params": {"layer": 1, "head": 2}},
        ],
    },
}


@pytest.mark.parametrize("field", CHANGES)
def test_a_change_of_any_field_changes_the_preregistration_hash(example_plan: Plan, field: str) -> None:
    changed = Plan.model_validate(example_plan.model_dump() | {field: CHANGES[field]})
    assert getattr(changed, field) != getattr(example_plan, field)
    assert changed.sha256 != example_plan.sha256


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("hypothesis", {"direction": "less"}),
        ("hypothesis", {"rationale": "another reason"}),
        ("hypothesis", {"tool": "geometry.axis_separation@2"}),
        ("block", {"reused": True}),
        ("level", {"provisional_t": 2}),
        ("level", {"provisional_alpha": 0.5}),
        ("level", {"supports_per_block": 2}),
    ],
)
def test_the_hash_reaches_into_its_parts(example_plan: Plan, part: str, change: dict[str, Any]) -> None:
    content = example_plan.model_dump()
    changed = Plan.model_validate(content | {part: content[part] | change})
    assert changed.sha256 != example_plan.sha256


def test_every_field_is_tried_above_or_fixed_by_the_closed_list(example_plan: Plan) -> None:
    assert set(Plan.model_fields) - set(CHANGES) == {"hypothesis", "statistic", "block", "level"}


def test_a_plan_of_the_first_catalogue_keeps_its_hash(example_plan: Plan) -> None:
    stored = example_plan.model_dump(mode="json")
    assert not Plan.later & set(stored), "fields that came later are left out where they say nothing"
    assert "supports_per_block" not in stored["level"]


def test_the_hash_is_that_of_what_the_ledger_stores(example_plan: Plan) -> None:
    stored = example_plan.model_dump(mode="json")
    assert digest(stored) == example_plan.sha256
    assert Plan.model_validate(stored).sha256 == example_plan.sha256


@pytest.mark.parametrize(
    "change",
    [
        {"statistic": "accuracy"},
        {"null_panel": ()},
        {"null_panel": ("pair_shuffle",)},
        {"draws": 0},
        {"sesoi": 0.0},
        {"round": 0},
        {"slot": 0},
        {"shape": "CurveFit"},
        {"verdict": "supported"},
    ],
    ids=str,
)
def test_what_is_not_in_the_closed_lists_is_refused(example_plan: Plan, change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Plan.model_validate(example_plan.model_dump() | change)


def test_the_measurements_of_a_claim_about_one_place_are_named_by_variant(example_plan: Plan) -> None:
    elsewhere = Plan.model_validate(example_plan.model_dump() | {"loci": {"untrained(1)": {"layer": 0, "axis": 4}}})
    assert elsewhere.readings == {
        "main": ("main", {"layer": 1, "axis": 1}),
        "untrained(1)": ("untrained(1)", {"layer": 0, "axis": 4}),
    }


def test_the_measurements_of_a_claim_about_any_place_are_named_by_variant_and_place(example_plan: Plan) -> None:
    anywhere = Plan.model_validate(example_plan.model_dump() | {"params": {}, "places": CHANGES["places"]})
    assert list(anywhere.readings) == [
        "main@layer 1 head 1", "untrained(1)@layer 1 head 1", "main@layer 1 head 2", "untrained(1)@layer 1 head 2",
    ]  # fmt: skip
    assert anywhere.readings["untrained(1)@layer 1 head 2"] == ("untrained(1)", {"layer": 1, "head": 2})


def test_a_list_of_one_place_leaves_nothing_open() -> None:
    with pytest.raises(ValidationError, match="at least 2"):
        Places.model_validate(CHANGES["places"] | {"listed": CHANGES["places"]["listed"][:1]})
