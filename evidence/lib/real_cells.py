"""Real cells with a known order, and compact models trained on real cells: what the manifold tables start from."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.analysis.manifold.anchors import LEAST_CELLS
from theodolite.data import CellSet, load_cells
from theodolite.gates.kernels import derive_seed
from theodolite.models.cell_states import cell_states
from theodolite.models.compact_model import CompactModel, load_compact
from theodolite.models.protocol import FoundationModel
from theodolite.models.training import TrainSettings, train_compact

__all__ = [
    "LINES",
    "Mixtures",
    "TrainedModel",
    "dealt",
    "layer_rows",
    "marrow",
    "mixtures",
    "most_variable",
    "trained",
]

Floats = NDArray[np.float64]

MARROW = "cells/paul15_mouse_hematopoiesis.h5ad"
MIXTURES = "cells/mixology_rna_mixtures.h5ad"
LINES = ("H2228", "H1975", "HCC827")
"""The three lines that were mixed, in the order of their columns."""


@dataclass(frozen=True, eq=False)
class Mixtures:
    """Pseudo-cells of known proportions.

    Attributes
    ----------
    cells
        Counts.
    proportions
        Shape (cells, 3): of :data:`LINES`, 1 in sum; the file rounds thirds to 0.33.
    names
        Mixture of each cell, such as ``68-16-16``.
    amounts
        RNA amount of each, in pg.
    """

    cells: CellSet
    proportions: Floats
    names: tuple[str, ...]
    amounts: tuple[str, ...]


def mixtures(data: Path) -> Mixtures:
    """Read the RNA mixtures."""
    columns = [f"{line}_prop" for line in LINES]
    cells = load_cells(
        data / MIXTURES, layer="X", species="human", gene_column="symbol", labels=[*columns, "mRNA_amount"]
    )
    raw = np.array([[float(value) for value in cells.labels[column]] for column in columns]).T
    return Mixtures(
        cells=cells,
        proportions=raw / raw.sum(axis=1, keepdims=True),
        names=tuple("-".join(f"{round(100 * part)}" for part in row) for row in raw),
        amounts=tuple(f"{float(amount):g}" for amount in cells.labels["mRNA_amount"]),
    )


def marrow(data: Path) -> CellSet:
    """Read the mouse bone-marrow cells."""
    return load_cells(data / MARROW, layer="X", species="mouse", labels=["cell_type"])


def most_variable(values: NDArray[np.floating[Any]], count: int) -> NDArray[np.int64]:
    """Return the columns (count,) of most variance, in ascending order; of equals the first."""
    order = np.argsort(-values.var(axis=0), kind="stable")
    return np.sort(order[:count])


@dataclass(frozen=True)
class TrainedModel:
    """A compact model, and how it came to be.

    Attributes
    ----------
    model
        Ready to run.
    record
        Settings, and the share of variance that it explains on cells it was not trained on, beside baselines.
    folder
        Of its checkpoint.
    """

    model: CompactModel
    record: dict[str, Any]
    folder: Path


def trained(name: str, cells: CellSet, genes: Sequence[str], settings: TrainSettings, folder: Path) -> TrainedModel:
    """Train a compact model, or take the one that an earlier run left in the folder ``THEODOLITE_COMPACT`` names."""
    kept = os.environ.get("THEODOLITE_COMPACT")
    out = Path(kept) / name if kept else folder / name
    out.parent.mkdir(parents=True, exist_ok=True)

    def told(step: int, steps: int, numbers: Any) -> None:
        if step % 500 == 0:
            print(f"{name}: step {step} of {steps}", flush=True)

    # A run that is finished is restored, not repeated; one on other cells, genes or settings is refused.
    train_compact(
        cells.log1p_cp10k(genes), genes, settings, {}, out, resume=True, progress=told,
        command=f"evidence/lib/real_cells.py: trained({name!r})",
    )  # fmt: skip
    report = json.loads((out / "config.json").read_text(encoding="utf-8"))["extra"]["report"]
    kept_numbers = ("steps", "r2", "r2_shrinkage", "r2_ledoit_wolf", "n_training_cells")
    return TrainedModel(
        model=load_compact(out),
        record={
            "genes": len(genes),
            "settings": asdict(settings),
            **{key: report[key] for key in kept_numbers},
            "n_held_out_cells": len(report["held_out_cells"]),
        },
        folder=out,
    )


def layer_rows(model: FoundationModel, cells: CellSet) -> tuple[dict[str, Floats], Floats]:
    """Return mean hidden states (cells, width) by layer, and the table of gene vectors (genes, width)."""
    states = cell_states(model, cells, with_attention=False)
    layers = {f"layer {layer}": states.hidden[:, layer].astype(np.float64) for layer in range(states.hidden.shape[1])}
    return layers, np.asarray(states.static, dtype=np.float64)


def dealt(groups: Sequence[str], *, most: int, seed: int = 0) -> tuple[str, ...]:
    """Deal the cells of each group at random into replicates of five or more, as evenly as can be; "" for none.

    Replicates of one data set are no donors: they share animal, day and plate, and differ by the draw of cells alone.

    Parameters
    ----------
    groups
        Group of each cell.
    most
        Replicates of a group at most; a group with fewer cells than that needs has fewer, or none.
    seed
        Of the deal.
    """
    label = np.asarray(groups, dtype=str)
    found = np.full(len(label), "", dtype=object)
    for group in sorted(set(label.tolist())):
        inside = np.flatnonzero(label == group)
        count = min(most, len(inside) // LEAST_CELLS)
        order = np.random.default_rng(derive_seed(seed, "deal", group)).permutation(inside)
        for place, cell in enumerate(order if count else []):
            found[cell] = f"replicate_{place % count + 1:02d}"
    return tuple(found.tolist())
