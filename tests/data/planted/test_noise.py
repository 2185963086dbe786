"""Noise that paralogues share."""

from __future__ import annotations

import numpy as np
import pytest

from theodolite.data.planted.noise import ParalogousNoise


def _draws(noise: ParalogousNoise, n: int = 400) -> np.ndarray:
    rng = np.random.default_rng(3)
    return np.stack([noise.draw(rng) for _ in range(n)]).astype(np.float64)


@pytest.mark.parametrize(("row_sharing", "column_sharing"), [(0.0, 0.0), (0.5, 0.0), (0.0, 0.9), (0.8, 0.9)])
def test_scores_have_unit_variance_and_families_their_share_of_it(row_sharing: float, column_sharing: float) -> None:
    rows, columns = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 0, 3, 4, 4, 5, 2])
    noise = _draws(ParalogousNoise(rows, columns, row_sharing, column_sharing))
    assert noise.shape == (400, 6, 7)
    assert abs(noise.var() - 1.0) < 0.06
    products = {
        "paralogous regulators": ((noise[:, 0] * noise[:, 1]).mean(), row_sharing),
        "paralogous targets": ((noise[:, :, 3] * noise[:, :, 4]).mean(), column_sharing),
        "both": (
            (noise[:, 3, 3] * noise[:, 4, 4]).mean(),
            row_sharing * column_sharing,
        ),
        "other regulators": ((noise[:, 0] * noise[:, 2]).mean(), 0.0),
        "other targets": ((noise[:, :, 2] * noise[:, :, 5]).mean(), 0.0),
    }
    for what, (found, planted) in products.items():
        assert found == pytest.approx(planted, abs=0.16 if what == "both" else 0.08), what


def test_one_seed_gives_one_draw() -> None:
    noise = ParalogousNoise(np.array([0, 0, 1]), np.array([0, 1, 1]), 0.5, 0.5)
    first, again = (noise.draw(np.random.default_rng(5)) for _ in range(2))
    assert first.dtype == np.float32
    assert np.array_equal(first, again)
