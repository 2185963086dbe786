"""Which cells make which anchor: all of one donor, tissue and stage."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.data.cells import CellSet
from theodolite.data.counts import CellDataError, CellErrorCode
from theodolite.data.seeded import derive_seed, seeded_bits, stable_permutation

__all__ = ["LEAST_CELLS", "AnchorTable", "anchor_table"]

LEAST_CELLS: Final = 5
"""Cells of an anchor; a centroid of fewer is mostly noise."""
_BETWEEN: Final = "|"


@dataclass(frozen=True, eq=False)
class AnchorTable:
    """Anchors in the order of their names.

    Attributes
    ----------
    anchors
        Names, n of them: donor, tissue where there is one, and stage.
    donor, block, stage, branch
        Of each; a block is donor and tissue.
    rows
        For each the rows of its cells in the cell set.
    dropped
        Combinations that had some cells, and too few.
    unit
        ``donor``, or ``cells`` where cells were dealt into groups for want of donors.
    """

    anchors: tuple[str, ...]
    donor: tuple[str, ...]
    block: tuple[str, ...]
    stage: tuple[str, ...]
    branch: tuple[str, ...]
    rows: tuple[tuple[int, ...], ...]
    dropped: int
    unit: Literal["donor", "cells"]

    @cached_property
    def donors(self) -> tuple[str, ...]:
        """Every donor once, sorted."""
        return tuple(sorted(set(self.donor)))

    def of_donors(self, donors: Collection[str]) -> AnchorTable:
        """Return the anchors of some donors."""
        return self.of_anchors([row for row, donor in enumerate(self.donor) if donor in donors])

    def of_anchors(self, kept: Sequence[int]) -> AnchorTable:
        """Return some anchors by their rows."""
        parts: dict[str, Any] = {
            name: tuple(getattr(self, name)[row] for row in kept)
            for name in ("anchors", "donor", "block", "stage", "branch", "rows")
        }
        return AnchorTable(**parts, dropped=self.dropped, unit=self.unit)

    def means(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return means (n, k) over the cells of each anchor of what each cell has, (cells, k)."""
        found = np.empty((len(self.rows), values.shape[1]))
        for anchor, cells in enumerate(self.rows):
            found[anchor] = values[np.asarray(cells)].mean(axis=0, dtype=np.float64)
        return found

    @property
    def document(self) -> dict[str, Any]:
        """Plain data, from which :meth:`from_document` makes the table again."""
        names = ("anchors", "donor", "block", "stage", "branch", "rows", "dropped", "unit")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> AnchorTable:
        """Return the table of a document."""
        fields: dict[str, Any] = {
            name: tuple(map(tuple, value)) if name == "rows" else tuple(value) if isinstance(value, list) else value
            for name, value in document.items()
        }
        return cls(**fields)


def anchor_table(
    cells: CellSet,
    *,
    stage: str,
    donor: str | None = None,
    tissue: str | None = None,
    branch: str | None = None,
    branch_of: Mapping[str, str] | None = None,
    kept: Sequence[int] | None = None,
    least_cells: int = LEAST_CELLS,
    replicates: int = 12,
    seed: int = 0,
) -> AnchorTable:
    """Group cells by their labels.

    Parameters
    ----------
    cells
        The cells.
    stage, donor, tissue, branch
        Columns of labels. Without donors, cells of a stage are dealt at random into ``replicates`` groups, and whatever
        is found speaks of these cells only.
    branch_of
        Branch of each stage, in place of a column.
    kept
        Rows of cells that count; all where not given.
    least_cells
        Fewest cells of an anchor.
    replicates, seed
        Groups in place of donors, and the seed by which cells are dealt.

    Raises
    ------
    CellDataError
        If there is no such column, a label holds the sign that joins them, a stage has two branches or none, or no
        combination has enough cells.
    """
    n = len(cells.cells)
    stages = cells.label(stage)
    chosen = [int(row) for row in (range(n) if kept is None else kept)]
    units = _dealt(cells.cells, stages, chosen, replicates, seed) if donor is None else cells.label(donor)
    tissues = None if tissue is None else cells.label(tissue)
    members: dict[tuple[str, ...], list[int]] = {}
    branches = _branches(cells, stages, branch, branch_of, chosen)
    for row in chosen:
        key = (units[row], *(() if tissues is None else (tissues[row],)), stages[row])
        if bad := next((text for text in key if _BETWEEN in text), None):
            raise CellDataError(
                CellErrorCode.MISSING_LABELS, f"the label {bad!r} holds {_BETWEEN!r}, which joins labels to names of "
                "anchors; rename it"
            )  # fmt: skip
        members.setdefault(key, []).append(row)
    wanted = sorted(key for key, rows in members.items() if len(rows) >= least_cells)
    if not wanted:
        raise CellDataError(
            CellErrorCode.EMPTY,
            f"no donor, tissue and stage has {least_cells} cells together; give fewer labels, more cells or a smaller "
            "least_cells",
        )
    return AnchorTable(
        anchors=tuple(_BETWEEN.join(key) for key in wanted),
        donor=tuple(key[0] for key in wanted),
        block=tuple(_BETWEEN.join(key[:-1]) for key in wanted),
        stage=tuple(key[-1] for key in wanted),
        branch=tuple(branches[key[-1]] for key in wanted),
        rows=tuple(tuple(members[key]) for key in wanted),
        dropped=len(members) - len(wanted),
        unit="cells" if donor is None else "donor",
    )


def _branches(
    cells: CellSet,
    stages: Sequence[str],
    branch: str | None,
    branch_of: Mapping[str, str] | None,
    kept: Sequence[int],
) -> dict[str, str]:
    """Return the branch of each stage of the cells that count."""
    if branch is None:
        given = dict(branch_of or {})
        if missing := sorted({stages[row] for row in kept} - set(given)):
            raise CellDataError(
                CellErrorCode.MISSING_LABELS,
                f"no branch is known of the stages {', '.join(map(repr, missing[:5]))}; name a column of branches, or "
                "a graph that has these stages",
            )
        return given
    found: dict[str, str] = {}
    labels = cells.label(branch)
    for row in kept:
        name, each = stages[row], labels[row]
        if found.setdefault(name, each) != each:
            raise CellDataError(
                CellErrorCode.MISSING_LABELS,
                f"cells of the stage {name!r} are of the branches {found[name]!r} and {each!r}; a stage has one",
            )
    return found


def _dealt(cells: Sequence[str], stages: Sequence[str], chosen: Sequence[int], replicates: int, seed: int) -> list[str]:
    """Deal the chosen cells of each stage into groups of equal size, at random, by their names."""
    found = [""] * len(stages)
    for name in sorted({stages[row] for row in chosen}):
        rows = sorted((row for row in chosen if stages[row] == name), key=lambda row: cells[row])
        order = stable_permutation(seeded_bits(derive_seed(seed, "replicates", name), 0), len(rows))
        for place, row in enumerate(order):
            found[rows[row]] = f"replicate_{place % replicates + 1:02d}"
    return found
