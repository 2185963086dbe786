"""Attention between genes, directed or not, on the scale on which attractive genes are additive nuisances."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from theodolite.claims import LocusKind
from theodolite.measurements import load_measurement
from theodolite.tools import ModelShape, ToolError
from theodolite.tools.attention import AttentionEdges, edges, regulation


def without_hubs(score: np.ndarray) -> np.ndarray:
    """Return what is left of the pairs of two different genes after the best fit of one additive term a gene."""
    n = len(score)
    off = np.where(np.eye(n, dtype=bool), 0.0, score)
    sums = off.sum(axis=1)
    pull = (sums - sums.sum() / (2 * (n - 1))) / (n - 2)
    return np.where(np.eye(n, dtype=bool), 0.0, score - pull[:, None] - pull[None, :])


def test_the_score_is_the_mean_of_both_directions_on_the_log_scale(make_bench: Callable[..., Any]) -> None:
    bench = make_bench()
    measured = edges.measure(bench, AttentionEdges(layer=2, head=3))
    raw = bench.probabilities[1, 2]
    for i, j in ((0, 1), (5, 30), (39, 2)):
        assert measured.score[i, j] == pytest.approx((np.log(raw[i, j]) + np.log(raw[j, i])) / 2, rel=1e-6)
    np.testing.assert_array_equal(measured.score, measured.score.T)


def test_without_a_head_probabilities_are_averaged_before_the_logarithm(make_bench: Callable[..., Any]) -> None:
    bench = make_bench()
    measured = edges.measure(bench, AttentionEdges(layer=1))
    mean = bench.probabilities[0].mean(axis=0)
    expected = (np.log(mean) + np.log(mean).T) / 2
    off = ~np.eye(40, dtype=bool)
    np.testing.assert_allclose(measured.score[off], expected[off], rtol=1e-6)


def test_attractive_and_attentive_genes_vanish_with_one_term_a_gene(make_bench: Callable[..., Any]) -> None:
    bench = make_bench()
    rng = np.random.default_rng(3)
    pulls, asks = rng.gamma(1.0, 5.0, 40) + 0.1, rng.gamma(1.0, 5.0, 40) + 0.1
    hubs = replace(bench, probabilities=bench.probabilities * pulls[None, :] * asks[:, None])
    params = AttentionEdges(layer=1, head=1)
    plain, with_hubs = edges.measure(bench, params).score, edges.measure(hubs, params).score
    assert not np.allclose(plain, with_hubs)
    np.testing.assert_allclose(without_hubs(plain), without_hubs(with_hubs), atol=1e-5)


def test_attention_that_underflowed_is_small_and_finite(make_bench: Callable[..., Any]) -> None:
    bench = make_bench()
    probabilities = bench.probabilities.copy()
    probabilities[0, 0, 0, 1] = 0.0
    score = edges.measure(replace(bench, probabilities=probabilities), AttentionEdges(layer=1, head=1)).score
    assert np.isfinite(score).all()
    assert score[0, 1] == score.min()


def test_places_are_every_block_and_every_head() -> None:
    places = [params.locus() for params in AttentionEdges.enumerate(ModelShape(n_layers=2, n_heads=3))]
    assert [place.kind for place in places] == [LocusKind.LAYER, *[LocusKind.HEAD] * 3] * 2
    assert {place.layer for place in places} == {1, 2}


@pytest.mark.parametrize("values", [{"layer": 0}, {"layer": 1, "head": 0}, {}])
def test_blocks_and_heads_are_counted_from_one(values: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        AttentionEdges(**values)


def with_regulators(bench: Any, *rows: int) -> Any:
    return replace(bench, regulators=tuple(bench.genes[row] for row in rows))


def test_a_regulators_row_holds_what_each_gene_pays_to_it(make_bench: Callable[..., Any]) -> None:
    bench = with_regulators(make_bench(), 3, 7, 20)
    measured = regulation.measure(bench, AttentionEdges(layer=2, head=1))
    assert (measured.regulators, measured.targets) == (bench.regulators, bench.genes)
    raw = bench.probabilities[1, 0]
    for row, regulator in enumerate((3, 7, 20)):
        for target in (0, 5, 19, 39):
            assert measured.score[row, target] == pytest.approx(np.log(raw[target, regulator]), rel=1e-6)
    averaged = regulation.measure(bench, AttentionEdges(layer=2)).score
    mean = bench.probabilities[1].mean(axis=0)
    assert averaged[1, 30] == pytest.approx(np.log(mean[30, 7]), rel=1e-6)


def test_both_sides_carry_their_families_and_covariates(make_bench: Callable[..., Any]) -> None:
    bench = with_regulators(make_bench(), 3, 20)
    measured = regulation.measure(bench, AttentionEdges(layer=1))
    assert measured.regulator_families == (bench.families[3], bench.families[20])
    assert measured.target_families == bench.families
    np.testing.assert_array_equal(measured.regulator_covariates, bench.covariates[[3, 20]])
    np.testing.assert_array_equal(measured.target_covariates, bench.covariates)
    assert load_measurement(measured.to_bytes()).sha256 == measured.sha256


def test_hubs_on_either_side_vanish_under_double_centring(make_bench: Callable[..., Any]) -> None:
    bench = with_regulators(make_bench(), *range(10))
    rng = np.random.default_rng(3)
    pulls, asks = rng.gamma(1.0, 5.0, 40) + 0.1, rng.gamma(1.0, 5.0, 40) + 0.1
    hubs = replace(bench, probabilities=bench.probabilities * pulls[None, :] * asks[:, None])
    centred = []
    for each in (bench, hubs):
        score = regulation.measure(each, AttentionEdges(layer=1, head=2)).score[:, 10:]
        centred.append(score - score.mean(axis=0) - score.mean(axis=1)[:, None] + score.mean())
    np.testing.assert_allclose(centred[0], centred[1], atol=1e-5)


def test_without_a_regulator_in_the_split_there_is_nothing_to_measure(make_bench: Callable[..., Any]) -> None:
    with pytest.raises(ToolError, match="no gene of this split is a regulator; give the campaign regulons"):
        regulation.measure(make_bench(), AttentionEdges(layer=1))
