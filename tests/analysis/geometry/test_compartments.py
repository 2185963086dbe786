from __future__ import annotations

import numpy as np
import pytest

from theodolite.analysis.geometry import (
    class_separation,
    compartment_progression,
    depth_signals,
    edge_recovery,
    oriented,
)

N = 90
GENES = [f"G{i}" for i in range(N)]


def crossing(seed: int, layers: int = 6) -> np.ndarray:
    """One strong axis; the first twenty genes move from its one end to the other, the next twenty stay at the top."""
    rng = np.random.default_rng(seed)
    base = rng.standard_normal(N)
    base[20:40] += 2.0
    direction = np.linalg.qr(rng.standard_normal((8, 8)))[0][0]
    vectors = 0.1 * rng.standard_normal((layers, N, 8))
    for layer in range(layers):
        along = base.copy()
        along[:20] += 3.0 - 6.0 * layer / (layers - 1)
        # The sign of a singular axis is arbitrary; here it turns at every layer.
        vectors[layer] += (-1.0) ** layer * np.outer(along, direction) * 4.0
    return vectors


def test_the_end_at_which_a_set_lies_is_followed_through_turning_axes():
    found = compartment_progression(
        crossing(0), GENES, {"moves": GENES[:20], "stays": GENES[20:40], "nothing": GENES[60:80]}, draws=199
    )
    stays, moves = found.enrichment["stays"].pole, found.enrichment["moves"].pole
    assert len(set(stays)) == 1 and moves[0] == stays[0] and moves[-1] != stays[-1] and moves[-1] != "neither"
    assert found.enrichment["moves"].nulls[0].p[[0, -1]].max() <= 0.01
    assert found.enrichment["nothing"].nulls[0].p_any > 0.05
    assert (found.agreement > 0.5).all()


def test_turning_keeps_the_first_layer_and_tells_how_well_neighbours_agree():
    rng = np.random.default_rng(1)
    axis = rng.standard_normal(N)
    turned, agreement = oriented(np.stack([axis, -axis, rng.standard_normal(N)]))
    assert np.array_equal(turned[0], axis) and np.array_equal(turned[1], axis)
    assert agreement[0] == pytest.approx(1.0) and agreement[1] < 0.4, "another axis: no end to compare"
    with pytest.raises(ValueError, match="such an axis has no ends"):
        oriented(np.stack([axis, np.zeros(N)]))


def test_f5_class_and_edges_have_different_depths(planted):
    """Edges fade with depth while the class becomes clearer."""
    worlds = [planted(3, edges=share, gene_class=apart) for share, apart in ((0.9, 0.3), (0.5, 0.9), (0.0, 1.8))]
    vectors = np.stack([world.vectors[0] for world in worlds])
    world = worlds[0]
    edges = edge_recovery(vectors, world.genes, world.edges, windows=[(2, 4)], draws=9)
    classes = class_separation(vectors, world.genes, world.edges, window=(1, 1), draws=9)
    found = depth_signals(edges.auroc_centred[:, 0], classes.profile.auroc.values)
    assert found.edges.slope < -0.05 and found.gene_class.slope > 0.05
    assert found.gap.last > 0.25 and found.gap.spearman is not None and found.gap.spearman.rho == pytest.approx(1.0)
    with pytest.raises(ValueError, match="give both at the same layers"):
        depth_signals([0.5, 0.6], [0.5])


def test_sets_and_axes_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match="no gene set was given"):
        compartment_progression(crossing(0), GENES, {})
    with pytest.raises(ValueError, match="axes count from 1"):
        compartment_progression(crossing(0), GENES, {"a": GENES[:20]}, axis=0)
