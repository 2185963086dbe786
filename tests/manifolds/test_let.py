from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from planted_tree import planted_anchors
from scipy.optimize import approx_fprime

from theodolite.analysis.manifold import (
    blocked_permutation,
    held_out,
    label_holdouts,
    latent_distances,
    let,
    pair_spearman,
    random_holdouts,
    refitted_permutation,
)
from theodolite.data.tree_world import WorldShape
from theodolite.manifolds.let import Loss


def sphere(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose directions in three of eight dimensions have known angles, and those angles times two."""
    draw = np.random.default_rng(seed)
    unit = draw.standard_normal((n, 3))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    mix = np.linalg.qr(draw.standard_normal((8, 8)))[0][:3]
    rows = 5.0 + (unit * (1.0 + draw.random((n, 1)))) @ mix
    return rows, 2.0 * np.arccos(np.clip(unit @ unit.T, -1.0, 1.0)) * (1.0 - np.eye(n))


@pytest.mark.parametrize("dimension", [2, 3])
def test_the_gradient_is_that_of_finite_differences(dimension):
    draw = np.random.default_rng(dimension)
    rows, ruler = draw.standard_normal((9, 5)), latent_distances(draw.standard_normal((9, 2)))
    loss = Loss(rows, ruler, dimension, 0.3)
    at = loss.packed(draw.standard_normal((dimension, 5)), 0.3 * draw.standard_normal(5), 0.4)
    value, gradient = loss(at)
    np.testing.assert_allclose(gradient, approx_fprime(at, lambda x: loss(x)[0], 1e-7), atol=1e-5)
    stress, reconstruction = loss.terms(at)
    assert value == pytest.approx(stress + 0.3 * reconstruction)


def test_the_loss_is_that_of_the_paper_with_both_terms_relative():
    draw = np.random.default_rng(5)
    rows, ruler = draw.standard_normal((6, 4)), latent_distances(draw.standard_normal((6, 2)))
    weights, bias, beta = draw.standard_normal((2, 4)), draw.standard_normal(4), 1.7
    loss = Loss(rows, ruler, 2, 0.1)
    z = [weights @ (row - bias) for row in rows]
    off = left = 0.0
    for i in range(6):
        left += np.square(weights.T @ z[i] + bias - rows[i]).sum()
        for j in range(i):
            cosine = z[i] @ z[j] / np.linalg.norm(z[i]) / np.linalg.norm(z[j])
            off += (beta * np.arccos(cosine) - ruler[i, j]) ** 2
    stress, reconstruction = loss.terms(loss.packed(weights, bias, np.log(beta)))
    assert stress == pytest.approx(off / np.square(ruler[np.triu_indices(6, 1)]).sum())
    assert reconstruction == pytest.approx(left / np.square(rows - rows.mean(axis=0)).sum())


def test_known_angles_and_the_length_of_a_radian_are_recovered_also_for_rows_held_out():
    rows, ruler = sphere(90, 0)
    found = let(rows[:60], ruler[:60, :60], dimension=3)
    assert found.converged and found.stress < 0.01
    assert found.beta == pytest.approx(2.0, rel=0.1)
    placed = found.place(rows[60:])
    np.testing.assert_allclose(np.linalg.norm(placed, axis=1), 1.0)
    assert pair_spearman(latent_distances(placed), ruler[60:, 60:]) > 0.99
    np.testing.assert_allclose(found.place(rows[:60]), found.latent)


def test_a_fit_repeats_itself_and_wide_rows_are_no_other_problem():
    rows, ruler = sphere(40, 1)
    first, again = (let(rows, ruler, dimension=3) for _ in range(2))
    np.testing.assert_array_equal(first.latent, again.latent)
    wide = rows @ np.linalg.qr(np.random.default_rng(2).standard_normal((300, 8)))[0].T
    found = let(wide, ruler, dimension=3)
    assert found.stress == pytest.approx(first.stress, abs=1e-3)
    assert found.weights.shape == (3, 300)


def test_more_alpha_reconstructs_better_and_follows_the_ruler_less():
    draw = np.random.default_rng(3)
    rows, ruler = draw.standard_normal((30, 10)), latent_distances(draw.standard_normal((30, 2)))
    loose, tight = (let(rows, ruler, dimension=3, alpha=alpha) for alpha in (0.01, 10.0))
    assert tight.reconstruction < loose.reconstruction and loose.stress < tight.stress


@pytest.mark.parametrize("seed", range(2))
def test_on_a_tree_it_places_donors_and_branches_that_it_never_saw_and_without_one_it_only_seems_to(seed):
    fitter = partial(let, dimension=3)
    shapes: tuple[WorldShape, ...] = ("tree", "none")
    for shape in shapes:
        world = planted_anchors(shape, seed)
        rows, ruler = world.anchors.rows, world.ruler
        fitted = pair_spearman(latent_distances(fitter(rows, ruler).latent), ruler)
        ways = (
            *random_holdouts(len(rows), repeats=1),
            *label_holdouts(world.donors, "donor", names=["donor_01", "donor_02"]),
            *label_holdouts(world.branches, "branch", names=["branch_1", "branch_2", "branch_3"]),
        )
        scores = held_out(rows, ruler, fitter, ways, branches=world.branches)
        for score in scores:
            if shape == "tree":
                assert score.within > 0.3 and score.both > score.nulls["any"].mean and score.nulls["any"].p < 0.03, (
                    score
                )
            else:
                # Rows that it knows nothing of land in the middle, and so does what is near all others.
                assert abs(score.both - score.nulls["any"].mean) < 0.25 and score.nulls["any"].p > 0.03, score
        # What it was fitted to it follows in either world.
        assert fitted > 0.9, shape


def test_a_few_components_keep_it_from_following_noise():
    tree, none = (planted_anchors(shape, 0) for shape in ("tree", "none"))
    fitted = {}
    for components in (None, 20):
        found = let(none.anchors.rows, none.ruler, dimension=3, components=components)
        fitted[components] = pair_spearman(latent_distances(found.latent), none.ruler)
    assert fitted[None] > 0.9 and fitted[20] < 0.2
    found = let(tree.anchors.rows, tree.ruler, dimension=3, components=20)
    assert pair_spearman(latent_distances(found.latent), tree.ruler) > 0.9
    assert np.linalg.matrix_rank(tree.anchors.rows - tree.anchors.rows.mean(axis=0)) > 20


def test_only_a_null_that_fits_again_tells_that_it_read_the_ruler():
    world = planted_anchors("none", 0)
    keep = np.isin(world.donors, [f"donor_{number:02d}" for number in range(1, 5)])
    rows, ruler = world.anchors.rows[keep], world.ruler[np.ix_(keep, keep)]
    blocks = [block for block, kept in zip(world.blocks, keep, strict=True) if kept]

    def score(known: np.ndarray) -> float:
        return pair_spearman(latent_distances(let(rows, known, dimension=3).latent), known) or 0.0

    fixed = blocked_permutation(latent_distances(let(rows, ruler, dimension=3).latent), ruler, blocks, draws=99)
    assert fixed.p == 0.01
    assert refitted_permutation(score, ruler, blocks, draws=19).p > 0.05


def test_settings_that_cannot_be_are_refused():
    rows, ruler = sphere(12, 4)
    with pytest.raises(ValueError, match="1 dimension has two directions only"):
        let(rows, ruler, dimension=1)
    with pytest.raises(ValueError, match="2 components span no 3 dimensions; give 3 or more"):
        let(rows, ruler, dimension=3, components=2)
    with pytest.raises(ValueError, match="alpha is 0; give a positive weight"):
        let(rows, ruler, dimension=2, alpha=0)
    with pytest.raises(ValueError, match="not 0 throughout"):
        let(rows, 0 * ruler, dimension=2)
    with pytest.raises(ValueError, match=r"must be a matrix \(12, 12\)"):
        let(rows, ruler[:4, :4], dimension=2)
