"""Settlement of claims about anchors, and which catalogue a plan goes to."""

from __future__ import annotations

import itertools

import pytest
from planted_latents import REQUIRED, anchor_dossier, anchor_plan

from theodolite.claims import Tag, Verdict
from theodolite.gates import (
    CATALOGUE_VERSION,
    CATALOGUES,
    CatalogueUnknown,
    Place,
    judge,
    settle,
    settle_failure,
    successor,
)
from theodolite.gates.catalogue_manifold.words import GATE_ORDER, next_step, null_words
from theodolite.gates.decision import INVALIDATING, SUPPORTING
from theodolite.judgements import Judgement


@pytest.fixture(scope="module")
def supported() -> Judgement:
    """What is judged of a space that follows the tree."""
    return judge(anchor_plan(), anchor_dossier(0))


def settled(judgement: Judgement, plan=None, **changes):
    fields = {"cap": "none", "block_reused": False} | changes
    return settle(plan or anchor_plan(), judgement, Place(1, 0), **fields)


def test_the_settlement_names_its_catalogue_and_its_tags(supported):
    found = settled(supported)
    assert found.catalogue == "manifold-1" and found.verdict is Verdict.SUPPORTED
    assert set(found.tags) == {Tag.ONE_BLOCK, Tag.NO_PANEL}
    assert found.next_step.startswith("Register the same claim in another model")
    cells = settled(supported, anchor_plan(unit="cells", shared_cell_units=3), block_reused=True)
    assert set(cells.tags) == {Tag.ONE_BLOCK, Tag.NO_PANEL, Tag.THESE_CELLS, Tag.REUSED_HOLD_OUT}
    assert Tag.NO_PANEL not in settled(supported, anchor_plan(variants=(*REQUIRED, "panel"))).tags


def test_only_a_support_says_that_there_was_no_panel(supported):
    found = settled(supported, cap="inconclusive")
    assert found.verdict is Verdict.INCONCLUSIVE and found.tags == ()
    # No halves of so few donors: under an advisory reviewer nothing is supported.
    assert settled(supported, advisory=True).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("gate", ["G5", "G9", "G15", "M1", "M2", "M3", "M4", "M5"])
def test_no_gate_that_a_support_needs_may_fail(supported, gate):
    gates = tuple(item.model_copy(update={"passed": False}) if item.gate == gate else item for item in supported.gates)
    found = settled(supported.model_copy(update={"gates": gates}))
    assert found.verdict is Verdict.INCONCLUSIVE and found.first_unmet == gate
    assert "Answer the reviewer" not in found.next_step


def test_a_crash_is_settled_under_its_own_catalogue():
    assert settle_failure(anchor_plan(), Place(None, 0)).catalogue == "manifold-1"
    assert settle_failure(anchor_plan(), Place(2, 0), unsound=True).verdict is Verdict.INVALID


def test_versions_and_who_judges_again():
    assert CATALOGUES == ("1", "2", "manifold-1") and CATALOGUE_VERSION == "2"
    assert [successor(anchor_plan(catalogue=version)) for version in CATALOGUES] == ["2", "2", "manifold-1"]
    with pytest.raises(CatalogueUnknown, match="holds 1, 2, manifold-1"):
        successor(anchor_plan(catalogue="3"))


def test_a_manifold_plan_is_never_laid_before_catalogue_2():
    from theodolite.experiments.rejudging import under_catalogue

    assert under_catalogue(anchor_plan()) == anchor_plan()


def test_every_gate_and_null_has_its_words(supported):
    for gate, verdict in itertools.product(GATE_ORDER, (Verdict.INCONCLUSIVE, Verdict.INVALID, Verdict.REFUTED)):
        assert next_step(anchor_plan(), supported, verdict, gate).endswith((".", "spent."))
    assert {*INVALIDATING, *SUPPORTING} - set(GATE_ORDER) == {"G4", "G14"}
    assert all(null_words(item.null) for item in supported.evidence)
    weak = supported.model_copy(update={"effect": supported.effect.model_copy(update={"estimate": 0.1})})
    assert "Nothing beyond chance" in next_step(anchor_plan(), weak, Verdict.INCONCLUSIVE, "G3")
    assert "replicate" in next_step(anchor_plan(), supported, Verdict.INCONCLUSIVE, "G8")
    assert "about 84 anchors" in next_step(
        anchor_plan(minimum_detectable_effect=0.6), supported, Verdict.INCONCLUSIVE, "G12b"
    )
