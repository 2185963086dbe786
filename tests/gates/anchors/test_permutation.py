from __future__ import annotations

import numpy as np
import pytest
from planted_tree import Planted, planted_anchors
from scipy.stats import spearmanr

from theodolite.analysis.manifold import (
    blocked_permutation,
    branch_structure,
    isomap,
    latent_distances,
    null_branch,
    principal_components,
    refitted_permutation,
    stage_shuffle,
)
from theodolite.gates.anchors.pairs import pair_spearman
from theodolite.gates.kernels import derive_seed, permutations
from theodolite.gates.schemes import blocked_labels

DRAWS = 199


def pca_distances(world: Planted) -> np.ndarray:
    return latent_distances(principal_components(world.anchors.rows, dimension=3).latent)


def test_the_draws_are_spearmans_of_the_permuted_ruler():
    draw = np.random.default_rng(0)
    places = draw.integers(0, 4, 24)
    ruler = np.abs(places[:, None] - places).astype(float)
    distance = latent_distances(draw.standard_normal((24, 2)) + places[:, None])
    blocks = [f"b{row % 3}" for row in range(24)]
    found = blocked_permutation(distance, ruler, blocks, draws=50, seed=7)
    upper = np.triu_indices(24, 1)
    images = permutations(blocked_labels(blocks), 50, derive_seed(7, "blocks"))
    drawn = np.array([spearmanr(distance[upper], ruler[np.ix_(image, image)][upper]).statistic for image in images])
    observed = spearmanr(distance[upper], ruler[upper]).statistic
    assert found.observed == pytest.approx(observed)
    assert found.mean == pytest.approx(drawn.mean()) and found.spread == pytest.approx(drawn.std())
    assert found.p == (1 + (drawn >= observed - 1e-9).sum()) / 51
    assert found.moved == pytest.approx((places[images] != places).mean())
    again = refitted_permutation(lambda known: pair_spearman(distance, known) or 0.0, ruler, blocks, draws=50, seed=7)
    assert again.p == found.p and again.mean == pytest.approx(found.mean)


def test_the_resolution_is_that_of_the_draws_or_of_the_arrangements():
    distance = latent_distances(np.arange(6.0)[:, None])
    few = blocked_permutation(distance, distance, ["a"] * 3 + ["b"] * 3, draws=DRAWS)
    assert few.floor == pytest.approx(1 / 36)
    many = blocked_permutation(distance, distance, ["a"] * 6, draws=DRAWS)
    assert many.floor == 1 / 200


@pytest.mark.parametrize("seed", range(3))
def test_a_tree_passes_every_test_and_each_other_world_fails_the_one_that_is_about_what_it_lacks(seed):
    found = {}
    for shape in ("tree", "line", "clusters", "none"):
        world = planted_anchors(shape, seed)
        distance = pca_distances(world)
        progress = stage_shuffle(distance, world.ruler, world.branches, donors=world.donors, draws=DRAWS, seed=seed)
        branches = branch_structure(distance, world.ruler, world.depth, blocks=world.blocks, draws=DRAWS, seed=seed)
        found[shape] = (progress.within.p <= 0.005, branches.null.p <= 0.005)
        if shape == "clusters":
            # Over all pairs the null branch scores as high as the data: telling branches apart is enough.
            assert progress.all_pairs.mean > 0.5 and abs(progress.within.observed) < 0.1
        if shape == "line":
            assert branches.line > 0.7 and abs(branches.excess) < 0.02
        if shape == "tree":
            assert branches.excess > 0.3 and progress.within.observed > 0.7
    assert found == {"tree": (True, True), "line": (True, False), "clusters": (False, True), "none": (False, False)}


def test_p_values_of_worlds_without_a_tree_are_not_small_too_often():
    # Distances of donors alone: rows of a donor are near each other, and each has all nodes.
    draw = np.random.default_rng(3)
    nodes = np.tile(np.arange(5), 8)
    donors = [f"d{row // 5}" for row in range(40)]
    ruler = np.abs(nodes[:, None] - nodes).astype(float)
    p = []
    for number in range(150):
        rows = np.repeat(3.0 * draw.standard_normal((8, 3)), 5, axis=0) + draw.standard_normal((40, 3))
        p.append(blocked_permutation(latent_distances(rows), ruler, donors, draws=99, seed=number).p)
    assert np.mean(np.array(p) <= 0.1) < 0.18
    assert 0.4 < np.mean(p) < 0.6


def test_a_fitter_that_reads_the_ruler_must_be_fitted_again_in_each_draw():
    draw = np.random.default_rng(4)
    rows, values = draw.standard_normal((40, 20)), draw.standard_normal(40)
    ruler = np.abs(values[:, None] - values)

    def read(known: np.ndarray) -> float:
        """Follows whatever ruler it is given, for there are half as many columns as rows."""
        target = principal_components(known, dimension=1).latent
        return pair_spearman(latent_distances(rows @ np.linalg.lstsq(rows, target, rcond=None)[0]), known) or 0.0

    blocks = ["a"] * 40
    fitted = rows @ np.linalg.lstsq(rows, principal_components(ruler, dimension=1).latent, rcond=None)[0]
    assert blocked_permutation(latent_distances(fitted), ruler, blocks, draws=DRAWS).p <= 0.01
    assert refitted_permutation(read, ruler, blocks, draws=DRAWS).p > 0.05


def test_a_null_branch_keeps_branches_and_donors_and_its_progress_is_gone():
    world = planted_anchors("tree", 0)
    image = null_branch(world.branches, donors=world.donors, seed=5)
    assert sorted(image) == list(range(len(image)))
    assert [world.branches[row] for row in image] == list(world.branches)
    assert [world.donors[row] for row in image] == list(world.donors)
    distance = latent_distances(isomap(world.anchors.rows, dimension=3, neighbours=15).latent)
    null = stage_shuffle(distance, world.ruler[np.ix_(image, image)], world.branches, draws=DRAWS)
    assert abs(null.within.observed) < 0.15
    assert null.all_pairs.observed > 0.2


def test_blocks_in_which_nothing_moves_are_refused():
    distance = latent_distances(np.arange(6.0)[:, None])
    with pytest.raises(ValueError, match="within its blocks every row has one place"):
        blocked_permutation(distance, distance, list("abcdef"))
    with pytest.raises(ValueError, match="5 blocks for 6 rows"):
        blocked_permutation(distance, distance, list("abcde"))
    with pytest.raises(ValueError, match="within its depths every row has one place"):
        branch_structure(distance, distance, np.arange(6.0))
    with pytest.raises(ValueError, match="all rows have one depth"):
        branch_structure(distance, distance, np.zeros(6))
    with pytest.raises(ValueError, match="nothing can be ranked"):
        blocked_permutation(np.zeros((6, 6)), distance, ["a"] * 6)
