from __future__ import annotations

from collections import Counter

import numba
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from theodolite.gates import kernels
from theodolite.gates.effects import gene_items
from theodolite.gates.kernels import (
    derive_seed,
    family_weights,
    pair_statistics,
    permutations,
    set_statistics,
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
    assert kernels._compiled(lambda value: value + 1)(1) == 2
