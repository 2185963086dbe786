"""Perturbation data as cells and as tables of effects, and the references that are made of these."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.data import (
    CellDataError,
    CellSet,
    EffectTable,
    EffectTableError,
    Reference,
    effect_references,
    effects_tested,
    of_effects,
    perturbed_cells,
    read_effects,
)
from theodolite.sources import Source, leaked_ancestors

ROWS = pd.DataFrame(
    {
        "target": ["GATA1", "GATA1", "KLF1", "KLF1", "KLF1"],
        "gene": ["HBB", "KLF1", "HBB", "KLF1", "NA"],
        "effect": [-1.5, -0.5, 0.75, -3.0, 0.25],
        "q": [1e-9, 0.04, 0.001, 0.0, 0.8],
    }
)
CELLS = Source("cells:screen", "a" * 64)


def cells(values: list[str], control: str = "ctrl") -> CellSet:
    return CellSet.from_counts(
        "screen",
        np.ones((len(values), 3), dtype=int),
        ("GATA1", "KLF1", "HBB"),
        [f"c{place}" for place in range(len(values))],
        labels={"guide": values},
        species="human",
        origin="test",
        perturbation="guide",
        control=control,
    )


def test_cells_are_counted_by_target_and_targets_that_are_no_genes_are_named() -> None:
    found = perturbed_cells(cells(["ctrl", "GATA1", "KLF1", "GATA1", "KLF1+EPOR", "ctrl", "ctrl"]))
    assert found.control == 3
    assert found.cells_of == {"GATA1": 2, "KLF1": 1, "KLF1+EPOR": 1}
    assert found.not_genes == ("EPOR",)


@pytest.mark.parametrize("values", [["GATA1", "KLF1"], ["ctrl", "ctrl"]])
def test_control_cells_and_perturbed_ones_are_both_needed(values: list[str]) -> None:
    with pytest.raises(CellDataError, match="both kinds are needed"):
        perturbed_cells(cells(values))


@pytest.mark.parametrize("form", ["effects.tsv", "effects.csv", "effects.tsv.gz", "effects.parquet"])
def test_every_form_holds_the_same_table(tmp_path: Path, form: str) -> None:
    path = tmp_path / form
    if form.endswith("parquet"):
        ROWS.to_parquet(path)
    else:
        ROWS.to_csv(path, sep="," if ".csv" in form else "\t", index=False)
    table = read_effects(path, origins=[CELLS])
    assert table.name == "effects" and table.targets == ("GATA1", "KLF1")
    # A gene may be called NA.
    assert table.pairs[-1] == ("KLF1", "NA") and table.effect[-1] == 0.25
    rows = list(ROWS.itertuples(index=False))[::-1]
    pairs, effects, rates = zip(*(((r.target, r.gene), r.effect, r.q) for r in rows), strict=True)
    turned = EffectTable("x", pairs, effects, rates)
    assert turned.sha256 == table.sha256


def test_columns_can_have_other_names(tmp_path: Path) -> None:
    ROWS.rename(columns={"target": "perturbed", "q": "padj"}).assign(note="x").to_csv(tmp_path / "a.csv", index=False)
    names = {"target": "perturbed", "q": "padj"}
    assert len(read_effects(tmp_path / "a.csv", columns=names).pairs) == 5
    with pytest.raises(EffectTableError, match="no column 'target', 'q'; there is 'perturbed'"):
        read_effects(tmp_path / "a.csv")
    with pytest.raises(EffectTableError, match="'pvalue'"):
        read_effects(tmp_path / "a.csv", columns={"pvalue": "padj"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"effect": [-1.5, np.nan, 0.5, 1, 1]}, "row 2 .GATA1, KLF1.: the effect is nan"),
        ({"effect": [-1.5, np.inf, 0.5, 1, 1]}, "the effect is inf"),
        ({"effect": ["-1.5", "high", "1", "1", "1"]}, "row 2: effect is 'high', which is no number"),
        ({"q": [0, 1.5, 0, 0, 0]}, r"row 2 .*q is 1.5; a false-discovery rate lies in \[0, 1\]"),
        ({"q": [0, 0, np.nan, 0, 0]}, "row 3 .*q is nan"),
        ({"gene": ["HBB", "HBB", "HBB", "KLF1", "NA"]}, "row 2 .GATA1, HBB.: row 1 has this pair too"),
        ({"target": ["", "GATA1", "KLF1", "KLF1", "KLF1"]}, "row 1 .*empty"),
    ],
)
def test_rows_that_cannot_be_used_are_named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    ROWS.assign(**change).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(EffectTableError, match=words):
        read_effects(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("absent.tsv", None, "no file"),
        ("a.xlsx", b"", "none of the forms"),
        ("a.parquet", b"PAR1", "cannot be read"),
        ("a.tsv", b"", "cannot be read"),
        ("a.tsv", b"target\tgene\teffect\tq\n", "a row at least"),
        ("a.tsv.gz", b"target\tgene", "cannot be read"),
    ],
)
def test_files_that_are_no_tables_are_named(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(EffectTableError, match=words):
        read_effects(tmp_path / name)


def test_significant_effects_are_a_regulon_with_signs(tmp_path: Path) -> None:
    ROWS.to_csv(tmp_path / "screen.tsv", sep="\t", index=False)
    table = read_effects(tmp_path / "screen.tsv", origins=[CELLS])
    by_id = {reference.id: reference for reference in effect_references(table, q=0.05)}
    # The effect of KLF1 on itself is the perturbation; NA is not significant.
    assert by_id["screen"].edges == {("GATA1", "HBB"), ("GATA1", "KLF1"), ("KLF1", "HBB")}
    # Without its activator a gene falls.
    assert by_id["screen.activation"].edges == {("GATA1", "HBB"), ("GATA1", "KLF1")}
    assert by_id["screen.repression"].edges == {("KLF1", "HBB")}
    gained = {reference.id: reference for reference in effect_references(table, q=0.05, perturbed="gain")}
    assert gained["screen.activation"].edges == {("KLF1", "HBB")}
    for reference in by_id.values():
        assert leaked_ancestors([CELLS], reference.source) == [CELLS]
        assert leaked_ancestors([table.source], reference.source)


def test_a_threshold_is_strict_and_has_to_leave_something(tmp_path: Path) -> None:
    table = EffectTable("t", (("A", "B"), ("A", "A")), (1.0, 1.0), (0.05, 0.0))
    assert effect_references(table, q=0.051)[0].edges == {("A", "B")}
    with pytest.raises(EffectTableError, match="none of 2 effects between two genes has a q below 0.05"):
        effect_references(table, q=0.05)
    for wrong in (0.0, 1.5, float("nan")):
        with pytest.raises(EffectTableError, match="lies above 0"):
            effect_references(table, q=wrong)


def test_small_effects_are_no_edges_and_the_threshold_is_part_of_the_source() -> None:
    table = EffectTable("t", (("A", "B"), ("A", "C"), ("B", "C")), (-0.5, 0.4, 2.0), (0.0, 0.0, 0.5))
    assert effect_references(table, q=0.05)[0].edges == {("A", "B"), ("A", "C")}
    large = effect_references(table, q=0.05, least_effect=0.5)[0]
    assert large.edges == {("A", "B")}
    assert large.origins != effect_references(table, q=0.05)[0].origins
    with pytest.raises(EffectTableError, match="a magnitude of 3.0 or more; the lowest q is 0.0"):
        effect_references(table, q=0.05, least_effect=3.0)
    with pytest.raises(EffectTableError, match="least_effect is -1.0"):
        effect_references(table, q=0.05, least_effect=-1.0)


def test_every_tested_pair_is_named_whatever_its_effect_but_a_gene_with_itself() -> None:
    table = EffectTable("t", (("A", "B"), ("A", "A"), ("B", "C")), (0.0, 1.0, 2.0), (1.0, 0.0, 0.5), (CELLS,))
    tested = effects_tested(table)
    assert (tested.id, tested.kind, tested.edges) == ("t.tested", "regulon", {("A", "B"), ("B", "C")})
    assert leaked_ancestors([CELLS], tested.source) == [CELLS]
    with pytest.raises(EffectTableError, match="every row is of a gene with itself"):
        effects_tested(EffectTable("t", (("A", "A"),), (1.0,), (0.0,)))


def test_references_of_effects_are_told_from_those_of_databases() -> None:
    table = EffectTable("t", (("A", "B"), ("B", "C")), (1.0, 2.0), (0.001, 0.5), (CELLS,))
    assert all(of_effects(reference) for reference in (*effect_references(table, q=0.05), effects_tested(table)))
    curated = Reference(
        "trrust", "TRRUST", "regulon", (("A", "B"),), "curated edges", (Source("database:TRRUST"), CELLS)
    )
    assert not of_effects(curated)


GENE = st.sampled_from("ABCDE")
ROW = st.tuples(GENE, GENE, st.floats(-5, 5), st.floats(0, 1))


@settings(max_examples=60)
@given(rows=st.lists(ROW, min_size=1, max_size=15, unique_by=lambda row: row[:2]), q=st.floats(0.01, 1))
def test_edges_are_exactly_the_rows_below_the_threshold(rows: list[Any], q: float) -> None:
    table = EffectTable("t", tuple((a, b) for a, b, _, _ in rows), *(tuple(row[i] for row in rows) for i in (2, 3)))
    wanted = {(a, b): effect for a, b, effect, rate in rows if rate < q and a != b}
    if not wanted:
        with pytest.raises(EffectTableError):
            effect_references(table, q=q)
        return
    found = {reference.id: reference.edges for reference in effect_references(table, q=q)}
    assert found["t"] == set(wanted)
    by_sign = {
        "t.activation": {pair for pair, effect in wanted.items() if effect < 0},
        "t.repression": {pair for pair, effect in wanted.items() if effect > 0},
    }
    for name, edges in by_sign.items():
        # A sign that every edge has makes no second reference of the same content.
        assert found.get(name, frozenset()) == (edges if edges != set(wanted) else frozenset())
