from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, kstest

from theodolite.analysis.saes import axis_alignment, explained_variance, subspace_share
from theodolite.saes import SparseAutoencoder


def orthonormal(rng: np.random.Generator, k: int, d: int) -> np.ndarray:
    return np.linalg.qr(rng.standard_normal((d, k)))[0].T


def test_f11_a_random_direction_passes_the_rule_nearly_always_and_so_does_a_vector_inside_the_span():
    """F11: 0.2 % aligned was read as invisible to SVD; noise gives 0 %, and so do vectors made of the axes alone."""
    rng = np.random.default_rng(0)
    axes = orthonormal(rng, 50, 512)
    random = axis_alignment(rng.standard_normal((2_000, 512)), axes)
    inside = axis_alignment(rng.standard_normal((2_000, 50)) @ axes, axes)
    assert random.aligned == 0.0 and random.aligned_random == 0.0, "published: all of the noise is a discovery"
    assert inside.aligned < 0.01, "published: what the axes span wholly is invisible to them"
    assert inside.share == pytest.approx(1.0) and (inside.q_inside <= 0.05).all()
    assert random.share.mean() == pytest.approx(50 / 512, abs=0.005) and (random.q_inside > 0.05).mean() > 0.99
    assert random.cosine_random[2] < 0.25 and random.expected == 50 / 512


def test_p_of_random_directions_is_uniform_and_features_off_the_axes_are_found_outside():
    rng = np.random.default_rng(1)
    axes = orthonormal(rng, 20, 64)
    found = axis_alignment(rng.standard_normal((3_000, 64)), axes)
    assert kstest(found.p_inside, "uniform").pvalue > 0.01
    assert found.p_inside + found.p_outside == pytest.approx(1.0)
    off = rng.standard_normal((50, 64))
    off -= 0.9 * off @ axes.T @ axes
    assert (axis_alignment(off, axes).q_outside <= 0.05).mean() > 0.9


def test_the_largest_cosine_of_random_directions_has_its_known_tail():
    """Squared cosines add up to 1 at most, so two above 1/2 exclude each other and their chances add up."""
    found = axis_alignment(np.eye(6), np.eye(6)[:3], threshold=0.75, draws=40_000)
    chance = 3 * beta.sf(0.75**2, 0.5, 2.5)
    assert found.aligned == 0.5
    assert found.aligned_random == pytest.approx(chance, abs=4 * np.sqrt(chance * (1 - chance) / 40_000))


@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.floats(0.01, 100.0))
def test_a_share_and_the_rest_make_one_whatever_the_length_and_the_basis(seed: int, k: int, length: float) -> None:
    rng = np.random.default_rng(seed)
    whole, vectors = orthonormal(rng, 8, 8), rng.standard_normal((5, 8))
    share = subspace_share(length * vectors, whole[:k])
    assert share + subspace_share(vectors, whole[k:]) == pytest.approx(1.0)
    assert share == pytest.approx(subspace_share(vectors, orthonormal(rng, k, k) @ whole[:k]))


def dictionary(rng: np.random.Generator, features: int, d: int, k: int) -> SparseAutoencoder:
    """Return an autoencoder whose features are orthogonal where they can be, so that its codes are exact."""
    vectors = np.concatenate([orthonormal(rng, d, d) for _ in range(features // d)]).astype(np.float32)
    return SparseAutoencoder(vectors, vectors, np.zeros(features, np.float32), np.zeros(d, np.float32), k=k)


def test_rows_that_are_sparse_in_a_dictionary_are_explained_by_it_and_not_by_axes():
    rng = np.random.default_rng(2)
    truth = dictionary(rng, 32, 32, 3)
    rows = np.zeros((3_000, 32))
    for row in rows:
        row[rng.choice(32, 3, replace=False)] = 1.0 + rng.random(3)
    found = explained_variance(truth, rows[:1_000] @ truth.decoder, fitted_on=rows[1_000:] @ truth.decoder)
    assert found.k == 3 and found.active == 3.0 and found.sae == pytest.approx(1.0, abs=1e-6)
    assert found.svd < 0.25 and found.svd < found.svd_chosen < 0.9


def test_a_dictionary_of_noise_explains_less_than_axes_that_may_be_chosen_for_each_row():
    """More active features than axes make any dictionary look good; at equal numbers this one is worse."""
    rng = np.random.default_rng(3)
    spread = np.geomspace(4.0, 0.2, 24)
    rows = rng.standard_normal((2_000, 24)) * spread
    noise = dictionary(rng, 96, 24, 6)
    found = explained_variance(noise, rows[:500], fitted_on=rows[500:])
    assert found.k == 6 and found.sae < found.svd < found.svd_chosen


def test_singular_axes_explain_their_share_of_the_variance_and_features_beyond_k_are_left_out():
    rng = np.random.default_rng(4)
    rows = rng.standard_normal((4_000, 10)) * np.geomspace(3.0, 0.3, 10)
    trained = dictionary(rng, 20, 10, 8)
    found = explained_variance(trained, rows, fitted_on=rows, k=4)
    values = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)
    assert found.svd == pytest.approx((values[:4] ** 2).sum() / (values**2).sum())
    assert found.active <= 4.0 and found.rows == 4_000 and (found.features, found.axes) == (20, 10)
    dense = trained.encode(rows).dense()
    dense[dense < np.sort(dense, axis=1)[:, [-4]]] = 0.0
    missed = np.square(rows - dense @ trained.decoder).sum() / np.square(rows - rows.mean(axis=0)).sum()
    assert found.sae == pytest.approx(1.0 - missed, abs=1e-5)


def test_what_has_no_alignment_is_refused_with_a_remedy():
    eye = np.eye(4)
    with pytest.raises(ValueError, match=r"\(2, 3\) and axes of \(4, 4\)"):
        axis_alignment(np.ones((2, 3)), eye)
    with pytest.raises(ValueError, match="4 axes span all 4 dimensions"):
        axis_alignment(eye, eye)
    with pytest.raises(ValueError, match="a product is off by 1; give right singular vectors"):
        axis_alignment(eye, np.ones((2, 4)) / 2.0)
    with pytest.raises(ValueError, match="vector 1 has the length 0"):
        subspace_share(np.diag([1.0, 0.0]), np.eye(2)[:1])
    trained = dictionary(np.random.default_rng(0), 8, 4, 2)
    with pytest.raises(ValueError, match="k is 5; a space of 4 dimensions has 1 to 4 axes"):
        explained_variance(trained, eye, fitted_on=np.ones((9, 4)), k=5)
    with pytest.raises(ValueError, match="3 rows without variance"):
        explained_variance(trained, np.ones((3, 4)), fitted_on=np.ones((9, 4)))
