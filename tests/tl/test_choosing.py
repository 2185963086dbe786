"""Which genes are measured, which families they have, and what of a model that reads expressed genes has no vector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_models import ToyModel

from theodolite import tl
from theodolite.data import GeneFamilies, Reference
from theodolite.tl import MeasureError, read_anndata
from theodolite.tl.choosing import AnyModel, any_model, choose_genes, families_of_genes, regulators_among


def test_all_genes_of_a_model_that_reads_them_all_are_measured(adata: Any, model: str) -> None:
    found = choose_genes(any_model(model), adata, read_anndata(adata))
    assert found.whole and len(found.names) == 300


def test_f3_a_gene_of_no_cell_has_no_vector_and_is_never_measured(token_cells: Any, token_model: ToyModel) -> None:
    known, read = any_model(token_model), read_anndata(token_cells)
    everything = choose_genes(known, token_cells, read, np.ones(35, dtype=bool))
    assert "G3" not in everything.names and "G4" in everything.names
    assert everything.left_out == 6, "the five genes that the model does not know, and the one that no cell has"
    with pytest.raises(MeasureError, match="gene 'G3' is a token of no cell, so that model 'toy' has no vector of it"):
        choose_genes(known, token_cells, read, ["G1", "G3"])
    with pytest.raises(MeasureError, match="model 'toy' does not know gene 'other1'; leave it out"):
        choose_genes(known, token_cells, read, ["G1", "other1"])


def test_genes_of_few_cells_are_measured_only_where_they_are_named(token_cells: Any, token_model: ToyModel) -> None:
    known, read = any_model(token_model), read_anndata(token_cells)
    presence = np.asarray(token_cells.X > 0).sum(axis=0)
    expected = [f"G{place}" for place in range(30) if presence[place] >= 20]
    assert list(choose_genes(known, token_cells, read).names) == expected and 2 <= len(expected) < 29
    assert choose_genes(known, token_cells, read, ["G4", "G1"]).names == ("G1", "G4")


def test_the_genes_that_most_cells_have_come_first_where_there_are_too_many(
    token_cells: Any, token_model: ToyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("theodolite.tl.choosing.MOST_GENES", 3)
    presence = np.asarray(token_cells.X > 0).sum(axis=0)[:30]
    most = sorted(np.lexsort((np.arange(30), -presence))[:3])
    found = choose_genes(any_model(token_model), token_cells, read_anndata(token_cells))
    assert found.names == tuple(f"G{place}" for place in most)


def test_a_column_of_var_chooses(adata: Any, model: str) -> None:
    adata.var["mine"] = np.arange(300) % 3 == 0
    adata.var["text"] = "yes"
    found = choose_genes(any_model(model), adata, read_anndata(adata), "mine")
    assert found.names == tuple(adata.var_names[::3]) and not found.whole
    with pytest.raises(
        MeasureError, match="genes is 'text', which is no column of adata.var with true and false .*'mine'"
    ):
        choose_genes(any_model(model), adata, read_anndata(adata), "text")


def test_a_gene_may_be_named_as_var_names_it(adata: Any, model: str) -> None:
    adata.var["symbol"] = list(adata.var_names)
    adata.var_names = [f"row {place}" for place in range(300)]
    read = read_anndata(adata, cells={"gene_column": "symbol"})
    assert choose_genes(any_model(model), adata, read, ["row 4", "G0001"]).names == ("G0001", "G0005")


def test_two_columns_of_one_token_are_no_gene(token_cells: Any, token_model: ToyModel) -> None:
    known = any_model(token_model)
    twins = AnyModel(known.facts, lambda cells: np.r_[0, 0, 2:30, [-1] * 5], known.load, as_given=True)
    read = read_anndata(token_cells)
    assert not {"G0", "G1"} & set(choose_genes(twins, token_cells, read).names)
    with pytest.raises(MeasureError, match="gene 'G0' and another gene of adata are one token"):
        choose_genes(twins, token_cells, read, ["G0", "G2"])


def test_a_model_that_knows_none_of_the_genes_says_what_to_do(adata: Any, token_model: ToyModel) -> None:
    adata.var_names = [f"x{place}" for place in range(300)]
    with pytest.raises(
        MeasureError, match="knows 0 of the 300 genes of adata .*name the column with symbols or Ensembl"
    ):
        choose_genes(any_model(token_model), adata, read_anndata(adata))


def test_a_gene_without_an_entry_is_a_family_of_its_own(tmp_path: Path) -> None:
    table = GeneFamilies({"A": "one", "B": "one", "C": "C"}, "1")
    families, alone = families_of_genes(table, ["A", "B", "C", "D", "E"])
    assert families[0] == families[1] == "one" and alone == 2
    assert len(set(families)) == 4
    (tmp_path / "own.tsv").write_text("gene\tfamily\nA\tone\nB\tone\n", encoding="utf-8")
    assert families_of_genes(str(tmp_path / "own.tsv"), ["A", "B"]) == (("one", "one"), 0)


def test_a_pair_inside_a_family_counts_in_no_auroc(adata: Any, model: str) -> None:
    given = dict(zip(adata.var_names, (f"F{place // 2}" for place in range(300)), strict=True))
    pairs = [("G0001", "G0002"), ("G0001", "G0003"), ("G0004", "G0005")]
    tl.attention_edges(adata, model=model, layer=1, reference=pairs, families=GeneFamilies(given, "1"))
    assert adata.uns["attention_edges"]["references"].loc["given", "members"] == 2
    assert adata.uns["attention_edges"]["genes_without_family"] == 0


def test_regulators_come_in_the_order_of_the_genes() -> None:
    regulon = Reference("r", "r", "regulon", (("C", "A"), ("X", "A")), "given", ())
    assert regulators_among((regulon, "A"), ["A", "B", "C"]) == ("A", "C")
