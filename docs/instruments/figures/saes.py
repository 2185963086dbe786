"""Draw ``saes.svg``: what dictionaries of the packaged model explain and share, what a set annotates, and values.

Run from a checkout: ``python docs/instruments/figures/saes.py``; another path may follow. Takes some minutes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

import theodolite.tl as tl
from theodolite.data import load_programs

MODEL, LAYERS, MIDDLE = "compact-pbmc", (0, 1, 2, 3), 2
BLUE, ORANGE, GREY = "#0072B2", "#E69F00", "#9A9A9A"
SIX = (BLUE, ORANGE, "#009E73", "#CC79A7", "#56B4E9", "#D55E00")


def told() -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Return the numbers of two panels by layer, and the facts of the middle one, in every second packaged cell."""
    adata, programs = tl.pbmc()[::2].copy(), load_programs()
    found: dict[str, list[float]] = {}
    middle: dict[str, Any] = {}
    for layer in LAYERS:
        tl.describe(adata, "saes.dictionary_quality", model=MODEL, layer=layer, seeds=2)
        quality = adata.uns["saes_dictionary_quality"]["facts"]
        middle = dict(quality) if layer == MIDDLE else middle
        tl.describe(adata, "saes.feature_annotation", model=MODEL, reference=list(programs), layer=layer)
        annotated = adata.uns["saes_feature_annotation"]["facts"]
        for name, value in (
            ("autoencoder", np.median(quality["explained_variance"])),
            ("singular axes, as many as are active", np.median(quality["svd_explained_variance"])),
            ("features that another seed finds", np.median(quality["matched"])),
            ("annotated", annotated["rate"]),
            ("mean", annotated["degree_strata.mean"]),
            ("high", annotated["degree_strata.high"]),
        ):
            found.setdefault(name, []).append(float(value))
    return found, middle


def draw(path: Path) -> None:
    """Compute the panels and write them."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    found, middle = told()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "theodolite", "font.size": 9, "axes.axisbelow": True}):
        figure = Figure(figsize=(12.6, 3.4), layout="constrained")
        FigureCanvasAgg(figure)
        left, right, values = figure.subplots(1, 3)
        for name, color in zip(list(found)[:3], (BLUE, GREY, ORANGE), strict=True):
            left.plot(LAYERS, found[name], color=color, marker="o", markersize=4, label=name)
        left.set(xlabel="layer (0: embedding)", ylabel="share", ylim=(-0.03, 1.03), xticks=LAYERS)
        left.set_title("Variance explained on held-out cells, and stability", fontsize=9, loc="left")
        left.legend(frameon=False, fontsize=8)
        right.plot(LAYERS, found["annotated"], color=BLUE, marker="o", markersize=4, label="features")
        right.fill_between(
            LAYERS, 0.0, found["high"], color=GREY, alpha=0.4, linewidth=0, label="97.5 % of draws, labels permuted"
        )
        right.plot(LAYERS, found["mean"], color=GREY, label="their mean")
        right.set(xlabel="layer (0: embedding)", ylabel="share of features", xticks=LAYERS)
        right.set_ylim(bottom=0.0)
        right.set_title("Annotated with one of the packaged programs", fontsize=9, loc="left")
        right.legend(frameon=False, fontsize=8)
        edges, counts = np.array(middle["values.edges"]), np.array(middle["values.counts"])
        for feature, count, color in zip(middle["values.feature"], counts, SIX, strict=True):
            values.stairs(count, edges, color=color, linewidth=1.4, label=f"feature {feature}")
        values.set_xscale("log", base=2)
        values.set_yscale("log")
        values.set(xlabel="value, in units of the activations", ylabel="tokens")
        values.set_title(f"Values of six features at layer {MIDDLE}, four bins an octave", fontsize=9, loc="left")
        values.legend(frameon=False, fontsize=8)
        figure.savefig(path, metadata={"Date": None})
    for name, by_layer in found.items():
        print(f"{name:40}", "  ".join(f"{value:.3f}" for value in by_layer))


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "saes.svg")
