from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.data import (
    Reference,
    SplitError,
    UnitTable,
    choose_common_k,
    choose_k,
    load_families,
    load_pbmc,
    load_programs,
    make_split,
    member_pairs,
    testability,
)


def world(families: dict[str, str | None]) -> UnitTable:
    return UnitTable(tuple(sorted(families.items())), (("c1", "c1"),), "cell")


def gene_set(*genes: str) -> Reference:
    return Reference("demo", "a demo", "set", genes, "for the test", ())


SINGLETONS = world({f"G{n:03d}": f"F{n:03d}" for n in range(120)})
PAIRED = world({f"G{n:03d}": f"F{n // 2:03d}" for n in range(120)})


@pytest.mark.parametrize(("n_genes", "answer"), [(9, False), (10, True)])
def test_a_set_needs_ten_genes(n_genes: int, answer: bool) -> None:
    split = make_split(SINGLETONS)
    result = testability(gene_set(*split.genes("block-1")[:n_genes]), split)
    assert (result.in_block, result.families, result.testable) == (n_genes, n_genes, answer)
    assert bool(result.reason) is bool(result.remedy) is not answer


@pytest.mark.parametrize(("n_genes", "answer"), [(14, False), (16, True)])
def test_a_set_needs_eight_families(n_genes: int, answer: bool) -> None:
    split = make_split(PAIRED)
    result = testability(gene_set(*split.genes("block-1")[:n_genes]), split)
    assert (result.in_block, result.families, result.testable) == (n_genes, n_genes // 2, answer)


def test_pairs_need_thirty_pairs_of_two_families_over_eight_families() -> None:
    split = make_split(PAIRED)
    eight = split.genes("block-1")[:8]
    result = testability(member_pairs(gene_set(*eight)), split)
    # 28 pairs of 8 genes, less the 4 inside a family.
    assert (result.in_block, result.families, result.testable) == (24, 4, False)
    sixteen = member_pairs(gene_set(*split.genes("block-1")[:16]))
    assert testability(sixteen, split).in_block == 16 * 15 // 2 - 8
    assert testability(sixteen, split).testable
    assert "30 in 8" in result.reason


def regulon(*edges: tuple[str, str]) -> Reference:
    return Reference("demo", "a demo", "regulon", edges, "for the test", ())


@pytest.mark.parametrize(("regulators", "targets", "answer"), [(8, 4, True), (7, 10, False), (8, 3, False)])
def test_a_regulon_needs_thirty_edges_from_regulators_of_eight_families(
    regulators: int, targets: int, answer: bool
) -> None:
    split = make_split(SINGLETONS)
    genes = split.genes("block-1")
    edges = [(first, second) for first in genes[:regulators] for second in genes[20 : 20 + targets]]
    result = testability(regulon(*edges), split)
    assert (result.in_block, result.families, result.testable) == (regulators * targets, regulators, answer)
    if not answer:
        counts = f"{regulators * targets} edges between families, their regulators in {regulators} families in block-1"
        assert result.reason == f"{counts} (at least 30 in 8)"


def test_many_regulators_of_one_family_are_one() -> None:
    split = make_split(PAIRED)
    genes = split.genes("block-1")
    result = testability(regulon(*[(first, second) for first in genes[:16] for second in genes[20:24]]), split)
    assert (result.in_block, result.families, result.testable) == (64, 8, True)
    # An edge between paralogues is none, and a target that regulates nothing adds no family.
    inside = testability(regulon(*[(genes[0], genes[1]), (genes[0], genes[20])]), split)
    assert (inside.in_block, inside.families) == (1, 1)


def test_the_genes_of_a_regulon_without_family_count_on_both_sides() -> None:
    table = {f"G{n:03d}": f"F{n:03d}" for n in range(120)} | {f"N{n}": None for n in range(40)}
    split = make_split(world(table))
    genes = split.genes("block-1")
    edges = [(first, second) for first in genes[:8] for second in genes[20:32]]
    assert testability(regulon(*edges), split).testable
    fifth = testability(regulon(*edges, *[("N0", f"N{n}") for n in range(1, 5)]), split)
    assert (fifth.without_family, fifth.testable) == (0.2, True)
    more = testability(regulon(*edges, *[("N0", f"N{n}") for n in range(1, 6)]), split)
    assert (more.testable, more.remedy) == (False, "give 6 genes a family in the family table")


def test_a_pair_counts_only_if_both_genes_are_in_the_part() -> None:
    split = make_split(SINGLETONS)
    inside, outside = split.genes("block-1"), split.genes("discovery")
    across = Reference("x", "x", "pairs", tuple(zip(inside, outside, strict=False)), "x", ())
    assert testability(across, split).in_block == 0


def test_more_than_a_fifth_without_family_is_not_testable() -> None:
    table = {f"G{n:03d}": f"F{n:03d}" for n in range(120)} | {f"N{n}": None for n in range(10)}
    split = make_split(world(table))
    genes = split.genes("block-1")[:24]
    fifth = testability(gene_set(*genes, *[f"N{n}" for n in range(6)]), split)
    assert (fifth.without_family, fifth.testable) == (0.2, True)
    more = testability(gene_set(*genes, *[f"N{n}" for n in range(7)]), split)
    assert not more.testable
    assert more.remedy == "give 7 genes a family in the family table"


def test_genes_that_were_not_measured_do_not_count() -> None:
    split = make_split(SINGLETONS)
    result = testability(gene_set(*split.genes("block-1")[:10], "ABSENT1", "ABSENT2"), split)
    assert (result.in_universe, result.without_family, result.testable) == (10, 0.0, True)
    nothing = testability(gene_set("ABSENT"), split)
    assert (nothing.in_universe, nothing.testable) == (0, False)


@settings(max_examples=60)
@given(size=st.integers(1, 60), seed=st.integers(0, 1000), k=st.integers(1, 4))
def test_counts_against_brute_force(size: int, seed: int, k: int) -> None:
    split = make_split(PAIRED, seed, k=k)
    genes = [gene for gene, _ in PAIRED.gene_family][:size]
    family = PAIRED.family_of
    for part in split.blocks:
        held = [gene for gene in genes if family[gene] in split.families(part)]
        result = testability(gene_set(*genes), split, part)
        assert result.in_block == len(held)
        assert result.testable == (len(held) >= 10 and len({family[gene] for gene in held}) >= 8)
        if size > 1:
            pairs = [(a, b) for a, b in combinations(held, 2) if family[a] != family[b]]
            assert testability(member_pairs(gene_set(*genes)), split, part).in_block == len(pairs)


def test_k_is_the_largest_that_keeps_every_testable_reference_testable() -> None:
    references = [gene_set(*[f"G{n:03d}" for n in range(count)]) for count in (20, 60, 120)]
    for chosen in (references[:1], references[1:2], references[2:], references, []):
        k = choose_k(chosen, SINGLETONS, 5)
        whole = make_split(SINGLETONS, 5)
        testable = [reference for reference in chosen if testability(reference, whole).testable]

        def holds(blocks: int, testable: list[Reference] = testable) -> bool:
            split = make_split(SINGLETONS, 5, k=blocks)
            return all(testability(reference, split, part).testable for reference in testable for part in split.blocks)

        assert k == max(blocks for blocks in (1, 2, 3, 4) if holds(blocks))
    assert choose_k(references[2:], SINGLETONS, 5) == 4
    assert choose_k(references[:1], SINGLETONS, 5) == 1
    assert {choose_k([gene_set(*[f"G{n:03d}" for n in range(40)])], SINGLETONS, seed) for seed in range(10)} == {1, 2}


def test_a_common_k_would_do_for_every_campaign() -> None:
    many, few = gene_set(*[f"G{n:03d}" for n in range(120)]), gene_set(*[f"G{n:03d}" for n in range(20)])
    smaller = world({f"G{n:03d}": f"F{n:03d}" for n in range(45)})
    assert choose_common_k([([many], SINGLETONS), ([few], SINGLETONS)], 5) == 1
    assert choose_common_k([([many], SINGLETONS)], 5) == choose_k([many], SINGLETONS, 5) == 4
    assert choose_common_k([([many], SINGLETONS), ([many], smaller)], 5) == choose_k([many], smaller, 5) == 3


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(SplitError, match="block-2"):
        testability(gene_set("G000"), make_split(SINGLETONS), "block-2")


def test_the_packaged_table_holds_a_dozen_programs_that_the_demo_can_test_and_some_that_it_cannot() -> None:
    cells, families = load_pbmc(), load_families()
    split = make_split(UnitTable.of(cells, families))
    results = [testability(program, split) for program in load_programs()]
    testable = [result for result in results if result.testable]
    held_out = set(split.genes("block-1"))
    assert len(testable) >= 12
    by_id = {program.id: program for program in load_programs()}
    for result in testable:
        genes = by_id[result.reference].genes & held_out
        assert len(genes) >= 10
        assert len(set(families.of(genes))) >= 8
    refused = {result.reference: result for result in results if not result.testable}
    assert refused["hla_class_ii"].families == 1
    assert all(result.reason and result.remedy for result in refused.values())
