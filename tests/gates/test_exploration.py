"""What discovery shows of a reference: effects, gains over a baseline, and how well either is known."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from theodolite.gates.exploration import Shown, exploratory_effects, shown
from theodolite.measurements import BipartiteScores, GeneScores, PairScores

N = 200


def genes_of(score: np.ndarray, families: list[str] | None = None) -> GeneScores:
    names = tuple(f"G{index}" for index in range(len(score)))
    return GeneScores(names, score, tuple(families or names), (), np.empty((len(score), 0)), "a unit")


def drawn(rng: np.random.Generator, lead: float, members: np.ndarray) -> np.ndarray:
    return rng.normal(size=len(members)) + lead * members


def first(count: int) -> np.ndarray:
    return np.arange(N) < count


def auroc(score: np.ndarray, label: np.ndarray) -> float:
    return float(np.mean(score[label][:, None] > score[~label][None, :]))


def test_the_effect_is_that_of_all_comparisons_and_the_gain_their_difference() -> None:
    rng, label = np.random.default_rng(1), first(20)
    model, baseline = drawn(rng, 1.0, label), drawn(rng, 0.3, label)
    margin = shown(genes_of(model), (), None).margin(label, shown(genes_of(baseline), (), None), either=False)
    assert margin is not None
    assert margin.gain == pytest.approx(auroc(model, label) - auroc(baseline, label))
    effect, n = exploratory_effects(genes_of(model), {"reference": label}, (), None)["reference"]
    assert (effect, n) == (pytest.approx(auroc(model, label) - 0.5), 20)


def test_either_end_of_an_axis_counts_by_its_size() -> None:
    rng, label = np.random.default_rng(2), first(20)
    model, baseline = drawn(rng, 1.0, label), drawn(rng, 0.3, label)
    up, down = (shown(genes_of(sign * model), (), None) for sign in (1, -1))
    beside, turned = (shown(genes_of(sign * baseline), (), None) for sign in (1, -1))
    assert up.margin(label, beside, either=True) == down.margin(label, turned, either=True)
    one_sided = down.margin(label, beside, either=False)
    assert one_sided is not None
    assert one_sided.gain < 0


def test_without_a_baseline_the_gain_is_the_effect() -> None:
    label = first(20)
    model = drawn(np.random.default_rng(3), 1.0, label)
    margin = shown(genes_of(model), (), None).margin(label, None, either=False)
    assert margin is not None
    assert (margin.gain, margin.gain_error) == (pytest.approx(auroc(model, label) - 0.5), margin.error)


def test_errors_are_about_the_spread_over_campaigns() -> None:
    label, found = first(30), []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        shared = rng.normal(size=N)
        model, baseline = (shown(genes_of(shared + drawn(rng, lead, label)), (), None) for lead in (1.0, 0.5))
        found.append((model.effect(label), model.margin(label, baseline, either=False)))
    effects = np.array([effect[0] for effect, _ in found if effect is not None])
    gains, errors, gain_errors = (
        np.array([getattr(margin, name) for _, margin in found]) for name in ("gain", "error", "gain_error")
    )
    assert effects.std() == pytest.approx(errors.mean(), rel=0.25)
    assert gains.std() == pytest.approx(gain_errors.mean(), rel=0.25)
    # Both share what the genes share, so that their difference is better known than either.
    assert gain_errors.mean() < np.sqrt(2) * errors.mean()


def test_paralogues_with_one_score_are_one_piece_of_evidence() -> None:
    label = first(40)
    score = drawn(np.random.default_rng(4), 0.5, label)
    score[:40] = np.repeat(score[:40:4], 4) + 1e-6 * np.arange(40)
    families = [f"F{index // 4}" if index < 40 else f"G{index}" for index in range(N)]
    apart = shown(genes_of(score), (), None).margin(label, None, either=False)
    together = shown(genes_of(score, families), (), None).margin(label, None, either=False)
    assert apart is not None
    assert together is not None
    assert together.error > 1.8 * apart.error


def test_one_family_says_nothing_of_its_error() -> None:
    families = ["F" if index < 5 else f"G{index}" for index in range(N)]
    score = drawn(np.random.default_rng(5), 1.0, first(5))
    assert shown(genes_of(score, families), (), None).margin(first(5), None, either=False) is None


def pairs_among(members: int) -> np.ndarray:
    label = np.zeros((60, 60), dtype=bool)
    for i, j in combinations(range(members), 2):
        label[i, j] = label[j, i] = True
    return label


def pairs_of(rng: np.random.Generator, lead: float, label: np.ndarray) -> Shown:
    pull = rng.normal(size=(60, 3))
    score = pull @ pull.T + rng.normal(size=(60, 60))
    names = tuple(f"G{index}" for index in range(60))
    score = (score + score.T) / 2 + lead * label
    return shown(PairScores(names, score, names, (), np.empty((60, 0)), "a unit"), (), None)


def test_pairs_that_share_genes_are_not_counted_as_independent() -> None:
    label, found = pairs_among(14), []
    for seed in range(150):
        ranked = pairs_of(np.random.default_rng(seed), 0.5, label)
        found.append((ranked.effect(label), ranked.margin(label, None, either=False)))
    spread = np.std([effect[0] for effect, _ in found if effect is not None])
    errors = [margin.error for _, margin in found if margin is not None]
    assert len(errors) == 150
    assert spread == pytest.approx(np.mean(errors), rel=0.35)
    assert found[0][0] is not None
    assert found[0][0][1] == 14


def test_regulators_and_targets_are_two_populations() -> None:
    rng = np.random.default_rng(6)
    regulators, targets = (tuple(f"{kind}{index}" for index in range(count)) for kind, count in (("R", 12), ("T", 40)))
    edges = rng.random((12, 40)) < 0.1
    score = rng.normal(size=(12, 40)) + edges
    measurement = BipartiteScores(
        regulators, targets, score, regulators, targets, (), np.empty((12, 0)), np.empty((40, 0)), "a unit"
    )
    ranked = shown(measurement, (), None)
    margin, effect = ranked.margin(edges, None, either=False), ranked.effect(edges)
    assert margin is not None
    assert effect is not None
    assert margin.gain == pytest.approx(effect[0])
    assert effect[1] == edges.any(axis=1).sum() + edges.any(axis=0).sum()
