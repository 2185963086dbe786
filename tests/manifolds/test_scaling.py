from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.spatial.distance import pdist, squareform

from theodolite.analysis.manifold import geodesic_mds


def arc(n: int, seed: int) -> np.ndarray:
    """Rows along three quarters of a circle, with some breadth."""
    draw = np.random.default_rng(seed)
    angle, radius = 1.5 * np.pi * draw.random(n), 1.0 + 0.2 * draw.random(n)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


def test_the_stress_is_that_of_the_latent_distances_and_less_than_where_it_began():
    found = geodesic_mds(arc(80, 0), dimension=2, neighbours=6)

    def stress(latent: np.ndarray) -> float:
        paths = squareform(found.paths, checks=False)
        return float(np.sqrt(np.square(pdist(latent) - paths).sum() / np.square(paths).sum()))

    assert abs(found.stress - stress(found.latent)) < 1e-4
    assert stress(found.latent) < stress(found.scaled.landmarks)


def test_a_placed_row_has_the_least_stress_that_a_general_minimiser_finds():
    rows = arc(90, 1)
    found = geodesic_mds(rows[:80], dimension=2, neighbours=10)
    paths = found.graph.paths_of_others(rows[80:], found.paths)

    def stress(point: np.ndarray, target: np.ndarray) -> float:
        return float(np.square(np.linalg.norm(point - found.latent, axis=1) - target).sum())

    for placed, target in zip(found.place(rows[80:]), paths.T, strict=True):
        best = minimize(stress, placed + 0.05, args=(target,), tol=1e-12)
        assert stress(placed, target) <= best.fun * (1 + 1e-6)
