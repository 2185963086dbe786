from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from theodolite.gates.adjust import adjusted_pairs
from theodolite.gates.confounds import reliability, residual_bipartite, residual_pairs
from theodolite.measurements.centring import double_centred_bipartite

R, T, N = 40, 120, 100
ROWS = tuple(f"R{index // 4}" for index in range(R))
COLUMNS = tuple(f"T{index}" for index in range(T))
GENES = tuple(f"G{index // 2}" for index in range(N))
EVERY = np.ones((R, T), dtype=bool)


def steep(coexpression: np.ndarray) -> np.ndarray:
    return 2.0 / (1.0 + np.exp(4.0 - 3.0 * coexpression))


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def symmetric(rng: np.random.Generator) -> np.ndarray:
    upper = np.triu(rng.standard_normal((N, N)), 1)
    return upper + upper.T


class World:
    """Co-expression, covariates of genes, hubs and a signal, all independent of one another."""

    def __init__(self, seed: int, error: float = 0.0) -> None:
        rng = np.random.default_rng(seed)
        self.coexpression = rng.standard_normal((R, T))
        self.halves = self.coexpression + 2**0.5 * error * rng.standard_normal((2, R, T))
        self.measured = self.halves.mean(axis=0)
        mean = rng.random(R + T)
        genes = np.column_stack([mean, 1.0 - mean + 0.1 * rng.random(R + T)])
        self.genes = genes[:R], genes[R:]
        self.hubs = rng.standard_normal((R, 1)) + rng.standard_normal((1, T))
        self.signal = rng.standard_normal((R, T))

    def residual(self, score: np.ndarray, **more: Any) -> np.ndarray:
        measured = np.stack([self.measured, self.measured**3])
        return residual_bipartite(score, measured, *self.genes, EVERY, ROWS, COLUMNS, **more)


def test_a_steep_function_of_co_expression_goes_and_the_signal_stays() -> None:
    world = World(0)
    left = world.residual(steep(world.coexpression) + 2.0 * world.hubs + 0.3 * world.signal)
    assert correlation(left, world.signal) > 0.95
    assert abs(correlation(left, steep(world.coexpression))) < 0.03
    assert left.mean(axis=0) == pytest.approx(np.zeros(T), abs=1e-9)
    assert left.mean(axis=1) == pytest.approx(np.zeros(R), abs=1e-9)


def test_what_co_expression_does_among_strongly_expressed_genes_only_goes_too() -> None:
    world = World(1)
    level = (world.genes[0][:, :1] + world.genes[1][:, 0]) / 2.0
    confound = level * world.coexpression + 2.0 * np.outer(world.genes[0][:, 1] - 0.5, world.genes[1][:, 1] - 0.5)
    left = world.residual(confound + 0.3 * world.signal)
    assert correlation(left, world.signal) > 0.9
    assert abs(correlation(left, confound)) < 0.1


def test_error_in_measured_co_expression_leaves_a_part_of_it_unless_it_is_allowed_for() -> None:
    """Reliability is 1 / (1 + 0.49): a third of what co-expression explains stays in the score as measured."""
    world = World(2, error=0.7)
    assert reliability(world.halves, EVERY) == pytest.approx(1.0 / 1.49, abs=0.02)
    for shape in (np.array, steep):
        score = shape(world.coexpression) + 0.3 * world.signal
        kept = correlation(world.residual(score), world.coexpression)
        allowed = correlation(world.residual(score, halves=world.halves), world.coexpression)
        assert kept > 0.2
        assert abs(allowed) < kept / 4.0


def test_residuals_follow_the_genes_whatever_their_order() -> None:
    world = World(3, error=0.5)
    score = steep(world.coexpression) + world.hubs + world.signal
    rows, columns = np.random.default_rng(0).permutation(R), np.random.default_rng(1).permutation(T)
    place = np.ix_(rows, columns)
    moved = residual_bipartite(
        score[place],
        world.measured[place][None],
        world.genes[0][rows],
        world.genes[1][columns],
        EVERY,
        [ROWS[row] for row in rows],
        [COLUMNS[column] for column in columns],
    )
    plain = residual_bipartite(score, world.measured[None], *world.genes, EVERY, ROWS, COLUMNS)
    assert moved == pytest.approx(plain[place], abs=1e-6)


