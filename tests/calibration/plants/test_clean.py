"""Clean items: what the gates themselves make of small worlds, dressed as claims of campaigns that never were."""

from __future__ import annotations

from dataclasses import replace

import pytest
from numpy.random import SeedSequence

from theodolite.calibration.plants import Item, clean_item
from theodolite.calibration.plants.clean import TOOLS
from theodolite.claims import Verdict
from theodolite.gates import CATALOGUE_VERSION, Place, preflight, settle
from theodolite.tools import get_tool


def item(number: int, **chosen: object) -> Item:
    return clean_item(SeedSequence([3, number]), **chosen)  # type: ignore[arg-type]


@pytest.mark.parametrize("tool", TOOLS)
def test_a_clean_plan_is_one_that_a_registrar_locks(tool: str) -> None:
    for number in range(4):
        plan = item(number, tool=tool).plan
        assert plan.catalogue == CATALOGUE_VERSION
        assert [gate.gate for gate in preflight(plan) if gate.passed is False] == []
        instrument = get_tool(tool)
        assert instrument.params(**plan.params).locus() == plan.hypothesis.locus
        assert plan.hypothesis.claim.object == instrument.object


def test_a_strong_reference_is_supported_and_an_absent_one_is_not() -> None:
    strong = [item(number, strong=True).verdict for number in range(12)]
    faint = [item(number, strong=False).verdict for number in range(12)]
    assert strong.count(Verdict.SUPPORTED) >= 9
    assert faint.count(Verdict.SUPPORTED) <= 4


def test_the_verdict_is_what_settlement_gives_at_the_first_levels() -> None:
    for number in range(8):
        shown = item(number)
        place = Place(t=shown.plan.level.provisional_t, supports_before=0)
        settled = settle(shown.plan, shown.judgement, place, cap="none", block_reused=False)
        assert settled.machine_verdict is shown.verdict


def test_items_are_fixed_by_their_seed_and_differ_between_seeds() -> None:
    assert item(1) == item(1)
    assert len({item(number).sha256 for number in range(20)}) == 20
    assert len({item(number).plan.campaign for number in range(20)}) == 20


def test_an_item_needs_a_test_that_was_made() -> None:
    shown = item(1)
    unspent = replace(shown, judgement=shown.judgement.model_copy(update={"evidence": ()})).judgement
    with pytest.raises(ValueError, match="spent nothing"):
        Item.of(shown.plan, unspent)


def test_an_effect_is_told_in_the_same_words() -> None:
    shown = item(2, tool="attention.edges", strong=True)
    before = shown.gate("G9")
    changed = shown.with_effect(
        shown.judgement.effect.model_copy(update={"estimate": 0.123, "low": 0.051, "high": 0.208})
    ).gate("G9")
    assert before is not None and changed is not None
    assert "62 % of the other" in changed.sentence
    assert "95 % interval 55 to 71 %" in changed.sentence
    assert changed.sentence.split("%")[-1] == before.sentence.split("%")[-1]
