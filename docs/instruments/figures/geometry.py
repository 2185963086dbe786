"""Draw ``geometry.svg``: what three controls of the geometry descriptions show in a world whose truth is known.

Run from a checkout: ``python docs/instruments/figures/geometry.py``; another path may follow.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from theodolite.analysis import geometry
from theodolite.data import GeneStatistics

LAYERS, WIDTH = 8, 24
REGULATORS, TARGETS, OTHERS, ABSENT = 24, 96, 80, 300
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#E69F00", "#009E73", "#7F7F7F"


def world(seed: int = 0) -> tuple[np.ndarray, list[str], list[tuple[str, str]]]:
    """Return vectors, genes and edges: edges fade with depth, the class becomes clearer, the mean vector grows.

    Genes with many partners are drawn together, O7 walks towards O0 to O6, and ``ABSENT`` genes have no vector.
    """
    rng = np.random.default_rng(seed)
    n = REGULATORS + TARGETS + OTHERS
    genes = [f"R{i}" for i in range(REGULATORS)] + [f"T{i}" for i in range(TARGETS)] + [f"O{i}" for i in range(OTHERS)]
    fame, reach = rng.lognormal(0.0, 0.8, TARGETS), rng.lognormal(0.0, 0.8, REGULATORS)
    chance = np.outer(reach, fame)
    linked = rng.random(chance.shape) < np.minimum(2.5 * TARGETS * chance / chance.sum(), 0.9)
    linked[rng.integers(0, REGULATORS, TARGETS), np.arange(TARGETS)] = True
    place, first = rng.standard_normal((n, 3)), rng.standard_normal(n)
    degree = np.concatenate([linked.sum(axis=1), linked.sum(axis=0), np.zeros(OTHERS)])
    noise = 0.4 * rng.standard_normal((n, WIDTH - 4))
    mean = rng.standard_normal(WIDTH)
    far = np.concatenate([[8.0], np.full(3, -3.0), np.zeros(WIDTH - 4)])
    vectors = np.zeros((LAYERS, n + ABSENT, WIDTH))
    for layer, depth in enumerate(np.linspace(0.0, 1.0, LAYERS)):
        here = place.copy()
        share = 0.8 * (1.0 - depth)
        for target in range(TARGETS):
            of = np.flatnonzero(linked[:, target])
            row = REGULATORS + target
            here[row] = np.sqrt(share / len(of)) * place[of].sum(axis=0) + np.sqrt(1.0 - share) * place[row]
        here += 0.7 * np.log1p(degree)[:, None]
        along = first + 1.6 * depth * (np.arange(n) < REGULATORS)
        core = np.column_stack([6.0 * along, 2.5 * here, noise])
        lineage = slice(REGULATORS + TARGETS, REGULATORS + TARGETS + 7)
        core[lineage, 1:4] = 0.3 * core[lineage, 1:4] + 4.0
        core[lineage, 0] *= 0.3
        core[lineage.stop] = core[lineage].mean(axis=0) + (1.0 - 0.95 * depth) * far
        vectors[layer, :n] = core + (0.5 + 12.0 * depth**2) * mean
    edges = [(genes[i], genes[REGULATORS + j]) for i, j in np.argwhere(linked).tolist()]
    return vectors, genes + [f"A{i}" for i in range(ABSENT)], edges


def draw(path: Path) -> None:
    """Compute the three panels and write them."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    vectors, genes, edges = world()
    spectra = geometry.layer_spectra(vectors, genes, shuffles=5)
    recovery = geometry.edge_recovery(vectors, genes, edges, windows=[(2, 4)], draws=199)
    classes = geometry.class_separation(vectors, genes, edges, window=(1, 1), draws=19)
    markers = {"lineage": [f"O{i}" for i in range(7)]}
    counts = np.random.default_rng(1).lognormal(size=(3, len(genes)))
    statistics = GeneStatistics(tuple(genes), *counts)
    (comes,) = geometry.lineage_convergence(
        vectors, genes, ["O7"], markers, "lineage", statistics=statistics, matched=40
    )

    figure = Figure(figsize=(12.0, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    left, middle, right = figure.subplots(1, 3)
    depth = np.arange(LAYERS)
    left.plot(depth, spectra.effective_rank.values, "o-", color=BLUE, label="genes that are there")
    left.plot(
        depth, spectra.effective_rank_with_zero_rows.values, "s--", color=ORANGE, label="with rows of zeros, unsound"
    )
    left.plot(depth, spectra.shuffled, ":", color=GREY, label="columns shuffled")
    left.set(title="Effective rank", ylim=(0.0, None))
    middle.plot(depth, classes.profile.auroc.values, "^-", color=GREEN, label="gene class")
    middle.plot(depth, recovery.auroc[:, 0], "s--", color=ORANGE, label="edges, raw cosine")
    middle.plot(depth, recovery.auroc_centred[:, 0], "o-", color=BLUE, label="edges, without hubs")
    middle.axhline(0.5, color=GREY, linestyle=":")
    middle.set(title="AUROC")
    right.plot(depth, comes.ranks.values, "o-", color=BLUE, label="a gene that comes near")
    right.plot(depth, comes.null.mean_rank, ":", color=GREY, label="matched genes, mean")
    right.set(title="Rank by distance to a lineage", ylim=(0.0, None))
    for axes in (left, middle, right):
        axes.set_xlabel("layer")
        axes.legend(frameon=False, fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    # Without a date and with names that are no random numbers, equal figures are equal files.
    with rc_context({"svg.hashsalt": "theodolite", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "geometry.svg")
