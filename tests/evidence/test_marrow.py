"""Marrow anchors: deals, panels and gates on generated cells, and exact arrangements of types."""

from __future__ import annotations

import importlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from theodolite.analysis.manifold import ManifoldGates, graph_ruler, rank_ruler

TYPES = ("Basophils", "Erythrocyte", "GMP", "Megakaryocytes", "Monocytes", "Multipotent progenitors", "Neutrophils")


@pytest.fixture
def gates_lib() -> Any:
    return importlib.import_module("lib.marrow_gates")


def cells(lib: Any, seed: int = 0, each: int = 65, genes: int = 60) -> tuple[Any, ...]:
    """Return types and expression of cells whose types lie along the tree."""
    draw = np.random.default_rng(seed)
    centre = {"Multipotent progenitors": 8.0 * np.ones(genes)}
    for before, after in lib.EDGES:
        # Steps are as long and as orthogonal as draws are, so that distances of types are those of the tree.
        centre[after] = centre[before] + draw.standard_normal(genes)
    types = [name for name in TYPES for _ in range(each)]
    return types, np.stack([np.abs(centre[name] + 0.3 * draw.standard_normal(genes)) for name in types])


def test_cells_are_dealt_evenly_by_the_seed_and_small_groups_into_fewer() -> None:
    dealt = importlib.import_module("lib.real_cells").dealt
    groups = ["big"] * 68 + ["small"] * 11 + ["none"] * 4
    found = dealt(groups, most=12)
    counts = Counter(zip(groups, found, strict=True))
    assert {counts["big", f"replicate_{number:02d}"] for number in range(1, 13)} == {5, 6}
    assert sorted(counts[key] for key in counts if key[0] == "small") == [5, 6]
    assert counts["none", ""] == 4
    assert found == dealt(groups, most=12) != dealt(groups, most=12, seed=1)


def test_every_arrangement_counts_once_and_the_best_of_several_latents_answers_for_all() -> None:
    lib = importlib.import_module("lib.arrangements")
    edges = importlib.import_module("lib.marrow_gates").EDGES
    graph = graph_ruler(edges)
    ruler = graph.between(TYPES)
    right = lib.arrangement({"own": ruler}, ruler)
    # Three types below one progenitor and two below another can swap, so that 7! arrangements are 7! / (3! 2!).
    assert (right.arrangements, right.rho, right.p) == (420, pytest.approx(1.0), 1 / 420)
    rank = rank_ruler(graph.depth("Multipotent progenitors", TYPES))
    assert lib.arrangement({"own": rank}, rank).arrangements == 42
    draw = np.random.default_rng(0)
    noise = {}
    for number in range(20):
        half = draw.random((7, 7))
        noise[str(number)] = half + half.T
    best = lib.arrangement(noise, ruler)
    alone = [lib.arrangement({"": each}, ruler) for each in noise.values()]
    first = max(alone, key=lambda each: each.rho)
    # Of many latents of noise the best looks good by itself, and not among the best of other arrangements.
    assert best.rho == pytest.approx(first.rho) and first.p < 0.05 < best.p
    with pytest.raises(ValueError, match="no latent"):
        lib.arrangement({}, ruler)
    with pytest.raises(ValueError, match="all equal"):
        lib.arrangement({"": np.ones((7, 7)) - np.eye(7)}, ruler)


def test_distances_between_types_are_means_over_their_rows() -> None:
    lib = importlib.import_module("lib.arrangements")
    points = np.array([0.0, 1.0, 10.0, 12.0])
    found = lib.between_types(np.abs(points[:, None] - points), ["a", "a", "b", "b"])
    np.testing.assert_allclose(found, [[0.0, 10.5], [10.5, 0.0]])


def test_a_panel_has_twelve_replicates_of_each_type_and_its_tree_can_be_swapped(gates_lib: Any) -> None:
    types, expression = cells(gates_lib)
    table = np.random.default_rng(1).standard_normal((expression.shape[1], 8))
    split, anchored = gates_lib.marrow_panel(types, {"layer 0": expression}, expression, table)
    assert Counter(anchored) == dict.fromkeys(TYPES, 12)
    assert len(set(split.discovery.donors)) == 6
    row = {name: anchored.index(name) for name in TYPES}
    graph = split.whole.rulers["lineage graph"]
    assert graph[row["GMP"], row["Erythrocyte"]] == 3 and graph[row["Megakaryocytes"], row["Erythrocyte"]] == 2
    assert split.whole.depths[row["Erythrocyte"]] == "2" and split.whole.branches[row["GMP"]] == "granulocyte-monocyte"
    swap = {**dict(zip(TYPES, TYPES, strict=True)), "GMP": "Erythrocyte", "Erythrocyte": "GMP"}
    other, same = gates_lib.marrow_panel(types, {"layer 0": expression}, expression, table, swap=swap)
    assert same == anchored and other.whole.branches[row["Erythrocyte"]] == "granulocyte-monocyte"
    np.testing.assert_array_equal(other.whole.expression, split.whole.expression)


def test_gates_of_baselines_and_of_a_search_are_told_with_the_arrangement(gates_lib: Any, tmp_path: Path) -> None:
    types, expression = cells(gates_lib)
    table = np.random.default_rng(1).standard_normal((expression.shape[1], 8))
    split, anchored = gates_lib.marrow_panel(types, {"layer 0": expression}, expression, table)
    own = gates_lib.only(split, "lineage graph")
    gates = ManifoldGates()
    first = gates_lib.baselines(own.whole, "lineage graph")["principal components of expression"]
    row = gates_lib.told(first, own, anchored, gates)
    assert set(gates_lib.PUBLISHED) < set(row["gates"]) and not row["passed"]
    assert row["published_passed"] == all(row["gates"][name]["passed"] for name in gates_lib.PUBLISHED)
    assert row["gates"]["margin over principal components"]["number"] == 0.0
    assert row["arrangement"]["arrangements"] == 420 and row["arrangement"]["p"] < 0.05
    chosen, found = gates_lib.searched(own, anchored, gates, tmp_path / "search.jsonl", budget=3)
    assert chosen is not None and found["tried"] == 3 and found["chosen"]["ruler"] == "lineage graph"
    assert found["arrangement_of_all"]["latents"] >= 1
