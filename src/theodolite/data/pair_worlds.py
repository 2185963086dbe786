"""Worlds of regulator-target scores without a signal of the edges, in which a null of pair scores may fail.

The graph of a world is fixed; scores are drawn anew. In six worlds no score depends on which pairs are edges given the
hubs and families, so every rejection is a false one. Two worlds add a signal to the edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

__all__ = ["EDGE_EFFECT", "NULL_WORLDS", "PairGraph", "PairWorld", "pair_graph", "pair_scores"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

REGULATORS, TARGETS, FAMILY_SIZE, MODULES, EDGES = 40, 300, 4, 6, 590
EDGE_EFFECT = 0.6
"""What an edge adds to its score in the worlds with a signal; the noise of single pairs has unit variance."""
_RANK = 3
_SHARED_TARGETS = 0.7


class PairWorld(StrEnum):
    """What the scores of a world are made of."""

    IID = "iid"
    """Noise of single pairs."""
    HUB_INDEP = "hub_indep"
    """Effects of regulators and of targets that know nothing of the graph."""
    HUB_DEGREE_CONF = "hub_degree_conf"
    """Effects of regulators and of targets that grow with their degree in the reference: what is well studied is well
    expressed."""
    LOWRANK = "lowrank"
    """Products of embeddings in three dimensions, in clusters that know nothing of the graph."""
    LOWRANK_HUB_CONF = "lowrank_hub_conf"
    """Both of the above."""
    PARALOG = "paralog"
    """Regulators of a family share their embedding and most of their targets."""
    HUB_INDEP_EDGE = "hub_indep+edge"
    """Independent hubs and a signal."""
    LOWRANK_EDGE = "lowrank+edge"
    """Low-rank scores and a signal."""


NULL_WORLDS = tuple(world for world in PairWorld if not world.endswith("+edge"))


@dataclass(frozen=True, eq=False)
class PairGraph:
    """A reference and what is known of its genes.

    Attributes
    ----------
    edges
        Shape (r, t).
    regulator_families, target_families
        Names; regulators come in families of four, targets are no paralogues.
    target_mean, target_dropout
        Shape (t,): expression grows with the degree in the reference.
    coexpression
        Shape (r, t): higher inside a module, and so on the edges, which are more frequent there.
    """

    edges: Bools
    regulator_families: tuple[str, ...]
    target_families: tuple[str, ...]
    target_mean: Floats
    target_dropout: Floats
    coexpression: Floats


def pair_graph(seed: int, *, paralogues: bool = False) -> PairGraph:
    """Return a graph of 40 regulators, 300 targets, 6 modules and 590 edges with heavy-tailed degrees.

    With ``paralogues`` the regulators of a family have one degree and 70 % of their targets in common.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, int(paralogues)]))
    out_weight, in_weight = rng.lognormal(0.0, 0.8, REGULATORS), rng.lognormal(0.0, 0.9, TARGETS)
    row_module, column_module = rng.integers(0, MODULES, REGULATORS), rng.integers(0, MODULES, TARGETS)
    if paralogues:
        row_module = row_module[np.arange(REGULATORS) // FAMILY_SIZE * FAMILY_SIZE]
    together = row_module[:, None] == column_module[None, :]
    weight = out_weight[:, None] * in_weight[None, :] * np.where(together, 4.0, 1.0)
    edges = _paralogous_edges(weight, rng) if paralogues else _edges(weight, EDGES, rng)
    mean = np.exp(0.5 * _standardised(np.log1p(edges.sum(axis=0))) + 0.7 * rng.standard_normal(TARGETS))
    dropout = 1.0 / (1.0 + mean * rng.lognormal(0.0, 0.3, TARGETS))
    activity = 0.1 * rng.standard_normal((MODULES, MODULES)) + 0.5 * np.eye(MODULES)
    coexpression = np.tanh(activity[row_module][:, column_module] + 0.15 * rng.standard_normal(weight.shape))
    return PairGraph(
        edges=edges,
        regulator_families=tuple(f"R{index // FAMILY_SIZE + 1:02d}" for index in range(REGULATORS)),
        target_families=tuple(f"T{index + 1:03d}" for index in range(TARGETS)),
        target_mean=mean,
        target_dropout=dropout,
        coexpression=coexpression,
    )


def _edges(weight: Floats, count: int, rng: np.random.Generator) -> Bools:
    """Return ``count`` edges, drawn one after the other with chances in proportion to ``weight``."""
    edges = np.zeros(weight.shape, dtype=bool)
    edges.flat[rng.choice(weight.size, count, replace=False, p=weight.ravel() / weight.sum())] = True
    return edges


def _paralogous_edges(weight: Floats, rng: np.random.Generator) -> Bools:
    degrees = _edges(weight, EDGES, rng).sum(axis=1)
    edges = np.zeros(weight.shape, dtype=bool)
    for first in range(0, REGULATORS, FAMILY_SIZE):
        family = range(first, first + FAMILY_SIZE)
        whole, left = divmod(int(degrees[family].sum()), FAMILY_SIZE)
        common = round(_SHARED_TARGETS * whole)
        chance = weight[first] / weight[first].sum()
        edges[first : first + FAMILY_SIZE, rng.choice(TARGETS, common, replace=False, p=chance)] = True
        for row in family:
            own = weight[row] * ~edges[row]
            count = whole + (row - first < left) - common
            edges[row, rng.choice(TARGETS, count, replace=False, p=own / own.sum())] = True
    return edges


def _standardised(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / values.std())


def pair_scores(world: PairWorld, graph: PairGraph, rng: np.random.Generator) -> Floats:
    """Return one draw of a world's scores, shape (r, t)."""
    score = rng.standard_normal(graph.edges.shape)
    if world in (PairWorld.HUB_INDEP, PairWorld.HUB_INDEP_EDGE):
        score += rng.standard_normal((REGULATORS, 1)) + rng.standard_normal((1, TARGETS))
    if world in (PairWorld.HUB_DEGREE_CONF, PairWorld.LOWRANK_HUB_CONF):
        for axis, shape in ((1, (REGULATORS, 1)), (0, (1, TARGETS))):
            degree = _standardised(np.log1p(graph.edges.sum(axis=axis, keepdims=True)))
            score += 0.8 * degree + 0.6 * rng.standard_normal(shape)
    if world in (PairWorld.LOWRANK, PairWorld.LOWRANK_HUB_CONF, PairWorld.LOWRANK_EDGE):
        centre = rng.standard_normal((MODULES, _RANK))
        rows, columns = (
            centre[rng.integers(0, MODULES, size)] + 0.5 * rng.standard_normal((size, _RANK))
            for size in (REGULATORS, TARGETS)
        )
        score += rows @ columns.T
    if world is PairWorld.PARALOG:
        families = rng.standard_normal((REGULATORS // FAMILY_SIZE, _RANK)).repeat(FAMILY_SIZE, axis=0)
        rows = 0.95 * families + 0.31 * rng.standard_normal((REGULATORS, _RANK))
        score += 2.0 * (rows @ rng.standard_normal((TARGETS, _RANK)).T)
    if world in (PairWorld.HUB_INDEP_EDGE, PairWorld.LOWRANK_EDGE):
        score += EDGE_EFFECT * graph.edges
    return np.asarray(score)
