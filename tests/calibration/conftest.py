"""Made-up results of campaigns, so that summaries and figures can be checked by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def test_record() -> Callable[..., Any]:
    """Return a maker of test records: a null test without support unless told otherwise."""
    from theodolite.calibration.records import TestRecord

    def make(number: int = 1, **changes: Any) -> TestRecord:
        base: dict[str, Any] = {
            "round": 1,
            "slot": number,
            "hypothesis_id": f"{number:064x}",
            "claim_key": f"{changes.pop('key', number):064x}",
            "reference": "regulon_1",
            "locus": f"layer 1 head {number}",
            "truth": "null",
            "planted": 0.0,
            "block_se": 0.02,
            "effect": 0.01,
            "p": 0.4,
            # A support is one because its evidence reached its level.
            "e": 2_000.0 if changes.get("verdict") == "supported" else 0.0,
            "t": number,
            "alpha": 0.001,
            "verdict": "inconclusive",
            "tags": (),
            "first_unmet": "G3",
            "reused": False,
        }
        return TestRecord.model_validate({**base, **changes})

    return make


@pytest.fixture
def campaign_result(test_record: Callable[..., Any]) -> Callable[..., Any]:
    """Return a maker of campaign results of the greedy proposer in the standard world."""
    from theodolite.calibration.records import CampaignResult

    def make(*tests: Any, **changes: Any) -> CampaignResult:
        base: dict[str, Any] = {
            "world": "standard",
            "structure": 0,
            "activation": 0,
            "proposer": "greedy",
            "ablation": None,
            "terms": {"tests": 40, "q": 0.1, "round_size": 8},
            "seed": 1,
            "sesoi": 0.03,
            "tests": tests or (test_record(),),
            "refusals": {},
            "credits": 0,
            "stopped": "budget: all 40 experiments are registered",
            "head": "0" * 64,
            "mismatches": 0,
            "seconds": 2.0,
        }
        return CampaignResult.model_validate({**base, **changes})

    return make


@pytest.fixture(scope="session")
def small_planted() -> Callable[..., Any]:
    """Return a maker of planted worlds of two layers and two heads, in which a campaign takes seconds."""
    from theodolite.calibration.planted_setting import PlantedWorld, SharedStructure
    from theodolite.data.planted import PlantedActivations, WorldKind, WorldKnobs, plant_structure

    shared: dict[str, SharedStructure] = {}

    def make(activation: int = 0, **knobs: Any) -> PlantedWorld:
        numbers = WorldKnobs(layers=2, heads=2, **knobs)
        key = repr(numbers)
        if key not in shared:
            shared[key] = SharedStructure(plant_structure(5, WorldKind.STANDARD, numbers))
        found = shared[key]
        return PlantedWorld("standard", 0, activation, PlantedActivations(found.structure, activation), found)

    return make
