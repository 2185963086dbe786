from __future__ import annotations

from collections import Counter

import numba
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from theodolite.gates.effects import gene_items
from theodolite.gates.kernels import (
    assigned_statistics,
    derive_seed,
    edge_statistics,
    family_weights,
    pair_statistics,
    permutations,
    set_statistics,
    strata_statistics,
    streams,
    unit_costs,
    weighted_aurocs,
)
from theodolite.gates.schemes import Scheme, family_block_swap, stratified_labels


@pytest.fixture(params=["family_block_swap", "stratified_labels"])
def scheme(request) -> Scheme:
    if request.param == "family_block_swap":
        return family_block_swap([f"F{index // 3 if index < 30 else index}" for index in range(60)])
    return stratified_labels([(index % 3, index % 2) for index in range(60)])


def test_set_statistics_are_rank_sums_at_the_permuted_members(scheme):
    rng = np.random.default_rng(0)
    rank, members = rng.permutation(60) + 1.0, rng.choice(60, 12, replace=False)
    by_hand = [rank[image][members].sum() for image in permutations(scheme, 300, seed=9)]
    assert set_statistics(rank, members, scheme, 300, seed=9) == pytest.approx(by_hand)


def test_pair_statistics_are_rank_sums_at_the_permuted_ends(scheme):
    rng = np.random.default_rng(1)
    rank = rng.random((60, 60))
    rank += rank.T
    first, second = rng.integers(0, 30, 40), rng.integers(30, 60, 40)
    by_hand = [rank[image[first], image[second]].sum() for image in permutations(scheme, 300, seed=9)]
    assert pair_statistics(rank, first, second, scheme, 300, seed=9) == pytest.approx(by_hand)


def test_a_draw_depends_on_seed_and_number_only(scheme):
    rank = np.arange(60.0)
    few = set_statistics(rank, np.arange(5), scheme, 10, seed=3)
    many = set_statistics(rank, np.arange(5), scheme, 1000, seed=3)
    assert np.array_equal(few, many[:10])
    assert not np.array_equal(few, set_statistics(rank, np.arange(5), scheme, 10, seed=4))


def test_row_statistics_are_rank_sums_of_the_rows_that_each_draw_gives_out(scheme):
    rng = np.random.default_rng(1)
    rank, labels = rng.permutation(60 * 25).reshape(60, 25) + 0.5, rng.random((60, 25)) < 0.1
    by_hand = [rank[image][labels].sum() for image in permutations(scheme, 300, seed=9)]
    assert np.array_equal(assigned_statistics(unit_costs(scheme, labels, rank), 300, seed=9), by_hand)


def test_a_scheme_that_moves_nothing_leaves_the_rank_sum():
    scheme = family_block_swap(["a", "b", "b"])
    rank, labels = np.arange(6.0).reshape(3, 2), np.array([[True, False], [False, True], [True, False]])
    assert assigned_statistics(unit_costs(scheme, labels, rank), 2, seed=1).tolist() == [7.0, 7.0]


def test_edge_statistics_are_rank_sums_of_the_listed_edges():
    rng = np.random.default_rng(1)
    rank, rows, columns = rng.random((6, 9)), rng.integers(0, 6, 20), rng.integers(0, 9, (7, 20)).astype(np.int16)
    assert edge_statistics(rank, rows, columns) == pytest.approx([rank[rows, targets].sum() for targets in columns])


def test_a_draw_from_strata_takes_as_many_from_each_and_none_twice():
    """Powers of two as ranks: the sum says which pairs were taken."""
    rank, bounds, count = 2.0 ** np.arange(12), np.array([0, 5, 5, 12]), np.array([2, 0, 7])
    for total in strata_statistics(rank, bounds, count, 500, seed=3):
        taken = [place for place in range(12) if int(total) >> place & 1]
        assert len([place for place in taken if place < 5]) == 2
        assert len(taken) == 9, "a pair taken twice would carry"


