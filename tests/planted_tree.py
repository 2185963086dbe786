"""Anchors of a planted tree world with its rulers, for the tests of manifold search."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from theodolite.analysis.manifold import Anchors, anchors, graph_ruler
from theodolite.data.tree_world import WorldShape, tree_world


@dataclass(frozen=True, eq=False)
class Planted:
    """What a search would be given, and its blocks."""

    anchors: Anchors
    ruler: np.ndarray
    depth: np.ndarray
    branches: tuple[str, ...]
    donors: tuple[str, ...]
    blocks: tuple[str, ...]


@cache
def planted_anchors(shape: WorldShape, seed: int) -> Planted:
    """Return centroids of log counts over donor, tissue and node: 12 donors, 14 nodes on 3 branches and a trunk."""
    world = tree_world(seed, shape=shape, tissues=1)
    cells = world.cells
    features = np.log1p(cells.counts.toarray() * np.asarray(cells.scale)[:, None])
    found = anchors(features, {name: cells.labels[name] for name in ("donor", "tissue", "branch", "node")})
    graph = graph_ruler(world.edges)
    nodes = found.labels["node"]
    return Planted(
        anchors=found,
        ruler=graph.between(nodes),
        depth=graph.depth("trunk_1", nodes),
        branches=found.labels["branch"],
        donors=found.labels["donor"],
        blocks=found.joined("donor", "tissue"),
    )
