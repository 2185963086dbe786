"""Draw ``docs/instruments/attention.svg``: what each control takes from scores whose making is known.

Run ``python docs/instruments/figures/attention.py`` from the root of the repository; it takes a few minutes, and
equal versions of numpy and matplotlib give equal files. ``--table`` prints the numbers instead.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from theodolite.analysis.attention import (
    EdgeLabels,
    choose_nested,
    depth_profiles,
    edge_labels,
    edge_recovery,
    residualised,
)
from theodolite.gates.effects import auroc

OUT = Path(__file__).parents[1] / "attention.svg"
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#E69F00", "#009E73", "#7F7F7F"
GENES, REGULATORS, EDGES, LAYERS = 200, 40, 800, 10
MADE_OF = ("edges", "hubs", "expression", "co-expression")


class World:
    """A graph whose edges favour hubs, expressed genes and co-expressed pairs, and scores made of one of these."""

    def __init__(self, seed: int = 1) -> None:
        self.rng = np.random.default_rng(seed)
        rng = self.rng
        self.genes = tuple(f"G{index:03d}" for index in range(GENES))
        mean = rng.gamma(2.0, 0.6, GENES)
        dropout = np.exp(-mean * rng.gamma(4.0, 0.25))
        self.statistics = np.column_stack([mean, mean * rng.lognormal(0.0, 0.3, GENES), dropout])
        axes = rng.standard_normal((GENES, 4))
        axes /= np.linalg.norm(axes, axis=1, keepdims=True)
        self.coexpression = axes @ axes.T
        hubs = rng.lognormal(0.0, 0.6, (REGULATORS, 1)) * rng.lognormal(0.0, 0.6, (1, GENES))
        chance = hubs * mean[None, :] * np.exp(3.0 * np.abs(self.coexpression[:REGULATORS]))
        chance[np.arange(REGULATORS), np.arange(REGULATORS)] = 0.0
        drawn = rng.choice(chance.size, EDGES, replace=False, p=(chance / chance.sum()).ravel())
        pairs = [(self.genes[place // GENES], self.genes[place % GENES]) for place in drawn.tolist()]
        self.edges = edge_labels(pairs, self.genes, directed=True, name="regulation")

    def scores(self) -> dict[str, np.ndarray]:
        """Return four scores (n, n), each made of one thing and noise."""
        noise = self.rng.standard_normal((4, GENES, GENES))
        of_edges = noise[0].copy()
        of_edges[self.edges.rows] += 1.0 * self.edges.labels
        out = np.zeros(GENES)
        out[self.edges.rows] = np.log1p(self.edges.labels.sum(axis=1))
        hubs = out[:, None] + np.log1p(self.edges.labels.sum(axis=0))[None, :] + 0.3 * noise[1]
        mean = self.statistics[:, 0]
        expression = np.sqrt(mean)[:, None] * mean[None, :] + 0.3 * noise[2]
        return dict(
            zip(MADE_OF, (of_edges, hubs, expression, np.abs(self.coexpression) + 0.05 * noise[3]), strict=True)
        )

    def interactions(self) -> EdgeLabels:
        """Return pairs without direction, apart from the edges."""
        pairs = {tuple(sorted(pair)) for pair in self.rng.integers(REGULATORS, GENES, (600, 2)).tolist()}
        named = [(self.genes[a], self.genes[b]) for a, b in pairs if a != b]
        return edge_labels(named, self.genes, directed=False, name="interaction")

    def deep(self, interactions: EdgeLabels) -> np.ndarray:
        """Return attention (layers, n, n) in which interactions fade with depth and regulation grows."""
        attention = self.rng.standard_normal((LAYERS, GENES, GENES))
        together = interactions.labels | interactions.labels.T
        for layer in range(LAYERS):
            attention[layer] += 1.2 * together * (1.0 - layer / (LAYERS - 1))
            attention[layer][self.edges.rows] += 0.9 * self.edges.labels * layer / (LAYERS - 1)
        return attention


def controls(world: World) -> dict[str, dict[str, float]]:
    """Return AUROCs of each score: raw, beyond degrees, and without gene statistics, and co-expression as well."""
    found: dict[str, dict[str, float]] = {}
    for name, score in world.scores().items():
        row = edge_recovery(score[None], [world.edges], shuffles=0).rows[0]
        genes = residualised(world.edges, score, world.statistics, learner="boosting")
        both = residualised(world.edges, score, world.statistics, coexpression=world.coexpression, learner="boosting")
        found[name] = {
            "raw": row.auroc,
            "beyond degree": 0.5 + row.decomposition.specific,
            "without gene statistics": auroc(world.edges.items(genes.matrix)),
            "and co-expression": auroc(world.edges.items(both.matrix)),
        }
    return found


def choices(world: World) -> tuple[list[int], np.ndarray]:
    """Return numbers of layers of noise, and (number, 2): the best on the test, and the nested one, means of 30."""
    numbers = [1, 3, 6, 12, 24, 48]
    rng = np.random.default_rng(7)
    found = np.empty((30, len(numbers), 2))
    for draw in range(30):
        noise = rng.standard_normal((numbers[-1], GENES, GENES))
        for index, number in enumerate(numbers):
            choice = choose_nested(noise[:number], world.edges, resamples=20)
            found[draw, index] = choice.optimistic, choice.nested.estimate
    return numbers, found.mean(axis=0)


def main() -> None:
    """Compute, and draw or print."""
    world = World()
    bars = controls(world)
    interactions = world.interactions()
    profiles = depth_profiles(world.deep(interactions), [interactions, world.edges], resamples=300)
    numbers, chosen = choices(world)
    if "--table" in sys.argv[1:]:
        for name, values in bars.items():
            print(f"{name:14}", "  ".join(f"{what} {value:.3f}" for what, value in values.items()))
        for profile in profiles.profiles:
            print(f"{profile.reference:14}", profile.auroc.round(3), f"rho {profile.trend.rho:.2f} q {profile.q:.4f}")
        for number, (best, nested) in zip(numbers, chosen, strict=True):
            print(f"{number} layers of noise: best on the test {best:.3f}, nested {nested:.3f}")
        return
    draw(bars, profiles.profiles, numbers, chosen)


def draw(bars: dict[str, dict[str, float]], profiles: Any, numbers: list[int], chosen: np.ndarray) -> None:
    """Write the figure."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13.0, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.5, 1.0, 1.0))
    colours = (GREY, BLUE, ORANGE, GREEN)
    for index, what in enumerate(next(iter(bars.values()))):
        places = [row + 0.2 * (index - 1.5) for row in range(len(bars))]
        heights = [values[what] - 0.5 for values in bars.values()]
        left.bar(places, heights, 0.19, bottom=0.5, color=colours[index], label=what)
    left.set_xticks(range(len(bars)), [f"made of\n{name}" for name in bars], fontsize=9)
    left.set_ylabel("AUROC")
    left.set_title("What controls leave of a score", loc="left", fontsize=11)
    left.legend(fontsize=8, frameon=False)
    for profile, colour in zip(profiles, (BLUE, ORANGE), strict=True):
        layers = np.arange(1, len(profile.auroc) + 1)
        middle.fill_between(layers, profile.low, profile.high, color=colour, alpha=0.2, linewidth=0)
        middle.plot(layers, profile.auroc, "o-", color=colour, markersize=4, label=profile.reference)
    middle.set_xlabel("layer")
    middle.set_title("Depth profiles", loc="left", fontsize=11)
    middle.legend(fontsize=8, frameon=False)
    right.plot(numbers, chosen[:, 0], "o-", color=ORANGE, markersize=4, label="best layer on the test")
    right.plot(numbers, chosen[:, 1], "o-", color=GREEN, markersize=4, label="nested choice")
    right.set_xscale("log")
    right.set_xticks(numbers, [str(number) for number in numbers])
    right.minorticks_off()
    right.set_xlabel("layers of noise to choose from")
    right.set_title("Choosing a layer in pure noise", loc="left", fontsize=11)
    right.legend(fontsize=8, frameon=False)
    for axes in (left, middle, right):
        axes.axhline(0.5, color=GREY, linewidth=1.0, linestyle=":")
        axes.spines[["top", "right"]].set_visible(False)
    # Without a date and with names that are no random numbers, equal numbers give equal files.
    with rc_context({"svg.hashsalt": "theodolite"}):
        figure.savefig(OUT, metadata={"Date": None})


if __name__ == "__main__":
    main()
