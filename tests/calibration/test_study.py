"""Which campaigns a study runs, and the folder from which it goes on."""

from __future__ import annotations

from collections import Counter

import pytest

from theodolite.calibration.records import ProposerName
from theodolite.calibration.study import ACTIVATIONS, Store, StudyError, quick_study, standard_study
from theodolite.data.planted import WorldKind
from theodolite.gates.ablation import Ablation


def test_the_standard_study_is_eight_proposers_in_two_worlds_and_every_ablation():
    study = standard_study()
    cells = [(unit.world, cell.ablation, cell.proposer) for unit in study.units for cell in unit.cells]
    counted = Counter(cells)
    for world, campaigns in ((WorldKind.STANDARD, 200), (WorldKind.GLOBAL_NULL, 64)):
        for proposer in ProposerName:
            assert counted[world, None, proposer] == campaigns
    assert {ablation for _, ablation, _ in cells} == {None, *Ablation}
    for world, ablation, proposer in counted:
        # What is broken without a safeguard is held against the same proposer in the same world with it.
        assert ablation is None or counted[world, None, proposer] >= counted[world, ablation, proposer]
    assert study.campaigns == len(cells) == 8 * 200 + 8 * 64 + 4 * 16 + 8 * 16


def test_a_unit_holds_the_campaigns_of_one_structure():
    study = standard_study(campaigns=20, null=20, ablated=0)
    sizes = {unit.name: len(unit.cells) for unit in study.units}
    assert sizes["standard-00"] == sizes["standard-01"] == 8 * ACTIVATIONS
    assert sizes["standard-02"] == 8 * 4
    assert [unit.name for unit in study.units][-1].endswith("-02")


def test_the_first_campaigns_go_through_the_graph_too():
    study = standard_study(campaigns=16, null=16, ablated=8, full=16)
    through = [(unit.name, cell.activation) for unit in study.units for cell in unit.cells if cell.full]
    assert Counter(through) == {("standard-00", 0): 8, ("standard-00", 1): 8}
    assert not any(cell.full for unit in standard_study(full=0).units for cell in unit.cells)


def test_every_structure_and_every_proposer_has_a_seed_of_its_own():
    study = standard_study(campaigns=16, ablated=0)
    structures = [study.seed_of(unit) for unit in study.units]
    proposers = [study.seed_of(unit, cell) for unit in study.units for cell in unit.cells]
    assert len({*structures, *proposers}) == len(structures) + len(proposers)
    assert structures != [standard_study(campaigns=16, ablated=0, seed=2).seed_of(unit) for unit in study.units]


def test_an_ablation_meets_the_same_proposer_with_the_same_seed():
    study = standard_study(campaigns=8, null=8, ablated=8)
    unit = next(unit for unit in study.units if unit.world is WorldKind.DEGREE)
    by_ablation = {}
    for cell in unit.cells:
        by_ablation.setdefault((cell.activation, cell.proposer), set()).add(study.seed_of(unit, cell))
    assert all(len(seeds) == 1 for seeds in by_ablation.values())


def test_a_folder_is_continued_on_the_same_terms_only(tmp_path):
    store = Store(tmp_path)
    store.lock(standard_study(campaigns=8))
    store.lock(standard_study(campaigns=16, ablated=0))
    assert store.study().arms[0].campaigns == 16
    with pytest.raises(StudyError, match="seed 1, asked for is 2"):
        store.lock(standard_study(seed=2))
    with pytest.raises(StudyError, match="'tests': 40.*'tests': 41"):
        store.lock(standard_study(tests=41))


def test_a_folder_without_a_study_is_named(tmp_path):
    with pytest.raises(StudyError, match=r"study\.json is no study"):
        Store(tmp_path).study()
    (tmp_path / "study.json").write_text("{}", encoding="utf-8")
    with pytest.raises(StudyError, match="theodolite calibrate --out"):
        Store(tmp_path).study()


def test_results_come_back_as_they_were_put(tmp_path, campaign_result, test_record):
    store, study = Store(tmp_path), quick_study(campaigns=1, full=0)
    unit = next(unit for unit in study.units if unit.world is WorldKind.STANDARD)
    assert store.results(unit) == []
    results = [campaign_result(test_record(1, p=None, e=12.5)), campaign_result(proposer="padder", ablation="no_dedup")]
    store.put(unit, results)
    assert store.results(unit) == results
    # An ablation that this study does not ask for stays in the folder and out of the study.
    assert list(store.all_results(study)) == results[:1]


def test_a_campaign_that_should_go_through_the_graph_is_not_done_without(campaign_result):
    study = quick_study(campaigns=1, full=1)
    cell = next(cell for unit in study.units for cell in unit.cells if cell.full)
    assert not cell.done_by(campaign_result(proposer=cell.proposer))
    assert cell.done_by(campaign_result(proposer=cell.proposer, through_graph=True))
    assert not cell.done_by(campaign_result(proposer="random", through_graph=True))
