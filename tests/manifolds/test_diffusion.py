from __future__ import annotations

import numpy as np
import pytest

from theodolite.analysis.manifold import diffusion_map


def circle(angle: np.ndarray) -> np.ndarray:
    return np.column_stack([np.cos(angle), np.sin(angle)])


def test_latents_are_eigenvectors_of_the_walk_with_the_density_divided_out():
    rows = np.random.default_rng(0).standard_normal((60, 3))
    found = diffusion_map(rows, dimension=3, bandwidth=2.0)
    kernel = np.exp(-np.square(rows[:, None] - rows[None]).sum(axis=2) / 2.0)
    kernel /= np.outer(kernel.sum(axis=1), kernel.sum(axis=1))
    walk = kernel / kernel.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(walk @ found.vectors, found.vectors * found.values, atol=1e-10)
    known = np.sort(np.linalg.eigvals(walk).real)[::-1]
    np.testing.assert_allclose(found.values, known[1:4], atol=1e-10)
    stationary = kernel.sum(axis=1) / kernel.sum()
    np.testing.assert_allclose(stationary @ np.square(found.vectors), 1.0)


def test_an_uneven_sample_of_a_circle_is_a_round_circle_all_the_same():
    # Five times as many rows on one side as on the other: with the density left in, the map is no circle.
    draw = np.random.default_rng(1)
    angle = np.concatenate([np.pi * draw.random(1_000), np.pi * (1.0 + draw.random(200))])
    found = diffusion_map(circle(angle), dimension=2, bandwidth=0.02)
    radius = np.linalg.norm(found.vectors, axis=1)
    assert radius.std() / radius.mean() < 0.15
    turned = np.unwrap(np.arctan2(*found.vectors[np.argsort(angle)].T))
    assert abs(turned[-1] - turned[0]) == pytest.approx(2 * np.pi, rel=0.1)


def test_more_steps_scale_the_axes_by_their_eigenvalues_also_for_placed_rows():
    rows = np.random.default_rng(2).standard_normal((80, 3))
    one, three = (diffusion_map(rows[:60], dimension=2, steps=steps) for steps in (1, 3))
    np.testing.assert_allclose(three.latent, one.latent * one.values**2)
    np.testing.assert_allclose(three.place(rows[60:]), one.place(rows[60:]) * one.values**2)


def test_a_row_far_from_all_is_placed_where_its_nearest_is():
    rows = circle(np.linspace(0.0, 3.0, 50))
    found = diffusion_map(rows, dimension=1)
    np.testing.assert_allclose(found.place(1e3 * rows[[0]]), found.place(rows[[0]]), rtol=0.1)


def test_settings_that_cannot_be_are_refused():
    rows = np.random.default_rng(3).standard_normal((30, 3))
    with pytest.raises(ValueError, match="0 steps are no walk"):
        diffusion_map(rows, dimension=1, steps=0)
    with pytest.raises(ValueError, match="bandwidth of 0.0 leaves every row alone"):
        diffusion_map(np.ones((30, 3)), dimension=1)
    with pytest.raises(ValueError, match="fewer than 28 positive eigenvalues; .* smaller bandwidth than 1e"):
        diffusion_map(rows, dimension=28, bandwidth=1e6)
