"""References cut after the hold-out was seen: what the lock forbids, and what it would do."""

from __future__ import annotations

import numpy as np
import pytest

from theodolite.calibration.campaigns import run_one
from theodolite.calibration.proposers.narrowing import KEPT, narrowed, narrowed_references
from theodolite.calibration.records import ProposerName, Terms, TruthKind
from theodolite.experiments import Workspace
from theodolite.gates.ablation import Ablation
from theodolite.measurements import BipartiteScores

TERMS = Terms(tests=4, round_size=4)


def scores(rng, regulators=6, targets=30):
    """Return noise between regulators and targets, three targets a family."""
    return BipartiteScores(
        regulators=tuple(f"R{i}" for i in range(regulators)),
        targets=tuple(f"T{i}" for i in range(targets)),
        score=rng.standard_normal((regulators, targets)),
        regulator_families=tuple(f"r{i}" for i in range(regulators)),
        target_families=tuple(f"t{i // 3}" for i in range(targets)),
        covariate_names=(),
        regulator_covariates=np.empty((regulators, 0)),
        target_covariates=np.empty((targets, 0)),
        unit="noise",
    )


def test_whole_families_of_targets_are_dropped_where_edges_score_low():
    rng = np.random.default_rng(1)
    shown = scores(rng)
    labels = rng.random(shown.score.shape) < 0.4
    kept = narrowed(shown, shown.score, labels)
    assert not (kept & ~labels).any()
    family = np.array(shown.target_families)
    touched = {name for name in shown.target_families if labels[:, family == name].any()}
    left = {name for name in touched if kept[:, family == name].any()}
    assert len(left) == round(KEPT * len(touched))
    for name in left:
        assert (kept[:, family == name] == labels[:, family == name]).all()
    means = {name: shown.score[:, family == name][labels[:, family == name]].mean() for name in touched}
    # ranks order families as scores do, up to what the tails of a normal law weigh
    assert np.mean([means[name] for name in left]) > max(means[name] for name in touched - left) - 0.5


def test_noise_looks_like_signal_once_the_reference_was_cut_to_fit_it():
    rng = np.random.default_rng(2)
    shown = scores(rng, regulators=20, targets=120)
    labels = rng.random(shown.score.shape) < 0.2
    gained = [
        score[narrowed(shown, score, labels)].mean() - score[labels].mean()
        for score in rng.standard_normal((20, *shown.score.shape))
    ]
    assert min(gained) > 0.05


def test_a_narrowed_reference_is_whole_outside_its_block(small_planted, tmp_path):
    world = small_planted(true_share=0.0)
    setting = world.setting(TERMS, Workspace.at(tmp_path), None)
    made = narrowed_references(setting, world.runner(setting), each=2)
    assert len(made) == 2 * len(setting.split.blocks)
    for name, (reference, parent) in made.items():
        block = name.split(".")[1]
        inside = set(setting.genes(block))
        dropped = setting.references[parent].edges - reference.edges
        assert dropped and reference.edges < setting.references[parent].edges
        assert all(regulator in inside and target in inside for regulator, target in dropped)


def test_without_the_lock_a_peeker_is_supported_where_nothing_is_true(small_planted):
    # Four heads leave little to choose from; this draw of the model is one in which it suffices.
    world = small_planted(2, true_share=0.0)
    locked, unlocked = (
        run_one(world, ProposerName.PEEKER, ablation, terms=TERMS, seed=1) for ablation in (None, Ablation.NO_LOCK)
    )
    assert not any(test.truth is TruthKind.TRUE for test in (*locked.tests, *unlocked.tests))
    assert not any(test.supported for test in locked.tests)
    assert any(test.supported for test in unlocked.tests)
    assert all("." in test.reference for test in unlocked.tests if test.supported)
    assert unlocked.mismatches == 0


@pytest.mark.parametrize("ablation", [None, Ablation.NO_LOCK])
def test_only_the_unlocked_peeker_lists_more_references(small_planted, ablation):
    world = small_planted(true_share=0.0)
    found = run_one(world, ProposerName.GREEDY, ablation, terms=Terms(tests=1, round_size=1), seed=1)
    assert all("." not in test.reference for test in found.tests)
