"""The acceptance run on models trained on planted worlds, cut to seconds; and its own instruments."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from theodolite.data.planted import PlantedStructure, WorldKnobs, plant_structure

KNOBS = WorldKnobs(
    regulator_families=24,
    family_sizes=(2,),
    target_families=80,
    edges=700,
    references=4,
    confounded_references=1,
    cells_per_donor=20,
    regulation=0.75,
)


@pytest.fixture(scope="module")
def structure() -> PlantedStructure:
    """Return the small world."""
    return plant_structure(5, knobs=KNOBS)


class Linear:
    """A model that predicts each gene by a weighted sum of the others that it is shown."""

    def __init__(self, weight: NDArray[np.float64]) -> None:
        self._weight = torch.from_numpy(weight.astype(np.float32))
        self.gene_sd = torch.ones(len(weight))

    def __call__(self, values: torch.Tensor, gene_index: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return values.masked_fill(mask, 0.0) @ self._weight


def recovered(structure: PlantedStructure, edges: NDArray[np.bool_], hub: float = 0.0) -> Any:
    """Return how well moved regulators of a model that follows some edges, and noise, show the generator's edges."""
    lib = importlib.import_module("lib.perturbation")
    graph, rng = structure.graph, np.random.default_rng(1)
    weight = rng.normal(0.0, 0.05, (len(graph.genes), len(graph.genes)))
    weight[: graph.n_regulators] += 0.3 * edges * graph.sign
    # Targets with many regulators answer to every regulator.
    weight[: graph.n_regulators] *= np.exp(hub * graph.in_bias)
    values = structure.cells.log1p_cp10k()[:42]
    changes = lib.predicted_changes(Linear(weight), values, range(graph.n_regulators))
    family = graph.family[: graph.n_regulators].tolist()
    score = lib.centred_size(changes, graph.candidates)
    return (
        lib.recovery(score, graph.edges[0], graph.candidates, family),
        lib.recovery(np.abs(changes), graph.edges[0], graph.candidates, family),
    )


def test_moving_regulators_shows_the_edges_that_a_model_follows_and_no_others(structure: PlantedStructure) -> None:
    graph = structure.graph
    centred, raw = recovered(structure, graph.edges[0])
    assert centred.low > 0.9
    assert raw.low > 0.9
    for edges in (np.zeros_like(graph.edges[0]), graph.edges[2]):
        centred, _ = recovered(structure, edges)
        assert centred.low < 0.5 < centred.high
        assert abs(centred.auroc - 0.5) < 0.05


def test_targets_that_answer_to_everything_count_only_where_their_mean_is_left_in(structure: PlantedStructure) -> None:
    centred, raw = recovered(structure, np.zeros_like(structure.graph.edges[0]), hub=1.0)
    assert raw.low > 0.55
    assert abs(centred.auroc - 0.5) < 0.05


def test_the_gain_of_a_score_over_itself_is_nothing(structure: PlantedStructure) -> None:
    lib = importlib.import_module("lib.perturbation")
    graph, score = structure.graph, np.random.default_rng(2).normal(size=structure.graph.edges[0].shape)
    family = graph.family[: graph.n_regulators].tolist()
    gain = lib.recovery_gain(score, score, graph.edges[0], graph.candidates, family)
    assert (gain.auroc, gain.low, gain.high, gain.regulators) == (0.0, 0.0, 0.0, graph.n_regulators)


def test_sham_graphs_keep_degrees_and_leave_the_generator_behind(structure: PlantedStructure) -> None:
    lib = importlib.import_module("lib.shams")
    graph = structure.graph
    edges, family = graph.edges[0], graph.family[: graph.n_regulators]
    rewired = lib.rewired(graph, np.random.default_rng(1))
    for axis in (0, 1):
        assert (rewired.sum(axis=axis) == edges.sum(axis=axis)).all()
    swapped = lib.swapped(graph, np.random.default_rng(1))
    for sham in (rewired, swapped):
        assert not (sham & ~graph.candidates).any()
        # Two graphs with these degrees share what chance gives and not much more.
        chance = np.outer(edges.sum(axis=1), edges.sum(axis=0)) / edges.sum()
        assert (sham & edges).sum() < 2 * (chance**2).sum()
    for name in np.unique(family):
        assert not (swapped[family == name] == (edges & graph.candidates)[family == name]).all()
    by_kind = lib.references_by_kind(structure, 1)
    names = [reference.id for found in by_kind.values() for reference, _ in found]
    assert len(names) == len(set(names)) == 3 + 4 + 1
    assert sorted(by_kind) == ["confounded", "generator", "sham"]


@pytest.mark.slow
def test_a_small_run_registers_judges_and_replays_and_supports_nothing_of_an_untrained_model(tmp_path: Path) -> None:
    script = importlib.import_module("planted_transformer")
    small = {"width": 16, "n_layers": 1, "n_heads": 2, "feedforward": 16}
    scale = script.Scale(structures=(5,), knobs=KNOBS, steps=4, model=small, copies=1, cells=14)
    found = script.run_structure(5, tmp_path, scale)
    for arm in ("trained", "untrained"):
        assert found[arm]["mismatches"] == []
        assert found[arm]["registered"] >= 8
        assert found[arm]["by_kind"]["sham"]["supported"] == 0
    assert found["learned"]["counts"]["centred"]["low"] > 0.6
    criterion = script.judge({"5": found})
    assert criterion["supported_on_untrained"] == criterion["replay_mismatches"] == 0
    pooled = script.pooled({"5": found})
    assert sum(pooled["trained"][kind]["registered"] for kind in pooled["trained"]) == found["trained"]["registered"]


@pytest.mark.parametrize(
    ("arm", "kind", "supported", "met"),
    [
        ("trained", "sham", 1, True),
        ("trained", "sham", 2, False),
        ("trained", "generator", 6, True),
        ("untrained", "generator", 1, False),
    ],
)
def test_the_criterion_speaks_of_sham_graphs_and_of_untrained_models_only(
    arm: str, kind: str, supported: int, met: bool
) -> None:
    script = importlib.import_module("planted_transformer")
    kinds = ("generator", "sham", "confounded")
    found = {
        name: {"registered": 12, "mismatches": [], "by_kind": {each: {"supported": 0} for each in kinds}}
        for name in ("trained", "untrained")
    }
    found[arm]["by_kind"][kind]["supported"] = supported  # type: ignore[index]
    assert script.judge({"1": found})["met"] is met
    found["trained"]["mismatches"] = ["row 1: another number"]
    assert not script.judge({"1": found})["met"]
