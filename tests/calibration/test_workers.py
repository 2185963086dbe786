"""Running a study: interrupted, continued, and in several processes."""

from __future__ import annotations

import pytest

from theodolite.calibration import workers
from theodolite.calibration.records import ProposerName, Terms
from theodolite.calibration.study import Arm, Store, Study, StudyError, quick_study
from theodolite.calibration.workers import run_study
from theodolite.data.planted import WorldKind


@pytest.fixture
def made_up(monkeypatch, campaign_result):
    """Let campaigns be made up instead of run; returns the list of those that were run."""
    run: list[tuple[object, ...]] = []

    def worlds(kind, seed, *, structure, activations):
        return [{"world": kind.value, "structure": structure, "activation": number} for number in range(activations)]

    def one(world, proposer, ablation, *, terms, seed):
        result = campaign_result(**world, proposer=proposer, ablation=ablation, terms=terms, seed=seed)
        run.append(result.name)
        return result

    def full(world, proposer, ablation, *, terms, seed):
        return campaign_result(**world, proposer=proposer, ablation=ablation, terms=terms, seed=seed, seconds=9.0)

    monkeypatch.setattr(workers, "planted_worlds", worlds)
    monkeypatch.setattr(workers, "run_one", one)
    monkeypatch.setattr(workers, "run_full", full)
    return run


def test_every_campaign_is_run_once_and_kept(tmp_path, made_up):
    study, store, seen = quick_study(campaigns=3), Store(tmp_path), []
    run_study(study, store, processes=1, notify=seen.append)
    results = list(store.all_results(study))
    assert len(results) == len(made_up) == len(set(made_up)) == study.campaigns == 4 * 3
    assert [item.done for item in seen] == list(range(study.campaigns + 1))
    assert sum(result.through_graph is True for result in results) == 1
    assert len({result.seed for result in results}) == len(results)


def test_an_interrupted_study_continues_where_it_was(tmp_path, made_up):
    study, store = quick_study(campaigns=3), Store(tmp_path)

    def interrupt(progress):
        if progress.done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(study, store, processes=1, notify=interrupt)
    assert len(list(store.all_results(study))) == 5
    seen = []
    run_study(study, store, processes=1, notify=seen.append)
    assert seen[0].found == seen[0].done == 5
    assert len(made_up) == len(set(made_up)) == study.campaigns
    run_study(study, store, processes=1)
    assert len(made_up) == study.campaigns


def test_a_larger_study_keeps_what_a_smaller_one_found(tmp_path, made_up):
    store = Store(tmp_path)
    run_study(quick_study(campaigns=2), store, processes=1)
    run_study(quick_study(campaigns=3), store, processes=1)
    assert len(made_up) == len(set(made_up)) == 4 * 3


def test_another_study_in_the_folder_is_refused_before_anything_runs(tmp_path, made_up):
    run_study(quick_study(campaigns=1), Store(tmp_path), processes=1)
    ran = len(made_up)
    with pytest.raises(StudyError, match="another folder"):
        run_study(quick_study(campaigns=1, seed=2), Store(tmp_path), processes=1)
    assert len(made_up) == ran


def _tiny(worlds) -> Study:
    arms = tuple(Arm(world=world, ablation=None, proposers=(ProposerName.RANDOM,), campaigns=1) for world in worlds)
    return Study(seed=3, terms=Terms(tests=2, round_size=2), arms=arms, full=0)


@pytest.mark.slow
def test_two_processes_find_what_one_does(tmp_path):
    study = _tiny([WorldKind.STANDARD, WorldKind.GLOBAL_NULL])
    found = []
    for processes in (1, 2):
        store = Store(tmp_path / str(processes))
        run_study(study, store, processes=processes)
        found.append({result.name: result.head for result in store.all_results(study)})
    assert found[0] == found[1] and len(found[0]) == 2


@pytest.mark.slow
def test_an_error_in_a_process_is_told(tmp_path):
    study = _tiny([WorldKind.STANDARD, WorldKind.GLOBAL_NULL])
    store = Store(tmp_path)
    store.lock(study)
    # A folder where a file of results should be: neither process can write.
    for unit in study.units:
        (tmp_path / "campaigns" / f"{unit.name}.jsonl").mkdir(parents=True)
    with pytest.raises(StudyError, match="Error"):
        run_study(study, store, processes=2)
