from __future__ import annotations

import numpy as np
import pytest
from planted_tree import planted_anchors
from scipy.stats import rankdata

from theodolite.analysis.manifold import (
    isomap,
    latent_distances,
    margins,
    pair_spearman,
    principal_components,
    random_projection,
)
from theodolite.gates.kernels import derive_seed


def test_samples_are_correlations_of_ranks_in_which_donors_count_as_often_as_drawn():
    draw = np.random.default_rng(0)
    donors = [f"d{row % 7}" for row in range(28)]
    ruler, good, bad = (latent_distances(draw.standard_normal((28, 2))) for _ in range(3))
    (found,) = margins(good, {"bad": bad}, ruler, donors, draws=40, seed=3)
    assert found.rho == pytest.approx(pair_spearman(good, ruler))
    assert found.margin == pytest.approx(pair_spearman(good, ruler) - pair_spearman(bad, ruler))
    first, second = np.triu_indices(28, 1)
    ranks = [rankdata(matrix[first, second]) for matrix in (good, bad, ruler)]
    times = np.random.default_rng(derive_seed(3, "donors")).multinomial(7, np.full(7, 1 / 7), size=40)
    differences = []
    for sample in times:
        weight = np.array([sample[one % 7] * sample[two % 7] for one, two in zip(first, second, strict=True)])
        copies = [np.repeat(rank, weight) for rank in ranks]
        differences.append(np.corrcoef(copies[0], copies[2])[0, 1] - np.corrcoef(copies[1], copies[2])[0, 1])
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(differences, [0.025, 0.975])))


@pytest.mark.parametrize("seed", range(3))
def test_on_a_tree_geodesics_beat_components_and_a_random_projection_beyond_donors(seed):
    world = planted_anchors("tree", seed)
    rows = world.anchors.rows
    mine = latent_distances(isomap(rows, dimension=3, neighbours=15).latent)
    others = {
        "components": latent_distances(principal_components(rows, dimension=3).latent),
        "random": latent_distances(random_projection(rows, dimension=3, seed=seed).latent),
        "itself": mine,
    }
    found = {margin.baseline: margin for margin in margins(mine, others, world.ruler, world.donors, draws=500)}
    assert found["components"].low > 0.0 and found["random"].low > 0.0
    assert found["random"].margin > found["components"].margin
    assert found["itself"].low == found["itself"].high == 0.0
    inside = np.asarray(world.branches)[:, None] == np.asarray(world.branches)
    (within,) = margins(mine, {"random": others["random"]}, world.ruler, world.donors, pairs=inside, draws=100)
    assert within.rho == pytest.approx(pair_spearman(mine, world.ruler, inside))


def test_few_donors_and_distances_that_rank_nothing_are_refused():
    distance = latent_distances(np.arange(10.0)[:, None])
    with pytest.raises(ValueError, match="5 donors are too few for an interval over donors; give 6 or more"):
        margins(distance, {}, distance, [f"d{row % 5}" for row in range(10)])
    with pytest.raises(ValueError, match="distances of flat, or the ruler's, are all equal"):
        margins(distance, {"flat": np.zeros((10, 10))}, distance, [f"d{row}" for row in range(10)])
    with pytest.raises(ValueError, match="9 donors for 10 rows"):
        margins(distance, {}, distance, ["d"] * 9)
