"""Draw ``ablation.svg``: what each component of the packaged model does, and a ranking of its heads against chance.

Run from a checkout: ``python docs/instruments/figures/ablation.py``; another path may follow. Takes a minute.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from theodolite.analysis.ablation import dose_response, head_conditions
from theodolite.data import load_pbmc, load_programs
from theodolite.models.ablated import LEAST_TURN, Ablated
from theodolite.models.ablating import ablate
from theodolite.models.components import components
from theodolite.plugins import find_model

CELLS, DRAWS, SIZES, PROGRAM = 24, 15, (1, 2, 4), "b_lineage_marks"
BLUE, ORANGE, GREY = "#0072B2", "#E69F00", "#9A9A9A"


def heads_by_effect(found: Ablated, n_heads: int, members: np.ndarray) -> np.ndarray:
    """Return by layer and head how much more the members' predictions change than those of other genes."""
    logs = np.log(np.maximum(found.prediction, np.finfo(np.float32).tiny))
    heads = [row for row, (part,) in enumerate(found.conditions) if part.part == "head"]
    return (logs[heads][:, members].mean(axis=1) - logs[heads][:, ~members].mean(axis=1)).reshape(-1, n_heads)


def draw(path: Path) -> None:
    """Compute the two panels and write them."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    _, model = find_model("compact-pbmc")
    cells = load_pbmc()
    reference = next(item for item in load_programs() if item.id == PROGRAM)
    members = np.array([gene in reference.genes for gene in model.genes])
    first, second = cells.take_cells(cells.cells[0::2]), cells.take_cells(cells.cells[1::2])
    every = [[part] for part in components(model.n_layers, model.n_heads)]
    each = ablate(model, first.take_cells(first.cells[:CELLS]), every, "zero")
    ranking = heads_by_effect(each, model.n_heads, members)
    conditions = head_conditions(ranking, SIZES, draws=DRAWS, seed=1)
    response = dose_response(model, second, conditions, reference.genes, cells_at_most=CELLS)

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "theodolite", "font.size": 9, "axes.axisbelow": True}):
        figure = Figure(figsize=(8.6, 3.6), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2)
        names = [str(part) for (part,) in each.conditions]
        turns = each.largest[:, 0]
        left.barh(range(len(names)), turns, color=[BLUE if turn >= LEAST_TURN else GREY for turn in turns])
        left.axvline(LEAST_TURN, color=ORANGE, linewidth=1.2)
        left.set(xscale="log", yticks=range(len(names)), yticklabels=names)
        left.invert_yaxis()
        left.set_xlabel("largest cosine distance of the last stream")
        left.set_title("What does anything at all (line: 0.02)", fontsize=9, loc="left")
        for size in SIZES:
            drawn = [dose.specific for dose in response.of("random", size)]
            right.scatter([str(size)] * len(drawn), drawn, color=GREY, s=14, label="random" if size == 1 else None)
            best = response.of("top", size)[0].specific
            right.scatter([str(size)], [best], color=BLUE, s=40, label="best of the ranking" if size == 1 else None)
        right.axhline(0.0, color="black", linewidth=0.6)
        right.set_xlabel("heads that are silent")
        right.set_ylabel("AUROC - 0.5 of the change")
        right.set_title(f"Marks of B cells against other genes, {CELLS} other cells", fontsize=9, loc="left")
        right.legend(frameon=False, fontsize=8)
        figure.savefig(path, metadata={"Date": None})
    for size in SIZES:
        difference, p, n = response.against("random", size, "specific")
        best = response.of("top", size)[0].specific
        print(f"{size} heads: {best:+.3f}, {difference:+.3f} beyond random, p = {p:.3f} ({n})")


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "ablation.svg")