def test_draws_from_strata_are_uniform_over_subsets():
    sums = strata_statistics(2.0 ** np.arange(5), np.array([0, 5]), np.array([2]), 20_000, seed=5)
    counts = Counter(sums.tolist())
    assert len(counts) == 10
    assert sum((count - 2000) ** 2 / 2000 for count in counts.values()) < 27.9, "0.999 quantile, 9 degrees of freedom"


@pytest.mark.parametrize("start", [1, 37])
def test_draws_can_be_made_in_pieces(scheme, start):
    rng = np.random.default_rng(1)
    rank, labels = rng.random((60, 60)), rng.random((60, 60)) < 0.1
    first, second = np.nonzero(labels)
    costs = unit_costs(scheme, labels, rank)
    for drawn in (
        lambda *piece: permutations(scheme, *piece),
        lambda *piece: set_statistics(rank[0], first, scheme, *piece),
        lambda *piece: pair_statistics(rank, first, second, scheme, *piece),
        lambda *piece: assigned_statistics(costs, *piece),
        lambda *piece: strata_statistics(rank.ravel(), np.array([0, 99, 3600]), np.array([5, 50]), *piece),
    ):
        whole = drawn(80, 9)
        assert np.array_equal(whole, np.concatenate([drawn(start, 9), drawn(80 - start, 9, start)]))


def test_draws_are_uniform_over_the_group():
    images = permutations(Scheme.build("four", 4, [[[gene] for gene in range(4)]]), 24_000, seed=5)
    counts = Counter(map(tuple, images.tolist()))
    chi_square = sum((count - 1000) ** 2 / 1000 for count in counts.values())
    assert len(counts) == 24
    assert chi_square < 49.7, "the 0.999 quantile of chi-square with 23 degrees of freedom is 49.7"


def test_neighbouring_seeds_and_draws_are_unrelated():
    scheme = Scheme.build("all", 200, [[[gene] for gene in range(200)]])
    rank = np.arange(200.0)
    columns = [set_statistics(rank, np.arange(20), scheme, 2_000, seed) for seed in (1, 2, 3)]
    correlations = np.corrcoef([*columns, np.roll(columns[0], 1)])[np.triu_indices(4, 1)]
    assert np.abs(correlations).max() < 4 / np.sqrt(2_000)


def test_weighted_aurocs_agree_with_scikit_learn():
    rng = np.random.default_rng(2)
    family = rng.integers(0, 12, 200)
    score = rng.integers(0, 50, 200).astype(float)
    label = rng.random(200) < 0.3
    weights = family_weights(12, 20, seed=1)
    items = gene_items(score, label, np.r_[family[:-1], 11])
    got = weighted_aurocs(items.rest, items.reference, items.below, items.through, weights)
    for row, value in zip(weights, got, strict=True):
        weight = row[np.r_[family[:-1], 11]]
        assert value == pytest.approx(roc_auc_score(label, score, sample_weight=weight))


def test_an_auroc_without_one_of_the_classes_is_no_number():
    ones = np.ones((1, 2), int)
    for label in ([True, True], [False, False]):
        items = gene_items(np.arange(2.0), np.array(label), np.zeros(2, dtype=np.int64))
        assert np.isnan(weighted_aurocs(items.rest, items.reference, items.below, items.through, ones)).all()


def test_family_weights_draw_as_many_families_as_there_are():
    weights = family_weights(9, 4_000, seed=1)
    assert (weights[:, :-1].sum(axis=1) == 9).all()
    assert (weights[:, -1] == 1).all()
    assert weights[:, :-1].mean(axis=0) == pytest.approx(np.ones(9), abs=4 / np.sqrt(4_000))


def test_seeds_differ_by_name_and_fit_into_a_double():
    seeds = {derive_seed(root, name) for root in range(50) for name in ("family_block_swap", "stratified_labels")}
    assert len(seeds) == 100
    assert max(seeds) < 2**53
    assert derive_seed(7, "bootstrap") == derive_seed(7, "bootstrap")


def test_a_read_only_installation_compiles_without_a_cache(monkeypatch):
    compile_function = numba.njit

    def read_only(*args, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return compile_function(*args, **options)

    monkeypatch.setattr(numba, "njit", read_only)
    assert streams.compiled(lambda value: value + 1)(1) == 2
