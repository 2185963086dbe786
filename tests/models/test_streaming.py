"""Attention is added once, in whatever parts it comes, however often a cell comes again."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_models import HEADS, N_GENES, toy_model, toy_tokens

from theodolite.models.batches import batch_of
from theodolite.models.running import run
from theodolite.models.sites import attention
from theodolite.models.streaming import AttentionAdder

SITE = attention(2)
MODEL = toy_model()
BATCH = batch_of(MODEL, toy_tokens(), np.arange(3))
MAPS = run(MODEL, BATCH, read=[SITE]).read[SITE]


def adder() -> AttentionAdder:
    return AttentionAdder(np.arange(N_GENES), {SITE: np.zeros((HEADS, N_GENES, N_GENES))})


def hand(to: AttentionAdder, cell: int, rows: list[int], heads: int, until: int | None = None) -> None:
    """Hand one cell's map over, cut after the rows given, some heads at a time; it may break off after some parts."""
    sink = to.begin(BATCH)[SITE]
    cuts = sorted({0, *rows, MAPS.shape[2]})
    parts = [
        (head, first, last) for head in range(0, HEADS, heads) for first, last in zip(cuts, cuts[1:], strict=False)
    ]
    for head, first, last in parts[:until]:
        sink(MAPS[cell, head : head + heads, first:last], cell, head, first)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(1, 20), max_size=4), st.sampled_from([1, HEADS]), st.integers(0, 6),
    st.lists(st.integers(1, 20), max_size=4), st.sampled_from([1, HEADS]),
)  # fmt: skip
def test_a_cell_that_broke_off_and_comes_again_in_other_parts_counts_once(
    first: list[int], first_heads: int, broke_off: int, second: list[int], second_heads: int
) -> None:
    expected, interrupted = adder(), adder()
    hand(expected, 1, [], HEADS)
    hand(interrupted, 1, first, first_heads, until=broke_off)
    hand(interrupted, 1, second, second_heads)
    np.testing.assert_allclose(interrupted.sums[SITE], expected.sums[SITE], atol=1e-12)
    assert expected.sums[SITE].any()
