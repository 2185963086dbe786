"""A ruler of ligands and receptors: stages are near that have many pairs expressed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from theodolite.data import CellSet, load_pbmc
from theodolite.data.rulers import Ruler, RulerError, RulerItem, anchor_table, make_ruler

GENES = ("L1", "L2", "R1", "R2", "BULK")
# Which stage expresses what: a sends to b by L1 and L2, b to c by L2.
EXPRESSED = {"a": (1, 1, 0, 0), "b": (0, 1, 1, 1), "c": (0, 0, 0, 1)}


def ruler(table: str, folder: Path, expressed: dict[str, tuple[int, ...]] = EXPRESSED, name: str = "t.csv") -> Ruler:
    """Lay a ruler of a table on one anchor of each stage."""
    (folder / name).write_text(table)
    counts = [[*(10 * there for there in row), 100] for row in expressed.values()]
    labels = {"stage": list(expressed), "donor": ["d"] * len(expressed)}
    names = [f"c{row}" for row in range(len(expressed))]
    cells = CellSet.from_counts("some", np.array(counts), GENES, names, labels=labels, species="x", origin="test")
    branches = dict.fromkeys(expressed, "one")
    anchors = anchor_table(cells, stage="stage", donor="donor", branch_of=branches, least_cells=1)
    return make_ruler(RulerItem(id="signals", ligand_receptor=name), anchors, cells, folder)


def apart(found: Ruler) -> tuple[float, float, float]:
    """Return distances from a to b, b to c and a to c."""
    matrix = found.between(["d|a", "d|b", "d|c"])
    return matrix[0, 1], matrix[1, 2], matrix[0, 2]


TWO = "ligand,receptor\nL1,R1\nL2,R2\n"


def test_a_step_is_one_over_the_root_of_the_pairs_and_paths_go_over_stages(tmp_path: Path) -> None:
    # a and b share both pairs, b and c the second, and so do a and c.
    assert apart(ruler(TWO, tmp_path)) == pytest.approx((np.sqrt(0.5), 1.0, 1.0))
    # Without a direct pair the way leads over b.
    assert apart(ruler("ligand,receptor\nL1,R1\nR1,R2\n", tmp_path)) == pytest.approx((1.0, 1.0, 2.0))


@pytest.mark.parametrize(
    "table",
    [
        "ligand\treceptor\nL1\tR1\nL2\tR2\n",
        "\ufeffsource,target,source_genesymbol,target_genesymbol\np,q,L1,R1\np,q,L2,R2\n",
        "Ligand_Gene_Symbol,x,Receptor_Gene_Symbol\nL1,,R1\nL2,,R2\nNONE,,R1\n,,R2\nL1\n",
        "ligand,receptor,resource\nL1,R1,one\nL1,R1,two\nL2,R2,one\nR2,L2,three\n",
    ],
    ids=["tabs", "LIANA", "gaps and genes that nobody has", "pairs listed twice, and turned round"],
)
def test_a_table_is_read_as_databases_write_it(table: str, tmp_path: Path) -> None:
    assert ruler(table, tmp_path).distances == ruler(TWO, tmp_path).distances


def test_a_complex_is_there_where_all_its_genes_are(tmp_path: Path) -> None:
    # b alone has both parts of the receptor, so that c is reached by the second pair only.
    assert apart(ruler("ligand,receptor\nL1,R1_R2\nL2,R2\n", tmp_path)) == pytest.approx((np.sqrt(0.5), 1.0, 1.0))
    assert apart(ruler("ligand,receptor\nL1,R1\nL2,R1_R2\nL2,R2\n", tmp_path))[0] == pytest.approx(np.sqrt(1 / 3))
    with pytest.raises(RulerError, match="'c' shares no expressed pair with another; leave its cells out"):
        ruler("ligand,receptor\nL1,R1_R2\n", tmp_path)


def test_tables_that_measure_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RulerError, match=r"has the columns 'from', 'to'; it needs ligand \(or source_genesymbol"):
        ruler("from,to\nL1,R1\n", tmp_path)
    with pytest.raises(RulerError, match="the cells have both genes of none of 1 pairs; give their names"):
        ruler("ligand,receptor\nL1,TP53\n", tmp_path)
    with pytest.raises(RulerError, match=r"it needs ligand"):
        ruler("", tmp_path)
    with pytest.raises(RulerError, match="ruler 'signals': .*field"):
        ruler(f'ligand,receptor\n"{"L" * 200_000},R1\n', tmp_path)
    groups = {"a": (1, 0, 0, 0), "b": (0, 0, 1, 0), "c": (0, 1, 0, 0), "e": (0, 0, 0, 1)}
    with pytest.raises(RulerError, match="the graph falls into 2 parts"):
        ruler(TWO, tmp_path, groups)
    anchors = ruler(TWO, tmp_path)
    assert [origin.name for origin in anchors.origins] == ["cells:some", "t.csv"]


def test_a_table_that_is_not_there_is_told_as_what_it_is(tmp_path: Path) -> None:
    cells = load_pbmc()
    anchors = anchor_table(cells, stage="cell_type", branch="cell_type", least_cells=1)
    with pytest.raises(FileNotFoundError):
        make_ruler(RulerItem(id="signals", ligand_receptor="none.csv"), anchors, cells, tmp_path)


def test_blood_cells_are_measured_by_the_consensus_of_databases(shared_data: Path) -> None:
    cells = load_pbmc()
    anchors = anchor_table(cells, stage="cell_type", branch="cell_type", least_cells=1)
    item = RulerItem(id="signals", ligand_receptor="Human-2022-Dimitrov-LR-pairs.csv")
    found = make_ruler(item, anchors, cells, shared_data / "references")
    matrix = np.asarray(found.distances)
    assert len(found.nodes) == len(set(cells.label("cell_type")))
    assert (matrix[~np.eye(len(matrix), dtype=bool)] > 0.0).all()
