"""Planted worlds as campaigns meet them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from theodolite.calibration.planted_setting import PlantedSetting, PlantedWorld, planted_setting, planted_worlds
from theodolite.calibration.records import Terms, TruthKind
from theodolite.claims import Direction, Hypothesis, Locus
from theodolite.data import DISCOVERY
from theodolite.data.planted import PlantedActivations, WorldKind, plant_structure
from theodolite.experiments import CampaignRun, CampaignSpec, JobSpec, Setting, Workspace
from theodolite.experiments.workbench import COVARIATES
from theodolite.gates.ablation import Ablation
from theodolite.measurements import BipartiteScores, load_measurement
from theodolite.store import Ledger
from theodolite.tools import get_tool

TOOL = get_tool("attention.regulation")


@pytest.fixture(scope="module")
def worlds() -> tuple[PlantedWorld, ...]:
    return planted_worlds(WorldKind.STANDARD, 31, structure=4, activations=2)


@pytest.fixture
def setting(worlds: tuple[PlantedWorld, ...], tmp_path: Path) -> PlantedSetting:
    found = worlds[0].setting(Terms(), Workspace.at(tmp_path), None)
    assert isinstance(found, PlantedSetting)
    return found


def _job(setting: Setting, layer: int, head: int | None, split: str, variant: str, **changes: object) -> JobSpec:
    return JobSpec(
        tool=TOOL.name,
        version=TOOL.version,
        source_sha256=TOOL.source_sha256,
        params={"layer": layer, "head": head},
        model_sha256=setting.model.sha256,
        cells_sha256=setting.cells.sha256,
        split_sha256=setting.split.sha256,
        split=split,
        variant=variant,
        seed=1,
    ).model_copy(update=changes)


def _measured(world: PlantedWorld, setting: Setting, job: JobSpec) -> BipartiteScores:
    (outcome,) = world.runner(setting).submit([job])
    assert outcome.status == "done", outcome.reason
    found = load_measurement(Path(str(outcome.content_file)).read_bytes())
    assert isinstance(found, BipartiteScores)
    return found


@pytest.mark.parametrize("head", [3, None])
@pytest.mark.parametrize("split", [DISCOVERY, "block-3"])
def test_the_real_tool_returns_the_planted_scores_exactly(
    worlds: tuple[PlantedWorld, ...], setting: PlantedSetting, head: int | None, split: str
) -> None:
    found = _measured(worlds[0], setting, _job(setting, 2, head, split, "main"))
    assert found.regulators == setting.regulators(split)
    assert found.targets == setting.genes(split)
    position = {gene: index for index, gene in enumerate(worlds[0].shared.structure.graph.genes)}
    planted = worlds[0].activations.score(2, head)[
        np.ix_([position[gene] for gene in found.regulators], [position[gene] for gene in found.targets])
    ]
    candidates = found.candidates()
    assert np.array_equal(found.score[candidates], planted[candidates].astype(np.float64))


def test_a_planted_setting_answers_as_any_setting_would(
    worlds: tuple[PlantedWorld, ...], setting: PlantedSetting
) -> None:
    plain = Setting(
        setting.spec,
        setting.workspace,
        setting.model,
        setting.cells,
        setting.families,
        setting.references,
        setting.split,
    )
    assert plain.campaign_id == setting.campaign_id
    assert plain.split_document == setting.split_document
    assert plain.references_document == setting.references_document
    for split in (DISCOVERY, "block-1"):
        assert plain.genes(split) == setting.genes(split)
        assert plain.split_families(split) == setting.split_families(split)
        assert np.array_equal(plain.labels("regulon_2", split), setting.labels("regulon_2", split))
    assert np.array_equal(plain.statistics.matrix(COVARIATES), setting.statistics.matrix(COVARIATES))
    spreads = [item.blinded_spread("BipartiteScores", "regulon_1", "block-1") for item in (plain, setting, setting)]
    assert spreads == [spreads[0]] * 3


def test_campaigns_of_a_structure_share_what_is_not_the_models(
    worlds: tuple[PlantedWorld, ...], tmp_path: Path
) -> None:
    first, second = (world.setting(Terms(), Workspace.at(tmp_path / str(index)), None)
                     for index, world in enumerate(worlds))  # fmt: skip
    assert first.campaign_id != second.campaign_id
    assert first.labels("regulon_1", "block-1") is second.labels("regulon_1", "block-1")
    assert first.coexpression("block-1") is second.coexpression("block-1")
    assert first.seed("nulls", "regulon_1") == second.seed("nulls", "regulon_1")
    files = [
        next(iter(world.runner(item).submit([_job(item, 1, 1, DISCOVERY, variant)]))).content_file
        for variant in ("untrained(0)", "main")
        for world, item in zip(worlds, (first, second), strict=True)
    ]
    assert files[0] == files[1]
    assert files[2] != files[3]


def test_four_blocks_and_all_references_are_testable(setting: PlantedSetting) -> None:
    assert setting.split.k == 4
    for block in setting.split.blocks:
        assert all(found.testable for found in setting.testability(block).values())


def test_blinded_power_passes_for_most_references(setting: PlantedSetting) -> None:
    spreads = np.array(
        [
            setting.blinded_spread("BipartiteScores", reference, block)
            for reference in setting.references
            for block in setting.split.blocks
        ]
    )
    assert (spreads <= 0.03).mean() > 0.75


@pytest.mark.slow
def test_a_campaign_opens_and_looks_at_every_place(worlds: tuple[PlantedWorld, ...], tmp_path: Path) -> None:
    setting = worlds[0].setting(Terms(), Workspace.at(tmp_path), None)
    with Ledger.in_memory(artefacts=tmp_path / "artefacts") as ledger:
        run = CampaignRun(setting, ledger, worlds[0].runner(setting))
        run.open()
        looks = list(run.explore())
    assert len(looks) == 6 + 36
    true = {key: item.effect for key, item in worlds[0].activations.truth.items() if item.kind == "true"}
    planted, seen = np.array(
        [
            (true[reference, str(look.params.locus())], effect)
            for look in looks
            for reference, (effect, _) in look.effects.items()
            if (reference, str(look.params.locus())) in true
        ]
    ).T
    assert np.corrcoef(planted, seen)[0, 1] > 0.9


def _hypothesis(setting: Setting, reference: str, locus: Locus, direction: Direction) -> Hypothesis:
    return Hypothesis(
        claim=setting.claim(TOOL, reference),
        locus=locus,
        direction=direction,
        tool=f"{TOOL.name}@{TOOL.version}",
        rationale="drawn for a test",
    )


def test_truth_depends_on_place_size_and_direction(worlds: tuple[PlantedWorld, ...], setting: PlantedSetting) -> None:
    seen = set()
    for params in TOOL.params.enumerate(setting.model_shape):
        for reference in setting.references:
            planted = worlds[0].activations.truth[reference, str(params.locus())]
            above = worlds[0].truth(_hypothesis(setting, reference, params.locus(), Direction.GREATER), "block-1")
            below = worlds[0].truth(_hypothesis(setting, reference, params.locus(), Direction.LESS), "block-1")
            seen.add(above.kind)
            assert below.kind is TruthKind.NULL
            assert above.effect == planted.effect == -below.effect
            assert (above.kind is TruthKind.TRUE) == (planted.effect >= 0.10)
            assert above.kind.false == (planted.kind != "true")
    assert seen == set(TruthKind)


def test_jobs_of_another_model_and_measurements_of_gene_vectors_are_errors(
    worlds: tuple[PlantedWorld, ...], setting: PlantedSetting
) -> None:
    other = _job(setting, 1, 1, DISCOVERY, "main", model_sha256="0" * 64)
    geometry = get_tool("geometry.pair_proximity")
    params = next(iter(geometry.params.enumerate(setting.model_shape))).model_dump(mode="json")
    vectors = _job(setting, 1, 1, DISCOVERY, "main", tool=geometry.name, params=params)
    reasons = [outcome.reason for outcome in worlds[0].runner(setting).submit([other, vectors])]
    assert "another model" in reasons[0]
    assert "attention only" in reasons[1]


def test_without_families_every_gene_counts_for_itself(
    worlds: tuple[PlantedWorld, ...], setting: PlantedSetting, tmp_path: Path
) -> None:
    ablated = worlds[0].setting(Terms(), Workspace.at(tmp_path), Ablation.NO_FAMILY_BLOCK)
    job = _job(setting, 1, 1, "block-1", "main")
    kept, off = (_measured(worlds[0], item, job) for item in (setting, ablated))
    assert np.array_equal(kept.score, off.score)
    assert off.target_families == off.targets
    assert kept.candidates().sum() < off.candidates().sum() == off.score.size - len(off.regulators)
    assert np.array_equal(ablated.labels("regulon_1", "block-1"), setting.labels("regulon_1", "block-1"))
    assert ablated.blinded_spread("BipartiteScores", "regulon_1", "block-1") < setting.blinded_spread(
        "BipartiteScores", "regulon_1", "block-1"
    )


def test_a_setting_on_another_split_or_structure_is_refused(worlds: tuple[PlantedWorld, ...], tmp_path: Path) -> None:
    spec = worlds[0].spec(Terms())
    moved = CampaignSpec.model_validate({**spec.model_dump(), "split": {"seed": 2}})
    with pytest.raises(ValueError, match="dealt for seed 1"):
        planted_setting(worlds[0].activations, moved, Workspace.at(tmp_path))
    other = PlantedActivations(plant_structure(32), 0)
    with pytest.raises(ValueError, match="another structure"):
        planted_setting(other, spec, Workspace.at(tmp_path), shared=worlds[0].shared)
