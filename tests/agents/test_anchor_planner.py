"""The planner of campaigns about manifolds: one claim a ruler, the best place first, each place once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from trees import rows_of

from theodolite.agents import LintReviewer
from theodolite.agents.anchor_planner import AnchorPlanner
from theodolite.agents.lints import record_lints
from theodolite.claims import Author, Direction
from theodolite.experiments.registration import Refusal
from theodolite.judgements import Judgement
from theodolite.plans import Plan
from theodolite.store import EntryKind, Ledger, hypothesis_rows

PLACES = {f"{name}_{step}": step for name in ("branch_1", "branch_2", "branch_3") for step in (1, 2, 3)}
RULERS = [{"id": "tree", "graph": "tree.yaml"}, {"id": "depth", "rank": {"trunk_1": -1, "trunk_2": 0, **PLACES}}]


def test_each_ruler_is_claimed_once_a_round_where_the_search_put_first(trees: Any, tmp_path: Path) -> None:
    with trees.opened(trees.file("planned", manifold={"rulers": RULERS}), tmp_path) as run:
        run.open()
        found = AnchorPlanner().propose(run, [], 5)
        assert sorted(item.claim.reference.name for item in found) == ["depth", "tree"]
        for item in found:
            best = next(row for row in run.search() if row.ruler == item.claim.reference.name)
            assert item.locus == best.params.locus()
            assert item.parents == (best.id,)
            assert item.direction is Direction.GREATER
            assert item.author is Author.PLANNER
        assert AnchorPlanner().propose(run, [], 1) == found[:1]
        assert AnchorPlanner().propose(run, [], 5) == found


@pytest.mark.slow
def test_after_an_unsupported_place_the_next_one_is_claimed_and_none_twice(trees: Any) -> None:
    folder = trees.finished("none")
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        places = [row.locus for row in hypothesis_rows(ledger)]
    assert len(places) == 2
    assert len(set(places)) == 2


def test_a_supported_ruler_is_left_alone(trees: Any) -> None:
    assert len(rows_of(trees.finished(), EntryKind.HYPOTHESIS)) == 1
    (stop,) = rows_of(trees.finished(), EntryKind.STOP)
    assert "no_candidates" in str(stop.payload)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"locus": {"kind": "axis", "layer": 0, "index": (1,)}}, "invalid_locus"),
        ({"locus": {"kind": "any"}}, "invalid_locus"),
        ({"tool": "manifold.follows@9"}, "mismatch"),
        ({"tool": "geometry.axis_separation@1"}, "mismatch"),
        ({"direction": "less"}, "invalid_locus"),
    ],
)
def test_a_persons_claim_is_of_a_place_that_was_searched_in_the_one_direction(
    trees: Any, tmp_path: Path, changes: dict[str, Any], code: str
) -> None:
    with trees.opened(trees.file("person"), tmp_path) as run:
        run.open()
        (found,) = AnchorPlanner().propose(run, [], 1)
        asked = type(found).model_validate(found.model_dump() | {"author": "person", "parents": ()} | changes)
        answer = run.registrar().register(asked, round_number=1, slot=1, earlier=0)
        assert isinstance(answer, Refusal)
        assert answer.code == code


def test_a_persons_claim_at_a_searched_place_is_registered(trees: Any, tmp_path: Path) -> None:
    with trees.opened(trees.file("person"), tmp_path) as run:
        run.open()
        (found,) = AnchorPlanner().propose(run, [], 1)
        asked = found.model_copy(update={"author": Author.PERSON, "parents": ()})
        plan = run.registrar().register(asked, round_number=1, slot=1, earlier=0)
        assert isinstance(plan, Plan)
        assert LintReviewer().review_plan(plan).objections == ()


@pytest.fixture
def plan(trees: Any) -> Plan:
    """Return the plan of the finished tree."""
    (row,) = rows_of(trees.finished(), EntryKind.REGISTRATION)
    return Plan.model_validate(row.payload["plan"])


@pytest.fixture
def judgement(trees: Any) -> Judgement:
    """Return the judgement of the finished tree."""
    (row,) = rows_of(trees.finished(), EntryKind.JUDGEMENT)
    return Judgement.model_validate(row.payload["judgement"])


def with_parents(plan: Plan, *parents: str) -> dict[str, Any]:
    return {"hypothesis": plan.hypothesis.model_copy(update={"parents": parents})}


def test_a_null_that_a_ruler_without_depth_cannot_have_is_no_defect(plan: Plan, judgement: Judgement) -> None:
    """Nothing is supported then (M5), and the record need not be called wrong for it."""
    gates = tuple(
        gate.model_copy(update={"passed": False, "number": None}) if gate.gate == "M5" else gate
        for gate in judgement.gates
    )
    rest = tuple(item for item in judgement.evidence if item.null != "swap_in_depth")
    without = judgement.model_copy(update={"gates": gates, "evidence": rest})
    assert record_lints(plan, without, plan.sha256) == ()
    kept = judgement.model_copy(update={"evidence": rest})
    assert [item.code for item in record_lints(plan, kept, plan.sha256)] == ["wrong_null"]


def test_nothing_is_wrong_with_a_campaigns_own_plan_and_record(plan: Plan, judgement: Judgement) -> None:
    assert LintReviewer().review_plan(plan).objections == ()
    assert record_lints(plan, judgement, plan.sha256) == ()


@pytest.mark.parametrize(
    ("changes", "code", "gate"),
    [
        (lambda plan: {"selected_on": "confirmation"}, "double_dipping", "G2"),
        (lambda plan: {"selected_on": None}, "double_dipping", "G2"),
        (lambda plan: with_parents(plan, f"{plan.campaign}/r01.s001/verdict"), "double_dipping", "G2"),
        (lambda plan: with_parents(plan), "cherry_picked_locus", "G2"),
        (lambda plan: {"null_panel": plan.null_panel[:2]}, "wrong_null", "G3"),
        (lambda plan: {"variants": tuple(name for name in plan.variants if name != "counts")}, "wrong_null", "G5"),
        (lambda plan: {"unit": "homology family"}, "wrong_unit", "G3"),
        (lambda plan: {"shared_cell_units": 2}, "donor_leakage", "G1"),
        (lambda plan: {"shared_cell_units": None}, "donor_leakage", "G1"),
        (lambda plan: {"sources": {"score": ("reference:tree",)}}, "label_leak", "G2"),
    ],
)  # fmt: skip
def test_a_defect_of_a_plan_about_anchors_is_found(plan: Plan, changes: Any, code: str, gate: str) -> None:
    found = LintReviewer().review_plan(plan.model_copy(update=changes(plan))).objections
    assert (code, gate) in {(item.code, item.gate) for item in found}


def test_an_effect_that_points_away_is_a_flipped_sign(plan: Plan, judgement: Judgement) -> None:
    effect = judgement.effect.model_copy(update={"estimate": -0.4, "low": -0.5, "high": -0.3})
    found = record_lints(plan, judgement.model_copy(update={"effect": effect}), plan.sha256)
    assert ("sign_flip", "G9") in {(item.code, item.gate) for item in found}


def test_anchors_that_were_not_cleared_are_a_tie(plan: Plan, judgement: Judgement) -> None:
    gates = tuple(gate for gate in judgement.gates if gate.gate != "G1")
    found = record_lints(plan, judgement.model_copy(update={"gates": gates}), plan.sha256)
    assert ("tie_artefact", "G1") in {(item.code, item.gate) for item in found}


def test_a_record_of_another_plan_is_a_mismatch(plan: Plan, judgement: Judgement) -> None:
    assert [item.code for item in record_lints(plan, judgement, "0" * 64)] == ["hash_mismatch"]
