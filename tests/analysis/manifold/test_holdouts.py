from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from planted_tree import planted_anchors
from scipy.stats import spearmanr

from theodolite.analysis.manifold import (
    held_out,
    label_holdouts,
    landmark_isomap,
    latent_distances,
    let,
    principal_components,
    random_holdouts,
    unsupervised,
)

PCA = unsupervised(principal_components, dimension=2)


def test_a_hold_out_is_scored_over_its_own_pairs_and_the_fit_does_not_see_it():
    draw = np.random.default_rng(2)
    rows, ruler = draw.standard_normal((20, 4)), latent_distances(draw.standard_normal((20, 1)))
    branches = ["a"] * 10 + ["b"] * 10
    (holdout,) = random_holdouts(20, share=0.3, repeats=1, seed=4)
    seen: list[np.ndarray] = []

    def fitter(given: np.ndarray, target: np.ndarray) -> object:
        seen.extend([given, target])
        return principal_components(given, dimension=2)

    (score,) = held_out(rows, ruler, fitter, [holdout], branches=branches)  # type: ignore[arg-type]
    held = holdout.held
    np.testing.assert_array_equal(seen[0], rows[~held])
    np.testing.assert_array_equal(seen[1], ruler[~held][:, ~held])
    fitted = principal_components(rows[~held], dimension=2)
    latent = fitted.place(rows)
    distance = latent_distances(latent)
    pairs = {"among": [], "across": [], "both": [], "within": []}
    for one in range(20):
        for two in range(one):
            if held[one] or held[two]:
                pairs["among" if held[one] and held[two] else "across"].append((one, two))
                pairs["both"].append((one, two))
                if branches[one] == branches[two]:
                    pairs["within"].append((one, two))
    for name, chosen in pairs.items():
        first, second = np.array(chosen).T
        expected = spearmanr(distance[first, second], ruler[first, second]).statistic
        assert getattr(score, name) == pytest.approx(expected), name
    assert score.rows == 6


def test_the_null_of_a_hold_out_swaps_the_rows_that_are_held_and_no_other():
    draw = np.random.default_rng(6)
    places = draw.integers(0, 3, 24)
    rows, ruler = draw.standard_normal((24, 3)) + places[:, None], np.abs(places[:, None] - places).astype(float)
    blocks = [f"b{row % 2}" for row in range(24)]
    (holdout,) = random_holdouts(24, share=0.5, repeats=1)
    (score,) = held_out(rows, ruler, PCA, [holdout], swaps={"blocks": blocks}, draws=300)
    null = score.nulls["blocks"]
    held = np.flatnonzero(holdout.held)
    distance = latent_distances(principal_components(rows[~holdout.held], dimension=2).place(rows))
    pairs = np.triu(holdout.held[:, None] | holdout.held, 1)
    drawn = []
    for _ in range(300):
        image = np.arange(24)
        for block in (0, 1):
            inside = held[held % 2 == block]
            image[inside] = draw.permutation(inside)
        drawn.append(spearmanr(distance[pairs], ruler[np.ix_(image, image)][pairs]).statistic)
    assert null is not None and null.observed == pytest.approx(score.both)
    error = np.std(drawn) / np.sqrt(150)
    assert abs(null.mean - np.mean(drawn)) < 4 * error
    assert null.spread == pytest.approx(np.std(drawn), rel=0.2)


def test_swaps_within_branches_and_within_depths_tell_what_held_out_donors_show():
    """Also of a fitter that reads the ruler, for it saw nothing of these donors."""
    fitters = {
        "components": unsupervised(principal_components, dimension=3),
        "let": partial(let, dimension=3, components=20),
    }
    lacking = {"tree": set(), "line": {"branches"}, "clusters": {"progress"}, "none": {"branches", "progress"}}
    for shape, missing in lacking.items():
        world = planted_anchors(shape, 0)
        donors = label_holdouts(world.donors, "donor", names=[f"donor_0{number}" for number in range(1, 6)])
        swaps = {"progress": world.branches, "branches": [str(depth) for depth in world.depth]}
        for name, fitter in fitters.items():
            scores = held_out(world.anchors.rows, world.ruler, fitter, donors, swaps=swaps)
            p = {swap: np.median([score.nulls[swap].p for score in scores]) for swap in swaps}
            assert {swap for swap in swaps if p[swap] > 0.05} == missing, (shape, name, p)


