from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.analysis.saes.rewiring import rewired


@given(st.integers(0, 2**32 - 1), st.integers(4, 40))
@settings(max_examples=30)
def test_a_rewired_graph_is_simple_and_has_the_degrees_of_the_first(seed: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    flat = rng.choice(66, m, replace=False)
    first, second = (ends[flat] for ends in np.triu_indices(12, 1))
    tails, heads, moved = rewired(first, second, 12, 3, seed)
    degrees = np.bincount(np.concatenate([first, second]), minlength=12)
    for tail, head in zip(tails, heads, strict=True):
        assert np.bincount(np.concatenate([tail, head]), minlength=12).tolist() == degrees.tolist()
        pairs = {(min(a, b), max(a, b)) for a, b in zip(tail.tolist(), head.tolist(), strict=True)}
        assert len(pairs) == m and all(a != b for a, b in pairs)
    assert 0.0 <= moved <= 1.0


def test_most_edges_of_a_sparse_graph_move_and_a_complete_one_cannot() -> None:
    rng = np.random.default_rng(0)
    flat = rng.choice(4_950, 300, replace=False)
    first, second = np.triu_indices(100, 1)
    assert rewired(first[flat], second[flat], 100, 5, 0)[2] > 0.7
    assert rewired(first, second, 100, 5, 0)[2] == 0.0
