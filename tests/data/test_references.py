from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from theodolite.data import Reference, ReferenceTableError, load_pbmc, load_programs, member_pairs, read_programs
from theodolite.sources import Source, leaked_ancestors

PROGRAM = """
- id: monocyte
  title: monocyte genes
  kind: set
  definition: known in monocytes
  source: a textbook
  members: [LYZ, CD14, 'NO', 1-Mar, 1e5]
"""


def reference(*members: str, name: str = "demo") -> Reference:
    return Reference(name, "a demo", "set", members, "for the test", (Source("a textbook"),))


def test_every_scalar_is_read_as_text() -> None:
    (program,) = read_programs(PROGRAM.replace("'NO'", "NO"))
    assert program.members == ("1-Mar", "1e5", "CD14", "LYZ", "NO")
    assert program.source.parents == (Source("a textbook"),)
    assert program.source.name == "reference:monocyte"


def test_the_hash_is_of_kind_and_members_whatever_their_order_or_the_title() -> None:
    assert reference("LYZ", "CD14").sha256 == reference("CD14", "LYZ", name="other").sha256
    assert reference("LYZ", "CD14").sha256 != reference("LYZ", "CD16").sha256
    pair = Reference("p", "a pair", "pairs", (("LYZ", "CD14"),), "for the test", ())
    assert pair.sha256 != reference("LYZ", "CD14").sha256
    assert pair.members == (("CD14", "LYZ"),)
    assert pair.named.sha256 == pair.sha256


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (PROGRAM + PROGRAM, r"table:9: id 'monocyte' is taken by the reference on line 2"),
        (PROGRAM.replace("CD14", "LYZ"), "table:2: reference 'monocyte' repeats 'LYZ'"),
        (PROGRAM.replace("title:", "titel:"), r"table:2: .*unknown keys \['titel'\] and lacks \['title'\]"),
        (PROGRAM.replace("  source: a textbook\n", ""), r"lacks \['source'\]"),
        (PROGRAM.replace("kind: set", "kind: pairs"), "kind is 'pairs'"),
        (PROGRAM.replace("[LYZ, CD14, 'NO', 1-Mar, 1e5]", "LYZ"), "must be a list of gene symbols"),
        ("monocyte: [LYZ]", "expected a list"),
        ("- LYZ", "table:1: 'LYZ' is no mapping"),
        ("", "expected a list"),
        ("- [", "not YAML"),
    ],
)
def test_a_bad_table_is_refused_with_file_and_line(text: str, words: str) -> None:
    with pytest.raises(ReferenceTableError, match=words):
        read_programs(text)


def test_members_are_of_the_kind() -> None:
    with pytest.raises(ValueError, match="of kind 'set'"):
        Reference("x", "x", "set", (("LYZ", "CD14"),), "x", ())
    with pytest.raises(ValueError, match="two different genes"):
        Reference("x", "x", "pairs", (("LYZ", "LYZ"),), "x", ())
    with pytest.raises(ValueError, match=r"repeats \('CD14', 'LYZ'\)"):
        Reference("x", "x", "pairs", (("LYZ", "CD14"), ("CD14", "LYZ")), "x", ())
    with pytest.raises(ValueError, match="no member"):
        reference()


def test_pairs_within_a_set_descend_from_the_set() -> None:
    monocyte = reference("LYZ", "CD14", "FCN1", "S100A9", name="monocyte")
    pairs = member_pairs(monocyte)
    assert pairs.id == "monocyte_pairs"
    assert pairs.title == "a demo"
    assert pairs.pairs == frozenset(combinations(["CD14", "FCN1", "LYZ", "S100A9"], 2))
    assert pairs.genes == monocyte.genes
    assert monocyte.source in leaked_ancestors([pairs.source], monocyte.source)
    with pytest.raises(ValueError, match="holds pairs"):
        member_pairs(pairs)
    with pytest.raises(ValueError, match="is a gene set"):
        _ = monocyte.pairs


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(PROGRAM)
    assert [program.id for program in load_programs(tmp_path / "mine.yaml")] == ["monocyte"]


def test_the_packaged_programs_are_of_measured_genes_and_each_names_its_source() -> None:
    programs = load_programs()
    measured = set(load_pbmc().genes)
    assert len(programs) >= 20
    for program in programs:
        assert program.kind == "set"
        assert program.genes <= measured, program.id
        assert program.definition
        assert all(source.name for source in program.origins)


def regulon(*edges: tuple[str, str]) -> Reference:
    return Reference("r", "a regulon", "regulon", edges, "for the test", ())


def test_an_edge_has_a_direction() -> None:
    both = regulon(("MYC", "TERT"), ("TERT", "MYC"), ("GATA1", "KLF1"))
    assert both.edges == {("MYC", "TERT"), ("TERT", "MYC"), ("GATA1", "KLF1")}
    assert both.members == (("GATA1", "KLF1"), ("MYC", "TERT"), ("TERT", "MYC"))
    assert both.regulators == {"MYC", "TERT", "GATA1"}
    assert both.genes == {"MYC", "TERT", "GATA1", "KLF1"}
    assert regulon(("MYC", "TERT")).sha256 != regulon(("TERT", "MYC")).sha256
    pairs = Reference("p", "a pair", "pairs", (("MYC", "TERT"),), "for the test", ())
    assert regulon(("MYC", "TERT")).sha256 != pairs.sha256


def test_a_regulon_is_no_set_and_no_list_of_pairs() -> None:
    edge = regulon(("MYC", "TERT"))
    with pytest.raises(ValueError, match="holds edges; ask for .edges"):
        _ = edge.gene_set
    with pytest.raises(ValueError, match="edges have a direction; ask for .edges"):
        _ = edge.pairs
    with pytest.raises(ValueError, match="holds edges"):
        member_pairs(edge)
    with pytest.raises(ValueError, match="of kind 'set'; only a regulon has regulators"):
        _ = reference("LYZ", "CD14").edges
    with pytest.raises(ValueError, match="two different genes"):
        regulon(("MYC", "MYC"))
    with pytest.raises(ValueError, match="of kind 'regulon'"):
        Reference("x", "x", "regulon", ("MYC",), "x", ())
