"""Mutual attention by hand, and on a world whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from mutual_attention import MutualAttention, mutual
from numpy.random import SeedSequence

from theodolite.calibration.toolcheck import MODEL, make_world
from theodolite.tools import Workbench

BENCH = make_world("PairScores", SeedSequence(1), planted=True).discovery.bench


def bench_with(attention: np.ndarray) -> Workbench:
    """Return a workbench in which every head has the same attention."""
    same = np.broadcast_to(attention.astype(np.float32), BENCH.capture.attention.shape)
    return replace(BENCH, capture=replace(BENCH.capture, attention=same))


def test_attention_that_is_not_returned_counts_for_nothing() -> None:
    attention = np.full((len(BENCH.genes),) * 2, 0.01)
    attention[0, 1] = 0.1  # looks, and is not looked at
    attention[2, 3] = attention[3, 2] = 0.05  # look at each other
    score = mutual.measure(bench_with(attention), MutualAttention(layer=1)).score
    assert score[2, 3] > score[0, 1] + 1.0


def test_the_pull_of_a_gene_is_taken_out() -> None:
    attention = BENCH.attention(1, 1)
    pulling = attention * np.where(np.arange(len(attention)) == 5, 20.0, 1.0)[None, :]
    before, after = (mutual.measure(bench_with(item), MutualAttention(layer=1)).score for item in (attention, pulling))
    off = ~np.eye(len(attention), dtype=bool)
    np.testing.assert_allclose((after - before)[off], (after - before)[0, 1], atol=1e-4)


def test_every_place_can_be_read() -> None:
    for params in MutualAttention.enumerate(MODEL):
        assert mutual.measure(BENCH, params).genes == BENCH.genes
