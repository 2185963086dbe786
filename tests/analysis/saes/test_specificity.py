from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, mannwhitneyu, permutation_test

from theodolite.analysis.saes import cell_means, specificity

F = 40


def donors_of(count: int, cells: int) -> list[str]:
    return [f"donor {i}" for i in range(count) for _ in range(cells)]


def test_a_planted_feature_is_specific_to_its_type_and_the_others_are_not():
    rng = np.random.default_rng(0)
    labels = ["B cell", "T cell", "monocyte"] * 40
    activation = rng.gamma(2.0, 1.0, (120, F))
    activation[np.array(labels) == "B cell", 3] += 4.0
    found = specificity(activation, labels, draws=3_999)
    assert [(found.labels[i], j) for i, j in np.argwhere(found.found()).tolist()] == [("B cell", 3)]
    assert found.p[0, 3] == 1 / 4_000 == found.floor[0] and found.unit == ("cells",) * 3
    assert found.difference[0, 3] > 2.0 and found.auroc[0, 3] > 0.95 and found.auroc[1, 3] < 0.5
    assert found.q.ravel() == pytest.approx(false_discovery_control(found.p.ravel()))
    assert found.frame().shape == (3 * F, 7) and found.cells.tolist() == [40, 40, 40]


def test_positions_as_pseudo_replicates_reject_on_data_without_an_effect_and_cells_do_not():
    """Published: tokens as independent observations. Thirty cells of fifty tokens that share their cell's level."""
    by_token, by_cell = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        cell = np.repeat(np.arange(30), 50)
        tokens = np.exp(0.5 * rng.standard_normal((30, F)))[cell] + 0.5 * rng.standard_normal((1_500, F))
        treated = rng.permutation(np.repeat([True, False], 15))
        ranked = mannwhitneyu(tokens[treated[cell]], tokens[~treated[cell]], alternative="greater")
        by_token.append(false_discovery_control(ranked.pvalue) <= 0.05)
        labels = np.where(treated, "perturbed", "control").tolist()
        found = specificity(cell_means(tokens, cell, 30), labels, draws=199, seed=seed)
        by_cell.append(found.p[1] <= 0.05)
    assert np.mean(by_token) > 0.3, "published: a third of features of nothing respond, even after correction"
    # A binomial of 400 at 0.05 stays at or below 35 in all but about 1 of 1,000 runs.
    assert np.sum(by_cell) <= 35


def test_cells_as_pseudo_replicates_of_donors_reject_and_donors_do_not():
    by_cell, by_donor = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        donors = donors_of(12, 20)
        activation = np.repeat(rng.standard_normal((12, F)), 20, axis=0) + rng.standard_normal((240, F))
        labels = np.repeat(rng.permutation(["healthy", "ill"] * 6), 20).tolist()
        by_cell.append(specificity(activation, labels, draws=199, seed=seed).p[0] <= 0.05)
        found = specificity(activation, labels, donors=donors, draws=199, seed=seed)
        assert found.unit == ("donors", "donors") and found.units.tolist() == [12, 12]
        by_donor.append(found.p[0] <= 0.05)
    assert np.mean(by_cell) > 0.25 and np.sum(by_donor) <= 35


def test_types_within_donors_are_told_by_the_differences_of_donors():
    """Each donor's type has its own level: cells, even within donors, are no replicates of it, and donors are."""
    by_cell, by_donor = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        donors, labels = donors_of(8, 20), ["B cell", "T cell"] * 80
        own = rng.standard_normal((8, 2, F))
        activation = own[np.repeat(np.arange(8), 20), np.tile([0, 1], 80)] + rng.standard_normal((160, F))
        by_cell.append(specificity(activation, labels, draws=199, seed=seed).p[0] <= 0.05)
        found = specificity(activation, labels, donors=donors, draws=199, seed=seed)
        assert found.unit == ("donors_within",) * 2 and found.units.tolist() == [8, 8]
        by_donor.append(found.p[0] <= 0.05)
    assert np.mean(by_cell) > 0.2 and np.sum(by_donor) <= 35


