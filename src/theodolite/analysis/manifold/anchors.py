"""Anchors: centroids of cells that agree in donor, tissue, cell type or stage, the points of a manifold search.

A cell is one noisy draw and no replicate; a centroid over a donor's cells of a kind is what donors repeat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["LEAST_CELLS", "Anchors", "anchors"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_CELLS: Final = 5
"""Cells of an anchor; a centroid of fewer is mostly noise."""


@dataclass(frozen=True, eq=False)
class Anchors:
    """Centroids, in the order of their labels.

    Attributes
    ----------
    rows
        Shape (n, width).
    labels
        Each label's values, n each.
    cells
        Shape (n,): cells of each.
    dropped
        Combinations of labels that had some cells, and too few.
    """

    rows: Floats
    labels: Mapping[str, tuple[str, ...]]
    cells: Ints
    dropped: int

    def joined(self, *names: str) -> tuple[str, ...]:
        """Return some labels as one, such as donor and tissue as the block of an anchor.

        Raises
        ------
        KeyError
            If there is no such label.
        """
        return tuple("|".join(values) for values in zip(*(self.labels[name] for name in names), strict=True))


def anchors(features: ArrayLike, labels: Mapping[str, Sequence[str]], *, least: int = LEAST_CELLS) -> Anchors:
    """Average the features of cells that have all labels in common.

    Parameters
    ----------
    features
        Shape (cells, width).
    labels
        Values of each label by name, one a cell. Cells with an empty value belong to no anchor.
    least
        Fewest cells of an anchor.

    Raises
    ------
    ValueError
        If features and labels do not fit, or no combination has enough cells.
    """
    array = np.asarray(features, dtype=np.float64)
    if array.ndim != 2 or not np.isfinite(array).all():
        raise ValueError(f"features of shape {array.shape} must be a matrix (cells, width) of finite numbers")
    if not labels or any(len(values) != len(array) for values in labels.values()):
        lengths = {name: len(values) for name, values in labels.items()}
        raise ValueError(f"labels of lengths {lengths} for {len(array)} cells; give one or more, a value for each cell")
    members: dict[tuple[str, ...], list[int]] = {}
    for cell, values in enumerate(zip(*labels.values(), strict=True)):
        if all(values):
            members.setdefault(values, []).append(cell)
    kept = sorted(values for values, cells in members.items() if len(cells) >= least)
    if not kept:
        raise ValueError(
            f"no combination of {', '.join(labels)} has {least} cells; give fewer labels, more cells or a smaller least"
        )
    return Anchors(
        rows=np.stack([array[members[values]].mean(axis=0) for values in kept]),
        labels={name: tuple(values[place] for values in kept) for place, name in enumerate(labels)},
        cells=np.array([len(members[values]) for values in kept], dtype=np.int64),
        dropped=len(members) - len(kept),
    )
