from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from theodolite.data import PlantedCells, UnitTable, make_split, planted_cells, testability


@pytest.fixture(scope="module")
def world() -> PlantedCells:
    return planted_cells(400, 360, 3, seed=11, n_donors=6)


def mean_correlation(world: PlantedCells, members: frozenset[str]) -> float:
    columns = [world.cells.genes.index(gene) for gene in sorted(members)]
    matrix = np.corrcoef(world.cells.log1p_cp10k()[:, columns].T)
    return float(matrix[np.triu_indices_from(matrix, k=1)].mean())


def test_real_programs_co_vary_and_decoys_do_not(world: PlantedCells) -> None:
    assert world.real == {"program_1", "program_2", "program_3"}
    assert len(world.references) == 6
    for reference in world.references:
        correlation = mean_correlation(world, reference.genes)
        if reference.id in world.real:
            assert correlation > 0.2
        else:
            assert abs(correlation) < 0.1


def test_programs_are_disjoint_unions_of_whole_families_of_the_same_size(world: PlantedCells) -> None:
    genes = [gene for reference in world.references for gene in reference.members]
    assert len(genes) == len(set(genes))
    sizes = Counter(world.families.family.values())
    assert set(sizes.values()) <= {1, 2, 3, 4}
    for reference in world.references:
        inside = Counter(world.families.family[gene] for gene in reference.members)
        assert all(sizes[family] == count for family, count in inside.items())
        assert 40 <= len(reference.members) <= 43


def test_counts_are_heavy_tailed_over_dispersed_and_sparse(world: PlantedCells) -> None:
    counts = world.cells.counts.toarray()
    means = counts.mean(0)
    assert means.max() > 10 * np.median(means)
    assert (counts.var(0) > means).mean() > 0.9
    assert 0.1 < (counts == 0).mean() < 0.8


def test_membership_says_nothing_about_the_mean(world: PlantedCells) -> None:
    expression = dict(zip(world.cells.genes, world.cells.counts.mean(axis=0), strict=True))
    in_decoys = [np.log(expression[gene]) for reference in world.references[3:] for gene in reference.members]
    everywhere = [np.log(value) for value in expression.values()]
    assert abs(np.mean(in_decoys) - np.mean(everywhere)) < 0.5


def test_donors_are_units_where_asked_for(world: PlantedCells) -> None:
    assert world.cells.unit_kind == "donor"
    assert len(set(world.cells.units)) == 6
    assert planted_cells(20, 24, 1, seed=0).cells.unit_kind == "cell"


def test_a_world_is_its_seed() -> None:
    first, again, other = (planted_cells(40, 60, 2, seed=seed) for seed in (1, 1, 2))
    assert first.cells.sha256 == again.cells.sha256
    assert [reference.sha256 for reference in first.references] == [reference.sha256 for reference in again.references]
    assert first.cells.sha256 != other.cells.sha256
    assert first.families.sha256 != other.families.sha256


def test_every_planted_reference_is_testable_in_the_block(world: PlantedCells) -> None:
    split = make_split(UnitTable.of(world.cells, world.families))
    assert all(testability(reference, split).testable for reference in world.references)


def test_a_world_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="12 genes a program"):
        planted_cells(10, 30, 3, seed=0)
