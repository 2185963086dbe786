"""Draw ``saes.svg``: what dictionaries of the packaged model explain and share, and how many features a set annotates.

Run from a checkout: ``python docs/instruments/figures/saes.py``; another path may follow. Takes some minutes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import theodolite.tl as tl
from theodolite.data import load_programs

MODEL, LAYERS = "compact-pbmc", (0, 1, 2, 3)
BLUE, ORANGE, GREY = "#0072B2", "#E69F00", "#9A9A9A"


def told() -> dict[str, list[float]]:
    """Return the numbers of both panels by layer, in every second of the packaged cells."""
    adata, programs = tl.pbmc()[::2].copy(), load_programs()
    found: dict[str, list[float]] = {}
    for layer in LAYERS:
        tl.describe(adata, "saes.dictionary_quality", model=MODEL, layer=layer, seeds=2)
        quality = adata.uns["saes_dictionary_quality"]["facts"]
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
    return found


def draw(path: Path) -> None:
    """Compute both panels and write them."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    found = told()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "theodolite", "font.size": 9, "axes.axisbelow": True}):
        figure = Figure(figsize=(8.6, 3.4), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2)
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
        figure.savefig(path, metadata={"Date": None})
    for name, values in found.items():
        print(f"{name:40}", "  ".join(f"{value:.3f}" for value in values))


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "saes.svg")
