from __future__ import annotations

from math import factorial

import numpy as np
import pytest

from theodolite.analysis.geometry import depth_trend, directions


def test_a_profile_tells_first_last_fold_slope_and_exact_trend():
    found = depth_trend([8.0, 6.0, 4.0, 2.0])
    assert (found.first, found.last, found.fold, found.slope) == pytest.approx((8.0, 2.0, 4.0, -2.0))
    assert (found.peak, found.lowest, found.mean) == (0, 3, 5.0)
    assert found.spearman is not None and found.spearman.p == pytest.approx(2 / factorial(4))


def test_two_layers_have_no_trend_and_nothing_divided_by_zero_has_a_fold():
    found = depth_trend([1.0, 0.0])
    assert found.spearman is None and np.isnan(found.fold) and found.slope == pytest.approx(-1.0)
    assert depth_trend([3.0]).slope == 0.0


def test_f4_an_effect_below_zero_is_a_finding_of_its_own():
    assert directions([0.15, 0.02, -0.10], [1e-8, 0.30, 0.9999]) == ("above", "none", "below")
    assert directions([0.15], [0.04], alpha=0.01) == ("none",)


@pytest.mark.parametrize(("values", "message"), [([], "no profile"), ([1.0, np.nan], "layer 1 has no finite value")])
def test_a_profile_with_holes_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        depth_trend(values)
