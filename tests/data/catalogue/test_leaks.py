"""The ancestry that references declare: shared evidence is a leak, channels of one resource are none."""

from __future__ import annotations

import json
from itertools import permutations

import pytest

from theodolite.data import Reference, member_pairs, read_collectri, read_programs, read_trrust, regulon_references
from theodolite.data.ancestry import MADE_FROM, STRING_CHANNELS, database, databases
from theodolite.data.catalogue.dorothea import read_dorothea
from theodolite.data.catalogue.gmt import read_gmt
from theodolite.data.catalogue.ligands import read_ligand_receptor
from theodolite.data.catalogue.string_channels import read_string
from theodolite.sources import Source, leaked_ancestors

KEYS = ("score", "nscore", "fscore", "pscore", "ascore", "escore", "dscore", "tscore")


def gmt(name: str, origin: str) -> Reference:
    # Equal contents would be one and the same source, so no two references here have a gene in common.
    (made,) = read_gmt(f"SET\tna\t{name}-1\t{name}-2\n", name=name, made_from=(origin,))
    return made


@pytest.fixture(scope="module")
def by_id() -> dict[str, Reference]:
    """Return a reference of every kind of evidence, all of different files."""
    rows = [
        {"preferredName_A": key, "preferredName_B": f"{key}2", **dict.fromkeys(KEYS, 0), key: 1, "score": 1}
        for key in KEYS
    ]
    tables = [
        read_trrust("T1\tT2\tActivation\t1\n"),
        read_collectri("source,target,weight\nC1,C2,1\n"),
        *read_dorothea("tf,confidence,target,mor\nD1,A,D2,1\nD1,E,D3,1\n"),
    ]
    found = [
        *(reference for table in tables for reference in regulon_references(table)),
        *read_string(json.dumps(rows)),
        *read_ligand_receptor("source_genesymbol,target_genesymbol\nL1,L2\n"),
        gmt("kegg", "KEGG"),
        gmt("reactome", "Reactome"),
        gmt("hallmark", "MSigDB Hallmark"),
        gmt("go-bp", "GO biological process"),
        gmt("go-cc", "GO cellular component"),
        gmt("hpa", "Human Protein Atlas"),
        gmt("panglaodb", "PanglaoDB"),
    ]
    return {reference.id: reference for reference in found}


def leaked(one: Reference, other: Reference) -> set[str]:
    return {source.name.removeprefix("database:") for source in leaked_ancestors([one.source], other.source)}


@pytest.mark.parametrize(
    ("one", "other", "through"),
    [
        ("trrust", "collectri", "TRRUST"),
        ("trrust", "dorothea.A", "TRRUST"),
        ("dorothea.A", "collectri", "DoRothEA A"),
        ("dorothea.A", "dorothea.E", "DoRothEA motifs"),
        ("string.database", "kegg.SET", "KEGG"),
        ("string.database", "reactome.SET", "Reactome"),
        ("string.database", "go-cc.SET", "GO cellular component"),
        ("string.combined", "string.textmining", "STRING textmining"),
        ("hallmark.SET", "kegg.SET", "KEGG"),
        ("hallmark.SET", "reactome.SET", "Reactome"),
        ("hallmark.SET", "go-bp.SET", "GO biological process"),
        ("go-bp.SET", "reactome.SET", "Reactome"),
        ("go-cc.SET", "hpa.SET", "Human Protein Atlas"),
        ("liana", "kegg.SET", "KEGG"),
        ("liana", "string.experimental", "STRING experimental"),
    ],
)
def test_references_that_share_evidence_leak_into_each_other(by_id, one: str, other: str, through: str) -> None:
    assert through in leaked(by_id[one], by_id[other])
    assert through in leaked(by_id[other], by_id[one])
    # What is made of a reference inherits what it derives from.
    if by_id[one].kind == "set":
        assert through in leaked(member_pairs(by_id[one]), by_id[other])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("trrust", "dorothea.E"),
        ("trrust", "string.textmining"),
        ("kegg.SET", "reactome.SET"),
        ("kegg.SET", "string.experimental"),
        ("hpa.SET", "go-bp.SET"),
        ("panglaodb.SET", "hallmark.SET"),
        ("dorothea.E", "string.coexpression"),
    ],
)
def test_references_of_other_evidence_do_not(by_id, one: str, other: str) -> None:
    assert not leaked(by_id[one], by_id[other])


def test_the_channels_of_string_are_apart_though_they_come_from_one_file(by_id) -> None:
    for one, other in permutations(STRING_CHANNELS, 2):
        shared = leaked(by_id[f"string.{one}"], by_id[f"string.{other}"])
        # Experiments and curated databases share what IntAct recorded; the rest nothing.
        assert shared == ({"IntAct"} if {one, other} == {"experimental", "database"} else set())


def test_a_planted_leak_is_found_through_every_step_of_a_feature(by_id) -> None:
    degree = Source("feature:degree", "1" * 64, (Source("network", "2" * 64, (by_id["collectri"].source,)),))
    assert leaked_ancestors([degree], by_id["trrust"].source) == [database("TRRUST")]
    assert not leaked_ancestors([degree], by_id["panglaodb.SET"].source)


def test_a_table_of_ones_own_joins_by_the_name_of_the_database(by_id) -> None:
    (own,) = read_programs(
        "- {id: mine, title: mine, kind: set, definition: by hand, source: 'database:KEGG', members: [A, B]}\n"
    )
    assert leaked(own, by_id["kegg.SET"]) == {"KEGG"}


def test_every_database_stands_in_the_table_and_none_descends_from_itself() -> None:
    assert {parent for parents in MADE_FROM.values() for parent in parents} <= MADE_FROM.keys()
    for name, parents in MADE_FROM.items():
        assert f"database:{name}" not in {
            source.name for one in databases(*parents) for source in one.ancestry().values()
        }
