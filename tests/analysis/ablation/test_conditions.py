"""Which heads are taken out together."""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.analysis.ablation import head_conditions, head_entropy

RANKING = np.array([[0.5, 0.9, 0.4], [0.8, 0.1, 0.6]])


def heads(condition: Any) -> list[tuple[int, int]]:
    return [(part.layer, part.head) for part in condition.heads]


def test_the_best_the_worst_a_layer_and_random_sets_of_equal_size() -> None:
    found = head_conditions(RANKING, [1, 2], draws=3, seed=5)
    of = {(each.kind, each.size, each.draw): heads(each) for each in found}
    assert of["top", 1, 0] == [(1, 2)]
    assert of["top", 2, 0] == [(1, 2), (2, 1)]
    assert of["bottom", 1, 0] == [(2, 2)]
    assert of["bottom", 2, 0] == [(1, 3), (2, 2)]
    assert of["layer", 3, 0] == [(1, 1), (1, 2), (1, 3)]
    assert sum(kind == "random" for kind, _, _ in of) == 6


@given(
    layers=st.integers(1, 4),
    per_layer=st.integers(2, 5),
    share=st.floats(0.1, 0.9),
    seed=st.integers(0, 5),
)
def test_every_set_has_its_size_and_no_head_twice(layers: int, per_layer: int, share: float, seed: int) -> None:
    draw = np.random.default_rng(seed)
    shape = (layers, per_layer)
    size = min(max(1, int(share * layers * per_layer)), layers * per_layer - 1)
    found = head_conditions(draw.random(shape), [size], draws=2, seed=seed, entropy=draw.random(shape))
    for condition in found:
        assert len(set(condition.heads)) == condition.size == len(condition.heads)
        assert condition.size == (per_layer if condition.kind == "layer" else size)
    assert found == head_conditions(
        np.random.default_rng(seed).random(shape), [size], draws=2, seed=seed, entropy=_again(seed, shape)
    )


def _again(seed: int, shape: tuple[int, int]) -> np.ndarray:
    draw = np.random.default_rng(seed)
    draw.random(shape)
    return draw.random(shape)


def test_heads_of_like_entropy_stand_in_for_the_best() -> None:
    ranking = np.arange(40, dtype=float).reshape(4, 10)  # the best lie in the last layer
    entropy = np.tile(np.linspace(0, 9, 10), (4, 1))
    found = head_conditions(ranking, [3], draws=20, seed=1, entropy=entropy)
    matched = [each for each in found if each.kind == "entropy_matched"]
    assert len(matched) == 20
    for condition in matched:
        assert not {(4, head) for head in (8, 9, 10)} & set(heads(condition))
        assert sorted(head for _, head in heads(condition))[0] >= 7


@given(shape=st.tuples(st.integers(1, 3), st.integers(2, 4)), size=st.integers(1, 11), seed=st.integers(0, 5))
def test_what_is_drawn_is_distinct_and_never_what_is_tested(shape: tuple[int, int], size: int, seed: int) -> None:
    n = shape[0] * shape[1]
    size = min(size, n - 1)
    draw = np.random.default_rng(seed)
    found = head_conditions(draw.random(shape), [size], draws=9, seed=seed, entropy=draw.random(shape))
    top = next(each.heads for each in found if each.kind == "top")
    for kind in ("random", "entropy_matched"):
        drawn = [each for each in found if each.kind == kind]
        assert len({each.heads for each in drawn} - {top}) == len(drawn) >= 1
        assert [each.draw for each in drawn] == list(range(len(drawn)))
    assert sum(each.kind == "random" for each in found) == min(9, comb(n, size) - 1)


def test_entropy_is_that_of_the_mean_rows_in_bits() -> None:
    even, sharp = np.full((8, 8), 0.125), np.eye(8) * 0.4
    np.testing.assert_allclose(head_entropy(np.array([[even, sharp]])), [[3.0, 0.0]])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sizes": [0]}, "from 1 to 5"),
        ({"sizes": [6]}, "from 1 to 5"),
        ({"sizes": [2, 1]}, "rising"),
        ({"sizes": []}, "rising"),
        ({"draws": 0}, "draws is 0"),
        ({"entropy": np.zeros((1, 3))}, "entropy has shape"),
        ({"ranking": np.array([[np.nan, 1.0]])}, "finite"),
    ],
)
def test_what_cannot_be_compared_is_refused(changes: dict[str, Any], words: str) -> None:
    given = {"ranking": RANKING, "sizes": [1], "draws": 2, "seed": 0} | changes
    ranking, sizes = given.pop("ranking"), given.pop("sizes")
    with pytest.raises(ValueError, match=words):
        head_conditions(ranking, sizes, **given)
