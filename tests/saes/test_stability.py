"""Features of two dictionaries are matched one to one, with the largest sum of cosines there is."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.saes import match_features

SEED = st.integers(0, 2**32 - 1)


def vectors(draw: np.random.Generator, features: int, width: int) -> np.ndarray:
    found = draw.standard_normal((features, width))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


@given(SEED, st.integers(1, 5), st.integers(1, 5))
def test_the_matching_is_the_best_of_all(seed: int, features: int, others: int) -> None:
    draw = np.random.default_rng(seed)
    first, second = vectors(draw, features, 3), vectors(draw, others, 3)
    cosines = first @ second.T
    fewer = min(features, others)
    best = max(
        sum(float(cosines[row, column]) for row, column in zip(rows, columns, strict=True))
        for rows in permutations(range(features), fewer)
        for columns in permutations(range(others), fewer)
        if list(rows) == sorted(rows)
    )
    found = match_features(first, second)
    matched = found.partner >= 0
    assert matched.sum() == fewer == len(set(found.partner[matched].tolist()))
    assert found.cosine.sum() == pytest.approx(best, abs=1e-5)
    np.testing.assert_allclose(found.cosine[matched], cosines[matched, found.partner[matched]], atol=1e-6)
    assert (found.cosine[~matched] == 0).all()


def test_two_features_that_share_their_best_partner_do_not_both_have_it() -> None:
    first = np.array([[1, 0, 0], [0.96, 0.28, 0]], dtype=np.float32)
    second = np.array([[1, 0, 0], [0, 0, 1]], dtype=np.float32)
    assert (first @ second.T).argmax(axis=1).tolist() == [0, 0]
    found = match_features(first, second)
    assert found.partner.tolist() == [0, 1]
    assert found.cosine.tolist() == pytest.approx([1.0, 0.0])
    assert found.share(0.9) == 0.5  # by the largest cosine of each it would be 1


def test_a_dictionary_in_another_order_is_matched_to_itself() -> None:
    draw = np.random.default_rng(2)
    one, order = vectors(draw, 40, 8), draw.permutation(40)
    found = match_features(one, one[order])
    np.testing.assert_array_equal(order[found.partner], np.arange(40))
    assert found.share(0.999) == 1.0
    # The other way round is another feature.
    assert match_features(one, -one).share(0.999) == 0.0


def test_dictionaries_of_other_widths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shapes \(2, 3\) and \(2, 4\)"):
        match_features(np.eye(2, 3, dtype=np.float32), np.eye(2, 4, dtype=np.float32))
