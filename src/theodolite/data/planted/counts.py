"""Counts of a planted world: donors, a tree of cell states, module activity, and study bias in expression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.data.cells import CellSet
from theodolite.data.planted.graph import PlantedGraph
from theodolite.data.planted.kinds import WorldKnobs

__all__ = ["STATES", "PlantedCounts", "plant_counts"]

Floats = NDArray[np.float64]

STATES: dict[str, str | None] = {
    "root": None,
    **{f"lineage_{side}": "root" for side in "ab"},
    **{f"branch_{side}{fork}": f"lineage_{side}" for side in "ab" for fork in "12"},
    **{f"state_{side}{fork}{leaf}": f"branch_{side}{fork}" for side in "ab" for fork in "12" for leaf in "xy"},
}
"""The tree of cell states: parent by node. Cells are in the leaves."""

_COUNTS_PER_GENE = 3.0
_NODE_SPREAD = 0.4
_DONOR_SPREAD = 0.2
_GENE_SPREAD = 0.8
_FAMILY_SPREAD = 0.5
_LOADING = 0.8
_REGULATOR_SHIFT = -0.5
_OVERDISPERSION = 0.4


@dataclass(frozen=True, eq=False)
class PlantedCounts:
    """Cells, and the co-expression that made them.

    Attributes
    ----------
    cells
        Counts with the labels ``donor``, ``state``, ``branch`` and ``lineage``.
    coexpression
        Shape (n, n): the correlation of log1p counts per 10,000 that each pair of genes would have over endlessly
        many cells like these, apart from donors; zero on the diagonal.
    """

    cells: CellSet
    coexpression: Floats


def plant_counts(graph: PlantedGraph, seed: int, knobs: WorldKnobs) -> PlantedCounts:
    """Draw negative-binomial counts.

    The log rate of a gene in a cell is its mean, plus the activity of its module, plus its donor's shift, plus the
    activity of its regulators in the first reference where ``knobs.regulation`` is not 0. The activity of a module is
    the sum of normal steps down the tree of states, plus one a cell. Means rise with the reference degree (study
    bias), and so dropout falls; dispersion rises, as if what is studied were also more variable.

    Parameters
    ----------
    graph
        Who is in which module and family, and reference degrees.
    seed
        Seed of the counts.
    knobs
        Sizes and strengths.
    """
    genes_rng, cells_rng, noise = (np.random.default_rng(child) for child in np.random.SeedSequence([seed, 2]).spawn(3))
    n, n_cells = len(graph.genes), knobs.donors * knobs.cells_per_donor
    bias = graph.study_bias
    mean = (
        genes_rng.normal(0.0, _FAMILY_SPREAD, len(graph.family_names))[graph.family]
        + genes_rng.normal(0.0, _GENE_SPREAD, n)
        + knobs.degree_expression * bias
        + np.where(np.arange(n) < graph.n_regulators, _REGULATOR_SHIFT, 0.0)
    )
    overdispersion = _OVERDISPERSION * np.exp(0.2 * bias + genes_rng.normal(0.0, 0.2, n))
    loading = np.where(graph.module >= 0, _LOADING * genes_rng.uniform(0.8, 1.2, n), 0.0)
    donor = np.arange(n_cells) % knobs.donors
    leaves = sorted(set(STATES) - set(STATES.values()))
    leaf = cells_rng.integers(len(leaves), size=n_cells)
    activity = _state_activity(leaves, knobs.modules, cells_rng)[leaf]
    activity += cells_rng.standard_normal((n_cells, knobs.modules))
    # A column of zeros serves the genes of no module.
    activity = np.column_stack([(activity - activity.mean(axis=0)) / activity.std(axis=0), np.zeros(n_cells)])
    latent = activity[:, graph.module] * loading
    if knobs.regulation > 0:
        latent += _regulation(graph, knobs.regulation, cells_rng.standard_normal((n_cells, graph.n_regulators)))
    log_rate = mean + latent + cells_rng.normal(0.0, _DONOR_SPREAD, (knobs.donors, n))[donor]
    rate = np.exp(log_rate)
    depth = cells_rng.lognormal(np.log(_COUNTS_PER_GENE * n), 0.3, (n_cells, 1))
    rate *= depth / rate.sum(axis=1, keepdims=True)
    counts = noise.poisson(rate * noise.gamma(1.0 / overdispersion, overdispersion, rate.shape))
    labels = {
        "donor": tuple(f"donor_{index + 1:02d}" for index in donor),
        "state": tuple(leaves[index] for index in leaf),
    }
    labels["branch"] = tuple(str(STATES[state]) for state in labels["state"])
    labels["lineage"] = tuple(str(STATES[branch]) for branch in labels["branch"])
    cells = CellSet.from_counts(
        f"planted-{graph.seed}",
        counts,
        graph.genes,
        tuple(f"cell_{index + 1:05d}" for index in range(n_cells)),
        labels=labels,
        species="planted",
        origin=f"generated with seed {seed}",
        donor="donor",
    )
    return PlantedCounts(cells, _expected_correlation(rate / depth, cells))


def _state_activity(leaves: list[str], modules: int, rng: np.random.Generator) -> Floats:
    """Return the mean activity of each module in each leaf, shape (leaves, modules)."""
    step = {node: rng.normal(0.0, _NODE_SPREAD, modules) for node in STATES}
    activity = np.zeros((len(leaves), modules))
    for row, leaf in enumerate(leaves):
        node: str | None = leaf
        while node is not None:
            activity[row] += step[node]
            node = STATES[node]
    return activity


def _regulation(graph: PlantedGraph, share: float, regulator: Floats) -> Floats:
    """Return log-rate shifts (cells, n): regulators' own shifts, and what they do to targets in the first reference."""
    effect = np.zeros((len(regulator), len(graph.genes)))
    weight = graph.edges[0] * graph.sign
    effect += regulator @ (weight / np.sqrt(np.maximum(np.abs(weight).sum(axis=0), 1)))
    effect[:, : graph.n_regulators] += regulator
    return np.asarray(_LOADING * np.sqrt(share / (1.0 - share)) * effect)


def _expected_correlation(share: Floats, cells: CellSet) -> Floats:
    """Return the correlation that shares of a cell's counts (cells, n) give, weakened by what counting adds.

    Counting adds to each gene's variance and, given the rates, to no covariance.
    """
    latent = np.log1p(1e4 * share)
    latent -= latent.mean(axis=0)
    spread = np.sqrt(cells.gene_statistics().variance)
    correlation = (latent.T @ latent) / len(latent) / np.maximum(np.outer(spread, spread), 1e-12)
    np.fill_diagonal(correlation, 0.0)
    return np.asarray(correlation)
