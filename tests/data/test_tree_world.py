from __future__ import annotations

import numpy as np
import pytest

from theodolite.data.tree_world import WorldShape, tree_world


def node_means(shape: WorldShape, seed: int) -> dict[str, np.ndarray]:
    """Mean log counts of each node, over many cells of one donor."""
    cells = tree_world(seed, shape=shape, donors=1, tissues=1, cells=60).cells
    values = np.log1p(cells.counts.toarray() * np.asarray(cells.scale)[:, None])
    nodes = np.array(cells.labels["node"])
    return {str(node): values[nodes == node].mean(axis=0) for node in np.unique(nodes)}


def apart(means: dict[str, np.ndarray], first: str, second: str) -> float:
    return float(np.linalg.norm(means[first] - means[second]))


def test_the_tree_is_a_trunk_with_branches_from_its_last_node():
    world = tree_world(0, branches=2, stages=2, trunk=2, donors=3, tissues=2, cells=4)
    assert world.edges == (
        ("trunk_1", "trunk_2"),
        ("trunk_2", "branch_1_1"),
        ("branch_1_1", "branch_1_2"),
        ("trunk_2", "branch_2_1"),
        ("branch_2_1", "branch_2_2"),
    )
    assert world.depth["branch_2_2"] == 3 and world.branch["trunk_2"] == "trunk"
    assert len(world.cells.cells) == 3 * 2 * 6 * 4
    assert world.cells.donor == "donor" and len(set(world.cells.labels["donor"])) == 3


def test_each_shape_has_the_order_and_the_branches_that_it_says():
    means = {shape: node_means(shape, 1) for shape in ("tree", "line", "clusters", "none")}
    noise = apart(means["none"], "branch_1_1", "branch_2_4")
    for shape, branches, order in (("tree", 1, 1), ("line", 0, 1), ("clusters", 1, 0), ("none", 0, 0)):
        between = apart(means[shape], "branch_1_4", "branch_2_4")
        along = apart(means[shape], "branch_1_1", "branch_1_4")
        assert (between > 2 * noise) == bool(branches), shape
        assert (along > 2 * noise) == bool(order), shape


def test_shapes_of_a_seed_share_donors_and_a_seed_repeats_itself():
    first, again, other = (tree_world(seed, donors=2, cells=3) for seed in (3, 3, 4))
    assert first.cells.sha256 == again.cells.sha256 != other.cells.sha256
    shapes: tuple[WorldShape, ...] = ("tree", "line")
    shifts = []
    for shape in shapes:
        world = tree_world(5, shape=shape, donors=2, tissues=1, cells=200, trunk=1, stages=1)
        root = np.array(world.cells.labels["node"]) == "trunk_1"
        donor = np.array(world.cells.labels["donor"])
        values = np.log1p(world.cells.counts.toarray() * np.asarray(world.cells.scale)[:, None])
        first_donor, second_donor = (values[root & (donor == name)].mean(axis=0) for name in ("donor_01", "donor_02"))
        shifts.append(first_donor - second_donor)
    assert np.corrcoef(shifts)[0, 1] > 0.8


def test_shapes_of_a_seed_have_the_same_programs_and_cells_of_a_branch_move_by_its_own():
    shapes: tuple[WorldShape, ...] = ("tree", "line", "clusters", "none")
    worlds = [tree_world(6, shape=shape, donors=1, tissues=1, cells=200) for shape in shapes]
    programs = worlds[0].programs
    assert programs.shape == (4, 200)
    for world in worlds:
        np.testing.assert_array_equal(world.programs, programs)
    means = node_means("tree", 6)
    # From a branch's first node to its last: three steps of depth, and three of the branch.
    for branch in (1, 2, 3):
        moved = means[f"branch_{branch}_4"] - means[f"branch_{branch}_1"]
        fits = [float(np.corrcoef(moved, programs[0] + own)[0, 1]) for own in programs[1:]]
        assert int(np.argmax(fits)) == branch - 1 and max(fits) > 0.7


def test_worlds_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="cannot have branches 0, cells -1; give 1 or more"):
        tree_world(0, branches=0, cells=-1)
    with pytest.raises(ValueError, match="no shape 'ring'; there are tree, line, clusters, none"):
        tree_world(0, shape="ring")  # type: ignore[arg-type]
