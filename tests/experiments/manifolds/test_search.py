"""The search of a campaign about manifolds: each candidate is a row, and no row of a confirmation donor is in reach."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trees import Refusing, rows_of

from theodolite.data import DISCOVERY
from theodolite.experiments.planned_jobs import planned_jobs
from theodolite.experiments.replay import verify_decisions
from theodolite.gates.anchors.permutation import null_branch
from theodolite.gates.catalogue2.discipline import ANCHOR_BASELINES
from theodolite.gates.catalogue_manifold.discipline import NULL_BRANCH, PANEL, RANDOM_OPERATOR
from theodolite.measurements import AnchorLatents, load_measurement
from theodolite.plans import Plan
from theodolite.store import EntryKind, Ledger

BRANCHES = {f"branch_{branch}_{step}": 1 + step for branch in (1, 2, 3) for step in (1, 2, 3)}
LINE = {"id": "depth", "rank": {"trunk_1": 0, "trunk_2": 1, **BRANCHES}}


def test_every_candidate_is_a_row_with_its_scores(trees: Any) -> None:
    looks = rows_of(trees.finished(), EntryKind.LOOK)
    tried = [(look.payload["params"]["features"], look.payload["params"]["layer"]) for look in looks]
    assert tried == [("residual", 0), ("residual", 1), ("residual", 2)]
    for look in looks:
        scores = look.payload["scores"]["tree"]
        assert look.payload["split"] == DISCOVERY
        assert set(scores["both"]) == set(scores["within"]) == {"random", "donor", "branch"}
        assert float(scores["score"]) == min(
            float(value) for kind in ("both", "within") for value in scores[kind].values()
        )


def test_a_fit_that_is_refused_is_a_row_with_the_reason(trees: Any, tmp_path: Path) -> None:
    """The others are tried all the same."""
    file = trees.file("refused", manifold={"features": ["residual"], "fitters": ["let"], "least_cells": 5})
    with trees.opened(file, tmp_path / "refused") as run:
        run._runner = Refusing(run._runner)
        run.open()
        assert [candidate.score is None for candidate in run.search()] == [False, False, True]
    refused = [row for row in rows_of(tmp_path / "refused", EntryKind.LOOK) if row.payload["status"] != "done"]
    assert [row.payload["reason"] for row in refused] == ["in two parts"]
    assert [row.payload["scores"] for row in refused] == [{}]


def test_a_budget_bounds_the_candidates_and_a_larger_one_adds_to_them(trees: Any, tmp_path: Path) -> None:
    said = {"features": ["residual", "drift", "mixture"], "sizes": [10, 15]}
    tried = {}
    for most in (2, 5, 9, 50):
        file = trees.file(f"budget-{most}", manifold={**said, "candidates": most})
        tried[most] = set(trees.setting(file, tmp_path / str(most)).candidates())
    assert [len(found) for found in tried.values()] == [2, 5, 9, 14]
    assert tried[2] < tried[5] < tried[9] < tried[50]


def test_no_job_of_a_search_sees_a_confirmation_donor(trees: Any, tmp_path: Path) -> None:
    setting = trees.setting(trees.finished_file(), tmp_path)
    searchers = set(setting.genes(DISCOVERY))
    assert len(searchers) == 6
    with Ledger.open(trees.finished() / "ledger.sqlite", read_only=True) as ledger:
        for look in ledger.entries(kind=EntryKind.LOOK):
            measured = load_measurement(ledger.artefacts.get(str(look.payload["measurement"])))
            assert isinstance(measured, AnchorLatents)
            assert set(measured.donor) == searchers


def test_fits_of_a_claim_read_discovery_donors_and_count_the_others(trees: Any, tmp_path: Path) -> None:
    setting = trees.setting(trees.finished_file(), tmp_path)
    searchers = set(setting.genes(DISCOVERY))
    with Ledger.open(trees.finished() / "ledger.sqlite", read_only=True) as ledger:
        (result,) = ledger.entries(kind=EntryKind.RESULT)
        for name in ("main", "counts", NULL_BRANCH, PANEL):
            measured = load_measurement(ledger.artefacts.get(str(result.payload["measurements"][name])))
            assert isinstance(measured, AnchorLatents)
            donors = np.asarray(measured.donor)
            assert set(donors[measured.read.any(axis=0)]) <= searchers
            assert not searchers & set(donors[measured.judged])


@pytest.fixture
def let_setting(trees: Any, tmp_path: Path) -> Any:
    return trees.setting(trees.file("let", manifold={"fitters": ["let"]}), tmp_path)


@pytest.mark.parametrize("variant", ["main", NULL_BRANCH, PANEL])
def test_a_fitter_is_given_no_ruler_row_of_a_confirmation_donor(let_setting: Any, variant: str) -> None:
    given = json.loads(let_setting.read_ruler("tree", "block-1", variant))
    donors = {name.removeprefix("expected fail|").split("|")[0] for name in given["anchors"]}
    assert donors == set(let_setting.genes(DISCOVERY))
    assert np.shape(given["distances"]) == (len(given["anchors"]),) * 2


def test_the_null_branch_that_a_fitter_reads_is_the_one_that_the_gates_permute(trees: Any, let_setting: Any) -> None:
    (row,) = rows_of(trees.finished(), EntryKind.REGISTRATION)
    plan = Plan.model_validate(row.payload["plan"])
    other = let_setting.seed("nulls", plan.hypothesis.claim.reference.name)
    own = let_setting.anchors("block-1")
    assert let_setting.null_seed("tree") == other
    assert let_setting.null_image("tree", "block-1") == null_branch(own.branch, donors=own.donor, seed=other).tolist()
    read, null = (json.loads(let_setting.read_ruler("tree", "block-1", name)) for name in ("main", NULL_BRANCH))
    assert read["anchors"] == null["anchors"]
    assert read["distances"] != null["distances"]


def test_a_plan_is_drawn_with_the_seed_of_its_null_branch(trees: Any, tmp_path: Path) -> None:
    (row,) = rows_of(trees.finished(), EntryKind.REGISTRATION)
    plan = Plan.model_validate(row.payload["plan"])
    assert plan.seed == trees.setting(trees.finished_file(), tmp_path).null_seed("tree")


@pytest.mark.slow
def test_two_rulers_are_searched_by_a_fitter_that_reads_them(trees: Any, tmp_path: Path) -> None:
    rulers = [{"id": "tree", "graph": "tree.yaml"}, LINE]
    file = trees.file("two-rulers", manifold={"fitters": ["let"], "rulers": rulers}, budget={"experiments": 2})
    trees.run(file, tmp_path / "two")
    looks = rows_of(tmp_path / "two", EntryKind.LOOK)
    assert sorted(tuple(look.payload["scores"]) for look in looks) == [("depth",)] * 3 + [("tree",)] * 3
    claimed = [
        row.payload["hypothesis"]["claim"]["reference"]["name"]
        for row in rows_of(tmp_path / "two", EntryKind.HYPOTHESIS)
    ]
    assert set(claimed) == {"tree", "depth"}
    with Ledger.open(tmp_path / "two" / "ledger.sqlite", read_only=True) as ledger:
        assert verify_decisions(ledger, deep=True) == []
    # What LET was given is locked with the plan, so that a job that was given something else is another job.
    plan = Plan.model_validate(rows_of(tmp_path / "two", EntryKind.REGISTRATION)[0].payload["plan"])
    assert {"given to main", "given to untrained(0)", "given to null_branch(0)"} <= set(plan.fitted)
    assert (
        "given to counts" not in plan.fitted and plan.fitted["given to main"] != plan.fitted["given to null_branch(0)"]
    )
    name, seed = "two-rulers", 1
    exchanged = plan.model_copy(
        update={"fitted": {**plan.fitted, "given to main": plan.fitted["given to null_branch(0)"]}}
    )
    own, other = (planned_jobs(each, name=name, seed=seed)["main"].sha256 for each in (plan, exchanged))
    (first, *_) = rows_of(tmp_path / "two", EntryKind.RESULT)
    assert first.payload["jobs"]["main"] == own != other


@pytest.mark.parametrize("other", [{"tips": ["branch_1", "branch_2"]}, {"least_cells": 4}, {"tissue": "tissue"}])
def test_results_of_other_anchors_are_kept_apart(trees: Any, tmp_path: Path, other: dict[str, Any]) -> None:
    """A job's hash names neither anchors nor tips, and two files of one name may differ in them alone."""
    first = trees.setting(trees.file("apart"), tmp_path).materials()
    second = trees.setting(trees.file("apart", manifold=other), tmp_path).materials()
    assert (first.results == second.results) is (first.split_file == second.split_file)
    assert (first.split_file == second.split_file) is (other == {"least_cells": 4})


def test_every_baseline_has_a_place_on_record(trees: Any) -> None:
    """What has no features of its own counts among the best baselines of the search too."""
    fits = {row.payload["variant"] for row in rows_of(trees.finished(), EntryKind.FIT)}
    assert fits == set(ANCHOR_BASELINES)


@pytest.mark.slow
def test_operators_are_held_against_a_random_one(trees: Any, tmp_path: Path) -> None:
    file = trees.file("operators", manifold={"features": ["operator", "attention_drift"]}, budget={"experiments": 1})
    trees.run(file, tmp_path / "operators")
    tried = {
        look.payload["params"]["features"]: look.payload for look in rows_of(tmp_path / "operators", EntryKind.LOOK)
    }
    assert {said["status"] for said in tried.values()} == {"done"}
    assert set(tried) == {"operator", "attention_drift"}
    plans = [
        Plan.model_validate(row.payload["plan"]) for row in rows_of(tmp_path / "operators", EntryKind.REGISTRATION)
    ]
    for plan in plans:
        assert (RANDOM_OPERATOR in plan.variants) is (plan.params["features"] == "operator")
