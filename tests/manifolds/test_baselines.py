from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from theodolite.analysis.manifold import latent_distances, principal_components, random_projection, static_features
from theodolite.manifolds.baselines import BASELINES, baseline_fitters


def test_principal_components_are_scikit_learns_up_to_sign():
    rows = np.random.default_rng(0).standard_normal((40, 6)) * [3, 2, 1, 1, 1, 1]
    ours, theirs = principal_components(rows[:30], dimension=3), PCA(3).fit(rows[:30])
    np.testing.assert_allclose(np.abs(ours.latent), np.abs(theirs.transform(rows[:30])), atol=1e-9)
    np.testing.assert_allclose(np.abs(ours.place(rows[30:])), np.abs(theirs.transform(rows[30:])), atol=1e-9)
    flipped = principal_components(rows[:30][::-1], dimension=3)
    np.testing.assert_allclose(flipped.latent[::-1], ours.latent, atol=1e-9)


def test_random_projections_keep_squared_distances_on_average():
    rows = np.random.default_rng(1).standard_normal((12, 30))
    before = np.square(latent_distances(rows))
    drawn = (random_projection(rows, dimension=4, seed=seed).latent for seed in range(400))
    after = np.mean([np.square(latent_distances(latent)) for latent in drawn], axis=0)
    upper = np.triu_indices(12, 1)
    np.testing.assert_allclose(after[upper] / before[upper], 1.0, atol=0.2)
    found = random_projection(rows, dimension=4)
    np.testing.assert_allclose(found.place(rows), found.latent)


def test_static_features_are_weighted_means_of_gene_vectors():
    table = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    np.testing.assert_allclose(static_features([[2, 0, 0], [1, 1, 2]], table), [[1, 0], [0.75, 0.75]])
    with pytest.raises(ValueError, match=r"\(1, 2\) and a table of shape \(3, 2\) are not of the same genes"):
        static_features([[1, 2]], table)
    with pytest.raises(ValueError, match="something in every row"):
        static_features([[0, 0, 0]], table)


def test_more_components_than_there_are_are_refused():
    rows = np.outer(np.arange(8.0), [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="vary in 1 dimensions, not 2; ask for at most 1"):
        principal_components(rows, dimension=2)
    with pytest.raises(ValueError, match="rows of 3 finite numbers"):
        principal_components(rows, dimension=1).place(np.ones((2, 4)))


def test_each_baseline_fits_rows_of_its_own_and_static_ones_only_where_there_are_some():
    draw = np.random.default_rng(3)
    expression, static, ruler = draw.standard_normal((20, 9)), draw.standard_normal((20, 2)), np.zeros((20, 20))
    found = baseline_fitters(expression, static, dimension=3, seed=5)
    assert tuple(found) == BASELINES
    latent = {name: fit(rows, ruler).latent for name, (rows, fit) in found.items()}
    expected = (
        principal_components(expression, dimension=3),
        random_projection(expression, dimension=3, seed=5),
        principal_components(static, dimension=2),
    )
    for name, other in zip(BASELINES, expected, strict=True):
        np.testing.assert_array_equal(latent[name], other.latent)
    assert tuple(baseline_fitters(expression, None, dimension=3)) == BASELINES[:2]
