"""Published regulons: both forms of TRRUST, CollecTRI, the classes of factors, and the references made of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.data import (
    Reference,
    ReferenceTableError,
    RegulonTable,
    read_collectri,
    read_tf_classes,
    read_trrust,
    regulon_references,
)

TRRUST = """AATF\tBAX\tRepression\t22909821
AATF\tCDKN1A\tUnknown\t17157788
ATF3\tATF3\tRepression\t1
JUN\tCCND1\tActivation\t2;3
JUN\tCCND1\tUnknown\t4
JUN\tTP53\tActivation\t5
JUN\tTP53\tRepression\t6
"""
HEADER = "Gene1\tGene2\tMode_of_Regulation\tPMID\n"
COLLECTRI = """"source","target","weight"
"MYC","TERT",1
"MYC","CDKN1A",-1
"TP53","CDKN1A",1
"TP53","TP53",1
"""
CLASSES = """ensembl_id\tsymbol\tdbd\tis_tf
E1\tJUN\tbZIP\tYes
E2\tMYC\tbHLH\tYes
E3\tTP53\tp53\tYes
E4\tZEB1\tC2H2 ZF; Homeodomain\tYes
E5\tAATF\tUnknown\tYes
E6\tACTB\tUnknown\tNo
"""


def by_id(table: RegulonTable, classes: str | None = CLASSES) -> dict[str, Reference]:
    made = regulon_references(table, read_tf_classes(classes) if classes else None)
    return {reference.id: reference for reference in made}


def test_trrust_reads_alike_with_and_without_its_header() -> None:
    with_header, official = read_trrust(HEADER + TRRUST), read_trrust(TRRUST)
    assert with_header.signs == official.signs
    assert official.signs == {
        ("AATF", "BAX"): "repression",
        ("AATF", "CDKN1A"): "unknown",
        # A row without a sign takes nothing from a row with one; two signs leave none.
        ("JUN", "CCND1"): "activation",
        ("JUN", "TP53"): "unknown",
    }
    assert official.loops == ("ATF3",)


def test_collectri_reads_signs_from_weights() -> None:
    table = read_collectri(COLLECTRI)
    assert table.signs == {
        ("MYC", "CDKN1A"): "repression",
        ("MYC", "TERT"): "activation",
        ("TP53", "CDKN1A"): "activation",
    }
    assert table.loops == ("TP53",)
    # The table as its authors publish it has more columns, and weights with a decimal point.
    wider = "target,resources,weight,source\nTERT,A;B,1.0,MYC\nCDKN1A,C,-1.0,MYC\nCDKN1A,D,1,TP53\n"
    assert read_collectri(wider).signs == table.signs


def test_classes_are_those_of_factors_only() -> None:
    assert read_tf_classes(CLASSES) == {
        "JUN": ("bZIP",),
        "MYC": ("bHLH",),
        "TP53": ("p53",),
        "ZEB1": ("C2H2 ZF", "Homeodomain"),
        "AATF": (),
    }


def test_references_are_the_table_its_signs_its_classes_and_both() -> None:
    trrust = by_id(read_trrust(TRRUST))
    assert {name: set(reference.edges) for name, reference in trrust.items()} == {
        "trrust": {("AATF", "BAX"), ("AATF", "CDKN1A"), ("JUN", "CCND1"), ("JUN", "TP53")},
        "trrust.activation": {("JUN", "CCND1")},
        "trrust.repression": {("AATF", "BAX")},
        "trrust.unknown": {("AATF", "CDKN1A"), ("JUN", "TP53")},
        "trrust.bZIP": {("JUN", "CCND1"), ("JUN", "TP53")},
        # trrust.bZIP.activation would be trrust.activation again.
        "trrust.bZIP.unknown": {("JUN", "TP53")},
    }
    assert trrust["trrust.bZIP"].title == "trrust edges of bZIP factors"
    assert set(by_id(read_trrust(TRRUST), None)) == {
        "trrust",
        "trrust.activation",
        "trrust.repression",
        "trrust.unknown",
    }


def test_a_factor_of_two_classes_is_in_both_and_ids_fit_a_claim() -> None:
    table = read_collectri(COLLECTRI + '"ZEB1","CDH1",-1\n"ZEB1","VIM",1\n"MYC","VIM",1\n')
    references = by_id(table)
    assert {"collectri.C2H2-ZF.repression", "collectri.bHLH", "collectri.p53"} <= set(references)
    # Homeodomain would be C2H2 ZF again: one content, one reference.
    assert "collectri.Homeodomain" not in references
    assert all(reference.named.name == reference.id for reference in references.values())


def test_every_reference_descends_from_its_table() -> None:
    table = read_collectri(COLLECTRI)
    for reference in by_id(table).values():
        assert table.source in reference.origins
    assert table.source.sha256 != read_collectri(COLLECTRI + '"A","B",1\n').source.sha256


genes = st.sampled_from([f"G{index}" for index in range(12)])


@given(rows=st.lists(st.tuples(genes, genes, st.sampled_from([1, -1])), min_size=1, max_size=40))
def test_no_two_references_of_a_table_have_the_same_content(rows: list[tuple[str, str, int]]) -> None:
    if all(first == second for first, second, _ in rows):
        return
    text = "source,target,weight\n" + "".join(f"{first},{second},{sign}\n" for first, second, sign in rows)
    classes = {f"G{index}": (("even", "odd")[index % 2], "any") for index in range(12)}
    table = read_collectri(text)
    references = regulon_references(table, classes)
    assert len({reference.sha256 for reference in references}) == len(references)
    assert len({reference.id for reference in references}) == len(references)
    assert references[0].edges == set(table.signs)
    assert references[0].edges == {(first, second) for first, second, _ in rows if first != second}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A\tB\tActivation\n", r"TRRUST:1: 'A\\tB\\tActivation' is not four filled columns with tabs"),
        (TRRUST + "A\t\tUnknown\t1\n", "TRRUST:8: .*four filled columns"),
        (TRRUST + "A\tB\tInduction\t1\n", "TRRUST:8: mode 'Induction' of A and B is none of Activation, Repression"),
        ("TF\tTarget\tMode\tPMID\n" + TRRUST, "TRRUST:1: mode 'Mode' .*a header line, if there is one, reads Gene1"),
        (TRRUST + HEADER, "TRRUST:8: mode 'Mode_of_Regulation'"),
        (HEADER, "no edge in it"),
        ("ATF3\tATF3\tRepression\t1\n", "no edge in it"),
    ],
)
def test_a_malformed_trrust_is_refused_with_line_value_and_remedy(text: str, words: str) -> None:
    with pytest.raises(ReferenceTableError, match=words):
        read_trrust(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tf,target,weight\nA,B,1\n", r"CollecTRI:1: the header .* has no column 'source'; the columns source, target"),
        (COLLECTRI + '"A","B",0.5\n', "CollecTRI:6: weight '0.5' of A and B is no sign; it is 1 or -1"),
        (COLLECTRI + '"A","",1\n', "CollecTRI:6: .*has no target; fill it or drop the row"),
        (COLLECTRI + '"A","B"\n', "CollecTRI:6: .*has 2 fields where the header has 3"),
        ("", "has no column 'source', 'target', 'weight'"),
        ('"source","target","weight"\n', "no edge in it"),
    ],
)
def test_a_malformed_collectri_is_refused_with_line_value_and_remedy(text: str, words: str) -> None:
    with pytest.raises(ReferenceTableError, match=words):
        read_collectri(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (CLASSES.replace("is_tf", "tf"), "TF classes:1: .*no column 'is_tf'"),
        (CLASSES + "E7\tMAX\tbHLH\tmaybe\n", "TF classes:8: is_tf of MAX is 'maybe'; it is 'Yes' or 'No'"),
        (CLASSES + "E7\tJUN\tbZIP\tYes\n", "TF classes:8: 'JUN' is named on line 2 too"),
        (CLASSES + "E7\tMAX\t\tYes\n", "TF classes:8: .*has no dbd"),
        ("symbol\tdbd\tis_tf\nACTB\tUnknown\tNo\n", "no gene in it is a transcription factor"),
    ],
)
def test_a_malformed_catalogue_is_refused_with_line_value_and_remedy(text: str, words: str) -> None:
    with pytest.raises(ReferenceTableError, match=words):
        read_tf_classes(text)


def test_the_published_tables_give_hundreds_of_distinct_references(shared_data: Path) -> None:
    folder = shared_data / "references"
    trrust = read_trrust((folder / "trrust_rawdata.human.tsv").read_text(encoding="utf-8"))
    collectri = read_collectri((folder / "collectri.csv").read_text(encoding="utf-8"))
    classes = read_tf_classes((folder / "lambert2018_tfs_dbd.tsv").read_text(encoding="utf-8"))
    assert len(classes) == 1639
    assert len(trrust.signs) + len(trrust.loops) > 8_000
    assert len(collectri.signs) > 40_000
    made = [regulon_references(table, classes) for table in (trrust, collectri)]
    assert all(len({reference.sha256 for reference in references}) == len(references) > 100 for references in made)
