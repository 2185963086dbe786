"""Columns become genes: names, ids, what is summed, renamed and dropped, and nothing in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cell_files import COUNTS, write_h5ad
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from theodolite.data import CellDataError, CellErrorCode, load_cells, read_cells
from theodolite.data.aliases import ensembl_id, load_aliases, read_aliases
from theodolite.data.gene_names import name_genes

LYZ, JCHAIN, GNLY = "ENSG00000090382", "ENSG00000132465", "ENSG00000115523"
HGNC = (
    "hgnc_id\tsymbol\talias_symbol\tprev_symbol\tensembl_gene_id\n"
    f'HGNC:1\tJCHAIN\t"JCH|IGCJ"\tIGJ\t{JCHAIN}\n'
    f"HGNC:2\tLYZ\tMURAM\t\t{LYZ}\n"
    f"HGNC:3\tGNLY\tMURAM|LYZ\tNKG5\t{GNLY}\n"
)


def table(index: list[str], **columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns, index=pd.Index(index, dtype=object))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("ENSG00000000003", "ENSG00000000003"),
        ("ENSG00000000003.14", "ENSG00000000003"),
        ("ENSG00000182378.15_PAR_Y", "ENSG00000182378"),
        ("ENSMUSG00000029580", "ENSMUSG00000029580"),
        ("ENST00000373020", ""),
        ("ENSG123", ""),
        ("ENSG00000000003.x", ""),
        ("LYZ", ""),
    ],
)
def test_ensembl_ids_are_known_by_their_form_and_lose_their_version(name: str, found: str) -> None:
    assert ensembl_id(name) == found


def test_an_index_of_symbols_names_the_genes_as_it_stands() -> None:
    names = name_genes(table(["LYZ", "IGJ"], gene_symbols=["a", "b"], gene_ids=[f"{LYZ}.3", JCHAIN]))
    assert names.genes == ("LYZ", "IGJ") and names.ensembl == (LYZ, JCHAIN)
    assert (names.report.named_by, names.report.ensembl_by, names.report.matched) == ("index", "gene_ids", 2)
    assert names.report.words == ""


def test_an_index_of_ids_gives_way_to_symbols() -> None:
    names = name_genes(table([f"{LYZ}.3", JCHAIN], feature_name=["LYZ", "IGJ"]))
    assert names.genes == ("LYZ", "IGJ") and names.ensembl == (LYZ, JCHAIN)
    kept = name_genes(table([f"{LYZ}.3", JCHAIN], feature_name=["LYZ", "IGJ"]), gene_column="index")
    assert kept.genes == (LYZ, JCHAIN)
    assert kept.report.renamed == ((f"{LYZ}.3", LYZ),)


def test_few_ids_among_symbols_are_names_and_move_no_identity() -> None:
    names = name_genes(table(["LYZ", "GNLY", JCHAIN]))
    assert names.genes == ("LYZ", "GNLY", JCHAIN) and names.ensembl is None
    told = name_genes(table(["LYZ", "GNLY", JCHAIN]), ensembl_column="index")
    assert told.ensembl == ("", "", JCHAIN)


def test_a_gene_without_a_symbol_is_called_by_its_id_and_one_without_either_is_dropped() -> None:
    names = name_genes(table([LYZ, JCHAIN, "ERCC-1"], symbol=["LYZ", None, ""]), gene_column="symbol")
    assert names.genes == ("LYZ", JCHAIN)
    assert names.report.dropped == (("ERCC-1", "nothing in 'symbol' and no Ensembl id"),)
    assert "1 columns dropped (ERCC-1" in names.report.words


def test_columns_of_one_name_or_one_id_are_summed() -> None:
    var = table(["LYZ", "GNLY", "LYZ", "MURAM"], gene_ids=[LYZ, GNLY, "ENSG00000000001", GNLY])
    names = name_genes(var)
    # Of the two ids of LYZ the lower one stands for both.
    assert names.genes == ("LYZ", "GNLY") and names.ensembl == ("ENSG00000000001", GNLY)
    assert names.report.summed == (("LYZ", ("LYZ", "LYZ")), ("GNLY", ("GNLY", "MURAM")))
    summed = names.gather(sparse.csr_array(np.array([[1, 2, 4, 8], [0, 3, 0, 0]])))
    assert summed.toarray().tolist() == [[5, 10], [0, 3]]


def test_a_sum_beyond_32_bits_is_refused_and_not_wrapped(tmp_path: Path) -> None:
    counts = np.full((4, 2), 2**30 + 2**29)
    path = write_h5ad(tmp_path / "a.h5ad", x=counts, var=pd.DataFrame(index=["A", "B"]))
    assert load_cells(path, species="planted").counts.sum() == counts.sum()
    path = write_h5ad(tmp_path / "a.h5ad", x=counts, var=pd.DataFrame({"name": ["A", "A"]}, index=["A", "B"]))
    with pytest.raises(CellDataError, match="too_large"):
        load_cells(path, species="planted", gene_column="name")


@pytest.mark.parametrize("date", ["1-Mar", "2-Sep", "Mar-01", "1-Dec-05", "2021-03-01", "2021-03-01 00:00:00"])
def test_dates_of_a_spreadsheet_are_refused(date: str) -> None:
    with pytest.raises(CellDataError, match="spreadsheet") as caught:
        name_genes(table(["LYZ", date]))
    assert caught.value.code is CellErrorCode.BAD_GENE_NAMES


def test_symbols_that_look_nearly_like_dates_are_none() -> None:
    assert name_genes(table(["SEPT2", "MARCH1", "sep-1", "DEC1", "NKX2-5", "HLA-A", "1-8D"])).report.matched == 7


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"gene_column": "symbol"}, CellErrorCode.MISSING_LABELS),
        ({"ensembl_column": "id"}, CellErrorCode.MISSING_LABELS),
        ({"ensembl_column": "index"}, CellErrorCode.BAD_GENE_IDS),
        ({"gene_column": "empty"}, CellErrorCode.EMPTY),
    ],
)
def test_columns_that_do_not_serve_are_named(options: dict[str, str], code: CellErrorCode) -> None:
    with pytest.raises(CellDataError) as caught:
        name_genes(table(["LYZ", "GNLY"], empty=[None, ""]), **options)
    assert caught.value.code is code


def test_aliases_are_renamed_and_summed_into_what_the_gene_is_called_today() -> None:
    names = name_genes(table(["LYZ", "IGJ", "JCHAIN", "ATP5E"]), aliases=load_aliases("packaged"))
    assert names.genes == ("LYZ", "JCHAIN", "ATP5F1E")
    assert names.report.renamed == (("IGJ", "JCHAIN"), ("ATP5E", "ATP5F1E"))
    assert names.report.summed == (("JCHAIN", ("IGJ", "JCHAIN")),)


def test_an_alias_whose_ids_say_otherwise_is_left_alone() -> None:
    names = name_genes(table(["IGJ", "JCHAIN"], gene_ids=[GNLY, JCHAIN]), aliases=load_aliases("packaged"))
    assert names.genes == ("IGJ", "JCHAIN") and names.report.ambiguous == ("IGJ",)


def test_a_table_of_the_hgnc_maps_symbols_ids_and_aliases() -> None:
    aliases = read_aliases(HGNC)
    names = name_genes(table(["IGJ", "NKG5", f"{LYZ}.2", "MURAM", "JCH", "OTHER"]), aliases=aliases)
    assert names.genes == ("JCHAIN", "GNLY", "LYZ", "MURAM", "OTHER")
    assert names.ensembl == (JCHAIN, GNLY, LYZ, "", "")
    # LYZ is a symbol, so that it is no alias of GNLY; MURAM is said of two genes.
    assert aliases.current["IGCJ"] == "JCHAIN" and "LYZ" not in aliases.current
    assert names.report.ambiguous == ("MURAM",) and names.report.ensembl_by == "aliases"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no gene in it"),
        ("old\tnew\nA\tB\n", "the header is"),
        ("alias\tsymbol\nA\n", ":2: 1 fields where the header has 2"),
        ("alias\tsymbol\nA\t\n", ":2: a name is empty"),
        ("alias\tsymbol\tensembl_gene_id\nA\tB\tC\n", "'C' is no Ensembl gene id"),
    ],
)
def test_a_table_of_aliases_that_is_none_is_named(text: str, words: str) -> None:
    with pytest.raises(CellDataError, match=words) as caught:
        read_aliases(text, where="mine.tsv")
    assert caught.value.code is CellErrorCode.BAD_ALIASES


def test_the_packaged_table_is_one_to_one_forward_and_has_no_chains() -> None:
    found = load_aliases("packaged")
    assert found.version == "2026.12" and not found.ambiguous
    assert found.current["IGJ"] == "JCHAIN" and len(found.current) > 300
    assert not set(found.current) & set(found.current.values())


def test_the_packaged_table_agrees_with_real_dictionaries(shared_data: Path) -> None:
    """Each row against an id map of Ensembl 104 and the names of GENCODE 44, which are not part of the project."""
    import pickle

    with (shared_data / "tokenizers" / "ensembl_mapping_dict_gc104M.pkl").open("rb") as file:
        mapping = pickle.load(file)
    lines = (shared_data / "references" / "GENCODEv44_Gene_id2name.csv").read_text().splitlines()
    today = {line.split(",")[1].strip('"') for line in lines}
    for alias, symbol in load_aliases("packaged").current.items():
        assert symbol in today and alias not in today, (alias, symbol)
        ids = {mapping[name.upper()] for name in (alias, symbol) if name.upper() in mapping}
        assert len(ids) <= 1, (alias, symbol)


NAMES = st.sampled_from(["A", "B", "C", "", LYZ, f"{LYZ}.7", "IGJ", "JCHAIN"])
IDS = st.sampled_from(["", LYZ, JCHAIN, GNLY, f"{GNLY}.2"])


@settings(max_examples=150)
@given(columns=st.lists(st.tuples(NAMES, IDS), min_size=1, max_size=12), renamed=st.booleans())
def test_no_count_is_lost_but_in_dropped_columns(columns: list[tuple[str, str]], renamed: bool) -> None:
    var = table([name for name, _ in columns], ids=[found for _, found in columns])
    options: dict[str, Any] = {"ensembl_column": "ids"} if any(found for _, found in columns) else {}
    try:
        names = name_genes(var, aliases=load_aliases("packaged") if renamed else None, **options)
    except CellDataError as error:
        assert error.code is CellErrorCode.EMPTY and not any(name or found for name, found in columns)
        return
    counts = 2 ** np.arange(len(columns))[None, :]
    report = names.report
    gathered = names.gather(sparse.csr_array(counts)).toarray()[0]
    assert gathered.sum() == counts[0, names.gene_of >= 0].sum()
    assert len(set(names.genes)) == len(names.genes) == report.genes == len(gathered)
    known = [found for found in names.ensembl or () if found]
    assert len(known) == len(set(known))
    assert report.columns == len(columns) and len(report.dropped) == int((names.gene_of < 0).sum())
    in_sums = sum(len(parts) for _, parts in report.summed)
    assert report.genes - len(report.summed) + in_sums + len(report.dropped) == report.columns


def test_the_report_reaches_the_origin_of_the_cells(tmp_path: Path) -> None:
    var = pd.DataFrame({"symbol": ["IGJ", "JCHAIN", "LYZ", "GNLY", "A", "B"]}, index=list("abcdef"))
    read = read_cells(
        write_h5ad(tmp_path / "a.h5ad", var=var), gene_column="symbol", aliases="packaged", species="human"
    )
    assert "1 genes summed from several columns (JCHAIN)" in read.cells.origin
    assert read.cells.counts.toarray()[:, 0].tolist() == (COUNTS[:, 0] + COUNTS[:, 1]).tolist()
