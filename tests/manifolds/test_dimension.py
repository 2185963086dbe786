from __future__ import annotations

import numpy as np
import pytest

from theodolite.analysis.geometry import two_nn
from theodolite.analysis.manifold import donor_dimension


def torus(n: int, rng: np.random.Generator) -> np.ndarray:
    """Uniform points on a flat torus of two dimensions, in six."""
    angles = rng.uniform(0.0, 2.0 * np.pi, (n, 2))
    return np.concatenate([np.cos(angles), np.sin(angles), np.zeros((n, 2))], axis=1)


def test_the_interval_is_the_jackknife_over_donors():
    rng = np.random.default_rng(0)
    rows, donors = torus(90, rng), [f"d{row % 9}" for row in range(90)]
    found = donor_dimension(rows, donors)
    names = np.array(donors)
    without = np.log([two_nn(rows[names != f"d{donor}"]).dimension for donor in range(9)])
    error = np.sqrt(8 / 9 * np.square(without - without.mean()).sum())
    assert found.whole == two_nn(rows)
    assert np.log(found.high / found.low) == pytest.approx(2 * 2.306 * error, rel=1e-3)
    assert found.low * found.high == pytest.approx(found.whole.dimension**2)


def test_it_covers_at_least_as_often_as_it_says():
    rng = np.random.default_rng(1)
    donors = [f"d{row // 16}" for row in range(192)]
    covered = 0
    for _ in range(60):
        found = donor_dimension(torus(192, rng), donors)
        covered += found.low <= 2.0 <= found.high
    assert covered >= 54


def test_few_donors_and_donors_that_do_not_fit_are_refused():
    rows = torus(60, np.random.default_rng(2))
    with pytest.raises(ValueError, match="5 donors are too few for an interval over donors; give 6 or more"):
        donor_dimension(rows, [f"d{row % 5}" for row in range(60)])
    with pytest.raises(ValueError, match="59 donors for rows"):
        donor_dimension(rows, ["d"] * 59)
