from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted_panel import TIPS, planted_panel

from theodolite.analysis.manifold import PanelSplit, panel, split_by_donor

WHOLE = planted_panel("tree", 0)
GIVEN = {
    "layers": WHOLE.layers,
    "rulers": WHOLE.rulers,
    "expression": WHOLE.expression,
    "donors": WHOLE.donors,
    "branches": WHOLE.branches,
    "depths": WHOLE.depths,
    "tips": TIPS,
}


def test_donors_are_divided_and_discovery_holds_nothing_of_the_others():
    split = split_by_donor(WHOLE, seed=3)
    seen = np.flatnonzero(split.seen)
    discovery = split.discovery
    others = set(WHOLE.donors) - set(discovery.donors)
    assert len(set(discovery.donors)) == len(others) == 6
    np.testing.assert_array_equal(discovery.layers["second"], WHOLE.layers["second"][seen])
    np.testing.assert_array_equal(discovery.rulers["tree"], WHOLE.rulers["tree"][seen][:, seen])
    assert discovery.static is not None and len(discovery.static) == len(discovery.depths) == len(seen)
    assert discovery.blocks == tuple(WHOLE.blocks[row] for row in seen)
    assert set(split_by_donor(WHOLE, seed=4).discovery.donors) != set(discovery.donors)


def test_the_hash_is_of_everything_a_search_reads():
    moved = WHOLE.expression.copy()
    moved[0, 0] += 1e-9
    turned = dict(reversed(WHOLE.layers.items()))
    hashes = {
        WHOLE.sha256,
        replace(WHOLE, expression=moved).sha256,
        replace(WHOLE, static=None).sha256,
        replace(WHOLE, layers=turned).sha256,
        replace(WHOLE, tips=TIPS[:2]).sha256,
        replace(WHOLE, rulers={"tree": WHOLE.rulers["tree"] * 2.0}).sha256,
    }
    assert len(hashes) == 6
    assert panel(**GIVEN, static=WHOLE.static, blocks=WHOLE.blocks).sha256 == WHOLE.sha256


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"layers": {}}, "0 layers and 1 rulers"),
        ({"layers": {"x": np.full((len(WHOLE.donors), 2), np.nan)}}, "the layer 'x' of shape"),
        ({"rulers": {"r": np.eye(3)}}, "distances of 'r' of shape"),
        ({"depths": [0, 1]}, "2 depths for"),
        ({"tips": ("branch_1", "branch_9")}, "no row has the branch 'branch_9'"),
        ({"tips": ("branch_1", "branch_1")}, "name two or more, each once"),
    ],
)
def test_what_does_not_fit_is_refused(change, says):
    with pytest.raises(ValueError, match=says):
        panel(**{**GIVEN, **change})


def test_a_split_needs_donors_and_branches_on_both_sides_and_no_donor_on_two():
    with pytest.raises(ValueError, match="3 donors for discovery; give 6"):
        split_by_donor(WHOLE, share=0.25)
    seen = split_by_donor(WHOLE).seen
    with pytest.raises(ValueError, match="no discovery donor has rows of branch_2"):
        PanelSplit(WHOLE, seen & (np.array(WHOLE.branches) != "branch_2"))
    crossed = seen.copy()
    crossed[np.flatnonzero(seen)[0]] = False
    with pytest.raises(ValueError, match="on both sides; put all rows of a donor on one"):
        PanelSplit(WHOLE, crossed)
