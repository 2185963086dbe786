"""Latent positions of anchors: what the shape admits, and bytes that bring it back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from theodolite.measurements import SHAPES, MeasurementError, load_measurement
from theodolite.measurements.anchors import AnchorLatents

N, READ = 3, [[True, True, False], [True, False, False]]


def latents(**changes: Any) -> AnchorLatents:
    """Three anchors, of which the third is judged and the first fit places it."""
    latent = np.arange(1.0, 13.0).reshape(6, 2)
    latent[4] = 0.0
    values: dict[str, Any] = {
        "anchors": ("d1|a", "d1|b", "d2|a"),
        "donor": ("d1", "d1", "d2"),
        "block": ("d1", "d1", "d2"),
        "branch": ("trunk", "left", "trunk"),
        "judged": [False, False, True],
        "placements": ("fit", "branch left"),
        "read": READ,
        "held": [[False, False, True], [False, False, True]],
        "latent": latent,
        "trust": [0.9],
        "dimension": [3.0, 2.0, 5.0],
        "unit": "steps",
    }
    return AnchorLatents(**(values | changes))


RULER = [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]


def test_positions_are_those_of_a_placement() -> None:
    found = latents()
    np.testing.assert_array_equal(found.positions(0), [[1, 2], [3, 4], [5, 6]])
    np.testing.assert_array_equal(found.positions(1), [[7, 8], [0, 0], [11, 12]])


def test_it_is_a_shape_of_the_list_and_comes_back_from_its_bytes() -> None:
    assert SHAPES["AnchorLatents"] is AnchorLatents
    for made in (latents(), latents().with_ruler(np.array(RULER), ("0", "1", "0"))):
        again = load_measurement(made.to_bytes())
        assert isinstance(again, AnchorLatents)
        assert again.to_bytes() == made.to_bytes() and again.sha256 == made.sha256
        assert again.read.dtype == bool and again.read.tolist() == READ
        assert again.depth == made.depth and again.placements == made.placements


def test_a_ruler_is_attached_with_depths_and_changes_nothing_else() -> None:
    bare = latents()
    ruled = bare.with_ruler(np.array(RULER), ("0", "1", "0"))
    assert bare.ruler is None and ruled.ruler is not None
    assert ruled.ruler.tolist() == RULER and ruled.depth == ("0", "1", "0")
    np.testing.assert_array_equal(ruled.latent, bare.latent)
    assert ruled.sha256 != bare.sha256
    assert not ruled.ruler.flags.writeable


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"anchors": ("d1|a", "d1|a", "d2|a")}, r"anchors repeats 'd1\|a'"),
        ({"placements": ("fit", "fit")}, "placements repeats 'fit'"),
        ({"placements": ("fit", "tissue t1")}, "has 'tissue t1'; a name begins with fit, random, donor, branch"),
        ({"placements": ("fit",)}, r"read has shape \(2, 3\), expected \(1, 3\)"),
        ({"donor": ("d1", "d2")}, "donor has 2 entries for 3 anchors"),
        ({"block": ("d1",)}, "block has 1 entries"),
        ({"branch": ()}, "branch has 0 entries"),
        ({"judged": [True]}, "judged has 1 entries"),
        ({"read": [[True, True, False]]}, r"read has shape \(1, 3\), expected \(2, 3\)"),
        ({"held": READ}, "both read by a fit and held out of it"),
        ({"latent": np.ones((5, 2))}, "it has 2 placements of 3 rows, one below the other"),
        ({"latent": np.ones((6, 0))}, "one dimension or more"),
        ({"latent": np.ones(6)}, "it is a matrix"),
        ({"latent": np.ones((6, 2))}, "not 0 in a row that a placement neither read nor held"),
        ({"latent": np.full((6, 2), np.nan)}, "not finite"),
        ({"trust": [0.9, 0.8]}, "trust has 2 entries"),
        ({"dimension": [3.0]}, "dimension has 1 entries for 3"),
        ({"ruler": RULER}, "a ruler or depths alone"),
        ({"depth": ("0", "1", "0")}, "a ruler or depths alone"),
        ({"ruler": RULER, "depth": ("0",)}, "depth has 1 entries"),
        ({"ruler": np.ones((2, 2)), "depth": ("",) * 3}, "symmetric 3 x 3 matrix of distances"),
        ({"ruler": np.triu(np.ones((3, 3)), 1), "depth": ("",) * 3}, "symmetric 3 x 3"),
        ({"ruler": -np.array(RULER), "depth": ("",) * 3}, "matrix of distances"),
        ({"ruler": np.ones((3, 3)), "depth": ("",) * 3}, "0 on its diagonal"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(MeasurementError, match=said):
        latents(**changes)
