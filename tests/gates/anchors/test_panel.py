from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted_latents import features
from planted_tree import planted_anchors

from theodolite.analysis.manifold import (
    blocked_permutation,
    latent_distances,
    margins,
    pair_spearman,
    stage_shuffle,
)
from theodolite.gates.anchors.margin import donor_correlations
from theodolite.gates.anchors.panel import (
    ANCHOR_NULLS,
    JudgedRows,
    anchor_null,
    blinded_anchor_spread,
    drawable,
    null_draws,
)
from theodolite.gates.anchors.planted import classical_coordinates, planted_draws, planted_order

WORLD = planted_anchors("tree", 0)
ROWS = JudgedRows(WORLD.donors, WORLD.blocks, WORLD.branches, tuple(map(str, WORLD.depth)), WORLD.ruler)
DISTANCE = latent_distances(features(WORLD, 1.0, 0))


def test_the_nulls_are_those_of_the_permutation_tests():
    assert anchor_null(ROWS, "swap_in_donor", DISTANCE, 99, 3) == blocked_permutation(
        DISTANCE, WORLD.ruler, WORLD.blocks, draws=99, seed=3
    )
    inside = stage_shuffle(DISTANCE, WORLD.ruler, WORLD.branches, donors=WORLD.donors, draws=99, seed=3).within
    assert anchor_null(ROWS, "swap_in_branch", DISTANCE, 99, 3) == inside
    depth = anchor_null(ROWS, "swap_in_depth", DISTANCE, 99, 3)
    assert depth.observed > depth.mean and 0.0 < depth.moved < 0.7


@pytest.mark.parametrize("null", ANCHOR_NULLS)
def test_many_spaces_at_once_are_drawn_as_one(null):
    observed, drawn = null_draws(ROWS, null, [DISTANCE, DISTANCE], 250, 3)
    one = anchor_null(ROWS, null, DISTANCE, 250, 3)
    assert observed == pytest.approx([one.observed] * 2)
    assert drawn.shape == (2, 250)
    assert drawn[1].mean() == pytest.approx(one.mean) and drawn[0].std() == pytest.approx(one.spread)


def test_a_null_that_moves_nothing_is_not_drawn():
    assert set(drawable(ROWS)) == set(ANCHOR_NULLS)
    unknown = replace(ROWS, depth=[""] * len(WORLD.donors))
    assert set(drawable(unknown)) == {"swap_in_donor", "swap_in_branch"}
    branch = np.asarray(WORLD.branches)
    apart = replace(ROWS, ruler=(branch[:, None] != branch).astype(float))
    assert "swap_in_branch" not in drawable(apart)
    alone = replace(ROWS, block=[str(row) for row in range(len(branch))])
    assert "swap_in_donor" not in drawable(alone)


def test_power_is_reckoned_without_a_latent_space():
    spread = blinded_anchor_spread(ROWS, 4, 0)
    widest = max(anchor_null(ROWS, null, DISTANCE, 199, 0).spread for null in ANCHOR_NULLS)
    assert 0.3 * widest < spread < 3.0 * widest
    assert spread == blinded_anchor_spread(ROWS, 4, 0)
    flat = np.zeros_like(ROWS.ruler)
    with pytest.raises(ValueError, match="no row can change its place"):
        blinded_anchor_spread(replace(ROWS, ruler=flat), 4, 0)


def test_coordinates_of_classical_scaling_give_the_distances_back():
    points = np.random.default_rng(0).standard_normal((20, 3))
    ruler = latent_distances(points)
    assert latent_distances(classical_coordinates(ruler, 3)) == pytest.approx(ruler)


def test_a_planted_order_is_found_where_it_is_strong_and_not_where_it_is_weak():
    def planted(effect: float):
        return planted_order(ROWS, ANCHOR_NULLS, effect=effect, dimension=4, level=0.02, draws=1_999, seed=1)

    strong, weak = planted(0.3), planted(0.01)
    assert strong.planted == pytest.approx(0.3, abs=0.03) and strong.detected == strong.worlds == 30
    assert weak.detected < 24
    assert strong == planted(0.3)


def test_planted_draws_resolve_the_level():
    assert planted_draws(0.005, 100_000) == 999
    assert planted_draws(0.02, 100_000) == 249
    assert planted_draws(0.0001, 100_000) == 49_999
    assert planted_draws(0.0001, 1_999) == 1_999


def test_samples_without_copies_lie_about_the_full_sample():
    distances = {"x": DISTANCE}
    (with_copies,) = donor_correlations(distances, WORLD.ruler, WORLD.donors, draws=500)
    (found,) = donor_correlations(distances, WORLD.ruler, WORLD.donors, draws=500, copies=False)
    assert found[0] == with_copies[0] == pytest.approx(pair_spearman(DISTANCE, WORLD.ruler))
    assert abs(found[1:].mean() - found[0]) < 0.01
    (margin,) = margins(DISTANCE, {"x": WORLD.ruler}, WORLD.ruler, WORLD.donors, draws=500)
    assert margin.low == pytest.approx(np.quantile((with_copies - 1.0)[1:], 0.025))
