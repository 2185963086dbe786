"""A small planted world of gene vectors whose every signal can be switched on and off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theodolite.data import GeneStatistics

LAYERS = 4


@dataclass(frozen=True)
class World:
    """Vectors (layers, genes, width) with the reference and the counts' statistics that belong to them."""

    genes: tuple[str, ...]
    vectors: np.ndarray
    regulators: tuple[str, ...]
    targets: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    statistics: GeneStatistics
    coexpression: np.ndarray


def plant(
    seed: int,
    *,
    edges: float = 0.0,
    gene_class: float = 0.0,
    class_by_expression: float = 0.0,
    hubs: float = 0.0,
    modules: float = 0.0,
    n_regulators: int = 24,
    n_targets: int = 72,
    n_others: int = 24,
    width: int = 16,
) -> World:
    """Make a world. The first axis holds gene class and expression, axes 2 to 4 hold neighbourhood, the rest is noise.

    Parameters
    ----------
    edges
        Share of a target's place that is the place of its regulators.
    gene_class
        Distance of regulators from targets on the first axis, in its standard deviations.
    class_by_expression
        How much less regulators are expressed, in standard deviations; the first axis shows expression.
    hubs
        How far genes with many partners are drawn to one point of axes 2 to 4.
    modules
        Share of a gene's place that is its module's; edges lie within modules, where genes are co-expressed.
    """
    rng = np.random.default_rng(seed)
    n = n_regulators + n_targets + n_others
    genes = tuple(f"R{i}" for i in range(n_regulators)) + tuple(f"T{i}" for i in range(n - n_regulators))
    module = rng.integers(0, 6, n)
    out_weight, in_weight = rng.lognormal(0.0, 0.8, n_regulators), rng.lognormal(0.0, 0.8, n_targets)
    chance = np.outer(out_weight, in_weight)
    if modules:
        chance = chance * np.where(module[:n_regulators, None] == module[None, n_regulators:][:, :n_targets], 20.0, 1.0)
    chance *= 2.5 * n_targets / chance.sum()
    linked = rng.random(chance.shape) < np.minimum(chance, 0.9)
    linked[rng.integers(0, n_regulators, n_targets), np.arange(n_targets)] = True

    place = rng.standard_normal((n, 3))
    if modules:
        centres = rng.standard_normal((6, 3))
        place = np.sqrt(modules) * centres[module] + np.sqrt(1.0 - modules) * place
    if edges:
        for target in range(n_targets):
            regulators = np.flatnonzero(linked[:, target])
            pull = place[regulators].sum(axis=0) / np.sqrt(len(regulators))
            row = n_regulators + target
            place[row] = np.sqrt(edges) * pull + np.sqrt(1.0 - edges) * place[row]
    degree = np.zeros(n)
    degree[:n_regulators], degree[n_regulators : n_regulators + n_targets] = linked.sum(axis=1), linked.sum(axis=0)
    if hubs:
        place = place + hubs * np.log1p(degree)[:, None] * np.array([1.0, 1.0, 1.0]) / np.sqrt(3.0)

    level = rng.standard_normal(n)
    level[:n_regulators] -= class_by_expression
    first = rng.standard_normal(n) if not class_by_expression else level + 0.2 * rng.standard_normal(n)
    first = first + gene_class * (np.arange(n) < n_regulators)
    core = np.column_stack([6.0 * first, 2.5 * place, 0.4 * rng.standard_normal((n, width - 4))])
    turn = np.linalg.qr(rng.standard_normal((width, width)))[0]
    vectors = np.stack([(core + 0.2 * rng.standard_normal(core.shape)) @ turn + 3.0 for _ in range(LAYERS)])

    shared = (module[:, None] == module[None, :]).astype(float) if modules else np.zeros((n, n))
    noise = rng.standard_normal((n, n)) * 0.05
    coexpression = np.clip(0.6 * shared + (noise + noise.T) / 2.0, -1.0, 1.0)
    np.fill_diagonal(coexpression, 1.0)
    mean = np.exp(level)
    statistics = GeneStatistics(genes, mean, mean * rng.lognormal(0.0, 0.3, n), np.exp(-mean))
    found = tuple((genes[i], genes[n_regulators + j]) for i, j in np.argwhere(linked))
    return World(
        genes,
        vectors,
        genes[:n_regulators],
        genes[n_regulators : n_regulators + n_targets],
        found,
        statistics,
        coexpression,
    )
