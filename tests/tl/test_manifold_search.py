"""Manifold search on an AnnData: a planted tree is found, a world without one is not passed, and all of it is told."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest

from theodolite import tl
from theodolite.analysis.manifold import ManifoldGates
from theodolite.data.rulers import anchor_table
from theodolite.data.tree_world import TreeWorld, tree_world
from theodolite.models.planted_tree import TreeModel, tree_model
from theodolite.tl import MeasureError, MemoryLimitError, manifolds
from theodolite.tl.rulers import given_rulers

KEY = "manifold_search"
QUICK = {"features": ["residual"], "fitters": ["landmark_isomap"], "sizes": [15]}
"""Three candidates: one fitter on the embedding and after each of two blocks."""


@dataclass(frozen=True)
class World:
    """Cells of twelve donors on a trunk of two stages and three branches of three, and the model that knows it."""

    planted: TreeWorld
    model: TreeModel

    def search(self, adata: Any, **options: Any) -> Any:
        """Search by the planted steps, unless told otherwise."""
        usual = {"donor": "donor", "stage": "node", "rulers": list(self.planted.edges), **QUICK}
        return tl.manifold_search(adata, model=self.model, **{**usual, **options})

    @property
    def adata(self) -> Any:
        """The cells, to be written into."""
        return tl.as_anndata(self.planted.cells)


def world(shape: Any, **numbers: int) -> World:
    planted = tree_world(3, shape=shape, **{"tissues": 1, "genes": 120, "stages": 3, **numbers})
    return World(planted, tree_model(planted, 3))


@pytest.fixture(scope="module")
def tree() -> World:
    return world("tree")


@pytest.fixture(scope="module")
def judged(tree: World) -> Any:
    """Return the cells of the tree with what was found and confirmed, not to be written to."""
    return tree.search(tree.adata, confirm=True, copy=True)


def test_a_planted_tree_is_found_and_passes_every_gate_on_the_other_donors(judged: Any) -> None:
    found = judged.uns[KEY]
    assert found["gates"]["passed"].all()
    assert found["facts"]["passed"]
    assert found["candidates"].loc[0, "branch hold-out"] >= 0.5
    assert found["sentence"].startswith("In residual stream L0 by landmark_isomap, distances between 66 anchors of 6 ")
    assert "within branches of the paired null branch" in found["sentence"]
    assert found["sentence"].endswith("and it meets all 14 gates.")


@pytest.mark.parametrize(("shape", "unmet"), [
    ("clusters", "donor hold-out, within branches"),
    ("line", "donor null within depth"),
])  # fmt: skip
def test_a_world_without_the_tree_does_not_pass(shape: str, unmet: str) -> None:
    other = world(shape)
    adata = other.adata
    other.search(adata, confirm=True)
    found = adata.uns[KEY]
    gates = found["gates"].set_index("name")
    assert not gates.loc[unmet, "passed"]
    assert unmet in found["facts"]["gates_not_met"]
    assert not found["facts"]["passed"]
    assert "it misses " in found["sentence"]


def test_the_gates_are_those_that_are_frozen(judged: Any) -> None:
    found, frozen = judged.uns[KEY], ManifoldGates()
    gates = found["gates"].set_index("name")
    assert found["gates_sha256"] == frozen.sha256
    assert gates.loc["trustworthiness", "threshold"] == frozen.least_trust
    assert list(found["gates"].columns) == ["name", "value", "threshold", "passed", "says"]


def test_a_search_alone_looks_at_no_other_donor_and_says_so(tree: World) -> None:
    adata = tree.adata
    tree.search(adata, candidates=1)
    found = adata.uns[KEY]
    anchors = found["anchors"]
    assert len(found["gates"]) == 0
    assert anchors.loc[anchors["half"] == "judge", ["x", "y", "z"]].isna().all(axis=None)
    assert anchors.loc[anchors["half"] == "search", ["x", "y", "z"]].notna().all(axis=None)
    assert "than the best baseline" in found["sentence"] and "no other donor was asked" in found["sentence"]
    assert "no claim" in found["standing"]
    assert found["facts"]["candidates_beyond_the_most"] == 2


def test_anchors_are_those_of_a_campaign(tree: World, judged: Any) -> None:
    anchors = judged.uns[KEY]["anchors"]
    table = anchor_table(tree.planted.cells, stage="node", donor="donor", branch="branch")
    assert list(anchors.index) == list(table.anchors)
    assert list(anchors["stage"]) == list(table.stage) and (anchors["cells"] == 5).all()
    # The trunk goes to the first fork; each stage behind it gives its name to a branch.
    trunk = dict.fromkeys(["trunk_1", "trunk_2"], "trunk_1")
    assert all(branch == trunk.get(stage, f"{stage[:-2]}_1") for stage, branch in zip(
        anchors["stage"], anchors["branch"], strict=True))  # fmt: skip
    assert set(anchors["half"]) == {"search", "judge"}
    assert anchors.groupby("donor", observed=True)["half"].nunique().max() == 1
    own = judged.obs[KEY].astype(str)
    assert own.tolist() == (judged.obs["donor"].astype(str) + "|" + judged.obs["node"].astype(str)).tolist()


def test_cells_of_too_small_a_group_have_no_anchor(tree: World) -> None:
    adata = tree.adata[1:].copy()
    tree.search(adata, candidates=1)
    assert adata.obs[KEY].isna().sum() == 4
    assert adata.uns[KEY]["facts"]["combinations_with_too_few_cells"] == 1


def test_candidates_stand_best_first_and_refused_ones_last_with_their_reason() -> None:
    """Branches without stages lie so far apart that a graph of neighbours may not join them."""
    other = world("clusters")
    table = other.search(other.adata, fitters=["landmark_isomap", "diffusion_map"], copy=True).uns[KEY]["candidates"]
    refused = table["refused"] != ""
    assert len(table) == 6 and refused.tolist() == [False] * 4 + [True] * 2
    assert table.loc[~refused, "fit for gates"].all() and table.loc[~refused, "score"].is_monotonic_decreasing
    assert table.loc[refused, "score"].isna().all()
    assert table.loc[refused, "refused"].str.contains("falls into 2 parts").all()


def test_nothing_that_can_be_fitted_is_told_and_not_raised(tree: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from theodolite.manifolds import fitters

    def refuses(rows: Any, **settings: Any) -> Any:
        raise ValueError("the graph falls into two parts")

    monkeypatch.setitem(fitters.FITTERS, "landmark_isomap", refuses)  # type: ignore[misc]
    found = tree.search(tree.adata, confirm=True, copy=True).uns[KEY]
    assert "None of 3 candidates could be fitted" in found["sentence"] and "two parts" in found["sentence"]
    assert (found["candidates"]["refused"] == "the graph falls into two parts").all()
    assert len(found["gates"]) == 0 and found["anchors"]["x"].isna().all()
    assert "judged on others" in found["standing"]


def test_the_same_seed_gives_the_same_bytes_and_another_one_other_halves(tree: World, judged: Any) -> None:
    def told(found: Any) -> str:
        tables = [found[name].to_csv() for name in ("candidates", "gates", "anchors")]
        return "\n".join([found["sentence"], *tables])

    again = tree.search(tree.adata, confirm=True, copy=True).uns[KEY]
    assert told(again) == told(judged.uns[KEY])
    tl.forget()
    other = tree.search(tree.adata, candidates=1, seed=1, copy=True).uns[KEY]
    assert list(other["facts"]["donors_that_search"]) != list(again["facts"]["donors_that_search"])


def test_a_copy_leaves_what_was_given_as_it_is_and_can_be_written(judged: Any, tree: World, tmp_path: Path) -> None:
    adata = tree.adata
    copied = tree.search(adata, candidates=1, copy=True, key_added="mine")
    assert not adata.uns and KEY not in adata.obs
    assert "mine" in copied.uns and "mine" in copied.obs
    for each, key in ((copied, "mine"), (judged, KEY)):
        each.write_h5ad(tmp_path / "found.h5ad")
        back = anndata.read_h5ad(tmp_path / "found.h5ad")
        assert back.uns[key]["sentence"] == each.uns[key]["sentence"]
        pd.testing.assert_frame_equal(back.uns[key]["gates"], each.uns[key]["gates"], check_index_type=False,
                                      check_dtype=False)  # fmt: skip


def test_a_cache_keeps_what_was_read_of_the_model_and_what_was_searched(tree: World, tmp_path: Path) -> None:
    first = tree.search(tree.adata, candidates=1, cache=tmp_path, copy=True).uns[KEY]
    tl.forget()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("theodolite.tl.captures.placed", None)
        second = tree.search(tree.adata, candidates=1, cache=tmp_path, copy=True).uns[KEY]
    assert second["sentence"] == first["sentence"]
    (journal,) = tmp_path.glob("manifold-search-*.jsonl")
    assert len(journal.read_text(encoding="utf-8").splitlines()) == 1


def test_rulers_of_every_kind_are_searched_side_by_side(tree: World) -> None:
    adata = tree.adata
    adata.obs["day"] = adata.obs["node"].astype(str).str[-1].astype(float)
    rank = {node: float(depth) for node, depth in tree.planted.depth.items()}
    tree.search(adata, rulers=[list(tree.planted.edges), "day", {"id": "order", "rank": rank}], candidates=1)
    found = adata.uns[KEY]
    assert set(found["candidates"]["ruler"]) == {"edges", "day", "order"}
    assert set(found["rulers_sha256"]) == {"edges", "day", "order"}


def test_without_donors_groups_of_cells_stand_in_for_them(tree: World) -> None:
    adata = tree.adata
    tree.search(adata, donor=None, candidates=1)
    assert adata.uns[KEY]["facts"]["units"] == "cells"
    assert "6 groups of cells in place of donors" in adata.uns[KEY]["sentence"]


def test_a_packaged_graph_and_a_campaigns_mapping_are_the_same_ruler() -> None:
    (named,) = given_rulers("hematopoiesis", [], branched=False)
    (mapped,) = given_rulers({"graph": "hematopoiesis"}, [], branched=False)
    assert named.item == mapped.item
    assert named.graph is not None and named.graph.root == "hematopoietic stem cell"


STAGES = {
    "trunk_1": "hematopoietic stem cell", "trunk_2": "hematopoietic multipotent progenitor cell",
    "branch_1_1": "proerythroblast", "branch_1_2": "basophilic erythroblast", "branch_1_3": "erythrocyte",
    "branch_2_1": "pro-B cell", "branch_2_2": "precursor B cell", "branch_2_3": "immature B cell",
    "branch_3_1": "promyelocyte", "branch_3_2": "myelocyte", "branch_3_3": "metamyelocyte",
}  # fmt: skip


def test_a_packaged_graph_gives_branches_to_stages_that_are_called_otherwise(tree: World) -> None:
    found = tree.search(tree.adata, rulers={"graph": "hematopoiesis", "stages": STAGES}, candidates=1, copy=True).uns[
        KEY
    ]
    assert set(found["anchors"]["branch"]) == {"progenitor", "erythroid", "b", "granulocytic"}
    assert set(found["facts"]["branches_left_out"]) == {"erythroid", "b", "granulocytic"}
    assert list(found["rulers_sha256"]) == ["hematopoiesis"]


EDGES = [("a", "b"), ("a", "c")]


@pytest.mark.parametrize(("options", "value", "remedy"), [
    ({"stage": "stages"}, "'stages'", "'node'"),
    ({"donor": "donors"}, "'donors'", "'donor'"),
    ({"donor": "branch"}, "4 donors", "donor=None"),
    ({"rulers": "hematopoesis"}, "'hematopoesis'", "did you mean 'hematopoiesis'"),
    ({"rulers": {"graph": "hematopoesis"}}, "'hematopoesis'", "did you mean 'hematopoiesis'"),
    ({"rulers": "hematopoiesis"}, "'branch_1_1'", "name a column of branches"),
    ({"rulers": {"column": "day"}, "branch": "branch"}, "'day'", "'node'"),
    ({"rulers": "tissue", "branch": "branch"}, "'tissue_1'", "name a column of numbers"),
    ({"rulers": "tissue"}, "no branches are known", "branch"),
    ({"rulers": {"rank": {"trunk_1": 1}}, "branch": "branch"}, "'branch_1_1'", "name one for each"),
    ({"rulers": []}, "[]", "hematopoiesis"),
    ({"rulers": 3}, "int", "a list of steps"),
    ({"rulers": [3]}, "3", "the earlier one first"),
    ({"rulers": [("a", "b"), ("c", "d")]}, "'a', 'c'", "the earlier one first"),
    ({"rulers": [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]}, "'d'", "branch=..."),
    ({"rulers": [*EDGES, ("c", "c")]}, "'c'", "leave it out"),
    ({"rulers": EDGES}, "'branch_1_1'", "name a column of branches"),
    ({"rulers": EDGES, "branch": "branch"}, "'branch_1_1'", "leave their cells out"),
    ({"tips": ["branch_9"]}, "'branch_9'", "branch_1_1, branch_2_1, branch_3_1"),
    ({"tips": ["branch_1_1"]}, "branch_1_1", "branch=..."),
    ({"features": ["operator"]}, "'operator'", "residual, drift, mixture"),
    ({"fitters": ["umap"]}, "'umap'", "isomap"),
    ({"sizes": [3]}, "3", "10 or 15"),
    ({"least_cells": 6}, "6 cells", "smaller least_cells"),
    ({"key_added": "node"}, "'node'", "another key"),
    ({"key_added": "a/b"}, "'a/b'", "no '/'"),
    ({"counts": "raw"}, "raw", ""),
    ({"max_memory_gb": -1}, "-1", "above 0"),
])  # fmt: skip
def test_what_cannot_be_searched_is_refused_before_the_model_runs(
    tree: World, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], value: str, remedy: str
) -> None:
    monkeypatch.setattr(manifolds, "states", None)
    adata = tree.adata
    with pytest.raises(ValueError) as caught:
        tree.search(adata, **options)
    assert value in str(caught.value)
    assert remedy in str(caught.value)
    assert not adata.uns


def test_rows_without_counts_are_refused(tree: World) -> None:
    adata = tree.adata
    adata.X = np.log1p(adata.X.toarray())
    with pytest.raises(ValueError, match="counts"):
        tree.search(adata)


def test_something_that_is_no_anndata_is_refused_by_its_type(tree: World) -> None:
    with pytest.raises(MeasureError, match="DataFrame; give an"):
        tree.search(pd.DataFrame())


def test_an_instrument_of_anchors_points_here(tree: World) -> None:
    with pytest.raises(MeasureError, match=r"theodolite\.tl\.manifold_search"):
        tl.measure(tree.adata, "manifold.follows", model=tree.model)


def test_what_cannot_fit_is_refused_with_an_estimate_before_the_model_runs(
    tree: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifolds, "states", None)
    tl.settings.max_memory_gb = 0.001
    said = r"a manifold search over 132 anchors of 660 cells in model 'planted-tree-3' would take .* GB \(residual " \
        r"streams of cells .*; give fewer cells \(of 660, about \d+ fit\), or raise theodolite.tl.settings"  # fmt: skip
    with pytest.raises(MemoryLimitError, match=said):
        tree.search(tree.adata)


def test_the_peak_stays_within_the_estimate_and_is_no_small_part_of_it(
    tree: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    larger = world("tree", tissues=2, genes=300)
    options = {"tissue": "tissue", "features": ["mixture"], "candidates": 1, "confirm": True}
    tree.search(tree.adata, **{**options, "tissue": None})  # imports what it needs
    parts: dict[str, int] = {}
    monkeypatch.setattr(manifolds, "refuse_beyond", lambda limit, given, *rest, **more: parts.update(given))
    adata = larger.adata
    tracemalloc.start()
    try:
        larger.search(adata, **options)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert set(adata.uns[KEY]["anchors"]["tissue"]) == {"tissue_1", "tissue_2"}
    assert 0.5 * sum(parts.values()) < peak < 1.2 * sum(parts.values())
