"""Panels of planted tree worlds, for the tests of manifold search."""

from __future__ import annotations

from functools import cache

import numpy as np
from planted_tree import planted_anchors

from theodolite.analysis.manifold import Panel, panel, static_features
from theodolite.data.tree_world import WorldShape

TIPS = ("branch_1", "branch_2", "branch_3")


@cache
def planted_panel(shape: WorldShape, seed: int) -> Panel:
    """Return 12 donors' anchors with two layers of an untrained network: random vectors of genes, and a block."""
    world = planted_anchors(shape, seed)
    expression = world.anchors.rows
    draw = np.random.default_rng([seed, 2])
    table = draw.standard_normal((expression.shape[1], 64)) / np.sqrt(expression.shape[1])
    first = expression @ table
    second = first + np.tanh(first @ draw.standard_normal((64, 64)) / 8.0)
    return panel(
        {"first": first, "second": second},
        {"tree": world.ruler},
        expression,
        static=static_features(expression, table),
        donors=world.donors,
        branches=world.branches,
        depths=[int(steps) for steps in world.depth],
        tips=TIPS,
        blocks=world.blocks,
    )
