"""A world in which scores know co-expression alone, while the reference is rich in co-expressed pairs.

Whoever takes out too little of co-expression finds the reference in such scores. Cells are counts, so co-expression can
only be measured with error, and paralogues share both co-expression and reference pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.data.cells import CellSet

__all__ = ["CoexpressionWorld", "coexpression_world"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

REGULATORS, TARGETS, FAMILY_SIZE, MODULES, EDGES = 40, 300, 4, 6, 590
"""Sizes of the published comparison of adjustments that the world repeats."""
_POPULATION = 20_000
"""Cells whose counts give the co-expression that scores depend on; far more than anybody measures."""
_CHUNK = 2_000
_COUNTS_PER_GENE = 1.5
_LOADING, _OWN = 0.9, 0.5
"""Standard deviations of a gene's log rate over cells: in common with its modules, and its own."""
_ENRICHMENT = 0.9
"""Log-odds of being a reference pair for each standard deviation of co-expression."""
_CONFOUND = 2.0
_HUBS = 0.35


@dataclass(frozen=True, eq=False)
class CoexpressionWorld:
    """Counts, a reference, and what scores are made of.

    Attributes
    ----------
    cells
        The counts from which co-expression can be measured.
    regulators, targets, regulator_families, target_families
        Names; regulators come in families of four paralogues, targets are none.
    edges
        Shape (r, t): the reference.
    truth
        Shape (r, t): the co-expression on which scores depend.
    cosine
        Shape (r, t): cosine of noisy gene vectors, as of a model's own embedding.
    regulator_hub, target_hub
        Shapes (r, 1) and (1, t): standardised degree propensities of the reference.
    """

    cells: CellSet
    regulators: tuple[str, ...]
    targets: tuple[str, ...]
    regulator_families: tuple[str, ...]
    target_families: tuple[str, ...]
    edges: Bools
    truth: Floats
    cosine: Floats
    regulator_hub: Floats
    target_hub: Floats

    def score(self, rng: np.random.Generator, edge_effect: float = 0.0) -> Floats:
        """Return scores (r, t): a steep sigmoid of co-expression, hubs, unit noise, and ``edge_effect`` on the edges.

        Half of what makes hubs of genes makes them hubs of the reference, too.
        """
        common = (self.truth - self.truth.mean()) / self.truth.std()
        hubs = self.regulator_hub + self.target_hub
        hubs = hubs + rng.standard_normal(self.regulator_hub.shape) + rng.standard_normal(self.target_hub.shape)
        confound = _CONFOUND / (1.0 + np.exp(4.0 - 3.0 * common))
        return np.asarray(confound + _HUBS * hubs + rng.standard_normal(common.shape) + edge_effect * self.edges)


