"""Every way to measure a ruler, on a few cells whose distances are known by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from theodolite.data import CellSet
from theodolite.data.rulers import AnchorTable, Ruler, RulerError, RulerItem, anchor_table, make_ruler, stage_graph_of

FORK = """
- id: fork
  title: A stem with two arms
  root: stem
  branches: {trunk: [stem], left: [l1, l2], right: [r1]}
  edges:
    - source: a book
      steps: [[stem, l1], [l1, l2], [stem, r1]]
"""


def laid(item: dict[str, Any], stages: list[str], folder: Path = Path(), **columns: list[str]) -> np.ndarray:
    """Return distances between one anchor of each stage."""
    ruler, table, _ = ruled(item, stages, folder, **columns)
    return ruler.between(table.anchors)


def ruled(
    item: dict[str, Any], stages: list[str], folder: Path = Path(), counts: Any = None, **columns: list[str]
) -> tuple[Ruler, AnchorTable, CellSet]:
    n = len(stages)
    counts = np.ones((n, 2), int) if counts is None else np.asarray(counts)
    genes = [f"G{gene + 1}" for gene in range(counts.shape[1])]
    # A donor of its own for each cell, so that anchors come in the order of the cells.
    labels = {"stage": stages, "donor": [f"d{row:02d}" for row in range(n)], **columns}
    names = [f"c{row:02d}" for row in range(n)]
    cells = CellSet.from_counts("some", counts, genes, names, labels=labels, species="x", origin="test")
    branches = dict.fromkeys(stages, "b")
    table = anchor_table(cells, stage="stage", donor="donor", branch_of=branches, least_cells=1)
    return make_ruler(RulerItem.model_validate({"id": "known", **item}), table, cells, folder), table, cells


def test_a_packaged_graph_counts_steps_and_knows_depths() -> None:
    stages = ["proerythroblast", "basophilic erythroblast", "megakaryocyte"]
    ruler, table, _ = ruled({"graph": "hematopoiesis"}, stages)
    np.testing.assert_array_equal(ruler.between(table.anchors), [[0, 1, 3], [1, 0, 4], [3, 4, 0]])
    assert ruler.depths(table.anchors) == ("4", "5", "5")
    assert ruler.title == "known" and "hematopoiesis" in ruler.definition


def test_a_graph_of_a_file_measures_stages_under_names_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "fork.yaml").write_text(FORK)
    item = {"graph": "fork.yaml", "stages": {"Left 2": "l2"}, "lengths": "sqrt_hops"}
    ruler, table, _ = ruled(item, ["stem", "Left 2", "r1"], tmp_path)
    roots = np.sqrt([[0, 2, 1], [2, 0, 3], [1, 3, 0]])
    np.testing.assert_allclose(ruler.between(table.anchors), roots, atol=1e-9)
    assert ruler.depths(table.anchors) == ("0", "2", "1")
    assert [origin.name for origin in ruler.origins] == ["stage graph:fork"]
    # Two names of one place are at no distance.
    assert laid({**item, "stages": {"Left 2": "l2", "other": "l2"}}, ["Left 2", "other", "r1"], tmp_path)[0, 1] == 0.0


def test_a_graph_that_lacks_a_stage_or_is_no_single_graph_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fork.yaml").write_text(FORK)
    (tmp_path / "two.yaml").write_text(FORK + FORK.replace("id: fork", "id: spoon"))
    with pytest.raises(RulerError, match=r"'l9': no such node in fork; map stages to its nodes by `stages:` \(stem"):
        laid({"graph": "fork.yaml"}, ["stem", "l9"], tmp_path)
    with pytest.raises(RulerError, match=r"'heamatopoiesis' is neither a packaged stage graph \(hema.* nor a file"):
        laid({"graph": "heamatopoiesis"}, ["stem", "l1"], tmp_path)
    with pytest.raises(RulerError, match="holds 2 graphs; give a table of one"):
        laid({"graph": "two.yaml"}, ["stem", "l1"], tmp_path)
    with pytest.raises(RulerError, match="all anchors lie at one place"):
        laid({"graph": "fork.yaml"}, ["l1", "l1"], tmp_path)
    assert stage_graph_of(RulerItem(id="r", rank={"a": 1})) is None


def test_a_rank_measures_differences_of_its_numbers() -> None:
    ruler, table, _ = ruled({"rank": {"a": 1, "b": 2.5, "c": 1}}, ["a", "b", "c"])
    np.testing.assert_array_equal(ruler.between(table.anchors), [[0, 1.5, 0], [1.5, 0, 1.5], [0, 1.5, 0]])
    assert ruler.depths(table.anchors) == ("1", "2.5", "1")
    dates, table, _ = ruled({"rank": {"a": 20240101, "b": 20240102}}, ["a", "b"])
    assert dates.depths(table.anchors) == ("20240101", "20240102")


def test_a_rank_without_a_number_for_a_stage_or_with_one_for_all_is_refused() -> None:
    with pytest.raises(RulerError, match="no place for the stages 'c'; it has 'a', 'b': name one for each, or leave"):
        laid({"rank": {"a": 1, "b": 2}}, ["a", "c"])
    with pytest.raises(RulerError, match="all anchors lie at one place of it; a ruler needs two places or more"):
        laid({"rank": {"a": 1, "b": 1}}, ["a", "b"])


def test_a_column_measures_means_of_cells_and_its_depths_are_fifths() -> None:
    days = [f"{day}" for day in range(10)]
    ruler, table, _ = ruled({"column": "day"}, ["a"] * 10, day=days)
    np.testing.assert_allclose(ruler.between(table.anchors), np.abs(np.subtract.outer(range(10), range(10))))
    assert ruler.depths(table.anchors) == tuple("0011223344")
    same = laid({"column": "day"}, ["a"] * 3, day=["0.0", "-0.0", "2e0"])
    np.testing.assert_array_equal(same, [[0, 0, 2], [0, 0, 2], [2, 2, 0]])


def test_an_anchor_has_the_mean_of_its_cells() -> None:
    columns = {"stage": ["a", "a", "b"], "donor": ["d"] * 3, "day": ["1", "3", "7"]}
    cells = CellSet.from_counts("x", np.ones((3, 1), int), ["G"], list("uvw"), labels=columns, species="x", origin="t")
    table = anchor_table(cells, stage="stage", donor="donor", branch_of={"a": "b", "b": "b"}, least_cells=1)
    ruler = make_ruler(RulerItem(id="day", column="day", title="Days"), table, cells)
    assert ruler.between(["d|a", "d|b"])[0, 1] == 5.0 and ruler.title == "Days"


@pytest.mark.parametrize(
    ("text", "said"),
    [("late", "'late', which is no number; name"), ("2_1", "no number"), ("nan", "NaN or infinity; leave")],
)
def test_a_column_that_holds_no_number_is_refused(text: str, said: str) -> None:
    with pytest.raises(RulerError, match=f"ruler 'known': column 'day' holds .*{said}"):
        laid({"column": "day"}, ["a", "b"], day=["1", text])


def test_a_column_that_is_not_there_or_holds_one_number_is_refused() -> None:
    with pytest.raises(ValueError, match="hour"):
        laid({"column": "hour"}, ["a", "b"], day=["1", "2"])
    with pytest.raises(RulerError, match="all anchors lie at one place"):
        laid({"column": "day"}, ["a", "b"], day=["1", "1"])


def test_a_mixture_measures_the_share_that_must_be_replaced() -> None:
    parts = {"x": ["1", "0.5", "0"], "y": ["0", "0.5", "0.25"], "z": ["0", "0", "0.75"]}
    expected = [[0, 0.5, 1], [0.5, 0, 0.75], [1, 0.75, 0]]
    ruler, table, _ = ruled({"mixture": ["x", "y", "z"]}, ["a"] * 3, **parts)
    np.testing.assert_allclose(ruler.between(table.anchors), expected)
    assert ruler.depths(table.anchors) == ("", "", "")
    # Rounded proportions are put right.
    nearly = laid({"mixture": ["x", "y"]}, ["a"] * 2, x=["0.33", "0"], y=["0.66", "1"])
    np.testing.assert_allclose(nearly[0, 1], 1 / 3)


def test_proportions_that_are_none_are_refused() -> None:
    with pytest.raises(RulerError, match="add up to 100; they must to 1: name the columns of all components, and div"):
        laid({"mixture": ["x", "y"]}, ["a"] * 2, x=["60", "1"], y=["40", "0"])
    with pytest.raises(RulerError, match="an anchor has the proportion -0.5; none is negative"):
        laid({"mixture": ["x", "y"]}, ["a"] * 2, x=["1.5", "1"], y=["-0.5", "0"])


def test_places_in_space_are_as_far_apart_as_they_are() -> None:
    found = laid({"spatial": ["x", "y"]}, ["a"] * 3, x=["0", "3", "0"], y=["0", "4", "-2"])
    np.testing.assert_allclose(found, [[0, 5, 2], [5, 0, np.sqrt(45)], [2, np.sqrt(45), 0]], atol=1e-9)


def test_a_cycle_is_measured_the_shorter_way_round() -> None:
    found = laid({"cycle": ["G1", "S", "G2", "M"]}, ["G1", "S", "M"])
    np.testing.assert_array_equal(found, [[0, 1, 1], [1, 0, 2], [1, 2, 0]])
    with pytest.raises(RulerError, match="no place for the stages 'G0'; it has 'G1', 'S', 'M'"):
        laid({"cycle": ["G1", "S", "M"]}, ["G1", "G0"])


def test_a_program_measures_differences_of_the_mean_z_score_of_its_genes() -> None:
    counts = [[9, 1, 90], [1, 9, 90], [5, 5, 90], [20, 30, 50]]
    ruler, table, cells = ruled({"program": ["G1", "G3"]}, ["a"] * 4, counts=counts)
    values = cells.log1p_cp10k(["G1", "G3"]).astype(np.float64)
    score = ((values - values.mean(axis=0)) / values.std(axis=0)).mean(axis=1)
    np.testing.assert_allclose(ruler.between(table.anchors), np.abs(np.subtract.outer(score, score)), atol=1e-8)
    with pytest.raises(RulerError, match="the cells have no gene 'TP53'; give genes of theirs"):
        laid({"program": ["G1", "TP53"]}, ["a", "b"])


def test_only_what_is_computed_from_counts_names_the_cells_among_its_origins(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("ligand,receptor\nG1,G2\n")
    ways: dict[str, dict[str, Any]] = {
        "graph": {"graph": "hematopoiesis", "stages": {"a": "megakaryocyte", "b": "platelet", "c": "erythrocyte"}},
        "rank": {"rank": {"a": 1, "b": 2, "c": 3}},
        "column": {"column": "x"},
        "mixture": {"mixture": ["x", "y"]},
        "spatial": {"spatial": ["x", "y"]},
        "cycle": {"cycle": ["a", "b", "c"]},
        "program": {"program": ["G1", "G2"]},
        "ligand_receptor": {"ligand_receptor": "pairs.csv"},
    }
    for way, item in ways.items():
        columns = {"x": ["0", "1", "0.5"], "y": ["1", "0", "0.5"]}
        ruler, _, cells = ruled(item, ["a", "b", "c"], tmp_path, counts=[[1, 2], [2, 1], [3, 9]], **columns)
        of_counts = way in ("program", "ligand_receptor")
        assert (cells.source in ruler.origins) is of_counts is RulerItem.model_validate({"id": "r", **item}).from_counts


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({}, "measured by nothing; give one of graph, rank"),
        ({"rank": {"a": 1}, "column": "day"}, "measured by rank, column; give one of"),
        ({"rank": {"a": 1}, "lengths": "sqrt_hops"}, "stages and lengths are of a graph, and it is measured by rank"),
        ({"mixture": ["x"]}, r"mixture needs 2 names or more, each once; got \['x'\]"),
        ({"cycle": ["x", "y", "x"]}, "cycle needs 3 names or more, each once"),
        ({"program": ["G1", "G1"]}, "program needs 2 names"),
        ({"rank": {"a": float("inf")}}, "finite number"),
        ({"graph": "g", "length": "hops"}, "Extra inputs"),
    ],
)
def test_what_a_file_may_not_say_is_refused(item: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        RulerItem.model_validate({"id": "known", **item})


_ITEMS: tuple[dict[str, Any], ...] = (
    {"rank": {"a": 0, "b": 1, "c": 1, "d": 1, "e": 2}},
    {"cycle": ["a", "b", "c", "d", "e"]},
    {"column": "when"},
)
_HASHES = """
import json, runpy, sys
known = runpy.run_path(sys.argv[1])
stages = list("abcde")
rulers = [known["ruled"](item, stages, when=list("33211"))[0] for item in known["_ITEMS"]]
print(json.dumps([ruler.sha256 for ruler in rulers]))
"""


def test_a_ruler_is_the_same_in_every_process() -> None:
    """Sets of names have another order in each process; the hash of a ruler is part of a campaign's identity."""
    printed = set()
    for seed in ("1", "2", "3"):
        words = [sys.executable, "-c", _HASHES, __file__]
        done = subprocess.run(
            words, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}
        )
        printed.add(done.stdout)
    assert len(printed) == 1
