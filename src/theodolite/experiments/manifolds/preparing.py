"""From a campaign file about manifolds to its setting: cells grouped, rulers laid, donors divided."""

from __future__ import annotations

import numpy as np

from theodolite.data import DISCOVERY, CellSet
from theodolite.data.cells import UnitKind
from theodolite.data.rulers import AnchorTable, RulerError, anchor_table, branches_on, make_ruler, stage_graph_of
from theodolite.data.splits import DonorSplit, donor_split
from theodolite.data.stage_graphs import StageGraph, StageGraphError
from theodolite.experiments.campaign import CampaignSpec
from theodolite.experiments.finding_references import families_of
from theodolite.experiments.inputs import load_cells
from theodolite.experiments.manifold_spec import ManifoldSpec
from theodolite.experiments.manifolds.setting import ManifoldSetting
from theodolite.experiments.reading import CampaignError
from theodolite.experiments.surveying import surveyed
from theodolite.experiments.workspace import Workspace
from theodolite.gates.catalogue_manifold.discipline import LEAST_ANCHORS, LEAST_UNITS
from theodolite.plugins import find_facts

__all__ = ["prepare_manifold"]


def prepare_manifold(spec: CampaignSpec, workspace: Workspace, *, cells: CellSet | None = None) -> ManifoldSetting:
    """Resolve the inputs of a campaign about manifolds.

    Raises
    ------
    CampaignError
        If cells, model and rulers do not fit together, or donors are too few.
    """
    said = spec.manifold
    assert said is not None
    model = find_facts(spec.place(spec.model))
    if cells is None:
        cells = load_cells(spec.placed_cells)
    families = families_of(spec)
    model = surveyed(model, cells, families, spec.genes)
    graph = next((item for item in said.rulers if item.graph is not None), None)
    try:
        root = None if graph is None or said.branch is not None else stage_graph_of(graph, spec.folder)
    except (RulerError, StageGraphError, OSError) as error:
        raise CampaignError(f"manifold.rulers: {error}") from error
    table, panel = _tables(spec, said, cells, root)
    known = sorted(set(table.branch))
    trunk = None if root is None else root.branch[root.root]
    tips = said.tips or tuple(name for name in known if name != trunk)
    if lost := [name for name in tips if name not in known]:
        raise CampaignError(f"manifold.tips names {lost[0]!r}; the anchors have the branches {', '.join(known)}")
    if len(known) < 2 or not tips:
        raise CampaignError(f"the anchors have the branches {', '.join(known)}; a search leaves one out of two or more")
    if len(table.donors) < 2 * LEAST_UNITS:
        raise CampaignError(
            f"cells of {len(table.donors)} donors make anchors, and a search needs {LEAST_UNITS} to choose by and "
            f"{LEAST_UNITS} others to judge by; give cells of more donors, or leave `donor` out, and verdicts "
            "speak of these cells only"
        )
    kind: UnitKind = "donor" if table.unit == "donor" else "cell"
    split = donor_split(_donors_of(cells, said, table, panel), table.donors, spec.split.seed, kind)
    if panel is not None:
        _require_panel(panel, split)
    whole = table if panel is None else _both(table, panel)
    try:
        rulers = {item.id: make_ruler(item, whole, cells, spec.folder) for item in said.rulers}
    except (RulerError, StageGraphError, OSError) as error:
        raise CampaignError(f"manifold.rulers: {error}") from error
    setting = ManifoldSetting(
        spec,
        workspace,
        model,
        cells,
        families,
        dict(rulers),
        split,
        table=table,
        panel=panel,
        tips=tips,
    )
    if not setting.candidates():
        raise CampaignError(
            f"nothing is left to search: {model.name} has {model.n_layers} layers, and of the closed list nothing has "
            f"features {', '.join(said.features)}, fitters {', '.join(said.fitters)} and sizes "
            f"{', '.join(map(str, said.sizes))}; leave one of them out (`theodolite tools describe manifold.follows`)"
        )
    return setting


def _donors_of(cells: CellSet, said: ManifoldSpec, table: AnchorTable, panel: AnchorTable | None) -> dict[str, str]:
    """Return the donor of every cell, or of those in an anchor the group that they were dealt into."""
    if said.donor is not None:
        return dict(zip(cells.cells, cells.label(said.donor), strict=True))
    parts = [table] if panel is None else [table, panel]
    return {
        cells.cells[row]: donor
        for part in parts
        for donor, rows in zip(part.donor, part.rows, strict=True)
        for row in rows
    }


def _require_panel(panel: AnchorTable, split: DonorSplit) -> None:
    """Refuse cells in which every claim must fail that are too few for a failure to say anything."""
    for part in (DISCOVERY, *split.blocks):
        own = panel.of_donors(split.cell_units(part))
        if len(own.anchors) < LEAST_ANCHORS or len(own.donors) < LEAST_UNITS:
            raise CampaignError(
                f"manifold.expected_fail: its cells make {len(own.anchors)} anchors of {len(own.donors)} of the donors "
                f"in {part}, and {LEAST_ANCHORS} of {LEAST_UNITS} are needed for a failure to say anything; name more "
                "cells of the same donors, or leave it out"
            )


def _tables(
    spec: CampaignSpec, said: ManifoldSpec, cells: CellSet, graph: StageGraph | None
) -> tuple[AnchorTable, AnchorTable | None]:
    n = len(cells.cells)
    fails = np.zeros(n, dtype=bool)
    if said.expected_fail is not None:
        labels = np.asarray(cells.label(said.expected_fail.column), dtype=str)
        fails = np.isin(labels, said.expected_fail.values)
        if not fails.any() or fails.all():
            raise CampaignError(
                f"manifold.expected_fail: {int(fails.sum())} of {n} cells have {said.expected_fail.column} "
                f"{', '.join(said.expected_fail.values)}; name values of some cells, and not of all"
            )
    branch_of = None
    if graph is not None:
        item = next(item for item in said.rulers if item.graph is not None)
        branch_of = branches_on(item, graph, set(cells.label(said.stage)))

    def group(kept: np.ndarray) -> AnchorTable:
        return anchor_table(
            cells,
            stage=said.stage,
            donor=said.donor,
            tissue=said.tissue,
            branch=said.branch,
            branch_of=branch_of,
            kept=np.flatnonzero(kept).tolist(),
            least_cells=said.least_cells,
            replicates=said.replicates,
            # With the seed of the split: another campaign with the same split finds the same cells on the same side.
            seed=spec.split.seed,
        )

    table = group(~fails)
    if said.expected_fail is None:
        return table, None
    return table, _marked(group(fails))


def _marked(panel: AnchorTable) -> AnchorTable:
    """Return anchors of a panel under names of their own: a donor may have cells on both sides."""
    fields = panel.document
    return AnchorTable.from_document({**fields, "anchors": [f"expected fail|{name}" for name in panel.anchors]})


def _both(table: AnchorTable, panel: AnchorTable) -> AnchorTable:
    first, second = table.document, panel.document
    parts = ("anchors", "donor", "block", "stage", "branch", "rows")
    return AnchorTable.from_document({**first, **{name: [*first[name], *second[name]] for name in parts}})
