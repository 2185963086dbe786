"""Draw ``depth.svg``: how near the genes of each program lie in each layer, and what the trends of its pairs say of it.

Run from a checkout: ``python docs/instruments/figures/depth.py``; another path may follow. Takes half a minute.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import theodolite.tl as tl
from theodolite.data import load_families, load_programs
from theodolite.measurements import PairScores
from theodolite.tools.depth import standings, trend

MODEL, LAYERS, LEAST, SHOWN = "compact-pbmc", (0, 1, 2, 3), 10, 3
BLUE, ORANGE, GREY = "#0072B2", "#E69F00", "#9A9A9A"


def scored() -> list[PairScores]:
    """Return how near the genes lie in each layer, in every fourth of the packaged cells."""
    adata, known = tl.pbmc()[::4].copy(), load_families()
    found = []
    for layer in LAYERS:
        tl.pair_proximity(adata, model=MODEL, layer=layer, first=1, last=6)
        genes = [gene for gene in adata.var_names if known.family.get(gene)]
        near = adata[:, genes].varp["geometry_pair_proximity"]
        families = tuple(known.family[gene] for gene in genes)
        score = np.nan_to_num(np.asarray(near, dtype=np.float64))
        found.append(PairScores(tuple(genes), score, families, (), np.empty((len(genes), 0)), "one"))
    return found


def draw(path: Path) -> None:
    """Compute both panels and write them."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from scipy.stats import rankdata

    layers = scored()
    standing = standings(layers)
    slopes, upper = trend(standing), np.triu(layers[0].candidates(), 1)
    ranks = rankdata(slopes[upper])
    rows = []
    for program in load_programs():
        member = np.array([gene in program.genes for gene in layers[0].genes])
        inside = (member[:, None] & member[None, :])[upper]
        if member.sum() >= LEAST and inside.any():
            profile = [float(at[upper][inside].mean() - at[upper][~inside].mean()) for at in standing]
            rose = (ranks[inside].mean() - (inside.sum() + 1) / 2) / (~inside).sum() - 0.5
            rows.append((program.id, profile, float(np.polyfit(LAYERS, profile, 1)[0]), float(rose)))
    rows.sort(key=lambda row: row[3])
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "theodolite", "font.size": 9, "axes.axisbelow": True}):
        figure = Figure(figsize=(8.6, 3.6), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2)
        for place, (name, profile, slope, rose) in enumerate(rows):
            color = ORANGE if place < SHOWN else BLUE if place >= len(rows) - SHOWN else GREY
            label = name.replace("_", " ") if color != GREY else None
            left.plot(LAYERS, profile, color=color, linewidth=0.6 if color == GREY else 1.4, zorder=1 + (color != GREY))
            right.scatter([slope], [rose], color=color, s=16, zorder=1 + (color != GREY))
            if label and place in (0, len(rows) - 1):
                right.annotate(label, (slope, rose), fontsize=7, xytext=(0, 5), textcoords="offset points", ha="center")
        left.axhline(0.0, color="black", linewidth=0.6)
        left.set(xlabel="layer (0: embedding)", ylabel="AUROC - 0.5 of nearness", xticks=LAYERS)
        left.set_title(f"Pairs inside {len(rows)} programs, layer by layer", fontsize=9, loc="left")
        right.axhline(0.0, color="black", linewidth=0.6)
        right.axvline(0.0, color="black", linewidth=0.6)
        right.margins(0.18)
        right.set(xlabel="slope of the profile, a layer", ylabel="AUROC - 0.5 of the pairs' trends")
        right.set_title("What is tested, against what is drawn", fontsize=9, loc="left")
        figure.savefig(path, metadata={"Date": None})
    for name, _, slope, rose in (*rows[:SHOWN], *rows[-SHOWN:]):
        print(f"{name:36} slope {slope:+.3f} a layer, trends {rose:+.3f}")


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "depth.svg")
