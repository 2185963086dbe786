from __future__ import annotations

import numpy as np
import pytest

from theodolite.data import coexpression
from theodolite.data.coexpression_world import EDGES, FAMILY_SIZE, REGULATORS, TARGETS, CoexpressionWorld
from theodolite.data.coexpression_world import coexpression_world as make


@pytest.fixture(scope="module")
def world() -> CoexpressionWorld:
    return make(0)


def standardised(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / values.std()


def test_sizes_and_families(world: CoexpressionWorld) -> None:
    assert world.edges.shape == world.truth.shape == world.cosine.shape == (REGULATORS, TARGETS)
    assert world.edges.sum() == EDGES
    assert all(world.regulator_families.count(family) == FAMILY_SIZE for family in world.regulator_families)
    assert len(set(world.target_families)) == TARGETS
    assert not set(world.target_families) & set(world.regulator_families)


def test_the_reference_is_rich_in_co_expression_and_shared_by_paralogues(world: CoexpressionWorld) -> None:
    assert standardised(world.truth)[world.edges].mean() > 0.5
    blocks = world.edges.reshape(REGULATORS // FAMILY_SIZE, FAMILY_SIZE, TARGETS)
    together = (blocks.sum(axis=1) * (blocks.sum(axis=1) - 1)).sum() / (FAMILY_SIZE - 1) / EDGES
    assert together > 4 * world.edges.mean()
    assert world.edges.sum(axis=1).max() > 2.5 * world.edges.sum(axis=1).mean()


def test_scores_know_co_expression_and_nothing_of_the_reference(world: CoexpressionWorld) -> None:
    mean = np.mean([world.score(np.random.default_rng(seed)) for seed in range(200)], axis=0)
    confound = 2.0 / (1.0 + np.exp(4.0 - 3.0 * standardised(world.truth)))
    left = mean - 0.35 * (world.regulator_hub + world.target_hub) - confound
    assert abs(left[world.edges].mean() - left[~world.edges].mean()) < 0.02
    with_edges = world.score(np.random.default_rng(0), 0.2) - world.score(np.random.default_rng(0))
    assert with_edges == pytest.approx(0.2 * world.edges)


def test_co_expression_is_measured_with_error_and_better_in_more_cells(world: CoexpressionWorld) -> None:
    few = make(0, 150)
    agreement = []
    for other in (few, world):
        measured = coexpression(other.cells, other.cells.genes).estimators(other.regulators, other.targets)
        agreement.append(np.corrcoef(measured[0].ravel(), other.truth.ravel())[0, 1])
    assert 0.5 < agreement[0] < agreement[1] < 0.97


def test_counts_show_a_part_of_the_co_expression_of_rates() -> None:
    rates, counts = make(1, 50, of_rates=True), make(1, 50)
    assert rates.cells.sha256 == counts.cells.sha256
    assert rates.truth.std() > 2 * counts.truth.std()
    assert 0.7 < np.corrcoef(rates.truth.ravel(), counts.truth.ravel())[0, 1] < 0.98


def test_a_world_is_a_function_of_its_seed() -> None:
    first, again, other = make(2, 40, of_rates=True), make(2, 40, of_rates=True), make(3, 40, of_rates=True)
    assert np.array_equal(first.edges, again.edges) and first.cells.sha256 == again.cells.sha256
    assert not np.array_equal(first.edges, other.edges)
