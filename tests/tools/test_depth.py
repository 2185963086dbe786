"""Depth instruments: standings within each layer, their trend, and where they peak."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import rankdata

from theodolite.claims import LocusKind
from theodolite.measurements import PairScores
from theodolite.tools import ModelShape, ToolError
from theodolite.tools.attention import AttentionEdges, edges
from theodolite.tools.depth import (
    AttentionBoundary,
    AttentionSpan,
    StreamBoundary,
    StreamSpan,
    attention_peak,
    attention_trend,
    peak,
    proximity_peak,
    proximity_trend,
    regulation_peak,
    regulation_trend,
    regulator_peak,
    regulator_trend,
    standings,
    trend,
)

DEEP = ModelShape(n_layers=4, n_heads=2)


def pairs(score: np.ndarray) -> PairScores:
    n = len(score)
    return PairScores(
        genes=tuple(f"G{i}" for i in range(n)),
        score=score,
        families=tuple(f"F{i // 2}" for i in range(n)),
        covariate_names=("mean_expression",),
        covariates=np.ones((n, 1)),
        unit="one",
    )


def symmetric(n: int, rng: np.random.Generator) -> np.ndarray:
    upper = np.triu(rng.standard_normal((n, n)), 1)
    return upper + upper.T


def test_a_standing_is_the_share_of_pairs_ranked_above_without_hubs() -> None:
    rng = np.random.default_rng(0)
    hub = rng.standard_normal(20)
    plain = symmetric(20, rng)
    with_hubs = plain + 5.0 * (hub[:, None] + hub[None, :])
    np.fill_diagonal(with_hubs, 0.0)
    first, second = standings([pairs(plain), pairs(with_hubs)])
    candidates = pairs(plain).candidates()
    np.testing.assert_allclose(first[candidates], second[candidates])
    assert 0.0 < first[candidates].min() < first[candidates].max() < 1.0
    assert first[candidates].mean() == pytest.approx(0.5)
    assert (first[~candidates] == 0.5).all()


def test_standings_need_no_common_scale_of_layers() -> None:
    rng = np.random.default_rng(1)
    score = symmetric(20, rng)
    once, twice = (trend(standings([pairs(score), pairs(scale * score)])) for scale in (1.0, 1e4))
    np.testing.assert_allclose(once, 0.0, atol=1e-12)
    np.testing.assert_allclose(twice, 0.0, atol=1e-12)


@settings(max_examples=30)
@given(st.integers(2, 7), st.integers(0, 2**32 - 1))
def test_the_trend_is_the_slope_of_a_line_through_the_layers(layers: int, seed: int) -> None:
    standing = np.random.default_rng(seed).random((layers, 3, 4))
    found = trend(standing)
    for row, column in np.ndindex(3, 4):
        assert found[row, column] == pytest.approx(np.polyfit(np.arange(layers), standing[:, row, column], 1)[0])


@settings(max_examples=30)
@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_the_mean_trend_of_a_reference_beyond_the_others_is_the_trend_of_its_auroc(layers: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    members = rng.random(60) < 0.3
    members[:2] = True, False
    ranks = np.stack([rankdata(rng.standard_normal(60)) for _ in range(layers)])
    slopes = trend(((ranks - 0.5) / 60)[:, None, :])[0]
    auroc = [(rank[members].mean() - (members.sum() + 1) / 2) / (~members).sum() for rank in ranks]
    assert slopes[members].mean() - slopes[~members].mean() == pytest.approx(np.polyfit(np.arange(layers), auroc, 1)[0])


def test_a_peak_up_to_a_boundary_is_higher_than_any_after_it_where_the_score_is_positive() -> None:
    standing = np.array([0.2, 0.9, 0.4, 0.6])[:, None, None]
    assert [float(peak(standing, earlier)[0, 0]) for earlier in (1, 2, 3)] == pytest.approx([-0.7, 0.3, 0.3])


def test_the_trend_over_two_blocks_is_the_difference_of_ranks(make_bench: Callable[..., Any]) -> None:
    bench = make_bench()
    found = attention_trend.measure(bench, AttentionSpan(first=1, last=2))
    first, second = standings([edges.measure(bench, AttentionEdges(layer=layer)) for layer in (1, 2)])
    np.testing.assert_allclose(found.score, second - first)
    assert (found.genes, found.unit) == (bench.genes, attention_trend.unit)
    at_the_boundary = attention_peak.measure(bench, AttentionBoundary(layer=1))
    np.testing.assert_allclose(at_the_boundary.score, -found.score)


def growing(bench: Any, known: np.ndarray, strengths: tuple[float, ...]) -> Any:
    """Return a workbench whose genes of ``known`` share a direction, each layer with a strength of its own."""
    states = np.array(bench.states)
    for layer, strength in enumerate(strengths):
        states[layer][known, 0] += strength
    return replace(bench, states=states).with_axes_of(replace(bench, states=states))


def test_a_reference_that_draws_together_with_depth_has_a_trend_and_a_peak_after_the_boundary(
    make_bench: Callable[..., Any],
) -> None:
    bench = make_bench(n=60)
    known = np.arange(60) % 5 == 0
    inside = np.triu(known[:, None] & known[None, :], 1)
    others = np.triu(np.ones_like(inside), 1) & ~inside

    def of(measured: PairScores) -> float:
        return float(measured.score[inside].mean() - measured.score[others].mean())

    rising = growing(bench, known, (0.0, 4.0, 8.0))
    falling = growing(bench, known, (8.0, 4.0, 0.0))
    level = growing(bench, known, (6.0, 6.0, 6.0))
    whole, boundary = StreamSpan(first=0, last=2), StreamBoundary(layer=0)
    assert of(proximity_trend.measure(rising, whole)) > 0.1 > -0.1 > of(proximity_trend.measure(falling, whole))
    assert of(proximity_peak.measure(falling, boundary)) > 0.1 > -0.1 > of(proximity_peak.measure(rising, boundary))
    assert abs(of(proximity_trend.measure(level, whole))) < 0.05


@pytest.mark.parametrize(
    ("instrument", "params"),
    [
        (regulation_trend, AttentionSpan(first=1, last=2)),
        (regulation_peak, AttentionBoundary(layer=1)),
        (regulator_trend, StreamSpan(first=0, last=2)),
        (regulator_peak, StreamBoundary(layer=1)),
    ],
)
def test_regulators_are_scored_against_all_genes(make_bench: Callable[..., Any], instrument: Any, params: Any) -> None:
    bench = make_bench()
    with pytest.raises(ToolError, match="no gene of this split is a regulator"):
        instrument.measure(bench, params)
    bench = replace(bench, regulators=bench.genes[3:9])
    found = instrument.measure(bench, params)
    assert found.score.shape == (6, len(bench.genes))
    assert found.regulators == bench.regulators and found.unit == instrument.unit


def test_the_closed_lists_hold_every_span_and_every_boundary() -> None:
    assert [str(params.locus()) for params in AttentionSpan.enumerate(DEEP)] == [
        "layers 1 to 4", "layers 1 to 3", "layers 2 to 4", "layers 1 to 2", "layers 2 to 3", "layers 3 to 4",
    ]  # fmt: skip
    assert [params.locus().layer for params in AttentionBoundary.enumerate(DEEP)] == [1, 2, 3]
    assert len(list(StreamSpan.enumerate(DEEP))) == 10
    assert [params.layer for params in StreamBoundary.enumerate(DEEP)] == [0, 1, 2, 3]
    assert {params.locus().kind for params in StreamBoundary.enumerate(DEEP)} == {LocusKind.BOUNDARY}
    assert not list(AttentionSpan.enumerate(ModelShape(n_layers=1, n_heads=2)))


@pytest.mark.parametrize(
    ("kind", "words", "told"),
    [
        (StreamSpan, {"first": 2, "last": 2}, "must ascend"),
        (AttentionSpan, {"first": 0, "last": 2}, "from 1 on"),
        (AttentionBoundary, {"layer": 0}, "counted from 1"),
        (StreamBoundary, {"layer": -1}, "greater than or equal to 0"),
    ],
)
def test_a_span_or_boundary_that_is_none_is_refused(kind: Any, words: dict[str, int], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        kind(**words)
