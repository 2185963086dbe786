"""Cells along a tree of stages, and worlds with the same nuisance that lack the tree, its branches, its order or both.

What a manifold search should find is known: that latent distances follow the tree holds of one kind of world only, that
they follow depth, or tell branches apart, of two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from theodolite.data.cells import CellSet

__all__ = ["TreeWorld", "WorldShape", "tree_world"]

WorldShape = Literal["tree", "line", "clusters", "none"]
"""``tree``: stages follow one another along branches. ``line``: they do, and branches do not differ. ``clusters``:
branches differ, and their stages do not. ``none``: neither."""

_TRUNK = "trunk"
_STEP = 0.30
"""Standard deviation over genes by which the log rate moves in a step of depth, or away from the fork."""
_DONOR, _TISSUE, _NUISANCE = 0.20, 0.20, 0.30
"""The same of donors and of tissues, and of a program that varies from cell to cell whatever their stage."""
_INVERSE_DISPERSION = 2.0
_COUNTS_PER_GENE = 5.0


@dataclass(frozen=True, eq=False)
class TreeWorld:
    """Generated cells and the tree that their labels name.

    Attributes
    ----------
    cells
        Counts with the labels ``donor``, ``tissue``, ``branch`` and ``node``. Labels are dealt alike in every shape.
    edges
        Steps of the tree, from a node to the next: a trunk whose last node is the fork, and branches from there.
    depth
        Steps from the root to each node.
    branch
        Branch of each node, ``trunk`` for those before the fork and the fork.
    shape
        Which of the labels the counts know.
    programs
        Shape (1 + branches, genes): what a step in depth adds to the log rate of each gene, and what a step along each
        branch does. The same in every shape of a seed.
    """

    cells: CellSet
    edges: tuple[tuple[str, str], ...]
    depth: Mapping[str, int]
    branch: Mapping[str, str]
    shape: WorldShape
    programs: NDArray[np.float64]


def tree_world(
    seed: int,
    *,
    shape: WorldShape = "tree",
    donors: int = 12,
    tissues: int = 2,
    branches: int = 3,
    stages: int = 4,
    trunk: int = 2,
    cells: int = 5,
    genes: int = 200,
) -> TreeWorld:
    """Generate negative-binomial counts.

    A step in depth moves all genes by one program that the branches share; a step from the fork moves them by the
    program of the branch too. Donors and tissues shift all genes, and a program of no stage varies from cell to cell.
    Shapes of one seed have the same programs, donors and tissues.

    Parameters
    ----------
    seed
        Of everything.
    shape
        Which labels the counts know.
    donors, tissues
        Every donor has cells of every tissue.
    branches, stages, trunk
        Branches from the fork, nodes of each, and nodes of the trunk, the fork among them.
    cells
        Cells of each donor, tissue and node.
    genes
        Number of genes.

    Raises
    ------
    ValueError
        If the shape is unknown or a number is not positive.
    """
    numbers = {
        "donors": donors, "tissues": tissues, "branches": branches, "stages": stages, "trunk": trunk, "cells": cells,
        "genes": genes,
    }  # fmt: skip
    if wrong := [f"{name} {number!r}" for name, number in numbers.items() if number < 1]:
        raise ValueError(f"a world cannot have {', '.join(wrong)}; give 1 or more of each")
    if shape not in get_args(WorldShape):
        raise ValueError(f"no shape {shape!r}; there are {', '.join(get_args(WorldShape))}")
    nodes, edges, depth, branch = _tree(branches, stages, trunk)
    structure, noise = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2))
    log_mean = structure.normal(0.0, 1.0, genes)
    shared = structure.normal(0.0, _STEP, genes)
    own = structure.normal(0.0, _STEP, (branches, genes))
    donor_shift = structure.normal(0.0, _DONOR, (donors, genes))
    tissue_shift = structure.normal(0.0, _TISSUE, (tissues, genes))
    nuisance = structure.normal(0.0, _NUISANCE, genes)

    position = _positions(nodes, depth, branch, branches, shape) @ np.vstack([shared, own])
    sizes = (donors, tissues, len(nodes), cells)
    donor, tissue, node, _ = (index.ravel() for index in np.indices(sizes))
    log_rate = log_mean + position[node] + donor_shift[donor] + tissue_shift[tissue]
    log_rate += noise.standard_normal((len(node), 1)) * nuisance
    rate = np.exp(log_rate)
    rate *= noise.lognormal(np.log(_COUNTS_PER_GENE * genes), 0.3, (len(node), 1)) / rate.sum(axis=1, keepdims=True)
    counts = noise.poisson(rate * noise.gamma(_INVERSE_DISPERSION, 1.0 / _INVERSE_DISPERSION, rate.shape))
    names = np.array(nodes)[node]
    made = CellSet.from_counts(
        f"tree world ({shape}, {seed})",
        counts,
        tuple(f"G{index + 1:04d}" for index in range(genes)),
        tuple(f"cell_{index + 1:05d}" for index in range(len(node))),
        labels={
            "donor": tuple(f"donor_{index + 1:02d}" for index in donor),
            "tissue": tuple(f"tissue_{index + 1}" for index in tissue),
            "branch": tuple(branch[name] for name in names),
            "node": tuple(names.tolist()),
        },
        species="planted",
        origin=f"generated with seed {seed}",
        donor="donor",
    )
    return TreeWorld(made, edges, depth, branch, shape, np.vstack([shared, own]))


def _tree(
    branches: int, stages: int, trunk: int
) -> tuple[list[str], tuple[tuple[str, str], ...], dict[str, int], dict[str, str]]:
    """Return nodes, steps, and the depth and the branch of each node."""
    nodes = [f"{_TRUNK}_{number + 1}" for number in range(trunk)]
    edges = list(zip(nodes, nodes[1:], strict=False))
    depth = {name: number for number, name in enumerate(nodes)}
    branch = dict.fromkeys(nodes, _TRUNK)
    fork = nodes[-1]
    for index in range(branches):
        before = fork
        for number in range(stages):
            name = f"branch_{index + 1}_{number + 1}"
            nodes.append(name)
            edges.append((before, name))
            depth[name], branch[name] = trunk + number, f"branch_{index + 1}"
            before = name
    return nodes, tuple(edges), depth, branch


def _positions(
    nodes: list[str], depth: Mapping[str, int], branch: Mapping[str, str], branches: int, shape: WorldShape
) -> NDArray[np.float64]:
    """Return how far each node is along the shared program and each branch's own, shape (nodes, 1 + branches)."""
    position = np.zeros((len(nodes), 1 + branches))
    fork = max(depth[name] for name in nodes if branch[name] == _TRUNK)
    middle = 0.5 * (max(depth.values()) - fork + 1)
    for row, name in enumerate(nodes):
        if shape in ("tree", "line"):
            position[row, 0] = depth[name]
        if shape in ("tree", "clusters") and branch[name] != _TRUNK:
            steps = depth[name] - fork if shape == "tree" else middle
            position[row, int(branch[name].removeprefix("branch_"))] = steps
    return position
