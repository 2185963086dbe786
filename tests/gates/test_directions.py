from __future__ import annotations

import numpy as np
import pytest

from theodolite.gates.directions import matched_directions, random_directions


def test_random_directions_are_uniform_on_the_sphere():
    rows = random_directions(8, 4_000, seed=1)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(4_000))
    assert rows.mean(axis=0) == pytest.approx(np.zeros(8), abs=4 / np.sqrt(8 * 4_000))
    assert rows.T @ rows / 4_000 == pytest.approx(np.eye(8) / 8, abs=0.015)


def test_a_draw_depends_on_seed_and_number_only():
    whole = random_directions(5, 30, seed=1)
    assert np.array_equal(whole[20:], random_directions(5, 10, seed=1, start=20))
    assert not np.array_equal(whole, random_directions(5, 30, seed=2))
    assert abs(whole[0] @ whole[1]) < 0.999


def test_the_first_draw_is_what_it_was_when_ledgers_were_written():
    assert random_directions(3, 1, seed=7)[0] == pytest.approx([0.2112769, 0.8386610, 0.5020058])


@pytest.mark.parametrize("covariance", [None, np.diag([4.0, 1.0, 0.0])])
def test_matched_directions_have_the_norm_of_the_given_one(covariance):
    rows = matched_directions(np.array([3.0, 0.0, 4.0]), 100, seed=1, covariance=covariance)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.full(100, 5.0))


def test_directions_follow_the_covariance_of_the_activations():
    rng = np.random.default_rng(0)
    root = rng.standard_normal((6, 6))
    rows = matched_directions(np.ones(6), 20_000, seed=1, covariance=root @ root.T)
    whitened = np.linalg.solve(root, rows.T)
    whitened /= np.linalg.norm(whitened, axis=0)
    assert whitened @ whitened.T / 20_000 == pytest.approx(np.eye(6) / 6, abs=0.01)


def test_a_direction_without_variance_is_never_drawn():
    assert not matched_directions(np.ones(3), 50, seed=1, covariance=np.diag([4.0, 1.0, 0.0]))[:, 2].any()


@pytest.mark.parametrize(
    ("direction", "covariance", "complaint"),
    [
        (np.zeros(3), None, "norm 0.0"),
        (np.ones(3), np.eye(2), r"shape \(2, 2\); need a symmetric 3 x 3"),
        (np.ones(2), np.array([[1.0, 2.0], [0.0, 1.0]]), "symmetric 2 x 2"),
        (np.ones(2), np.diag([1.0, -1.0]), "eigenvalues from -1 to 1"),
        (np.ones(2), np.zeros((2, 2)), "not all 0"),
    ],
)
def test_what_cannot_be_matched_is_refused(direction, covariance, complaint):
    with pytest.raises(ValueError, match=complaint):
        matched_directions(direction, 5, seed=1, covariance=covariance)


def test_no_dimension_has_no_direction():
    with pytest.raises(ValueError, match="5 directions in 0 dimensions"):
        random_directions(0, 5, seed=1)
