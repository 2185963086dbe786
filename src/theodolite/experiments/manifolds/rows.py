"""Anchors as a worker builds them: features of a model, or of what stands in its place, for one variant and part."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from theodolite.canonical import digest
from theodolite.data import DISCOVERY, CellSet
from theodolite.data.rulers import AnchorTable
from theodolite.data.seeded import derive_seed
from theodolite.manifolds.baselines import principal_components, random_projection, static_features
from theodolite.manifolds.embedding import Fitter, unsupervised
from theodolite.measurements import Variant, VariantKind
from theodolite.tools import ToolError

if TYPE_CHECKING:
    from pathlib import Path

    from theodolite.experiments.jobs import JobSpec
    from theodolite.models.cell_states import CellStates
    from theodolite.models.protocol import FoundationModel

__all__ = ["MOST_OPERATED", "AnchorRows", "Read", "anchor_rows", "anchors_of"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MOST_OPERATED = 1_000
"""Genes between which mean attention is held, to apply it as an operator; it grows with their square."""


def anchors_of(split: dict[str, Any], part: str, variant: Variant) -> AnchorTable:
    """Return the anchors that a job of a part and a variant sees: of discovery donors and of the part's own."""
    table = AnchorTable.from_document(split["panel" if variant.kind is VariantKind.PANEL else "anchors"])
    return table.of_donors({*split["parts"][DISCOVERY], *split["parts"][part]})


@dataclass(frozen=True, eq=False)
class Read:
    """What a worker reads of model and cells; each file of it is made once, then kept.

    Attributes
    ----------
    split
        The split's document.
    cells
        The cells.
    genes
        Genes that are surveyed; None for all that the model knows.
    of
        Hashes of model and cells.
    varied
        Returns model and cells of a variant.
    cached
        Returns the file in which something of a variant is kept, made by the function that it is given.
    artefact
        Returns an artefact.
    kept
        Returns what was loaded under a key lately, loaded now if it was not.
    said
        Told where memory ran out.
    """

    split: dict[str, Any]
    cells: CellSet
    genes: tuple[str, ...] | None
    of: tuple[str, str]
    varied: Callable[[Variant], tuple[FoundationModel, CellSet]]
    cached: Callable[[str, str, Callable[[Path], None]], Path]
    artefact: Callable[[str], bytes]
    kept: Callable[[Any, Callable[[], Any]], Any]
    said: Callable[[str], None]

    def states(self, variant_text: str) -> CellStates:
        """Return what the model of a variant holds of each cell."""
        from theodolite.models.cell_states import cell_states, load_cell_states, save_cell_states

        def take(path: Path) -> None:
            found = cell_states(*self.varied(Variant.parse(variant_text)), self.genes, self.said)
            save_cell_states(path, found, (*self.of, variant_text))

        what = "cell states 1"
        found: CellStates = self.kept(
            (variant_text, what), lambda: load_cell_states(self.cached(variant_text, what, take))
        )
        return found

    def operators(self, variant_text: str) -> Floats:
        """Return mean attention (layers, genes, genes) of each block, over the cells of discovery donors' anchors.

        Raises
        ------
        ToolError
            If the genes are too many.
        """
        from theodolite.models.capture import capture, known_genes, load_capture, save_capture

        model, cells = self.varied(Variant.parse(variant_text))
        genes = self.genes or known_genes(model, cells)
        if len(genes) > MOST_OPERATED:
            raise ToolError(
                f"an operator between {len(genes):,} genes is too large; survey {MOST_OPERATED:,} or fewer (`genes: "
                "{most: ...}`), or leave the feature out"
            )
        table = AnchorTable.from_document(self.split["anchors"]).of_donors(set(self.split["parts"][DISCOVERY]))
        chosen = sorted({row for rows in table.rows for row in rows})
        what = f"operators 1 {digest(chosen)}"

        def take(path: Path) -> None:
            read = cells.take_cells([cells.cells[row] for row in chosen])
            save_capture(path, capture(model, read, genes, said=self.said), (*self.of, variant_text))

        taken = self.kept((variant_text, what), lambda: load_capture(self.cached(variant_text, what, take)))
        return np.asarray(taken.attention.mean(axis=1), dtype=np.float64)


def anchor_rows(read: Read, job: JobSpec) -> AnchorRows:
    """Return what the instrument of anchors sees of a part's anchors and of a variant."""
    variant = Variant.parse(job.variant)
    # What a null branch, a panel or cells drawn anew read is the model itself.
    of_model = str(variant if variant.kind is VariantKind.UNTRAINED else Variant(VariantKind.MAIN))
    table = anchors_of(read.split, job.split, variant)
    donors = np.asarray(table.donor)
    return AnchorRows(
        table=table,
        variant=variant,
        tips=tuple(tip for tip in read.split["tips"] if tip in table.branch),
        readable=np.isin(donors, read.split["parts"][DISCOVERY]),
        judged=np.isin(donors, read.split["parts"][job.split]),
        seed=int(read.split["seed"]),
        cells=read.cells,
        states=lambda: read.states(of_model),
        operators=lambda: read.operators(of_model),
        known=None if job.references is None else read.artefact(job.references),
    )


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
        if self.variant.kind is not VariantKind.REFITTED:
            return self.table.means(values)
        drawn = []
        for anchor, cells in zip(self.table.anchors, self.table.rows, strict=True):
            # By the anchor's name, so that its cells are the same in every part.
            seed = derive_seed(self.seed, "cells drawn anew", str(self.variant.seed), anchor)
            drawn.append(tuple(np.random.default_rng(seed).choice(cells, len(cells)).tolist()))
        return replace(self.table, rows=tuple(drawn)).means(values)

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
        operator = np.asarray(self.operators()[layer - 1], dtype=np.float64)
        if self.variant.kind is VariantKind.RANDOM_OPERATOR:
            draw = np.random.default_rng(derive_seed(self.seed, "random operator", str(self.variant.seed), str(layer)))
            support = operator != 0.0
            operator = operator.copy()
            operator[support] = draw.permutation(operator[support])
        return np.asarray(self.expression() @ operator.T)

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
