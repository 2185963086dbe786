from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.gates.confounds.crossfit import Nuisance, centred, family_folds, training_pairs

ROWS = [f"F{index // 2}" for index in range(12)]
COLUMNS = [f"G{index // 3}" for index in range(30)]


def dummies(r: int, t: int) -> np.ndarray:
    """Return one column for each row and each column of a matrix, shape (r * t, r + t)."""
    return np.hstack([np.kron(np.eye(r), np.ones((t, 1))), np.kron(np.ones((r, 1)), np.eye(t))])


@given(st.lists(st.sampled_from("ABCDEFG"), min_size=2, max_size=40).filter(lambda names: len(set(names)) > 1))
def test_folds_keep_families_whole_and_none_is_empty(families: list[str]) -> None:
    fold = family_folds(families, 3, 1, "genes")
    assert all(len(set(fold[np.array(families) == name])) == 1 for name in families)
    sizes = np.bincount(fold, minlength=min(3, len(set(families))))
    assert sizes.min() > 0 and len(sizes) <= 3
    assert sizes.max() - sizes.min() <= max(Counter(families).values())


def test_folds_follow_families_and_not_the_order_of_genes() -> None:
    order = np.random.default_rng(0).permutation(30)
    fold = family_folds(COLUMNS, 3, 5, "targets")
    assert np.array_equal(family_folds([COLUMNS[index] for index in order], 3, 5, "targets"), fold[order])
    assert not np.array_equal(family_folds(COLUMNS, 3, 6, "targets"), fold)


def test_one_family_leaves_nothing_to_fit_on() -> None:
    with pytest.raises(ValueError, match="all 3 regulators are of one family"):
        family_folds(["F", "F", "F"], 3, 0, "regulators")


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_row_and_column_effects_are_those_of_least_squares_over_the_candidates(share: float) -> None:
    rng = np.random.default_rng(0)
    stack, candidates = rng.standard_normal((2, 7, 9)), rng.random((7, 9)) >= share
    candidates[3] = share == 0.0
    inside = candidates.ravel()
    for matrix, left in zip(stack, centred(stack, candidates), strict=True):
        effects = dummies(7, 9)[inside]
        expected = matrix.ravel()[inside] - effects @ np.linalg.lstsq(effects, matrix.ravel()[inside], rcond=None)[0]
        assert left.ravel()[inside] == pytest.approx(expected, abs=1e-9)
        assert not left[~candidates].any()


def oracle(
    score: np.ndarray, terms: np.ndarray, use: np.ndarray, rows: np.ndarray, columns: np.ndarray, place: tuple[int, int]
) -> np.ndarray:
    """Return coefficients from one regression with an effect of each gene in each cell, by its definition."""
    a, b = place
    design, outcome = [], []
    for i in set(rows.tolist()):
        for j in set(columns.tolist()):
            cell = use & (rows == i)[:, None] & (columns == j)[None, :]
            if cell.any():
                design.append((terms[:, cell].T, dummies(*score.shape)[cell.ravel()]))
                outcome.append(score[cell])
    effects = np.zeros((sum(map(len, outcome)), sum(part.shape[1] for _, part in design)))
    at = [0, 0]
    for _, part in design:
        effects[at[0] : at[0] + len(part), at[1] : at[1] + part.shape[1]] = part
        at = [at[0] + len(part), at[1] + part.shape[1]]
    full = np.hstack([np.vstack([part for part, _ in design]), effects])
    return np.linalg.lstsq(full, np.concatenate(outcome), rcond=None)[0][: len(terms)]


def test_every_pair_is_predicted_by_the_regression_on_pairs_of_other_folds() -> None:
    rng = np.random.default_rng(1)
    terms, score = rng.standard_normal((3, 12, 30)), rng.standard_normal((12, 30))
    score += np.tensordot([1.0, -0.5, 0.2], terms, 1)
    candidates = rng.random((12, 30)) < 0.9
    rows, columns = family_folds(ROWS, 3, 0, "regulators"), family_folds(COLUMNS, 3, 0, "targets")
    found = Nuisance.of(terms[None], candidates, rows, columns, square=False).predicted(score)
    least = []
    for a in range(3):
        for b in range(3):
            use = candidates & (rows != a)[:, None] & (columns != b)[None, :]
            least.append(use.sum())
            weights = oracle(score, terms, use, rows, columns, (a, b))
            cell = (rows == a)[:, None] & (columns == b)[None, :] & candidates
            expected = np.tensordot(weights, centred(terms, candidates), 1)
            # the ridge is what is left between them
            assert found[cell] == pytest.approx(expected[cell], abs=2e-3)
    assert training_pairs(candidates, rows, columns, square=False) == min(least)


