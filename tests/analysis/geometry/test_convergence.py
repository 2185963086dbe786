from __future__ import annotations

import numpy as np
import pytest

from theodolite.analysis.geometry import centroid_ranks, lineage_convergence
from theodolite.data import GeneStatistics

N, LAYERS, WIDTH = 300, 8, 12
GENES = tuple(f"G{i}" for i in range(N))
B, T = GENES[:7], GENES[7:14]
COMES, STAYS = "G20", "G21"


def world(seed: int, *, shrink: float = 1.0, everyone: float = 0.0) -> tuple[np.ndarray, GeneStatistics]:
    """Two lineages. ``COMES`` walks to the first one, the others stay; ``shrink`` is what is left of the norm."""
    rng = np.random.default_rng(seed)
    centres = 4.0 * rng.standard_normal((2, WIDTH))
    base = 2.0 * rng.standard_normal((N, WIDTH))
    base[:7] = centres[0] + 0.5 * rng.standard_normal((7, WIDTH))
    base[7:14] = centres[1] + 0.5 * rng.standard_normal((7, WIDTH))
    base[20] = centres[0] + 3.0 * rng.standard_normal(WIDTH)
    walk = np.linspace(0.0, 0.9, LAYERS)
    vectors = np.empty((LAYERS, N, WIDTH))
    for layer in range(LAYERS):
        place = base.copy()
        place[14:] += everyone * walk[layer] * (centres[0] - place[14:])
        place[20] += walk[layer] * (centres[0] - place[20])
        vectors[layer] = place * (1.0 - (1.0 - shrink) * layer / (LAYERS - 1)) + 0.05 * rng.standard_normal((N, WIDTH))
    mean = rng.lognormal(0.0, 1.0, N)
    return vectors, GeneStatistics(GENES, mean, mean * rng.lognormal(0.0, 0.2, N), np.exp(-mean))


LINEAGES = {"B": B, "T": T}


def test_a_regulator_that_comes_near_is_found_and_one_that_stays_is_not():
    vectors, statistics = world(0)
    comes, stays = lineage_convergence(
        vectors, GENES, [COMES, STAYS], LINEAGES, "B", statistics=statistics, matched=100
    )
    assert comes.ranks.spearman is not None and comes.ranks.spearman.rho < -0.9
    assert comes.ranks.last <= 10 and comes.specific
    assert comes.null.p_trend <= 0.05 and comes.null.p_drop == pytest.approx(1 / 101)
    assert comes.null.kind == "matched genes" and len(comes.null.genes) == 100
    assert not set(comes.null.genes) & {*B, COMES}
    assert stays.null.p_drop > 0.05 and not stays.in_centroid


def test_all_distances_shrink_with_the_norm_and_ranks_do_not():
    """No gene moves among the others; the published distances fall by two thirds all the same."""
    vectors, _ = world(1, shrink=0.3)
    followed = lineage_convergence(vectors, GENES, GENES[21:61], LINEAGES, "B")
    for stays in followed:
        assert stays.distance[-1] < 0.4 * stays.distance[0]
        assert stays.distance / stays.norm == pytest.approx(stays.distance[0] / stays.norm[0], rel=0.15)
        assert abs(stays.ranks.last - stays.ranks.first) <= N / 5
    # A binomial of 40 at 0.05 stays at or below 7 in all but about 1 of 1,000 runs.
    assert sum(stays.null.p_drop <= 0.05 for stays in followed) <= 7


def test_where_every_gene_comes_near_no_single_one_stands_out():
    vectors, statistics = world(2, everyone=0.8)
    (stays,) = lineage_convergence(vectors, GENES, [STAYS], LINEAGES, "B", statistics=statistics, matched=100)
    assert stays.distance[-1] < 0.5 * stays.distance[0]
    assert stays.null.p_trend > 0.05 and stays.null.p_drop > 0.05


def test_a_marker_is_flagged_and_ranked_by_the_others():
    vectors, _ = world(3)
    marker = B[0]
    vectors[:, 0] += 3.0
    (found,) = lineage_convergence(vectors, GENES, [marker], LINEAGES, "B")
    assert found.in_centroid
    mask = np.array([gene in B[1:] for gene in GENES])
    assert found.ranks.values == pytest.approx(centroid_ranks(vectors, mask)[0][:, 0])
    assert (found.ranks_with_itself <= found.ranks.values).all()
    assert (found.ranks_with_itself < found.ranks.values).any(), "its own weight draws the centroid near"


def test_ranks_are_by_distance_to_the_mean_of_the_markers():
    vectors, _ = world(4)
    mask = np.array([gene in T for gene in GENES])
    ranks, distance = centroid_ranks(vectors, mask)
    expected = np.linalg.norm(vectors[2] - vectors[2][mask].mean(axis=0), axis=1)
    assert distance[2] == pytest.approx(expected)
    assert np.argsort(ranks[2]).tolist() == np.argsort(expected).tolist() and ranks.min() == 1.0


def test_f3_absent_genes_are_not_ranked():
    vectors, _ = world(5)
    padded = np.concatenate([vectors, np.zeros((LAYERS, 200, WIDTH))], axis=1)
    names = (*GENES, *(f"Z{i}" for i in range(200)))
    (one,) = lineage_convergence(vectors, GENES, [COMES], LINEAGES, "B")
    (two,) = lineage_convergence(padded, names, [COMES], LINEAGES, "B")
    assert one.ranks.values == pytest.approx(two.ranks.values)


def test_matching_holds_the_starting_rank_of_a_gene_that_begins_far():
    vectors, statistics = world(6)
    (found,) = lineage_convergence(vectors, GENES, [COMES], LINEAGES, "B", statistics=statistics, matched=30)
    everyone = (N + 1) / 2
    assert abs(found.null.mean_rank[0] - found.ranks.first) < abs(everyone - found.ranks.first)


@pytest.mark.parametrize(
    ("regulators", "lineage", "options", "message"),
    [
        (["X"], "B", {}, "X have no vector"),
        ([COMES], "NK", {}, "no lineage 'NK' was given; there are 'B', 'T'"),
        ([COMES], "B", {"matched": 10_000}, "10000 matched genes of 292"),
    ],
)
def test_what_is_not_there_is_named(regulators, lineage, options, message):
    vectors, statistics = world(7)
    with pytest.raises(ValueError, match=message):
        lineage_convergence(vectors, GENES, regulators, LINEAGES, lineage, statistics=statistics, **options)


def test_a_lineage_of_one_marker_has_no_centroid():
    vectors, _ = world(8)
    with pytest.raises(ValueError, match="lineage 'B' has 1 markers"):
        lineage_convergence(vectors, GENES, [COMES], {"B": ["G0", "X"]}, "B")
