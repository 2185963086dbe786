from __future__ import annotations

from itertools import permutations as orders
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.gates.kernels import permutations
from theodolite.gates.schemes import (
    Scheme,
    blocked_labels,
    coexpression_strata,
    expression_strata,
    family_block_swap,
    stratified_labels,
    target_strata,
)


def every_image(scheme: Scheme) -> list[np.ndarray]:
    """All permutations that a small scheme can draw, by brute force."""
    images = []
    for choice in product(*(orders(range(len(cell))) for cell in scheme.cells())):
        image = np.arange(scheme.n)
        for cell, order in zip(scheme.cells(), choice, strict=True):
            image[cell.ravel()] = cell[list(order)].ravel()
        images.append(image)
    return images


def test_families_swap_whole_and_only_with_families_of_their_size():
    families = ["a", "a", "b", "b", "c", "d", "e", "e", "e"]
    scheme = family_block_swap(families)
    for image in permutations(scheme, 50, seed=1):
        assert set(image[:2]) in ({0, 1}, {2, 3})
        assert set(image[4:6]) == {4, 5}
        assert list(image[6:]) == [6, 7, 8], "the only family of three has nowhere to go"


@given(st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=30), st.integers(0, 2**53 - 1))
def test_a_draw_of_family_blocks_is_a_permutation_that_keeps_families_together(families, seed):
    family = np.array(families)
    for image in permutations(family_block_swap(families), 5, seed):
        assert sorted(image) == list(range(len(families)))
        together = family[:, None] == family[None, :]
        assert np.array_equal(together, together[np.ix_(image, image)])


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=80))
def test_small_strata_are_merged_and_no_gene_is_lost(strata):
    cells = stratified_labels(strata).cells()
    if len(strata) > 1:
        assert sorted(np.concatenate([cell.ravel() for cell in cells])) == list(range(len(strata)))
        assert min(len(cell) for cell in cells) >= min(5, len(strata))


def test_a_small_stratum_joins_its_own_expression_class_first():
    strata = [(0, 0)] * 9 + [(0, 1)] * 3 + [(1, 0)] * 5
    assert [len(cell) for cell in stratified_labels(strata).cells()] == [12, 5]


def test_expression_strata_are_quantiles_within_quantiles():
    rng = np.random.default_rng(0)
    mean, variance = rng.gamma(2.0, 1.0, (2, 300))
    strata = expression_strata(mean, variance)
    assert {strata.count(stratum) for stratum in set(strata)} == {20}
    outer = np.array([stratum[0] for stratum in strata])
    assert mean[outer == 0].max() <= mean[outer == 1].min()


@given(st.lists(st.booleans(), min_size=6, max_size=6), st.sampled_from(["aabbcd", "aabbcc", "abcdef", "aaabbb"]))
def test_the_number_of_arrangements_of_a_set_is_exact(member, families):
    scheme, label = family_block_swap(families), np.array(member)
    distinct = {tuple(label[image]) for image in every_image(scheme)}
    assert 10 ** scheme.log10_arrangements(label) == pytest.approx(len(distinct))


@given(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(lambda pair: pair[0] < pair[1])))
def test_the_number_of_arrangements_of_pairs_is_never_overstated(pairs):
    scheme = Scheme.build("one cell", 6, [[[gene] for gene in range(6)]])
    edges = np.zeros((6, 6), dtype=bool)
    for i, j in pairs:
        edges[i, j] = edges[j, i] = True
    distinct = {edges[np.ix_(image, image)].tobytes() for image in every_image(scheme)}
    assert 10 ** scheme.log10_arrangements(edges.sum(axis=1)) <= len(distinct) * (1 + 1e-9)


def test_units_must_be_disjoint_and_of_one_length():
    with pytest.raises(ValueError, match="mixes units of"):
        Scheme.build("bad", 3, [[[0], [1, 2]]])
    with pytest.raises(ValueError, match="two units"):
        Scheme.build("bad", 3, [[[0], [0]]])


@given(st.lists(st.sampled_from(["d1/blood", "d1/bone", "d2/blood"]), min_size=1, max_size=40), st.integers(0, 2**32))
def test_labels_of_cells_stay_in_their_block(blocks, seed):
    block = np.array(blocks)
    for image in permutations(blocked_labels(blocks), 5, seed):
        assert sorted(image) == list(range(len(blocks)))
        assert np.array_equal(block[image], block)


def test_labels_move_in_every_block_of_two_cells_or_more():
    moved = (permutations(blocked_labels(["a", "a", "b", "c", "c", "c"]), 200, seed=1) != np.arange(6)).any(axis=0)
    assert moved.tolist() == [True, True, False, True, True, True]


def test_target_strata_are_terciles_of_degree_inside_dropout_inside_expression():
    rng = np.random.default_rng(0)
    mean, dropout, degree = rng.gamma(2.0, 1.0, 900), rng.random(900), rng.permutation(900)
    strata = target_strata(mean, dropout, degree)
    assert {strata.count(stratum) for stratum in set(strata)} == {20}
    assert [stratum[:2] for stratum in strata] == expression_strata(mean, dropout)
    cell = np.array([stratum[:2] == (2, 1) for stratum in strata])
    third = np.array([stratum[2] for stratum in strata])
    assert degree[cell & (third == 0)].max() < degree[cell & (third == 1)].min()


def test_a_small_stratum_joins_the_one_that_shares_more_classes():
    strata = [(0, 0, 0)] * 3 + [(0, 0, 1)] * 9 + [(0, 1, 0)] * 3 + [(1, 0, 0)] * 5 + [(1, 0, 1)] * 5
    assert [len(cell) for cell in stratified_labels(strata).cells()] == [15, 5, 5]


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=120))
def test_ventiles_hold_every_candidate_once_and_like_co_expression_together(pairs):
    coexpression, edge = np.array([value for value, _ in pairs], dtype=float), np.array([edge for _, edge in pairs])
    strata = coexpression_strata(coexpression)
    assert sorted(strata.order) == list(range(len(pairs)))
    assert strata.bounds[-1] == len(pairs)
    cells = [strata.order[first:last] for first, last in zip(strata.bounds, strata.bounds[1:], strict=False)]
    assert strata.count(edge).tolist() == [int(edge[cell].sum()) for cell in cells]
    full = [cell for cell in cells if len(cell)]
    assert all(coexpression[a].max() < coexpression[b].min() for a, b in zip(full, full[1:], strict=False))


def test_the_reach_of_strata_is_exact():
    strata = coexpression_strata(np.repeat([0.0, 1.0], [4, 6]))
    edge = np.array([1, 0, 0, 0, 1, 1, 1, 1, 1, 1], dtype=bool)
    assert strata.moved(edge) == pytest.approx((1 - 1 / 4) / 7), "the six pairs of the full stratum stay"
    assert 10 ** strata.log10_arrangements(edge) == pytest.approx(4)
    assert strata.moved(np.zeros(10, dtype=bool)) == 0.0
