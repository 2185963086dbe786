from __future__ import annotations

import numpy as np
import pytest
import sklearn.manifold
from scipy.spatial.distance import cdist

from theodolite.analysis.manifold import isomap, landmark_isomap
from theodolite.manifolds.isomap import triangulation


def sheet(n: int, seed: int) -> np.ndarray:
    """Evenly drawn rows of a bent sheet in three dimensions."""
    draw = np.random.default_rng(seed)
    across, along = draw.random(n), 3.0 * draw.random(n)
    return np.column_stack([np.cos(along), np.sin(along), across])


def test_with_all_rows_as_landmarks_it_is_isomap():
    rows, others = sheet(150, 2), sheet(30, 3)
    ours, theirs = (
        landmark_isomap(rows, dimension=2, neighbours=6, landmarks=150),
        isomap(rows, dimension=2, neighbours=6),
    )
    np.testing.assert_allclose(ours.latent, theirs.latent, atol=1e-9)
    np.testing.assert_allclose(ours.place(others), theirs.place(others), atol=1e-9)
    known = sklearn.manifold.Isomap(n_neighbors=6, n_components=2).fit(rows)
    np.testing.assert_allclose(np.abs(theirs.latent), np.abs(known.embedding_), atol=1e-9)


def test_distances_in_a_plane_are_triangulated_exactly():
    draw = np.random.default_rng(4)
    landmarks, others = draw.standard_normal((8, 2)), draw.standard_normal((40, 2))
    scaled = triangulation(cdist(landmarks, landmarks), 2)
    assert scaled.explained == pytest.approx(1.0)
    placed = scaled.locate(np.square(cdist(landmarks, others)))
    np.testing.assert_allclose(cdist(placed, scaled.landmarks), cdist(others, landmarks), atol=1e-9)
    with pytest.raises(ValueError, match="8 rows span 2 dimensions, not 3; ask for at most 2"):
        triangulation(cdist(landmarks, landmarks), 3)


@pytest.mark.parametrize("seed", range(4))
def test_rows_that_were_drawn_with_the_same_seed_do_not_choose_the_landmarks(seed):
    along = np.random.default_rng(seed).random(2_000)
    rows = np.column_stack([along, np.random.default_rng(99).random(2_000)])
    chosen = landmark_isomap(rows, dimension=1, landmarks=100, seed=seed).landmarks
    assert 0.35 < along[chosen].mean() < 0.65


def test_landmarks_are_drawn_by_the_seed_and_must_be_enough():
    rows = sheet(50, 6)
    first, again, other = (
        landmark_isomap(rows, dimension=2, neighbours=6, landmarks=10, seed=seed).landmarks for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert set(first) != set(other) and len(set(first)) == 10
    with pytest.raises(ValueError, match="3 landmarks cannot place rows in 2 dimensions; give 4 or more"):
        landmark_isomap(rows, dimension=2, landmarks=3)
