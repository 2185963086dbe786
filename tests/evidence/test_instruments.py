"""The table of power and error, its part on trained models cut to seconds, and what it counts with."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from theodolite.claims import Direction, Relation
from theodolite.data.planted import PlantedStructure, WorldKnobs, plant_structure
from theodolite.measurements import BipartiteScores
from theodolite.tools import get_tool
from theodolite.tools.attention import AttentionEdges

KNOBS = WorldKnobs(
    regulator_families=24,
    family_sizes=(2,),
    target_families=130,
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


def test_sham_sets_are_whole_families_and_prefer_strong_expression(structure: PlantedStructure) -> None:
    lib = importlib.import_module("lib.shams")
    references = lib.sham_references(structure, 60, 40, 4)
    assert len({reference.id for reference in references}) == len(references) == 64
    assert len({reference.sha256 for reference in references}) == 64
    family = structure.families.family
    mean = structure.cells.gene_statistics().mean_expression
    level = dict(zip(structure.graph.genes, ((mean - mean.mean()) / mean.std()).tolist(), strict=True))
    levels = []
    for reference in references[:60]:
        chosen = {family[gene] for gene in reference.gene_set}
        assert reference.gene_set == {gene for gene in family if family[gene] in chosen}
        assert 40 <= len(reference.members) <= 42
        levels.append(np.mean([level[gene] for gene in reference.gene_set]))
    assert np.mean(levels) > 0.3
    # By lot, whoever regulates: 48 of 204 genes do.
    share = np.mean([np.mean([gene.startswith("R") for gene in item.gene_set]) for item in references[:60]])
    regulating = structure.graph.n_regulators / len(structure.graph.genes)
    assert abs(share - regulating) < 0.12
    assert [reference.kind for reference in references[60:]] == ["regulon"] * 4
    assert [reference.id for reference in references[60:]] == ["rewired_1", "swapped_1", "rewired_2", "swapped_2"]


def test_an_axis_is_taken_at_either_end_and_attention_at_its_best_only() -> None:
    suggested = importlib.import_module("lib.trained").suggested
    first, second = AttentionEdges(layer=1, head=1), AttentionEdges(layer=1, head=2)
    effects = {first: -0.2, second: 0.1}
    assert suggested(effects, Relation.SEPARATES) == (first, Direction.LESS)
    assert suggested(effects, Relation.RANKS_ABOVE) == (second, Direction.GREATER)
    assert suggested({}, Relation.SEPARATES) is None


def test_only_claims_whose_statistic_was_computed_count_for_the_error() -> None:
    lib, script = importlib.import_module("lib.trained"), importlib.import_module("instruments")
    endings = [
        *(lib.Ending(f"layer {number % 3}", p=0.5, verdict="refuted") for number in range(95)),
        lib.Ending("layer 1", p=0.05, verdict="supported"),
        lib.Ending("layer 1", p=0.0501, verdict="inconclusive", first_unmet="G3"),
        lib.Ending("layer 1", p=None, verdict="invalid", first_unmet="G7+"),
        lib.Ending("layer 1", refused="underpowered"),
        lib.Ending("layer 1", refused="unmeasured"),
    ]
    found = lib.tally(endings)
    assert (found["claims"], found["registered"], found["judged"], found["passed"]) == (100, 98, 97, 1)
    assert (found["supported"], found["places"]) == (1, 3)
    assert found["refused"] == {"underpowered": 1, "unmeasured": 1}
    tool = get_tool("attention.edges")
    claims = script.Claims()
    claims.add(script.Claims(["layer 1"], endings[:50], {2.0: endings[-5:-2], 1.0: endings[:5]}))
    claims.add(script.Claims(["layer 1"], endings[50:], {2.0: endings[-2:], 1.0: endings[5:9]}))
    record = claims.record(tool, "R2")
    assert (record.empty, record.passed_empty, record.fit) == (97, 1, True)
    # What another gate ended was registered, and not found.
    assert (record.planted, record.found, record.unmeasured) == (3, 1, 2)
    assert record.places == ("layer 1",)
    assert claims.counts["shams"] == found
    assert claims.counts["spiked"]["1"]["passed"] == 0
    above = [lib.Ending("layer 1", p=0.01)] * 12 + [lib.Ending("layer 1", p=0.5)] * 88
    assert not script.Claims(["layer 1"], above, {2.0: above}).record(tool, "R2").fit


def test_edges_at_random_are_given_the_effect_that_was_asked_for() -> None:
    lib = importlib.import_module("lib.spikes")
    genes = tuple(f"gene {number}" for number in range(120))
    found = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        covariates = rng.standard_normal((120, 3))
        measurement = BipartiteScores(
            regulators=genes[:30],
            targets=genes,
            score=np.exp(rng.standard_normal((30, 120))) + covariates[:, 0],
            regulator_families=genes[:30],
            target_families=genes,
            covariate_names=("mean_expression", "variance", "dropout"),
            regulator_covariates=covariates[:30],
            target_covariates=covariates,
            unit="none",
        )
        candidates = measurement.candidates()
        labels = candidates & (rng.random((30, 120)) < 0.1)
        raised = lib.spiked(measurement, labels, 0.2)
        score = lib.adjusted_score(raised, lib.adjustment_of("BipartiteScores"), None)
        inside, outside = score[labels], score[candidates & ~labels]
        found.append((inside[:, None] > outside[None, :]).mean() - 0.5)
    assert np.mean(found) == pytest.approx(0.2, abs=0.03)


def test_the_documented_table_is_the_record(checkout: Path) -> None:
    page = (checkout / "docs" / "instruments" / "README.md").read_text(encoding="utf-8")
    record = json.loads((checkout / "docs" / "evidence" / "instruments.json").read_text(encoding="utf-8"))
    checks = record["result"]["checks"]
    asked = [tool.name for tool in importlib.import_module("instruments").built_in()]
    assert [(row["rung"], row["tool"]) for row in checks] == [(rung, name) for rung in ("R1", "R2") for name in asked]
    for name in {row["tool"] for row in checks}:
        line = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |") and line.count("|") == 7)
        for row in checks:
            if row["tool"] == name:
                error = f"{row['error']:.3f} ({row['passed_empty']}/{row['empty']})"
                assert f"| {error}, {row['error_low']:.3f} to {row['error_high']:.3f} |" in line
                power = [f"{row['power']:.2f} ({row['found']}/{row['planted']})"]
                if row["rung"] == "R2":
                    least = row["spiked"]["1"]
                    power.append(
                        f"{least['passed'] / least['registered']:.2f} ({least['passed']}/{least['registered']})"
                    )
                assert f"| {' | '.join(power)} | {error}" in line


@pytest.mark.slow
def test_a_small_run_makes_and_counts_claims_of_every_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    script = importlib.import_module("instruments")
    planted = importlib.import_module("planted_transformer")
    small: dict[str, Any] = {"width": 16, "n_layers": 2, "n_heads": 2, "feedforward": 16}
    scale = planted.Scale(structures=(5,), knobs=KNOBS, steps=4, model=small, copies=1, cells=14)
    # Of a model that has learned nothing there is nothing to ablate.
    names = ("attention.regulation", "geometry.axis_separation", "geometry.pair_proximity")
    monkeypatch.setattr(script, "built_in", lambda: [get_tool(name) for name in names])
    shams = {"GeneScores": 4, "PairScores": 3, "BipartiteScores": 4}
    rows, trainings = script.trained_rows(script.Trained(scale, cells=60, shams=shams, members=60, spiked=2))
    assert [row["tool"] for row in rows] == list(names)
    for row in rows:
        assert (row["rung"], row["worlds"]) == ("R2", "R2, seeds 5")
        assert row["shams"]["claims"] == shams[row["shape"]]
        assert [counts["claims"] for counts in row["spiked"].values()] == [2, 2]
    assert sum(row["found"] for row in rows) >= sum(row["planted"] for row in rows) - 2 > 0
    assert trainings["5"]["steps"] == 4
