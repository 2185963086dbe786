"""Anchors of an AnnData with their rulers and the two halves of the donors, all of it known before a model runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.analysis.manifold import Panel, PanelSplit, panel, split_by_donor, static_features
from theodolite.data import CellSet
from theodolite.data.rulers import AnchorTable, Ruler, RulerError, anchor_table, branches_on, make_ruler
from theodolite.experiments.manifold_spec import ManifoldSpec
from theodolite.manifolds.dimension import LEAST_DONORS
from theodolite.models.cell_states import CellStates
from theodolite.tl.errors import MeasureError
from theodolite.tl.rulers import GivenRuler

__all__ = ["Anchored", "anchored"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Anchored:
    """Anchors before a model has read their cells.

    Attributes
    ----------
    table
        The anchors, n of them.
    rulers
        Laid on them, by name.
    tips
        Branches that are left out of fits.
    seen
        Shape (n,): anchors of the donors that search.
    """

    table: AnchorTable
    rulers: Mapping[str, Ruler]
    tips: tuple[str, ...]
    seen: Bools

    def splits(self, cells: CellSet, states: CellStates) -> dict[str, PanelSplit]:
        """Return for each ruler a panel of what the model holds, with the donors divided; layers are ``L0``, ``L1``...

        A panel knows one depth of a row, so that each ruler has a panel of its own.

        Raises
        ------
        MeasureError
            If an anchor expresses none of the genes that are read.
        """
        expression = self.table.means(cells.log1p_cp10k(states.genes))
        layers = {f"L{layer}": self.table.means(states.hidden[:, layer]) for layer in range(states.hidden.shape[1])}
        try:
            static = static_features(expression, states.static)
        except ValueError as error:
            raise MeasureError(f"an anchor cannot be read: {error}; name other genes (genes=...)") from None
        return {
            name: PanelSplit(_panel(self.table, ruler, self.tips, layers, expression, static), self.seen)
            for name, ruler in self.rulers.items()
        }


def anchored(cells: CellSet, said: ManifoldSpec, rulers: Sequence[GivenRuler], seed: int) -> Anchored:
    """Group cells into anchors, lay rulers on them and divide the donors, as campaigns do.

    Parameters
    ----------
    cells
        The cells.
    said
        Columns and numbers.
    rulers
        The rulers, with their stage graphs.
    seed
        Of the halves of the donors, and of the groups of cells where there are no donors.

    Raises
    ------
    MeasureError
        If donors or branches are too few, a branch is not there, or a ruler does not fit the stages.
    CellDataError
        If labels do not fit together, or no donor, tissue and stage has enough cells.
    """
    first = next((given for given in rulers if given.graph is not None), None)
    graph = None if first is None or said.branch is not None else first.graph
    table = anchor_table(
        cells,
        stage=said.stage,
        donor=said.donor,
        tissue=said.tissue,
        branch=said.branch,
        branch_of=None if first is None or graph is None else branches_on(first.item, graph, cells.label(said.stage)),
        least_cells=said.least_cells,
        replicates=said.replicates,
        seed=seed,
    )
    if len(table.donors) < 2 * LEAST_DONORS:
        raise MeasureError(
            f"cells of {len(table.donors)} donors make anchors (column {said.donor!r}), and a search needs "
            f"{LEAST_DONORS} to choose by and {LEAST_DONORS} others to judge by; give cells of more donors, or "
            "donor=None, and what is found speaks of these cells only"
        )
    known = sorted(set(table.branch))
    trunk = None if graph is None else graph.branch[graph.root]
    tips = said.tips or tuple(name for name in known if name != trunk)
    if lost := [name for name in tips if name not in known]:
        raise MeasureError(f"tips names {lost[0]!r}; the anchors have the branches {', '.join(known)}")
    if len(tips) < 2:
        raise MeasureError(
            f"the anchors have the branches {', '.join(known)}, of which {', '.join(tips) or 'none'} can be left out "
            "of fits, and two are needed; name a column of branches (branch=...), or other ones (tips=...)"
        )
    try:
        laid = {given.item.id: make_ruler(given.item, table, cells, graph=given.graph) for given in rulers}
    except (RulerError, OSError) as error:
        raise MeasureError(f"rulers: {error}") from None
    # Halves depend on labels alone, so that rows without features divide as those of a model will.
    empty = np.zeros((len(table.anchors), 1))
    try:
        whole = _panel(table, next(iter(laid.values())), tips, {"none": empty}, empty, None)
        seen = split_by_donor(whole, seed=seed).seen
    except ValueError as error:
        raise MeasureError(f"the donors cannot be divided: {error} (tips=..., seed=...)") from None
    return Anchored(table, laid, tips, seen)


def _panel(
    table: AnchorTable,
    ruler: Ruler,
    tips: Sequence[str],
    layers: Mapping[str, Floats],
    expression: Floats,
    static: Floats | None,
) -> Panel:
    depths = ruler.depths(table.anchors)
    return panel(
        layers,
        {ruler.id: ruler.between(table.anchors)},
        expression,
        static=static,
        donors=table.donor,
        branches=table.branch,
        # Of a ruler without depth no two rows are of one depth: nothing can change places, and that gate is not met.
        depths=[depth or anchor for depth, anchor in zip(depths, table.anchors, strict=True)],
        tips=tips,
        blocks=table.block,
    )