def test_held_out_rows_of_one_place_have_no_null():
    rows = np.random.default_rng(7).standard_normal((12, 3))
    places = np.repeat([0, 1, 2], 4)
    ruler = np.abs(places[:, None] - places).astype(float)
    (score,) = held_out(rows, ruler, PCA, label_holdouts([f"s{place}" for place in places], "branch", names=["s0"]))
    assert score.nulls == {"any": None} and score.among is None and score.across is not None


def test_every_donor_is_held_out_once_and_random_draws_differ():
    donors = ["d1", "d2", "d1", "d3"]
    found = label_holdouts(donors, "donor")
    assert [holdout.name for holdout in found] == ["d1", "d2", "d3"]
    np.testing.assert_array_equal(np.sum([holdout.held for holdout in found], axis=0), 1)
    first, second = random_holdouts(50, repeats=2, seed=1)
    assert first.held.sum() == 10 and not np.array_equal(first.held, second.held)
    np.testing.assert_array_equal(first.held, random_holdouts(50, repeats=1, seed=1)[0].held)


@pytest.mark.parametrize("seed", range(3))
def test_in_a_tree_all_hold_outs_agree_and_without_order_only_branches_are_told_apart(seed):
    fit = unsupervised(landmark_isomap, dimension=3, neighbours=15)
    names = ("branch_1", "branch_2", "branch_3")

    def scores(shape: str, fitter: object) -> dict[str, float]:
        world = planted_anchors(shape, seed)  # type: ignore[arg-type]
        ways = (
            *random_holdouts(len(world.ruler), repeats=1, seed=seed),
            *label_holdouts(world.donors, "donor", names=["donor_01", "donor_02"]),
            *label_holdouts(world.branches, "branch", names=names),
        )
        rows = world.anchors.rows
        found = held_out(rows, world.ruler, fitter, ways, branches=world.branches)  # type: ignore[arg-type]
        means = {}
        for kind in ("random", "donor", "branch"):
            of_kind = [score for score in found if score.kind == kind]
            for name in ("both", "within"):
                means[f"{kind} {name}"] = float(np.mean([getattr(score, name) for score in of_kind]))
        return means

    tree = scores("tree", fit)
    assert min(tree.values()) > 0.3, tree
    assert max(map(abs, scores("none", fit).values())) < 0.15
    # Random rows and donors cannot tell a tree from clusters; pairs within a branch can.
    clusters = scores("clusters", PCA)
    assert clusters["random both"] > 0.5 and clusters["donor both"] > 0.5
    assert max(abs(value) for name, value in clusters.items() if name.endswith("within")) < 0.15


def test_a_branch_that_is_placed_as_a_whole_agrees_over_all_pairs_and_no_better_than_its_null():
    world = planted_anchors("clusters", 0)
    ways = label_holdouts(world.branches, "branch", names=["branch_1", "branch_2", "branch_3"])
    scores = held_out(world.anchors.rows, world.ruler, PCA, ways, branches=world.branches)
    assert min(score.both for score in scores) > 0.2
    assert max(abs(score.both - score.nulls["any"].mean) for score in scores) < 0.03
    assert np.median([score.nulls["any"].p for score in scores]) > 0.1
    tree = planted_anchors("tree", 0)
    for score in held_out(tree.anchors.rows, tree.ruler, PCA, ways, branches=tree.branches):
        assert score.nulls["any"].p < 0.01 and score.within > 0.7


def test_a_fitter_that_fails_is_named_by_the_hold_out():
    world = planted_anchors("clusters", 0)
    fit = unsupervised(landmark_isomap, dimension=3, neighbours=15)
    with pytest.raises(ValueError, match="without the branch 'branch_1': the graph of 15 nearest .* 3 parts"):
        held_out(world.anchors.rows, world.ruler, fit, label_holdouts(world.branches, "branch", names=["branch_1"]))


def test_hold_outs_that_leave_nothing_are_refused():
    with pytest.raises(ValueError, match="a share of 0.01 of 20 rows is 0; leave 3"):
        random_holdouts(20, share=0.01)
    with pytest.raises(ValueError, match="no row has the branch 'c'; there are a, b"):
        label_holdouts(["a", "b"], "branch", names=["c"])
    with pytest.raises(ValueError, match="all rows have the donor 'a'"):
        label_holdouts(["a", "a"], "donor")
    rows = np.random.default_rng(0).standard_normal((6, 3))
    with pytest.raises(ValueError, match=r"shape \(5, 5\) must be a matrix \(6, 6\)"):
        held_out(rows, np.zeros((5, 5)), PCA, [])
    with pytest.raises(ValueError, match="not symmetric"):
        held_out(rows, np.triu(np.ones((6, 6))), PCA, [])