def test_pairs_of_one_population_hold_both_of_their_folds_out() -> None:
    rng = np.random.default_rng(2)
    upper = np.triu(rng.standard_normal((2, 30, 30)), 1)
    terms = upper + upper.transpose(0, 2, 1)
    noise = np.triu(rng.standard_normal((30, 30)), 1)
    score = np.tensordot([1.0, -0.5], terms, 1) + noise + noise.T
    names = np.array(COLUMNS)
    candidates = names[:, None] != names[None, :]
    fold = family_folds(COLUMNS, 5, 0, "genes")
    found = Nuisance.of(terms[None], candidates, fold, fold, square=True).predicted(score)
    assert np.array_equal(found, found.T)
    least = []
    for a in range(5):
        for b in range(5):
            free = ~np.isin(fold, [a, b])
            use = candidates & free[:, None] & free[None, :]
            least.append(use.sum() // 2)
            weights = oracle(score, terms, use, fold, fold, (a, b))
            cell = (fold == a)[:, None] & (fold == b)[None, :] & candidates
            expected = np.tensordot(weights, centred(terms, candidates), 1)
            assert found[cell] == pytest.approx(expected[cell], abs=2e-3)
    assert training_pairs(candidates, fold, fold, square=True) == min(least)


@given(fold=st.integers(0, 2), side=st.booleans(), seed=st.integers(0, 100))
def test_what_is_predicted_of_a_gene_knows_no_score_of_its_fold(fold: int, side: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    terms, score = rng.standard_normal((3, 12, 30)), rng.standard_normal((12, 30))
    rows, columns = family_folds(ROWS, 3, 0, "regulators"), family_folds(COLUMNS, 3, 0, "targets")
    nuisance = Nuisance.of(terms[None], np.ones((12, 30), dtype=bool), rows, columns, square=False)
    changed = score.copy()
    own = (
        (rows == fold)[:, None] & np.ones(30, dtype=bool) if side else (columns == fold) & np.ones((12, 1), dtype=bool)
    )
    changed[own] += rng.standard_normal(own.sum()) * 100.0
    before, after = nuisance.predicted(score), nuisance.predicted(changed)
    assert np.array_equal(before[own], after[own])
    assert not np.allclose(before[~own], after[~own])


def test_a_term_measured_twice_with_error_gets_the_slope_that_it_has_without() -> None:
    rng = np.random.default_rng(3)
    families = [f"F{index}" for index in range(60)]
    rows, columns = family_folds(families, 3, 0, "regulators"), family_folds(families, 3, 0, "targets")
    every = np.ones((60, 60), dtype=bool)
    truth = rng.standard_normal((60, 60))
    score = 0.5 * truth + 0.3 * rng.standard_normal((60, 60))
    twice = truth + rng.standard_normal((2, 60, 60))
    as_measured = Nuisance.of(twice[:1, None], every, rows, columns, square=False)
    allowed_for = Nuisance.of(twice[:, None], every, rows, columns, square=False)
    slopes = []
    for nuisance, measured in ((as_measured, twice[0]), (allowed_for, twice.mean(axis=0))):
        fit = nuisance.predicted(score)
        slopes.append((centred(measured, every) * fit).sum() / (centred(measured, every) ** 2).sum())
    assert slopes[0] == pytest.approx(0.25, abs=0.03)
    assert slopes[1] == pytest.approx(0.5, abs=0.05)


def test_what_two_measurements_do_not_share_is_never_blown_up() -> None:
    rng = np.random.default_rng(4)
    rows, columns = family_folds(ROWS, 3, 0, "regulators"), family_folds(COLUMNS, 3, 0, "targets")
    noise, score = rng.standard_normal((2, 1, 12, 30)), rng.standard_normal((12, 30))
    fit = Nuisance.of(noise, np.ones((12, 30), dtype=bool), rows, columns, square=False).predicted(score)
    # a coefficient of chance is about 1 / sqrt(pairs), and at most sqrt(pairs) / 2 times that is taken out
    assert fit.std() < 2.0
    same = np.stack([noise[0], noise[0]])
    once = Nuisance.of(noise[:1], np.ones((12, 30), dtype=bool), rows, columns, square=False).predicted(score)
    both = Nuisance.of(same, np.ones((12, 30), dtype=bool), rows, columns, square=False).predicted(score)
    assert both == pytest.approx(once, abs=1e-3)
