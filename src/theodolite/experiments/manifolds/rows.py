"""Anchors as a worker builds them: features of a model, or of what stands in its place, for one variant and part."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from theodolite.data import DISCOVERY, CellSet
from theodolite.data.rulers import AnchorTable
from theodolite.data.seeded import derive_seed
from theodolite.manifolds.baselines import principal_components, random_projection, static_features
from theodolite.manifolds.embedding import Fitter, unsupervised
from theodolite.measurements import Variant, VariantKind
from theodolite.tools import ToolError

if TYPE_CHECKING:
    from theodolite.models.cell_states import CellStates

__all__ = ["MOST_OPERATED", "AnchorRows", "anchors_of"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MOST_OPERATED = 1_000
"""Genes between which mean attention is held, to apply it as an operator; it grows with their square."""


def anchors_of(split: dict[str, Any], part: str, variant: Variant) -> AnchorTable:
    """Return the anchors that a job of a part and a variant sees: of discovery donors and of the part's own."""
    table = AnchorTable.from_document(split["panel" if variant.kind is VariantKind.PANEL else "anchors"])
    return table.of_donors({*split["parts"][DISCOVERY], *split["parts"][part]})


@dataclass(frozen=True, eq=False)
class AnchorRows:
    """What the instrument of anchors sees; implements :class:`theodolite.tools.AnchorBench`.

    Attributes
    ----------
    table
        The anchors.
    variant
        What is read in place of the model, or how.
    tips, readable, judged, seed
        As the instrument asks for them.
    cells
        The cells, for their expression.
    states
        Returns what the model of the variant holds of each cell.
    operators
        Returns mean attention (layers, genes, genes) between genes, over cells of discovery donors.
    known
        Anchors that a fitter may read with their distances on a ruler, None where none is given.
    """

    table: AnchorTable
    variant: Variant
    tips: tuple[str, ...]
    readable: Bools
    judged: Bools
    seed: int
    cells: CellSet = field(repr=False)
    states: Callable[[], CellStates] = field(repr=False)
    operators: Callable[[], Floats] = field(repr=False)
    known: bytes | None = field(default=None, repr=False)

    @property
    def anchors(self) -> tuple[str, ...]:
        """Names of the anchors."""
        return self.table.anchors

    @property
    def donors(self) -> tuple[str, ...]:
        """Donor of each."""
        return self.table.donor

    @property
    def blocks(self) -> tuple[str, ...]:
        """Donor and tissue of each."""
        return self.table.block

    @property
    def branches(self) -> tuple[str, ...]:
        """Branch of each."""
        return self.table.branch

    def _means(self, values: NDArray[Any]) -> Floats:
        """Return means over the cells of each anchor; of what is fitted anew, over as many cells drawn from them."""
        found = np.empty((len(self.table.rows), values.shape[1]))
        for row, cells in enumerate(self.table.rows):
            chosen = np.asarray(cells)
            if self.variant.kind is VariantKind.REFITTED:
                # By the anchor's name, so that its cells are the same in every part.
                seed = derive_seed(self.seed, "cells drawn anew", str(self.variant.seed), self.table.anchors[row])
                chosen = np.random.default_rng(seed).choice(chosen, len(chosen))
            found[row] = values[chosen].mean(axis=0, dtype=np.float64)
        return found

    def expression(self) -> Floats:
        """Return mean log1p CP10K (n, genes) of the genes that are read."""
        return self._means(self.cells.log1p_cp10k(self.states().genes))

    def residual(self, layer: int) -> Floats:
        """Return the residual stream after a block."""
        return self._means(self.states().hidden[:, layer])

    def attention(self, layer: int) -> Floats:
        """Return the attention that each gene receives in a block."""
        return self._means(self.states().attention[:, layer - 1])

    def operated(self, layer: int) -> Floats:
        """Return expression carried over by a block's mean attention between genes."""
        return np.asarray(self.expression() @ np.asarray(self.operators()[layer - 1], dtype=np.float64).T)

    def ruler(self) -> Floats | None:
        """Return distances on the ruler between rows that may be read, 0 elsewhere."""
        if self.known is None:
            return None
        given = json.loads(self.known)
        place = {anchor: row for row, anchor in enumerate(given["anchors"])}
        rows = np.flatnonzero(self.readable)
        at = [place[self.anchors[row]] for row in rows]
        found = np.zeros((len(self.anchors), len(self.anchors)))
        found[np.ix_(rows, rows)] = np.asarray(given["distances"], dtype=np.float64)[np.ix_(at, at)]
        return found

    def instead(self, dimension: int) -> tuple[Floats, Fitter] | None:
        """Return rows and fitter of a baseline that has no features of its own."""
        match self.variant.kind:
            case VariantKind.COUNTS:
                return self.expression(), unsupervised(principal_components, dimension=dimension)
            case VariantKind.RANDOM_PROJECTION:
                seed = derive_seed(self.seed, "random projection", str(self.variant.seed))
                return self.expression(), unsupervised(random_projection, dimension=dimension, seed=seed)
            case VariantKind.STATIC_EMBEDDING:
                try:
                    rows = static_features(self.expression(), self.states().static)
                except ValueError as error:
                    raise ToolError(str(error)) from error
                return rows, unsupervised(principal_components, dimension=min(dimension, rows.shape[1]))
        return None
