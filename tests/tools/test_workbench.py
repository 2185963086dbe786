"""Axes: fitted on the rows they are given and on nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.tools import fit_axes


def rows(seed: int, n: int = 30, width: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, width)) * np.linspace(4.0, 1.0, width)


def test_axes_are_the_eigenvectors_of_the_covariance_by_falling_variance() -> None:
    hidden = rows(0)
    axes = fit_axes(hidden, 3)
    values, vectors = np.linalg.eigh(np.cov(hidden.T) * (len(hidden) - 1))
    for axis in range(3):
        assert abs(axes.components[axis] @ vectors[:, -1 - axis]) == pytest.approx(1.0)
        assert axes.singular_values[axis] ** 2 == pytest.approx(values[-1 - axis])
    np.testing.assert_allclose(axes.centre, hidden.mean(axis=0))


def test_axes_are_orthonormal_and_coordinates_are_projections() -> None:
    hidden = rows(1)
    axes = fit_axes(hidden, 4)
    np.testing.assert_allclose(axes.components @ axes.components.T, np.eye(4), atol=1e-12)
    other = rows(2, n=5)
    expected = [[(row - hidden.mean(axis=0)) @ axis for axis in axes.components] for row in other]
    np.testing.assert_allclose(axes.coordinates(other), expected)


@given(order=st.permutations(range(30)), flip=st.booleans())
def test_two_fits_of_the_same_rows_agree_in_sign(order: list[int], flip: bool) -> None:
    hidden = rows(3)
    again = fit_axes(hidden[order], 4)
    first = fit_axes(hidden, 4)
    np.testing.assert_allclose(again.components, first.components, atol=1e-9)
    largest = np.abs(first.components).argmax(axis=1)
    assert (first.components[np.arange(4), largest] > 0).all()
    if flip:
        # Mirrored data keep the axes' signs: these belong to the axis, not to the data.
        mirrored = fit_axes(2 * hidden.mean(axis=0) - hidden, 4)
        np.testing.assert_allclose(mirrored.components, first.components, atol=1e-9)


def test_rows_of_zeros_are_dropped_for_they_would_become_the_first_axis() -> None:
    hidden = rows(4) + 10.0
    padded = np.vstack([hidden, np.zeros((40, hidden.shape[1]))])
    np.testing.assert_allclose(fit_axes(padded, 3).components, fit_axes(hidden, 3).components, atol=1e-9)
    np.testing.assert_allclose(fit_axes(padded, 3).centre, hidden.mean(axis=0))


def test_too_few_rows_cannot_fix_the_axes() -> None:
    with pytest.raises(ValueError, match="4 non-zero gene vectors cannot fix 4 axes"):
        fit_axes(np.vstack([rows(5, n=4), np.zeros((9, 8))]), 4)
    assert fit_axes(rows(5, n=5), 4).components.shape == (4, 8)
