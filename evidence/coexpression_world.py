"""How often is co-expression taken for something beyond it? Scores that know co-expression alone, by several recipes.

The reference is rich in co-expressed pairs, so whoever takes out too little of co-expression finds it. Every replicate
measures co-expression from counts and is judged as a claim is: the panel's largest p, with co-expression taken as
measured and with the error of measurement allowed for, both of which a support needs. Beside it stand the published
recipe (least squares on the cosine of the model's own embedding, then Mann-Whitney over pairs), the same with the true
co-expression, and the panel on what is left when the true co-expression is taken out.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from lib.record import write_evidence
from scipy.stats import mannwhitneyu

from theodolite.claims import Covariate
from theodolite.data.coexpression import coexpression
from theodolite.data.coexpression_world import CoexpressionWorld, coexpression_world
from theodolite.gates.bipartite import BipartiteContrast, contrast_bipartite
from theodolite.gates.confounds import reliability, residual_bipartite
from theodolite.gates.evidence import exceedances, monte_carlo_p
from theodolite.measurements.centring import double_centred_bipartite
from theodolite.plans import NullName

NULLS: tuple[NullName, ...] = ("family_block_swap", "curveball", "stratified_labels", "coexpression_strata")
COLUMNS = (
    "published",
    "line_of_truth",
    "hubs_only",
    "truth",
    "measured",
    "allowed_family_block",
    "allowed",
    "project",
)
"""One p a replicate each: two recipes that end in Mann-Whitney over pairs, then panels; ``project`` is the larger p of
``measured`` and ``allowed``."""
SCORES = 5
"""Scores drawn for each reference and its cells."""
REPLICATES, DRAWS, ALPHAS = 2_000, 199, (0.05, 0.01)
EDGE_EFFECT = 0.2
"""What an edge adds to its score where power is asked for; the noise of single pairs has unit variance."""
MOST, LEAST_PUBLISHED = 0.06, 0.95


@dataclass(frozen=True)
class Condition:
    """A world to replicate.

    Attributes
    ----------
    title
        What it is.
    replicates
        Draws of scores, :data:`SCORES` on each reference.
    n_cells, of_rates
        As in :func:`coexpression_world`.
    """

    title: str
    replicates: int
    n_cells: int = 600
    of_rates: bool = False


MAIN = Condition("scores depend on co-expression in counts", REPLICATES)
OTHERS = (
    Condition("the same, measured in a third of the cells", 500, n_cells=200),
    Condition("the same, measured in an eighth of the cells", 500, n_cells=75),
    Condition("scores depend on co-expression of rates, of which counts show a part", 500, of_rates=True),
)
"""Conditions that are reported whatever they show."""


class Recipes:
    """All recipes on one reference and its cells; what depends on no score is prepared once."""

    def __init__(self, world: CoexpressionWorld) -> None:
        measured = coexpression(world.cells, world.cells.genes)
        covariates = world.cells.gene_statistics().matrix((Covariate.MEAN, Covariate.DROPOUT, Covariate.VARIANCE))
        r = len(world.regulators)
        of_targets = covariates[r:, 0], covariates[r:, 1]
        self.world = world
        self.estimators = measured.estimators(world.regulators, world.targets)
        self.halves = measured.halves(world.regulators, world.targets)
        self.genes = covariates[:r], covariates[r:]
        self.contrast = contrast_bipartite(
            np.zeros(world.edges.shape),
            world.edges,
            world.regulator_families,
            world.target_families,
            *of_targets,
            self.estimators[0],
        )
        self.by_truth = contrast_bipartite(
            np.zeros(world.edges.shape),
            world.edges,
            world.regulator_families,
            world.target_families,
            *of_targets,
            world.truth,
        )

    @property
    def reliability(self) -> float:
        """Reliability of measured co-expression over the candidates."""
        return reliability(self.halves, self.contrast.pairs)

    def _residual(self, score: np.ndarray, estimators: np.ndarray, halves: np.ndarray | None = None) -> np.ndarray:
        world = self.world
        families = world.regulator_families, world.target_families
        return residual_bipartite(score, estimators, *self.genes, self.contrast.pairs, *families, halves=halves)

    def p_values(self, score: np.ndarray, seed: int, draws: int) -> list[float]:
        """Return p in the order of :data:`COLUMNS`."""
        hubs = double_centred_bipartite(score, self.contrast.pairs)
        of_truth = panel(self.by_truth.replaced(self._residual(score, self.world.truth[None])), seed, draws)
        measured = panel(self.contrast.replaced(self._residual(score, self.estimators)), seed, draws)
        allowed = panel(self.contrast.replaced(self._residual(score, self.estimators, self.halves)), seed, draws)
        return [
            pair_p(off_line(score, self.world.cosine), self.world.edges),
            pair_p(off_line(score, self.world.truth), self.world.edges),
            max(panel(self.contrast.replaced(hubs), seed, draws)),
            max(of_truth),
            max(measured),
            allowed[0],
            max(allowed),
            max(measured + allowed),
        ]


def off_line(score: np.ndarray, covariate: np.ndarray) -> np.ndarray:
    """Return a score minus its least-squares line on a covariate of pairs."""
    centred = covariate - covariate.mean()
    return np.asarray(score - centred * (centred * score).sum() / (centred**2).sum())


def pair_p(score: np.ndarray, edges: np.ndarray) -> float:
    """Return the p of Mann and Whitney, which takes pairs for independent."""
    return float(mannwhitneyu(score[edges], score[~edges], alternative="greater").pvalue)


def panel(contrast: BipartiteContrast, seed: int, draws: int) -> list[float]:
    """Return the p of each null."""
    observed = contrast.observed()
    return [monte_carlo_p(exceedances(contrast.draw(null, draws, seed), observed), draws) for null in NULLS]


def replicates(condition: Condition, draws: int = DRAWS) -> tuple[np.ndarray, np.ndarray, float]:
    """Return p without and with a signal of the edges, both (replicates, columns), and the mean reliability."""
    null: list[list[float]] = []
    signal: list[list[float]] = []
    shares: list[float] = []
    for structure in range(condition.replicates // SCORES):
        world = coexpression_world(structure, condition.n_cells, of_rates=condition.of_rates)
        recipes = Recipes(world)
        shares.append(recipes.reliability)
        for number in range(SCORES):
            seed = structure * SCORES + number
            for kept, effect in ((null, 0.0), (signal, EDGE_EFFECT)):
                rng = np.random.default_rng(np.random.SeedSequence([2, structure, number]))
                kept.append(recipes.p_values(world.score(rng, effect), seed, draws))
    return np.array(null), np.array(signal), float(np.mean(shares))


def rates(p: np.ndarray, alpha: float) -> dict[str, float]:
    """Return the share of replicates in which each recipe rejects."""
    return dict(zip(COLUMNS, np.round((p <= alpha).mean(axis=0), 4).tolist(), strict=True))


def table(null: np.ndarray, signal: np.ndarray) -> str:
    """Return false rejections and power by recipe as text."""
    head = "recipe".ljust(24) + "".join(f"error at {alpha}".rjust(15) for alpha in ALPHAS) + "power at 0.05".rjust(15)
    lines = [head]
    for name in COLUMNS:
        shown = [rates(null, alpha)[name] for alpha in ALPHAS] + [rates(signal, ALPHAS[0])[name]]
        lines.append(name.ljust(24) + "".join(f"{value:.3f}".rjust(15) for value in shown))
    return "\n".join(lines)


def failures(null: np.ndarray) -> list[str]:
    """Return what is not as it must be, in words."""
    rate = rates(null, ALPHAS[0])
    wrong = []
    if rate["project"] > MOST:
        wrong.append(f"the project's recipe errs in {rate['project']:.3f}, more than {MOST}")
    if rate["published"] < LEAST_PUBLISHED:
        wrong.append(f"the published recipe errs in {rate['published']:.3f}, too seldom for this world to be a test")
    return wrong


def main() -> None:
    """Run all conditions, print their tables, and write the evidence."""
    started = time.monotonic()
    conditions = {}
    wrong = []
    for condition in (MAIN, *OTHERS):
        null, signal, share = replicates(condition)
        print(f"{condition.title}; reliability of measured co-expression {share:.2f}", table(null, signal), sep="\n")
        wrong += failures(null) if condition is MAIN else []
        conditions[condition.title] = {
            "replicates": len(null),
            "cells": condition.n_cells,
            "reliability": round(share, 3),
            "error": {str(alpha): rates(null, alpha) for alpha in ALPHAS},
            "power": rates(signal, ALPHAS[0]),
        }
    for line in wrong:
        print(line)
    result = {
        "conditions": conditions,
        "draws": DRAWS,
        "edge_effect": EDGE_EFFECT,
        "most_allowed": MOST,
        "least_of_the_published_recipe": LEAST_PUBLISHED,
        "wrong": wrong,
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    write_evidence("coexpression_world", "co-expression taken for something beyond it", result, not wrong)
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
