from __future__ import annotations

import numpy as np
import pytest

from theodolite.analysis.saes import persistence

D = 48


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def directions(rng: np.random.Generator, features: int, width: int = D) -> np.ndarray:
    return unit(rng.standard_normal((features, width)))


def test_planted_features_stay_as_long_as_they_were_planted_and_noise_does_not_stay():
    """Features 0 to 9 are in all four layers, 10 to 19 in the first two, each time under another number."""
    rng = np.random.default_rng(0)
    kept = directions(rng, 20)
    layers, places = [], []
    for layer in range(4):
        of = kept if layer < 2 else kept[:10]
        noisy = unit(of + 0.05 * rng.standard_normal(of.shape))
        order = rng.permutation(60)
        layers.append(np.concatenate([noisy, directions(rng, 60 - len(of))])[order])
        places.append(np.argsort(order))
    found = persistence(layers, draws=19)
    assert found.persists[0][places[0][:10]].tolist() == [4] * 10
    assert found.persists[0][places[0][10:20]].tolist() == [2] * 10
    assert found.persists[0][places[0][20:]].tolist() == [1] * 40
    assert found.persists[2][places[2][:10]].tolist() == [2] * 10 and (found.persists[3] == 1).all()
    ends = (layers[0][places[0][:10]] * layers[3][places[3][:10]]).sum(axis=1)
    assert found.end_cosine[0][places[0][:10]] == pytest.approx(ends, abs=1e-6) and ends.min() > 0.7
    shares = {(pair.earlier, pair.later): pair.share for pair in found.pairs}
    assert shares == {(0, 1): 20 / 60} | dict.fromkeys([(0, 2), (0, 3), (1, 2), (1, 3), (2, 3)], 10 / 60)
    for pair in found.pairs:
        assert pair.p_random == pair.p_rotated == 1 / 20 and pair.random.mean() < 0.01
    assert found.frame().shape == (6, 7)
    near = persistence(layers, furthest=1, draws=1)
    assert [(pair.earlier, pair.later) for pair in near.pairs] == [(0, 1), (1, 2), (2, 3)]
    assert [each.tolist() for each in near.persists] == [each.tolist() for each in found.persists]


def test_in_a_narrow_space_random_directions_have_partners_too():
    """In four dimensions a hundred random vectors come near to any other hundred: the share says nothing."""
    rng = np.random.default_rng(1)
    found = persistence([directions(rng, 100, 4), directions(rng, 100, 4)], draws=49).pairs[0]
    assert found.share > 0.8, "published: four features of five persist"
    assert found.random.mean() == pytest.approx(found.share, abs=0.1)
    assert found.p_random > 0.05 and found.p_rotated > 0.05


def test_rotation_keeps_the_geometry_of_the_later_dictionary_which_random_directions_do_not_have():
    """Two bundles of nearly equal vectors: as a whole they meet one another, or they do not."""
    rng = np.random.default_rng(2)
    bundles = [unit(directions(rng, 1, 3) + 0.05 * rng.standard_normal((30, 3))) for _ in range(2)]
    found = persistence(bundles, draws=60).pairs[0]
    assert np.isin(np.round(found.rotated, 1), [0.0, 1.0]).mean() > 0.75
    assert np.std(found.rotated) > 2.0 * np.std(found.random)


def test_a_chain_of_near_links_may_end_far_from_where_it_began():
    """One vector turns by 40 degrees a layer. Each link has a cosine of 0.77, and the ends are at 120 degrees."""
    turns = np.deg2rad([0.0, 40.0, 80.0, 120.0])
    found = persistence([np.array([[np.cos(turn), np.sin(turn), 0.0]]) for turn in turns], draws=1)
    assert found.persists[0].tolist() == [4] and found.end_cosine[0] == pytest.approx(np.cos(turns[3]), abs=1e-6)
    assert found.end_cosine[3].tolist() == [1.0]
    shares = {(pair.earlier, pair.later): pair.share for pair in found.pairs}
    assert shares[0, 1] == 1.0 and shares[0, 2] == shares[0, 3] == 0.0


def test_partners_are_one_to_one_and_opposite_vectors_are_none():
    one = np.eye(D)[:1]
    twins = persistence([np.repeat(one, 5, axis=0), one], draws=1)
    assert twins.pairs[0].share == 1 / 5, "the largest cosine of each would be 1 for all five"
    assert persistence([one, -one], draws=1).pairs[0].share == 0.0


def test_draws_are_the_same_for_the_same_seed_and_differ_for_another():
    rng = np.random.default_rng(3)
    layers = [directions(rng, 40, 4), directions(rng, 40, 4)]
    first, again, other = (persistence(layers, draws=5, seed=seed).pairs[0].random.tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_layers_that_cannot_be_compared_are_refused_with_a_remedy():
    eye = np.eye(4)
    with pytest.raises(ValueError, match="1 layers, 1 layers apart at most, 20 draws"):
        persistence([eye])
    with pytest.raises(ValueError, match=r"widths \[3, 4\]; those of one residual stream have one"):
        persistence([eye, np.eye(3)])
    with pytest.raises(ValueError, match="vector 2 of layer 1 has the length 0; give vectors of unit norm"):
        persistence([eye, np.diag([1.0, 1.0, 0.0, 1.0])])
    with pytest.raises(ValueError, match="least cosine 1.5"):
        persistence([eye, eye], least=1.5)
