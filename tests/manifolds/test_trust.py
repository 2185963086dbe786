from __future__ import annotations

import numpy as np
import pytest
import sklearn.manifold

from theodolite.manifolds import trust
from theodolite.manifolds.trust import trustworthiness


@pytest.mark.parametrize("values", [4_000_000, 700])
@pytest.mark.parametrize("neighbours", [1, 5, 40])
def test_it_is_scikit_learns_also_in_pieces(monkeypatch, values, neighbours):
    monkeypatch.setattr(trust, "_VALUES", values)
    draw = np.random.default_rng(neighbours)
    rows = draw.standard_normal((101, 6))
    for latent in (rows[:, :2], draw.standard_normal((101, 2)), rows):
        expected = sklearn.manifold.trustworthiness(rows, latent, n_neighbors=neighbours)
        assert trustworthiness(rows, latent, neighbours=neighbours) == pytest.approx(expected, abs=1e-12)


def test_too_many_neighbours_and_other_points_are_refused():
    rows = np.random.default_rng(0).standard_normal((20, 3))
    with pytest.raises(ValueError, match="10 neighbours among 20 rows"):
        trustworthiness(rows, rows)
    with pytest.raises(ValueError, match="not of the same points"):
        trustworthiness(rows, rows[:19])
