"""Worlds for the check of instruments: what is in them, and that nothing else is."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from numpy.random import SeedSequence
from sklearn.metrics import roc_auc_score

from theodolite.calibration.toolcheck import MODEL, Profile, make_world
from theodolite.experiments.journal import with_labels
from theodolite.experiments.setting import adjustment_of
from theodolite.gates.exploration import shown
from theodolite.tools import N_FEATURES, get_tool

SHAPES = ("GeneScores", "PairScores", "BipartiteScores")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("planted", [True, False])
def test_a_world_has_two_parts_without_a_common_family(shape: str, planted: bool) -> None:
    world = make_world(shape, SeedSequence(1), planted=planted)
    discovery, confirmation = world.discovery.bench, world.confirmation.bench
    assert not set(discovery.families) & set(confirmation.families)
    assert discovery.shape == confirmation.shape == MODEL
    assert all(np.array_equal(confirmation.axes(site).centre, discovery.axes(site).centre) for site in MODEL.sites)
    for part in (world.discovery, world.confirmation):
        assert part.members
        genes = [gene for member in part.members for gene in ((member,) if isinstance(member, str) else member)]
        assert set(genes) <= set(part.bench.genes)
        np.testing.assert_allclose(part.bench.attention(1, 1).sum(axis=1), 1.0, rtol=1e-5)
        assert bool(part.bench.regulators) == (shape == "BipartiteScores")
        assert (part.coexpression is None) == (shape == "GeneScores")


def test_a_world_follows_from_its_seed() -> None:
    first, second = (make_world("PairScores", SeedSequence(3), planted=True) for _ in range(2))
    other = make_world("PairScores", SeedSequence(4), planted=True)
    assert first.confirmation.members == second.confirmation.members != other.confirmation.members
    assert np.array_equal(first.confirmation.bench.hidden(None), second.confirmation.bench.hidden(None))


def test_a_set_of_an_empty_world_follows_mean_expression_and_whole_families() -> None:
    gaps, whole = [], []
    for number in range(20):
        part = make_world("GeneScores", SeedSequence(number), planted=False).confirmation
        member = np.array([gene in part.members for gene in part.bench.genes])
        mean = np.log(part.bench.covariates[:, 0])
        gaps.append(mean[member].mean() - mean[~member].mean())
        inside = Counter(family for family, yes in zip(part.bench.families, member, strict=True) if yes)
        whole.append(all(inside[family] == part.bench.families.count(family) for family in inside))
    assert np.mean(gaps) > 0.3 and all(whole)


def test_pairs_of_an_empty_world_follow_coexpression_and_hubs() -> None:
    lifted = []
    for number in range(20):
        part = make_world("PairScores", SeedSequence(number), planted=False).confirmation
        assert part.coexpression is not None
        position = {gene: row for row, gene in enumerate(part.bench.genes)}
        pairs = [(position[a], position[b]) for a, b in part.members]
        shared = part.coexpression.pearson
        lifted.append(np.mean([shared[pair] for pair in pairs]) - shared[np.triu_indices(len(shared), 1)].mean())
    assert np.mean(lifted) > 0.05


def test_a_profile_says_how_much_of_a_reference_each_depth_shows() -> None:
    depth = np.array([0.0, 1.0, 2.0])
    np.testing.assert_allclose(Profile.GROWING.at(depth), depth)
    assert (np.diff(Profile.FALLING.at(depth)) < 0).all() and (Profile.FALLING.at(depth) > 0).all()
    level = Profile.LEVEL.at(depth)
    assert (np.diff(level) > 0).all() and level.max() < 2.0 * level.min()


@pytest.mark.parametrize(
    ("profile", "least", "most"),
    [(Profile.GROWING, 0.07, 0.3), (Profile.LEVEL, -0.03, 0.03), (Profile.FALLING, -0.3, -0.07)],
)
def test_a_known_reference_changes_with_depth_as_its_profile_says(profile: Profile, least: float, most: float) -> None:
    trend, first = get_tool("depth.attention_trend"), get_tool("attention.edges")
    found, standing = [], []
    for number in range(6):
        part = make_world("PairScores", SeedSequence(number), planted=True, profile=profile).confirmation
        for tool, effects in ((trend, found), (first, standing)):
            measured = with_labels(tool.measure(part.bench, next(iter(tool.params.enumerate(MODEL)))), part.members)
            effects.append(shown(measured, adjustment_of("PairScores"), part.coexpression).effect(measured.edges)[0])
    assert least < np.mean(found) < most
    assert np.mean(standing) > 0.03


def test_features_are_trained_on_the_discovery_part_and_read_on_both() -> None:
    world, again = (make_world("GeneScores", SeedSequence(2), planted=True) for _ in range(2))
    found = {}
    for name in ("discovery", "confirmation"):
        bench = getattr(world, name).bench
        values = [bench.features(layer) for layer in (1, 2)]
        assert all(each.shape == (len(bench.genes), N_FEATURES) for each in values)
        # Genes at which a feature is never active lie below 0, and none ties with another.
        assert all(len(np.unique(column)) == len(column) for each in values for column in each.T)
        np.testing.assert_array_equal(values[1], getattr(again, name).bench.features(2))
        member = np.array([gene in getattr(world, name).members for gene in bench.genes])
        found[name] = [roc_auc_score(member, column) - 0.5 for each in values for column in each.T]
    best = int(np.argmax(np.abs(found["discovery"])))
    assert abs(found["discovery"][best]) > 0.2, "a direction that the model lays the set along has a feature"
    assert found["confirmation"][best] * np.sign(found["discovery"][best]) > 0.2, "which genes of other families share"
