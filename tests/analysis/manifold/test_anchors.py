from __future__ import annotations

import numpy as np
import pytest

from theodolite.analysis.manifold import anchors

DONORS = ["d2", "d1", "d2", "d1", "d1", "d2", "", "d1"]
KINDS = ["a", "a", "a", "b", "a", "b", "a", "a"]


def test_centroids_are_means_of_the_cells_that_share_all_labels():
    features = np.arange(16.0).reshape(8, 2)
    found = anchors(features, {"donor": DONORS, "kind": KINDS}, least=2)
    assert found.joined("donor", "kind") == ("d1|a", "d2|a")
    np.testing.assert_allclose(found.rows, [features[[1, 4, 7]].mean(axis=0), features[[0, 2]].mean(axis=0)])
    # Two combinations have one cell each; the cell without a donor is in none.
    np.testing.assert_array_equal(found.cells, [3, 2])
    assert found.dropped == 2


def test_too_few_cells_and_labels_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="no combination of donor, kind has 5 cells"):
        anchors(np.ones((8, 2)), {"donor": DONORS, "kind": KINDS})
    with pytest.raises(ValueError, match=r"\{'donor': 8, 'kind': 7\} for 8 cells"):
        anchors(np.ones((8, 2)), {"donor": DONORS, "kind": KINDS[:7]})
    with pytest.raises(ValueError, match="matrix"):
        anchors(np.full((8, 2), np.nan), {"donor": DONORS})
