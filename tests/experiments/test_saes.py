"""Dictionaries in a campaign: of discovery genes alone, also of an untrained model, and the same in every worker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest

from theodolite.data import CONFIRMATION, DISCOVERY, Reference
from theodolite.experiments import CampaignRun, LocalRunner, prepare
from theodolite.experiments.bench import Bench
from theodolite.experiments.replay import verify_decisions
from theodolite.experiments.wanted_descriptions import UNTRAINED, description_conflicts, wanted_descriptions
from theodolite.measurements import load_measurement
from theodolite.saes import dictionaries
from theodolite.saes.dictionaries import load_dictionary
from theodolite.store import DESCRIPTION_STANDING, Entry, EntryKind, Ledger, stream_rows, verify

SMALL = {"features": 32, "k": 2, "steps": 15}
ANNOTATION = {"name": "saes.feature_annotation", "params": {**SMALL, "draws": 19}, "untrained": True}
QUALITY = {"name": "saes.dictionary_quality", "params": {**SMALL, "seeds": 2}}
ALIGNMENT = {"name": "saes.feature_alignment", "params": {**SMALL, "draws": 99}}


def described(run: CampaignRun) -> list[Entry]:
    return list(run.ledger.entries(kind=EntryKind.DESCRIPTION))


@contextmanager
def opened(small_world: Any, folder: Path, *items: Any, **changes: Any) -> Iterator[CampaignRun]:
    """Yield a campaign with these descriptions, opened, with results and dictionaries of its own."""
    spec = small_world.spec(descriptions=list(items), tools=["geometry.axis_separation"], **changes)
    with small_world.opened(small_world.private_workspace(folder), spec) as run:
        run.open()
        yield run


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, tuple[str, ...]]]:
    """Return path and genes of the dictionaries that are trained in this process from here on."""
    found: list[tuple[Path, tuple[str, ...]]] = []
    make = dictionaries.make_dictionary

    def noted(path: Path, model: Any, cells: Any, genes: Any, *given: Any, **named: Any) -> None:
        found.append((path, tuple(genes)))
        make(path, model, cells, genes, *given, **named)

    monkeypatch.setattr(dictionaries, "make_dictionary", noted)
    return found


def test_dictionaries_are_described_of_discovery_genes_alone(
    small_world: Any, tmp_path: Path, made: list[tuple[Path, tuple[str, ...]]]
) -> None:
    with opened(small_world, tmp_path / "work", ANNOTATION, QUALITY, ALIGNMENT) as run:
        explored, kept = run.setting.genes(DISCOVERY), set(run.setting.genes(CONFIRMATION))
        rows = [entry.payload for entry in described(run)]
        assert [(row["description"], row["variant"], row["status"]) for row in rows] == [
            ("saes.feature_annotation", "main", "done"),
            ("saes.feature_annotation", UNTRAINED, "done"),
            ("saes.dictionary_quality", "main", "done"),
            ("saes.feature_alignment", "main", "done"),
        ]
        for row in rows:
            assert row["standing"] == DESCRIPTION_STANDING and "layer 1" in row["sentence"]
            measured = load_measurement(run.ledger.artefacts.get(row["measurement"]))
            assert measured.control.shape[0] == len(measured.units)  # type: ignore[attr-defined]
        annotation = rows[0]["facts"]
        assert (annotation["background"], annotation["features"] <= 32) == (len(explored), True)
        # Seed 0 of the model, of the untrained one, and seed 1 of the model: what was trained is shared.
        assert [genes for _, genes in made] == [explored] * 3
        for path, _ in made:
            found = load_dictionary(path)
            assert found.genes == explored and not kept & set(found.genes)
            assert found.report["rows"]["genes"] == len(explored)
            content = path.read_bytes()
            assert kept and not [gene for gene in kept if f"\\n{gene}\\n".encode() in content]
        assert verify(run.ledger).ok and verify_decisions(run.ledger, deep=True) == []
        assert stream_rows(run.ledger)[0].t == 0
        assert not list(run.setting.workspace.cache.glob("*.work"))


def test_the_untrained_model_has_a_dictionary_of_its_own(
    small_world: Any, tmp_path: Path, made: list[tuple[Path, tuple[str, ...]]]
) -> None:
    with opened(small_world, tmp_path / "work", {**ALIGNMENT, "untrained": True}) as run:
        trained, untrained = (entry.payload["facts"] for entry in described(run))
        first, second = (load_dictionary(path) for path, _ in made)
    assert trained["mean_share"] != untrained["mean_share"]
    assert not np.allclose(first.mean, second.mean)
    assert not np.allclose(first.sae.decoder, second.sae.decoder)


def test_a_job_gives_equal_bytes_whether_its_dictionary_is_there_or_trained_anew(
    small_world: Any, tmp_path: Path, made: list[tuple[Path, tuple[str, ...]]]
) -> None:
    with opened(small_world, tmp_path / "work", ANNOTATION) as run:
        jobs = [run._description_job(wanted) for wanted in wanted_descriptions(run.setting)]
        materials = run.setting.materials()
        results = [Path(materials.results, job.sha256).read_bytes() for job in jobs]
        assert len(made) == 2
        assert [Bench(materials).run(job) for job in jobs] == results
        assert len(made) == 2
        for path, _ in list(made):
            path.unlink()
        # In the other order, by a worker that did nothing else before.
        anew = Bench(materials)
        assert [anew.run(job) for job in reversed(jobs)] == results[::-1]
        assert len(made) == 4


def test_a_worker_refuses_a_dictionary_that_a_job_has_no_memory_for(small_world: Any, tmp_path: Path) -> None:
    large = {"name": "saes.feature_annotation", "params": {"features": 20_000, "draws": 5}}
    spec = small_world.spec(
        descriptions=[large], tools=["geometry.axis_separation"], workers=1,
        budget={"job_timeout_s": 60, "job_memory_mb": 512},
    )  # fmt: skip
    setting = prepare(spec, small_world.private_workspace(tmp_path / "work"))
    with (
        Ledger.open(setting.workspace.ledger, create=True) as ledger,
        LocalRunner.for_campaign(setting, ledger.ops) as runner,
    ):
        run = CampaignRun(setting, ledger, runner)
        run.describe()
        (row,) = (entry.payload for entry in described(run))
        assert (row["status"], row["sentence"], "it was not begun" in row["reason"]) == ("memory", None, True)


def test_a_plan_says_that_cells_have_no_types_and_that_no_layer_comes_after_the_last(
    small_world: Any, tmp_path: Path
) -> None:
    asked = [
        {"name": "saes.feature_specificity", "params": SMALL},
        {"name": "saes.feature_persistence", "params": {**SMALL, "layer": 2}},
    ]
    setting = prepare(small_world.spec(descriptions=asked), small_world.private_workspace(tmp_path / "work"))
    types, layers = description_conflicts(setting)
    assert "saes.feature_specificity: no label of these cells is said to hold their cell_type" in types
    assert "`cell_type:` under `cells:` in a campaign" in types
    assert "layer 2 is the last of this model" in layers


def test_each_layer_has_a_dictionary_and_the_followed_one_is_shared(
    small_world: Any, tmp_path: Path, made: list[tuple[Path, tuple[str, ...]]]
) -> None:
    asked = {"name": "saes.feature_persistence", "params": {**SMALL, "draws": 2, "permutations": 19}}
    with opened(
        small_world, tmp_path / "work", {**ALIGNMENT, "params": {**SMALL, "layer": 1, "draws": 9}}, asked
    ) as run:
        alignment, row = (entry.payload for entry in described(run))
        assert (alignment["status"], row["status"], row["reason"]) == ("done", "done", "")
        # Layers 0, 1 and 2, and another seed of layer 1, which was there already.
        assert len(made) == 4 and {genes for _, genes in made} == {run.setting.genes(DISCOVERY)}
        assert row["facts"]["layer"] == 1 and len(row["facts"]["features"]) == 3
        assert verify_decisions(run.ledger, deep=True) == []


def test_targets_that_are_kept_for_tests_are_counted_and_not_named(small_world: Any, tmp_path: Path) -> None:
    cells = anndata.read_h5ad(small_world.cells)
    genes = list(cells.var_names)
    edges = tuple((genes[row % 40], genes[row + 40]) for row in range(200))
    regulon = Reference("known", "known", "regulon", edges, "for the test", ())
    workspace = small_world.private_workspace(tmp_path / "work")
    plain = prepare(small_world.spec(), workspace, references=[regulon])
    explored, kept = plain.genes(DISCOVERY), plain.genes(CONFIRMATION)
    targets = ["none", "none", *explored[:2], *kept[:2]]
    cells.obs["target"] = [targets[number % len(targets)] for number in range(cells.n_obs)]
    cells.write_h5ad(tmp_path / "perturbed.h5ad")
    asked = {"name": "saes.feature_responses", "params": {**SMALL, "exchanges": 3, "draws": 19, "cells_at_most": 8}}
    read = {"source": str(tmp_path / "perturbed.h5ad"), "perturbation": "target", "control": "none"}
    spec = small_world.spec(descriptions=[asked], tools=["geometry.axis_separation"], cells=read)
    with small_world.opened(workspace, spec, references=[regulon]) as run:
        run.open()
        (row,) = described(run)
        assert (row.payload["status"], row.payload["reason"]) == ("done", "")
        facts, held = row.payload["facts"], set(run.setting.genes(CONFIRMATION))
        assert (sorted(facts["targets"]), facts["left_out.not_described"]) == (sorted(explored[:2]), 2)
        said = json.dumps(row.payload).encode() + run.ledger.artefacts.get(row.payload["measurement"])
        assert not [gene for gene in held if f'"{gene}"'.encode() in said]
        assert verify_decisions(run.ledger, deep=True) == []
