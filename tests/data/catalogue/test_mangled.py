"""Whatever befalls the bytes of a table, it is read or refused by name; and what was written is what is read."""

from __future__ import annotations

import gzip
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_tables import NAMES, TABLES

from theodolite.data import GeneFamilies, Reference, ReferenceTableError
from theodolite.data.catalogue import CATALOGUE
from theodolite.data.catalogue.dorothea import LEVELS, read_dorothea
from theodolite.data.catalogue.gmt import read_gmt
from theodolite.data.catalogue.orthologues import Orthologues, read_orthologues
from theodolite.data.catalogue.paralogues import read_family_table
from theodolite.data.catalogue.resources import Options
from theodolite.data.catalogue.string_channels import read_string, read_string_names
from theodolite.data.columns import decoded

CASES = [(name, text) for name, texts in TABLES.items() for text in texts]
OPTIONS = Options(names=read_string_names(NAMES))
MANGLED_EACH = 150

ODD = (
    b"\x00", b"\xff\xfe", b"\xe2\x80\xa8", b"\r", b'"', b"\t", b"\n", b",", b";", b"|", b"_", b" ", b"nan", b"-",
    b"1e999", b"1-Mar", b"Sep-2", b"{", b"]", b"[[", b"null", b"\x1f\x8b", b"\xef\xbb\xbf", b"x" * 90, b"%s{}", b"\\",
)  # fmt: skip


def mangle(content: bytes, chance: random.Random) -> bytes:
    """Return content with one to four accidents: bytes changed, lost, doubled, moved or put in; or an early end."""
    found = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(found) + 1)
        end = min(len(found), start + chance.choice((1, 1, 2, 8, 40)))
        match chance.randrange(7):
            case 0:
                found[start:end] = bytes(chance.randrange(256) for _ in range(end - start))
            case 1:
                del found[start:end]
            case 2:
                found[start:start] = found[start:end]
            case 3:
                found[start:start] = chance.choice(ODD)
            case 4:
                found[start:end] = chance.choice(ODD)
            case 5:
                other = chance.randrange(len(found) + 1)
                found[other:other] = found[start:end]
            case _:
                if chance.random() < 0.3:
                    del found[start:]
    return bytes(found)


def test_every_resource_has_a_small_table_here_that_can_be_read() -> None:
    assert TABLES.keys() == CATALOGUE.keys()
    for name, text in CASES:
        assert CATALOGUE[name].read(text, "small", OPTIONS)
        packed = decoded(gzip.compress(b"\xef\xbb\xbf" + text.encode()), "small.gz")
        assert packed == text, "a byte-order mark and gzip are no part of a table"


def test_any_mangled_table_is_read_or_refused_by_name() -> None:
    outcomes = {"read": 0, "refused": 0}
    for place, (name, text) in enumerate(CASES):
        chance = random.Random(20_000 + place)
        for number in range(MANGLED_EACH):
            content = mangle(text.encode(), chance)
            try:
                found = CATALOGUE[name].read(decoded(content, "mangled"), "mangled", OPTIONS)
            except ReferenceTableError as error:
                outcomes["refused"] += 1
                assert str(error).startswith(("mangled", "threshold")), (name, number, error)
                continue
            outcomes["read"] += 1
            for reference in found if isinstance(found, tuple) else ():
                assert isinstance(reference, Reference) and reference.named.name == reference.id
                assert all(gene == gene.strip() and gene.isprintable() and gene for gene in reference.genes)
    assert sum(outcomes.values()) == MANGLED_EACH * len(CASES) >= 2_000
    # Neither is the rule: the accidents are small enough to get through, and large enough to be noticed.
    assert min(outcomes.values()) > 500, outcomes


symbols = st.from_regex(r"[A-Z][A-Z0-9]{1,6}", fullmatch=True).filter(lambda gene: gene not in ("NA", "NAN"))
edges = st.tuples(symbols, symbols).filter(lambda pair: pair[0] != pair[1])


@given(st.dictionaries(symbols, st.frozensets(symbols, min_size=1, max_size=8), min_size=1, max_size=8))
def test_gene_sets_come_back_as_they_were_written(sets: dict[str, frozenset[str]]) -> None:
    text = "".join("\t".join([name, "", *sorted(genes)]) + "\n" for name, genes in sets.items())
    found = read_gmt(text, name="sets", made_from=())
    assert {reference.gene_set for reference in found} == set(sets.values())
    assert {reference.id: reference.gene_set for reference in found}.items() <= {
        f"sets.{name}": genes for name, genes in sets.items()
    }.items()


@given(st.dictionaries(edges, st.tuples(st.sampled_from(LEVELS), st.sampled_from((1, -1))), min_size=1, max_size=12))
def test_signed_levels_come_back_as_they_were_written(rows: dict[tuple[str, str], tuple[str, int]]) -> None:
    text = "tf,confidence,target,mor\n" + "".join(
        f"{tf},{level},{target},{sign}\n" for (tf, target), (level, sign) in rows.items()
    )
    words = {1: "activation", -1: "repression"}
    found = {(edge, table.name[-1], sign) for table in read_dorothea(text) for edge, sign in table.signs.items()}
    assert found == {(edge, level, words[sign]) for edge, (level, sign) in rows.items()}


@given(
    st.dictionaries(edges.map(lambda pair: (min(pair), max(pair))), st.integers(1, 1000), min_size=1, max_size=12),
    st.integers(1, 1000),
)
def test_a_pair_is_in_a_channel_where_its_score_reaches_the_threshold(
    scores: dict[tuple[str, str], int], least: int
) -> None:
    rows = [{"preferredName_A": a, "preferredName_B": b, "escore": score / 1000} for (a, b), score in scores.items()]
    expected = {pair for pair, score in scores.items() if score / 1000 >= least / 1000}
    if expected:
        (reference,) = read_string(json.dumps(rows), threshold=least / 1000)
        assert reference.pairs == expected
    else:
        with pytest.raises(ReferenceTableError, match="reaches its threshold"):
            read_string(json.dumps(rows), threshold=least / 1000)


@given(st.lists(st.tuples(symbols, symbols), min_size=1, max_size=20))
def test_genes_joined_by_a_chain_of_pairs_are_one_family_and_no_others(pairs: list[tuple[str, str]]) -> None:
    found = read_family_table("gene\tparalogue\n" + "".join(f"{a}\t{b}\n" for a, b in pairs))
    assert isinstance(found, GeneFamilies) and found.family.keys() == {gene for pair in pairs for gene in pair}
    groups: list[set[str]] = []
    for pair in pairs:
        touched = [group for group in groups if group & set(pair)]
        groups = [group for group in groups if group not in touched] + [set(pair).union(*touched)]
    by_family: dict[str, set[str]] = {}
    for gene, family in found.family.items():
        by_family.setdefault(family, set()).add(gene)
    assert sorted(map(sorted, by_family.values())) == sorted(map(sorted, groups))
    assert all(family == min(genes) for family, genes in by_family.items())


@given(st.lists(st.tuples(symbols, symbols), min_size=1, max_size=20))
def test_the_map_of_orthologues_is_one_to_one(pairs: list[tuple[str, str]]) -> None:
    try:
        table = read_orthologues("source,target\n" + "".join(f"{a},{b}\n" for a, b in pairs))
    except ReferenceTableError:
        table = Orthologues({}, 0, None)  # type: ignore[arg-type]
    assert set(table.target.items()) == {(a, b) for a, b in pairs if not any((x == a) != (y == b) for x, y in pairs)}
