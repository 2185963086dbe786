"""The setting of a campaign with regulons: their labels, their regulators, and what a worker makes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from theodolite.data import DISCOVERY, Reference
from theodolite.experiments import JobSpec, Setting, prepare
from theodolite.experiments.workbench import fit_source_sha256
from theodolite.measurements import BipartiteScores, load_measurement
from theodolite.store import ArtefactStore
from theodolite.tools import get_tool


def regulon(name: str, edges: list[tuple[str, str]]) -> Reference:
    return Reference(name, name, "regulon", tuple(edges), "for the test", ())


@pytest.fixture
def regulons(small_world: Any) -> list[Reference]:
    genes = small_world.planted.cells.genes
    rng = np.random.default_rng(0)
    drawn = {(genes[row], genes[column]) for row in range(0, 90, 3) for column in rng.choice(300, 25) if row != column}
    forward = sorted(drawn)
    return [regulon("forward", forward), regulon("few", forward[::9]), regulon("other", [(genes[200], genes[5])])]


@pytest.fixture
def setting(small_world: Any, regulons: list[Reference], tmp_path: Path) -> Setting:
    return prepare(small_world.spec(), small_world.workspace(tmp_path), references=regulons)


def run_job(small_world: Any, setting: Setting, tool: str, params: dict[str, Any], variant: str = "main") -> Any:
    instrument = get_tool(tool)

    def job(name: str, version: str, source: str, params: dict[str, Any], split: str, fitted: Any = None) -> JobSpec:
        return JobSpec(
            tool=name,
            version=version,
            source_sha256=source,
            params=params,
            model_sha256=setting.model.sha256,
            cells_sha256=setting.cells.sha256,
            split_sha256=setting.split.sha256,
            split=split,
            variant=variant,
            seed=1,
            fitted=fitted,
        )

    runner = small_world.runner(setting)

    def content(wanted: JobSpec) -> bytes:
        (outcome,) = runner.submit([wanted])
        assert outcome.status == "done", outcome.reason
        return Path(outcome.content_file).read_bytes()

    fitted = None
    if instrument.fits:
        axes = content(job("fit.axes", "1", fit_source_sha256(), {}, DISCOVERY))
        fitted = ArtefactStore(setting.workspace.artefacts).put(axes)
    wanted = job(tool, instrument.version, instrument.source_sha256, params, "block-1", fitted)
    return load_measurement(content(wanted))


def test_regulators_are_those_of_any_regulon_in_the_models_order(setting: Setting, regulons: list[Reference]) -> None:
    genes = setting.genes("block-1")
    assert setting.regulators("block-1") == tuple(
        gene for gene in genes if any(gene in reference.regulators for reference in regulons)
    )
    assert set(setting.regulators(DISCOVERY)).isdisjoint(setting.regulators("block-1"))
    everywhere = [gene for part in (DISCOVERY, *setting.split.blocks) for gene in setting.regulators(part)]
    with_family = {gene for part in (DISCOVERY, *setting.split.blocks) for gene in setting.genes(part)}
    assert set(everywhere) == set().union(*(reference.regulators for reference in regulons)) & with_family


def test_labels_of_a_regulon_are_its_edges_between_families(setting: Setting, regulons: list[Reference]) -> None:
    genes, regulators = setting.genes("block-1"), setting.regulators("block-1")
    family = dict(zip(genes, setting.split_families("block-1"), strict=True))
    for reference in regulons:
        labels = setting.labels(reference.id, "block-1")
        assert labels.shape == (len(regulators), len(genes))
        marked = {(regulators[row], genes[column]) for row, column in np.argwhere(labels)}
        assert marked == {
            (first, second)
            for first, second in reference.edges
            if first in family and second in family and family[first] != family[second]
        }
        assert setting.testability("block-1")[reference.id].in_block == len(marked)


def test_labels_of_pairs_are_the_pairs_between_families_however_often_they_are_asked_for(
    small_world: Any, tmp_path: Path
) -> None:
    setting = prepare(small_world.spec(), small_world.workspace(tmp_path), references=small_world.planted.references)
    genes, name = setting.genes("block-1"), f"{small_world.planted.references[0].id}_pairs"
    family = dict(zip(genes, setting.split_families("block-1"), strict=True))
    wanted = {
        pair
        for first, second in setting.references[name].pairs
        if first in family and second in family and family[first] != family[second]
        for pair in ((first, second), (second, first))
    }
    for _ in range(2):
        labels = setting.labels(name, "block-1")
        assert {(genes[row], genes[column]) for row, column in np.argwhere(labels)} == wanted
        labels[:] = False  # whoever was given them may do with them what they like


def test_a_tool_is_held_against_references_of_its_shape(
    small_world: Any, regulons: list[Reference], tmp_path: Any
) -> None:
    programs = small_world.planted.references
    both = prepare(small_world.spec(), small_world.workspace(tmp_path), references=[*programs, *regulons])
    named = {
        tool: {reference.id for reference in both.references_for(get_tool(tool))}
        for tool in ("geometry.axis_separation", "attention.edges", "attention.regulation")
    }
    assert named["attention.regulation"] == {"forward", "few", "other"}
    assert named["geometry.axis_separation"] == {program.id for program in programs}
    assert named["attention.edges"] == {f"{program.id}_pairs" for program in programs}


def test_a_campaign_without_regulons_writes_the_split_that_it_always_wrote(
    settings_of: Callable[..., Any], setting: Setting
) -> None:
    assert set(json.loads(settings_of().split_document)) == {"sha256", "parts", "families"}
    document = json.loads(setting.split_document)
    assert document["regulators"]["block-1"] == list(setting.regulators("block-1"))


@pytest.mark.parametrize(
    ("tool", "params"),
    [
        ("attention.regulation", {"layer": 1, "head": 2}),
        ("geometry.regulator_proximity", {"layer": 1, "first": 1, "last": 3}),
    ],
)
@pytest.mark.parametrize("variant", ["main", "untrained(0)", "untrained(1)", "random_embedding(1)", "counts"])
def test_a_worker_measures_every_variant_of_a_directed_claim(
    small_world: Any, setting: Setting, tool: str, params: dict[str, Any], variant: str
) -> None:
    measured = run_job(small_world, setting, tool, params, variant)
    assert isinstance(measured, BipartiteScores)
    assert measured.regulators == setting.regulators("block-1")
    assert measured.targets == setting.genes("block-1")
    assert measured.with_edges(setting.references["forward"].edges).edges is not None
    np.testing.assert_array_equal(
        measured.with_edges(setting.references["forward"].edges).edges, setting.labels("forward", "block-1")
    )
    if variant != "main":
        main = run_job(small_world, setting, tool, params)
        assert not np.allclose(measured.score, main.score)


def test_counts_are_the_same_in_every_head_and_follow_co_expression(small_world: Any, setting: Setting) -> None:
    first, second = (
        run_job(small_world, setting, "attention.regulation", {"layer": layer, "head": head}, "counts")
        for layer, head in ((1, 1), (2, None))
    )
    np.testing.assert_array_equal(first.score, second.score)
    column = {gene: index for index, gene in enumerate(setting.cells.genes)}
    values = setting.cells.log1p_cp10k().astype(float)
    correlation = np.abs(np.corrcoef(values.T))
    regulator, target = first.regulators[2], first.targets[40]
    gene = correlation[column[target]]
    expected = np.log(gene[column[regulator]] / (gene.sum() - 1.0))
    assert first.score[2, 40] == pytest.approx(expected, rel=1e-3)


def test_other_regulons_never_read_the_results_of_these(small_world: Any, setting: Setting, regulons: Any) -> None:
    params = {"layer": 1, "head": 1}
    before = run_job(small_world, setting, "attention.regulation", params)
    fewer = prepare(small_world.spec(), setting.workspace, references=regulons[:2])
    after = run_job(small_world, fewer, "attention.regulation", params)
    assert set(before.regulators) - set(after.regulators) == set(regulons[2].regulators)