def coexpression_world(seed: int, n_cells: int = 600, *, of_rates: bool = False) -> CoexpressionWorld:
    """Return a world.

    Parameters
    ----------
    seed
        Seed of everything but the scores.
    n_cells
        Cells that are counted; fewer measure co-expression worse.
    of_rates
        Scores depend on the correlation of the cells' log rates, which no number of counts shows, because counting
        noise hides more of it the weaker a gene is expressed. Otherwise they depend on the correlation of log1p counts
        per 10,000 in 20,000 other cells.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 1]))
    n = REGULATORS + TARGETS
    family = np.concatenate([np.arange(REGULATORS) // FAMILY_SIZE, np.arange(TARGETS) + REGULATORS // FAMILY_SIZE])
    loading = _loadings(family, rng)
    spread = (loading**2).sum(axis=1) + _OWN**2
    log_mean = rng.standard_normal(n)
    counts = _counts(n_cells, loading, log_mean, spread, rng)
    names = tuple(f"R{index + 1:03d}" for index in range(REGULATORS)) + tuple(f"T{i + 1:03d}" for i in range(TARGETS))
    cells = CellSet.from_counts(
        f"coexpression({seed})",
        counts,
        names,
        tuple(f"cell_{index + 1:05d}" for index in range(n_cells)),
        species="planted",
        origin=f"generated with seed {seed}",
    )
    if of_rates:
        common = loading @ loading.T / np.sqrt(np.outer(spread, spread))
    else:
        common = _population_correlation(loading, log_mean, spread, rng)
    truth = common[:REGULATORS, REGULATORS:]
    hubs = [np.log(rng.gamma(1.0, 1.0, size) + 0.2) for size in ((REGULATORS, 1), (1, TARGETS))]
    vectors = loading + 0.5 * rng.standard_normal(loading.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return CoexpressionWorld(
        cells=cells,
        regulators=names[:REGULATORS],
        targets=names[REGULATORS:],
        regulator_families=tuple(f"F{index:03d}" for index in family[:REGULATORS]),
        target_families=tuple(f"F{index:03d}" for index in family[REGULATORS:]),
        edges=_edges(truth, hubs[0] + hubs[1], family[:REGULATORS], rng),
        truth=truth,
        cosine=(vectors @ vectors.T)[:REGULATORS, REGULATORS:],
        regulator_hub=(hubs[0] - hubs[0].mean()) / hubs[0].std(),
        target_hub=(hubs[1] - hubs[1].mean()) / hubs[1].std(),
    )


def _loadings(family: NDArray[np.integer], rng: np.random.Generator) -> Floats:
    """Return how much of each module is in the log rate of each gene, shape (n, modules); paralogues are alike."""
    families = int(family.max()) + 1
    loading = 0.35 * rng.standard_normal((families, MODULES))
    sign = rng.choice([-1.0, 1.0], families, p=[0.3, 0.7])
    loading[np.arange(families), rng.integers(0, MODULES, families)] += sign * rng.gamma(4.0, 0.25, families)
    own = loading[family] + 0.15 * rng.standard_normal((len(family), MODULES))
    return np.asarray(own * _LOADING / np.linalg.norm(own, axis=1).mean())


def _counts(n_cells: int, loading: Floats, log_mean: Floats, spread: Floats, rng: np.random.Generator) -> Floats:
    log_rate = log_mean - spread / 2.0 + rng.standard_normal((n_cells, MODULES)) @ loading.T
    log_rate += _OWN * rng.standard_normal(log_rate.shape)
    depth = rng.lognormal(np.log(_COUNTS_PER_GENE * len(log_mean)), 0.3, (n_cells, 1))
    return np.asarray(rng.poisson(np.exp(log_rate) * depth / np.exp(log_mean).sum()), dtype=np.float64)


def _population_correlation(loading: Floats, log_mean: Floats, spread: Floats, rng: np.random.Generator) -> Floats:
    second, first = np.zeros((len(loading), len(loading))), np.zeros(len(loading))
    for _ in range(_POPULATION // _CHUNK):
        counts = _counts(_CHUNK, loading, log_mean, spread, rng)
        values = np.log1p(counts * (1e4 / counts.sum(axis=1, keepdims=True)))
        second += values.T @ values
        first += values.sum(axis=0)
    covariance = second / _POPULATION - np.outer(first, first) / _POPULATION**2
    return np.asarray(covariance / np.sqrt(np.outer(np.diag(covariance), np.diag(covariance))))


def _edges(truth: Floats, propensity: Floats, family: NDArray[np.integer], rng: np.random.Generator) -> Bools:
    """Return the pairs with the highest perturbed log-odds; half of the perturbations are common to paralogues."""
    own = rng.gumbel(size=truth.shape)
    of_family = rng.gumbel(size=(int(family.max()) + 1, truth.shape[1]))[family]
    log_odds = propensity + _ENRICHMENT * truth / truth.std() + np.where(rng.random(truth.shape) < 0.5, of_family, own)
    edges = np.zeros(truth.shape, dtype=bool)
    edges.reshape(-1)[np.argsort(-log_odds, axis=None)[:EDGES]] = True
    return edges
