"""All fitters on one known manifold: they find its coordinate, place rows they never saw, and repeat themselves."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from theodolite.analysis.manifold import diffusion_map, geodesic_mds, isomap, landmark_isomap, unsupervised

FITTERS: list[tuple[Any, dict[str, Any]]] = [
    (isomap, {}),
    (landmark_isomap, {"landmarks": 60}),
    (geodesic_mds, {}),
    (diffusion_map, {}),
]
every_fitter = pytest.mark.parametrize(("fit", "settings"), FITTERS, ids=[fit.__name__ for fit, _ in FITTERS])


def spiral(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A band rolled up so that its ends come near each other, in ten dimensions; and the place along it."""
    draw = np.random.default_rng(seed)
    angle = 1.5 * np.pi * (1.0 + 2.0 * draw.random(n))
    band = np.column_stack([angle * np.cos(angle), 4.0 * draw.random(n), angle * np.sin(angle)])
    turn = np.linalg.qr(np.random.default_rng(99).standard_normal((10, 10)))[0]
    return np.pad(band, ((0, 0), (0, 7))) @ turn, angle


def rho(first: np.ndarray, second: np.ndarray) -> float:
    return abs(float(spearmanr(first, second).statistic))


@every_fitter
def test_the_first_coordinate_is_the_place_along_the_band_also_of_rows_that_were_held_out(fit, settings):
    rows, along = spiral(500, 0)
    found = fit(rows[:400], dimension=2, neighbours=8, **settings)
    assert rho(found.latent[:, 0], along[:400]) > 0.995
    assert rho(found.place(rows[400:])[:, 0], along[400:]) > 0.995
    # The straight line through the roll does not know the place.
    assert rho(np.linalg.norm(rows - rows[np.argmin(along)], axis=1), along) < 0.9


def test_an_unsupervised_fitter_can_be_sent_to_another_process_and_is_not_given_the_ruler():
    rows, _ = spiral(200, 6)
    fitter = pickle.loads(pickle.dumps(unsupervised(landmark_isomap, dimension=2, neighbours=8)))
    expected = landmark_isomap(rows, dimension=2, neighbours=8).latent
    np.testing.assert_array_equal(fitter(rows, np.full((200, 200), np.nan)).latent, expected)


@every_fitter
def test_a_fitted_row_is_placed_where_it_is(fit, settings):
    rows, _ = spiral(200, 1)
    found = fit(rows, dimension=2, neighbours=8, **settings)
    off = np.abs(found.place(rows[:20]) - found.latent[:20]).max() / np.ptp(found.latent)
    # Stress is brought down by steps, and ends near its least value; the others are linear algebra.
    assert off < (0.02 if fit is geodesic_mds else 1e-9)


@every_fitter
def test_a_row_is_placed_whatever_other_rows_are_placed_with_it(fit, settings):
    rows, _ = spiral(220, 2)
    found = fit(rows[:200], dimension=2, neighbours=8, **settings)
    np.testing.assert_allclose(found.place(rows[200:])[[3]], found.place(rows[[203]]), atol=1e-9)


@every_fitter
def test_a_fit_repeats_itself_to_the_last_bit_and_turned_rows_keep_their_signs(fit, settings):
    rows, _ = spiral(150, 3)
    first, again = (fit(rows, dimension=2, neighbours=8, **settings).latent for _ in range(2))
    np.testing.assert_array_equal(first, again)
    turn = np.linalg.qr(np.random.default_rng(5).standard_normal((10, 10)))[0]
    turned = fit(rows @ turn + 3.0, dimension=2, neighbours=8, **settings).latent
    np.testing.assert_allclose(turned, first, atol=1e-6 * np.ptp(first))


@every_fitter
def test_rows_that_cannot_be_fitted_or_placed_are_refused_with_the_value(fit, settings):
    rows, _ = spiral(100, 4)
    with pytest.raises(ValueError, match="latent dimension of 0"):
        fit(rows, dimension=0, **settings)
    with pytest.raises(ValueError, match="4 rows are too few for 3 latent dimensions; give 5 or more"):
        fit(rows[:4], dimension=3, **settings)
    with pytest.raises(ValueError, match="100 neighbours among 100 rows; give 1 to 99"):
        fit(rows, dimension=2, neighbours=100, **settings)
    with pytest.raises(ValueError, match="finite numbers"):
        fit(np.where(np.arange(10) == 3, np.nan, rows), dimension=2, **settings)
    found = fit(rows, dimension=2, **settings)
    with pytest.raises(ValueError, match=r"shape \(100, 9\) cannot be placed; .* rows of 10 finite"):
        found.place(rows[:, :9])


@every_fitter
def test_parts_with_no_path_between_them_are_refused_with_the_remedy(fit, settings):
    rows, _ = spiral(120, 5)
    rows[100:] += 1_000.0
    remedy = "larger bandwidth or more neighbours" if fit is diffusion_map else "2 parts, of 100, 20 rows.* more neigh"
    with pytest.raises(ValueError, match=remedy):
        fit(rows, dimension=2, neighbours=8, **settings)
