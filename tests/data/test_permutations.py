from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from theodolite.data import (
    CellSet,
    GeneFamilies,
    GeneStatistics,
    Reference,
    load_families,
    load_pbmc,
    load_programs,
    member_pairs,
    permute_gene_names,
)
from theodolite.data.permutations import family_strata


@pytest.fixture(scope="module")
def pbmc() -> CellSet:
    return load_pbmc()


def test_names_are_permuted_and_whole_families_change_places(pbmc: CellSet) -> None:
    families = load_families()
    mapping = permute_gene_names((), families, pbmc.gene_statistics(), 7).mapping
    assert sorted(mapping) == sorted(mapping.values())
    assert set(mapping) == {gene for gene in pbmc.genes if gene in families.family}
    image: dict[str, set[str]] = {}
    for gene, name in mapping.items():
        image.setdefault(families.family[gene], set()).add(families.family[name])
    assert all(len(target) == 1 for target in image.values())
    size = Counter(families.family.values())
    assert all(size[family] == size[next(iter(target))] for family, target in image.items())


def test_families_move_only_within_their_stratum(pbmc: CellSet) -> None:
    families, statistics = load_families(), pbmc.gene_statistics()
    strata = family_strata(statistics, families)
    stratum_of = {gene: index for index, stratum in enumerate(strata) for block in stratum for gene in block}
    mapping = permute_gene_names((), families, statistics, 7).mapping
    assert all(stratum_of[gene] == stratum_of[name] for gene, name in mapping.items())
    blocks = [block for stratum in strata for block in stratum]
    assert sum(len(stratum) for stratum in strata if len(stratum) > 1) / len(blocks) > 0.95
    singles = [stratum for stratum in strata if len(stratum[0]) == 1]
    assert len(singles) == 5
    means = dict(zip(statistics.genes, statistics.mean_expression, strict=True))
    ranges = sorted(
        (min(means[gene] for (gene,) in stratum), max(means[gene] for (gene,) in stratum)) for stratum in singles
    )
    assert all(low[1] <= high[0] for low, high in zip(ranges[:-1], ranges[1:], strict=True))


@pytest.mark.parametrize("n_pairs", [1, 3, 7, 12, 40])
def test_sparse_strata_are_merged_until_families_can_move(n_pairs: int) -> None:
    genes = tuple(f"G{n:03d}" for n in range(2 * n_pairs + 100))
    families = GeneFamilies({gene: f"F{max(n // 2, n - n_pairs):03d}" for n, gene in enumerate(genes)}, "toy")
    mean = np.random.default_rng(0).lognormal(size=len(genes))
    strata = family_strata(GeneStatistics(genes, mean, mean, mean), families)
    pairs = [stratum for stratum in strata if len(stratum[0]) == 2]
    assert sum(len(stratum) for stratum in pairs) == n_pairs
    assert all(len(stratum) >= min(5, n_pairs) for stratum in pairs)
    assert len(pairs) <= min(5, max(1, n_pairs // 5))
    assert len(pairs) > 1 or n_pairs < 40


def test_permuted_references_keep_size_families_and_expression(pbmc: CellSet) -> None:
    families, statistics, programs = load_families(), pbmc.gene_statistics(), load_programs()
    permuted = permute_gene_names(programs, families, statistics, 7)
    mean = dict(zip(statistics.genes, statistics.mean_expression, strict=True))
    for before, after in zip(programs, permuted.references, strict=True):
        assert len(before.members) == len(after.members)
        profile = [
            sorted(Counter(families.family.get(gene, gene) for gene in reference.genes).values())
            for reference in (before, after)
        ]
        assert profile[0] == profile[1]
        assert permuted.overlap[after.id] == len(before.genes & after.genes) / len(before.genes)
    large = [(b, a) for b, a in zip(programs, permuted.references, strict=True) if len(b.members) >= 20]
    gaps = [
        abs(np.mean([mean[gene] for gene in before.genes]) - np.mean([mean[gene] for gene in after.genes]))
        for before, after in large
    ]
    assert np.mean(gaps) < 0.1


def test_most_genes_move_and_what_cannot_move_is_reported(pbmc: CellSet) -> None:
    permuted = permute_gene_names(load_programs(), load_families(), pbmc.gene_statistics(), 7)
    moved = np.mean([gene != name for gene, name in permuted.mapping.items()])
    assert permuted.share_moved == moved
    assert permuted.share_moved > 0.8
    # The only family of its size cannot change places, and the report says so.
    assert permuted.overlap["hla_class_ii_permuted7"] == 1.0
    assert permuted.overlap["oxidative_phosphorylation_permuted7"] < 0.3


def test_one_permutation_serves_sets_and_their_pairs(pbmc: CellSet) -> None:
    programs = load_programs()[:3]
    pairs = tuple(member_pairs(program) for program in programs)
    statistics, families = pbmc.gene_statistics(), load_families()
    permuted = permute_gene_names((*programs, *pairs), families, statistics, 3).references
    for after, after_pairs in zip(permuted[:3], permuted[3:], strict=True):
        assert member_pairs(after).sha256 == after_pairs.sha256
    again = permute_gene_names(programs, families, statistics, 3).references
    assert [reference.sha256 for reference in again] == [reference.sha256 for reference in permuted[:3]]
    other = permute_gene_names(programs, families, statistics, 4).references
    assert not {reference.sha256 for reference in other} & {reference.sha256 for reference in again}


def test_a_permuted_reference_descends_from_the_original(pbmc: CellSet) -> None:
    (program,) = load_programs()[:1]
    (after,) = permute_gene_names((program,), load_families(), pbmc.gene_statistics(), 3).references
    assert program.source in after.source.parents
    assert after.id == f"{program.id}_permuted3"


def test_genes_without_family_or_outside_the_cells_keep_their_names(pbmc: CellSet) -> None:
    reference = Reference("x", "x", "set", ("ABSENT", "LYZ", "CST3"), "x", ())
    families = GeneFamilies({"CST3": "CST3", "FTL": "FTL"}, "toy")
    for seed in range(8):
        permuted = permute_gene_names((reference,), families, pbmc.gene_statistics(), seed)
        assert {"ABSENT", "LYZ"} <= permuted.references[0].genes
        assert set(permuted.mapping) == {"CST3", "FTL"}
    empty = permute_gene_names((reference,), GeneFamilies({}, "none"), pbmc.gene_statistics(), 0)
    assert (empty.share_moved, empty.references[0].sha256) == (0.0, reference.sha256)
