from __future__ import annotations

from pathlib import Path

import pytest

from theodolite.data import FamilyTableError, load_families, load_pbmc, read_families

TABLE = "# version 3; see elsewhere\ngene\tfamily\nHLA-A\thla_1\nHLA-B\thla_1\n\nLYZ\tLYZ\n"


def test_a_table_gives_the_family_of_each_gene_and_none_where_it_has_none() -> None:
    families = read_families(TABLE)
    assert families.of(["LYZ", "MALAT1", "HLA-B"]) == ("LYZ", None, "hla_1")
    assert families.version == "3"


def test_the_hash_covers_the_mapping_only() -> None:
    families = read_families(TABLE)
    reordered = read_families("gene\tfamily\nLYZ\tLYZ\nHLA-B\thla_1\nHLA-A\thla_1\n")
    assert reordered.version == "unversioned"
    assert reordered.sha256 == families.sha256
    assert read_families(TABLE.replace("LYZ\tLYZ", "LYZ\tlysozyme")).sha256 != families.sha256


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "gene\tfamily\nLYZ\tLYZ\nCD4\tCD4\nLYZ\tother\n",
            "table:4: gene 'LYZ' .*'LYZ' on line 2; a gene has one family",
        ),
        ("symbol\tfamily\nLYZ\tLYZ\n", "table:1: the header is"),
        ("# comment\ngene\tfamily\nLYZ\n", "table:3: 'LYZ' is not a gene and a family"),
        ("gene\tfamily\nLYZ\t \n", "table:2"),
        ("gene\tfamily\n", "no gene in it"),
        ("", "no gene in it"),
    ],
)
def test_a_bad_table_is_refused_with_file_and_line(text: str, words: str) -> None:
    with pytest.raises(FamilyTableError, match=words):
        read_families(text)


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine.tsv").write_text(TABLE)
    assert load_families(tmp_path / "mine.tsv").of(["HLA-A"]) == ("hla_1",)
    (tmp_path / "bad.tsv").write_text("nothing")
    with pytest.raises(FamilyTableError, match=r"bad.tsv:1"):
        load_families(tmp_path / "bad.tsv")


def test_the_packaged_table_covers_the_embedded_cells_and_follows_homology() -> None:
    families = load_families()
    genes = load_pbmc().genes
    of = dict(zip(genes, families.of(genes), strict=True))
    assert sum(family is None for family in of.values()) / len(genes) < 0.05
    assert set(families.family) <= set(genes)
    assert len({of[gene] for gene in ("HLA-DRA", "HLA-DPB1", "HLA-DQA1")}) == 1
    ribosomal = [gene for gene in genes if gene.startswith(("RPL", "RPS"))]
    assert len(ribosomal) >= 2
    assert len({of[gene] for gene in ribosomal}) == len(ribosomal)
