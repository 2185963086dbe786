"""Small worlds whose edges follow something that is known, and scores that are made of something that is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theodolite.analysis.attention import EdgeLabels, edge_labels

__all__ = ["World", "make_world"]

GENES, REGULATORS, EDGES = 140, 28, 420


@dataclass(frozen=True, eq=False)
class World:
    """A directed graph over genes, and what is known of these.

    ``follow`` says what makes a pair an edge: chance alone, expression of both genes, co-expression, or hubs.
    """

    genes: tuple[str, ...]
    statistics: np.ndarray
    coexpression: np.ndarray
    edges: EdgeLabels
    rng: np.random.Generator

    def noise(self) -> np.ndarray:
        return self.rng.standard_normal((GENES, GENES))

    def edge_score(self, effect: float = 1.0) -> np.ndarray:
        """Return noise with a signal of the edges themselves."""
        score = self.noise()
        score[self.edges.rows] += effect * self.edges.labels
        return score

    def hub_score(self) -> np.ndarray:
        """Return the number of edges that both genes have: it knows hubs and no edge."""
        out = np.zeros(GENES)
        out[self.edges.rows] = self.edges.labels.sum(axis=1)
        return np.log1p(out)[:, None] + np.log1p(self.edges.labels.sum(axis=0))[None, :] + 0.2 * self.noise()

    def expression_score(self) -> np.ndarray:
        """Return a curved function of both genes' statistics."""
        mean, dropout = self.statistics[:, 0], self.statistics[:, 2]
        return np.sqrt(mean)[:, None] * mean[None, :] - dropout[None, :] + 0.2 * self.noise()


def make_world(follow: str = "nothing", seed: int = 0) -> World:
    """Return a world of 140 genes, of which 28 regulate others by 420 edges; equal arguments give equal worlds."""
    rng = np.random.default_rng([seed, len(follow)])
    genes = tuple(f"G{index:03d}" for index in range(GENES))
    mean = rng.gamma(2.0, 0.6, GENES)
    statistics = np.column_stack([mean, mean * rng.lognormal(0.0, 0.3, GENES), np.exp(-mean * rng.gamma(4.0, 0.25))])
    axes = rng.standard_normal((GENES, 4))
    unit = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    coexpression = np.clip(unit @ unit.T + 0.02 * rng.standard_normal((GENES, GENES)), -1.0, 1.0)
    coexpression = np.triu(coexpression, 1) + np.triu(coexpression, 1).T + np.eye(GENES)
    chance = np.ones((REGULATORS, GENES))
    if follow == "expression":
        chance = (mean[:REGULATORS, None] * mean[None, :]) ** 1.5
    if follow == "coexpression":
        chance = np.exp(5.0 * np.abs(coexpression[:REGULATORS]))
    if follow == "hubs":
        chance = rng.lognormal(0.0, 1.0, (REGULATORS, 1)) * rng.lognormal(0.0, 1.0, (1, GENES))
    chance[np.arange(REGULATORS), np.arange(REGULATORS)] = 0.0
    drawn = rng.choice(chance.size, EDGES, replace=False, p=(chance / chance.sum()).ravel())
    pairs = [(genes[place // GENES], genes[place % GENES]) for place in drawn.tolist()]
    return World(genes, statistics, coexpression, edge_labels(pairs, genes, directed=True, name=follow), rng)