def test_an_effect_that_all_donors_show_is_found_and_few_donors_cannot_show_one():
    rng = np.random.default_rng(1)
    labels = ["B cell", "T cell"] * 100
    activation = rng.standard_normal((200, 5))
    activation[::2, 0] += 3.0
    many = specificity(activation, labels, donors=donors_of(10, 20), draws=2_000)
    few = specificity(activation, labels, donors=donors_of(2, 100), draws=2_000)
    assert many.p[0, 0] == many.floor[0] == 2.0**-10 and many.found()[0].tolist() == [True] + [False] * 4
    assert few.p[0, 0] == few.floor[0] == 0.25 and not few.found().any()


@pytest.mark.parametrize("nested", [True, False])
def test_p_is_that_of_scipy_whether_all_arrangements_of_donors_are_made_or_some_are_drawn(nested: bool):
    rng = np.random.default_rng(3)
    donors = donors_of(8, 10)
    labels = np.repeat(["ill", "well"] * 4, 10).tolist() if nested else ["ill", "well"] * 40
    activation = rng.standard_normal((80, 6))
    means = np.array([[activation[d * 10 + s : d * 10 + 10 : 2].mean(axis=0) for s in (0, 1)] for d in range(8)])
    by_donor = activation.reshape(8, 10, 6).mean(axis=1)
    expected = permutation_test(
        (by_donor[::2], by_donor[1::2]) if nested else (means[:, 0], means[:, 1]),
        lambda first, second, axis: first.mean(axis=axis) - second.mean(axis=axis),
        permutation_type="independent" if nested else "samples",
        alternative="greater",
        vectorized=True,
        n_resamples=np.inf,
    )
    exact = specificity(activation, labels, donors=donors, draws=300)
    assert exact.p[0] == pytest.approx(expected.pvalue) and exact.floor[0] == (1 / 70 if nested else 1 / 256)
    drawn = [specificity(activation, labels, donors=donors, draws=60, seed=seed).p[0] for seed in range(40)]
    assert np.mean(drawn, axis=0) == pytest.approx(expected.pvalue, abs=0.06)


def test_where_donors_are_no_replicates_cells_are_the_unit_and_it_says_so():
    rng = np.random.default_rng(2)
    labels = ["healthy"] * 40 + ["ill"] * 20
    activation = rng.standard_normal((60, 3)) + 5.0 * (np.arange(60) >= 40)[:, None]
    found = specificity(activation, labels, donors=donors_of(3, 20), draws=99)
    assert found.unit == ("cells", "cells")
    assert (found.p == 1.0).all(), "one ill donor: nothing tells illness from the donor"
    assert (found.floor == 1.0).all()


@given(st.integers(0, 2**32 - 1))
def test_effects_are_those_of_scipy_and_the_two_sides_of_two_labels_mirror_each_other(seed: int) -> None:
    rng = np.random.default_rng(seed)
    activation = rng.integers(0, 4, (15, 3)).astype(float)
    labels = ["a"] * 2 + ["b"] * 2 + rng.choice(["a", "b"], 11).tolist()
    found = specificity(activation, labels, draws=3, seed=seed)
    first = np.array(labels) == "a"
    u = mannwhitneyu(activation[first], activation[~first]).statistic
    assert found.auroc[0] == pytest.approx(u / (first.sum() * (~first).sum()))
    assert found.auroc[0] + found.auroc[1] == pytest.approx(1.0)
    assert found.difference[0] == pytest.approx(-found.difference[1])


def test_cell_means_are_means_and_cells_without_tokens_are_refused():
    tokens = np.array([[1.0, 0.0], [3.0, 0.0], [5.0, 2.0]])
    assert cell_means(tokens, [0, 0, 1], 2).tolist() == [[2.0, 0.0], [5.0, 2.0]]
    with pytest.raises(ValueError, match="cell 1 of 3 has no token"):
        cell_means(tokens, [0, 0, 2], 3)
    with pytest.raises(ValueError, match="numbered 0 to 2; of 2 cells they are 0 to 1"):
        cell_means(tokens, [0, 1, 2], 2)
    with pytest.raises(ValueError, match="1 labels, the rarest"):
        specificity(tokens, ["a", "a", "a"])
    with pytest.raises(ValueError, match="2 labels, None donors; give a row"):
        specificity(tokens, ["a", "b"])
    with pytest.raises(ValueError, match="not finite"):
        specificity(np.full((4, 1), np.nan), ["a", "a", "b", "b"])
