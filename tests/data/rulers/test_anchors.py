"""Which cells make which anchor."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest

from theodolite.data import CellDataError, CellSet
from theodolite.data.rulers import AnchorTable, anchor_table

STAGES, BRANCHES = ("a", "b"), {"a": "trunk", "b": "left"}


def some_cells(**labels: list[str]) -> CellSet:
    """Cells of one gene, named in the order of their labels."""
    n = len(next(iter(labels.values())))
    names = [f"c{row:03d}" for row in range(n)]
    return CellSet.from_counts("some", np.ones((n, 1), int), ["G1"], names, labels=labels, species="x", origin="test")


def dealt(per: int = 6) -> CellSet:
    """Donors d1 and d2 with cells of tissues t1 and t2 and stages a and b, ``per`` of each."""
    every = [(d, t, s) for d in ("d1", "d2") for t in ("t1", "t2") for s in STAGES for _ in range(per)]
    donor, tissue, stage = (list(column) for column in zip(*every, strict=True))
    return some_cells(donor=donor, tissue=tissue, stage=stage, branch=[BRANCHES[name] for name in stage])


def test_anchors_are_all_cells_of_one_donor_tissue_and_stage() -> None:
    table = anchor_table(dealt(), stage="stage", donor="donor", tissue="tissue", branch="branch")
    assert table.anchors[:3] == ("d1|t1|a", "d1|t1|b", "d1|t2|a") and len(table.anchors) == 8
    assert table.block[:3] == ("d1|t1", "d1|t1", "d1|t2")
    assert table.stage[:2] == ("a", "b") and table.branch[:2] == ("trunk", "left")
    assert table.rows[1] == (6, 7, 8, 9, 10, 11)
    assert (table.donors, table.dropped, table.unit) == (("d1", "d2"), 0, "donor")
    without = anchor_table(dealt(), stage="stage", donor="donor", branch_of=BRANCHES)
    assert without.anchors == ("d1|a", "d1|b", "d2|a", "d2|b") and without.block == without.donor


def test_combinations_of_too_few_cells_are_dropped_and_counted() -> None:
    cells = some_cells(donor=["d1"] * 9 + ["d2"] * 4, stage=["a"] * 5 + ["b"] * 8)
    table = anchor_table(cells, stage="stage", donor="donor", branch_of=BRANCHES)
    assert (table.anchors, table.dropped) == (("d1|a",), 2)
    assert anchor_table(cells, stage="stage", donor="donor", branch_of=BRANCHES, least_cells=4).dropped == 0
    with pytest.raises(
        CellDataError, match="no donor, tissue and stage has 6 cells together; .* a smaller least_cells"
    ):
        anchor_table(cells, stage="stage", donor="donor", branch_of=BRANCHES, least_cells=6)


def test_only_cells_that_are_kept_count_and_only_their_stages_need_a_branch() -> None:
    cells = some_cells(donor=["d1"] * 15, stage=["a"] * 5 + ["b"] * 5 + ["lost"] * 5, kind=["x"] * 9 + ["y"] * 6)
    table = anchor_table(cells, stage="stage", donor="donor", branch_of=BRANCHES, kept=np.arange(10))  # type: ignore[arg-type]
    assert table.anchors == ("d1|a", "d1|b")
    assert all(type(row) is int for rows in table.rows for row in rows)
    kept = [row for row in range(15) if row != 9]
    assert anchor_table(cells, stage="stage", donor="donor", branch="kind", kept=kept, least_cells=4).dropped == 0


def test_a_stage_of_two_branches_or_none_is_refused() -> None:
    cells = some_cells(donor=["d1"] * 10, stage=["a"] * 10, branch=["x"] * 9 + ["y"])
    with pytest.raises(CellDataError, match="stage 'a' are of the branches 'x' and 'y'; a stage has one"):
        anchor_table(cells, stage="stage", donor="donor", branch="branch")
    for known in (None, {"b": "left"}):
        with pytest.raises(CellDataError, match="no branch is known of the stages 'a'; name a column of branches, or"):
            anchor_table(cells, stage="stage", donor="donor", branch_of=known)


@pytest.mark.parametrize("column", ["donor", "tissue", "stage"])
def test_a_label_that_holds_the_sign_between_labels_is_refused(column: str) -> None:
    labels = {"donor": ["d1"] * 6, "tissue": ["t1"] * 6, "stage": ["a"] * 6}
    cells = some_cells(**{**labels, column: ["x|y"] * 6})
    with pytest.raises(CellDataError, match=r"the label 'x\|y' holds '\|', which joins labels .* rename it"):
        anchor_table(cells, stage="stage", donor="donor", tissue="tissue", branch_of={"a": "t", "x|y": "t"})


def test_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(CellDataError, match="patient"):
        anchor_table(dealt(), stage="stage", donor="patient", branch="branch")


def replicates(cells: CellSet, **how: Any) -> dict[str, str]:
    """Return the group of each cell by name."""
    table = anchor_table(cells, stage="stage", branch_of=BRANCHES, least_cells=1, **how)
    assert table.unit == "cells"
    return {cells.cells[row]: donor for donor, rows in zip(table.donor, table.rows, strict=True) for row in rows}


def test_without_donors_cells_of_a_stage_are_dealt_evenly_by_the_seed_alone() -> None:
    cells = some_cells(stage=["a"] * 62 + ["b"] * 120)
    table = anchor_table(cells, stage="stage", branch_of=BRANCHES)
    sizes = Counter((stage, len(rows)) for stage, rows in zip(table.stage, table.rows, strict=True))
    assert sizes == {("a", 5): 10, ("a", 6): 2, ("b", 10): 12}
    assert table.donors[0] == "replicate_01" and table.donors[-1] == "replicate_12"
    groups = replicates(cells, seed=1)
    assert replicates(cells, seed=1) == groups != replicates(cells, seed=2)
    # Neither the order of cells nor cells of other stages have a say.
    order = np.random.default_rng(0).permutation(182)
    assert replicates(cells.take_cells([cells.cells[row] for row in order]), seed=1) == groups
    alone = replicates(cells.take_cells(cells.cells[:62]), seed=1)
    assert alone == {cell: groups[cell] for cell in cells.cells[:62]}


def test_some_anchors_are_taken_by_donor_or_row_and_a_document_makes_the_table_again() -> None:
    table = anchor_table(dealt(), stage="stage", donor="donor", tissue="tissue", branch="branch")
    second = table.of_donors({"d2"})
    assert second.donors == ("d2",) and second.rows == table.rows[4:] and second.unit == "donor"
    assert table.of_anchors([3, 0]).anchors == (table.anchors[3], table.anchors[0])
    again = AnchorTable.from_document(json.loads(json.dumps(table.document)))
    assert again.document == table.document