def test_remembering_changes_nothing() -> None:
    from theodolite.gates.confounds import residuals

    worlds = [World(4, error=0.5), World(5, error=0.5)]
    scores = [steep(world.coexpression) + world.signal for world in worlds]
    first = [world.residual(score) for world, score in zip(worlds, scores, strict=True)]
    allowed = [world.residual(score, halves=world.halves) for world, score in zip(worlds, scores, strict=True)]
    residuals._nuisances.clear()
    again = [world.residual(score, halves=world.halves) for world, score in zip(worlds, scores, strict=True)]
    assert all(np.array_equal(one, other) for one, other in zip(allowed, again, strict=True))
    assert all(
        np.array_equal(one, world.residual(score)) for one, world, score in zip(first, worlds, scores, strict=True)
    )
    assert not np.array_equal(first[0], allowed[0])


def test_pairs_that_are_no_candidates_are_seen_by_no_fit() -> None:
    world = World(6)
    candidates = np.random.default_rng(0).random((R, T)) < 0.9
    score = steep(world.coexpression) + world.signal
    args = (world.coexpression[None], *world.genes, candidates, ROWS, COLUMNS)
    wild = np.where(candidates, score, 1e6)
    assert residual_bipartite(wild, *args)[candidates] == pytest.approx(
        residual_bipartite(score, *args)[candidates], abs=1e-6
    )


def test_co_expression_that_is_the_same_everywhere_explains_nothing() -> None:
    world = World(7)
    none = np.zeros((2, R, T))
    for halves in (None, none):
        left = residual_bipartite(
            world.signal, none, np.empty((R, 0)), np.empty((T, 0)), EVERY, ROWS, COLUMNS, halves=halves
        )
        assert left == pytest.approx(double_centred_bipartite(world.signal, EVERY), abs=1e-9)
    assert reliability(none, EVERY) == 0.0


def test_small_blocks_have_fewer_terms_and_still_lose_their_co_expression() -> None:
    world, rows, columns = World(8), ROWS[:12], COLUMNS[:30]
    place = np.ix_(range(12), range(30))
    score = (world.coexpression + 0.5 * world.signal)[place]
    left = residual_bipartite(
        score, world.coexpression[place][None], world.genes[0][:12], world.genes[1][:30], EVERY[place], rows, columns
    )
    assert abs(correlation(left, world.coexpression[place])) < 0.2 < correlation(score, world.coexpression[place])
    assert correlation(left, world.signal[place]) > 0.65


def test_a_single_family_on_one_side_is_refused() -> None:
    world = World(9)
    with pytest.raises(ValueError, match="all 40 regulators are of one family"):
        residual_bipartite(world.signal, world.coexpression[None], *world.genes, EVERY, ["F"] * R, COLUMNS)


@pytest.mark.parametrize("error", [0.0, 0.7])
def test_symmetric_pairs_lose_co_expression_hubs_and_what_catalogue_one_took_out(error: float) -> None:
    rng = np.random.default_rng(10)
    coexpression, signal, mean = symmetric(rng), symmetric(rng), rng.standard_normal(N)
    halves = np.stack([coexpression + 2**0.5 * error * symmetric(rng) for _ in range(2)])
    hubs = np.exp(0.5 * (mean[:, None] + mean[None, :]))
    score = steep(coexpression) + hubs + 0.5 * signal
    measured = halves.mean(axis=0)[None]
    left = residual_pairs(score, measured, mean[:, None], GENES, halves=halves if error else None)
    off = np.triu_indices(N, 1)
    assert np.array_equal(left, left.T)
    assert correlation(left[off], signal[off]) > 0.65
    assert abs(correlation(left[off], coexpression[off])) < 0.05
    assert abs(correlation(left[off], hubs[off])) < 0.05
    if error:
        as_measured = residual_pairs(score, measured, mean[:, None], GENES)
        assert correlation(as_measured[off], coexpression[off]) > 0.15


def test_symmetric_pairs_without_co_expression_are_what_catalogue_one_left() -> None:
    score, covariates = symmetric(np.random.default_rng(11)), np.empty((N, 0))
    left = residual_pairs(score, np.zeros((2, N, N)), covariates, GENES)
    assert left == pytest.approx(adjusted_pairs(score, covariates), abs=1e-9)


def test_reliability_is_that_of_all_cells() -> None:
    rng = np.random.default_rng(12)
    truth = rng.standard_normal((200, 200))
    halves = truth + rng.standard_normal((2, 200, 200))
    half = np.corrcoef(halves.mean(axis=0).ravel(), truth.ravel())[0, 1] ** 2
    assert reliability(halves, np.ones((200, 200), dtype=bool)) == pytest.approx(half, abs=0.01)
    assert reliability(np.stack([truth, -truth]), np.ones((200, 200), dtype=bool)) == 0.0
