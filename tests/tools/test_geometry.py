"""Geometry instruments: held-out genes are projected, never fitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from theodolite.claims import Locus, LocusKind
from theodolite.tools import ModelShape
from theodolite.tools.geometry import (
    N_AXES,
    WINDOWS,
    AxisSeparation,
    PairProximity,
    axis_separation,
    pair_proximity,
    regulator_proximity,
)


def double_centred(score: np.ndarray) -> np.ndarray:
    return score - score.mean(axis=0) - score.mean(axis=1)[:, None] + score.mean()


def test_axis_separation_is_the_projection_on_the_fitted_axis(make_bench: Callable[..., Any]) -> None:
    bench = make_bench()
    measured = axis_separation.measure(bench, AxisSeparation(layer=1, axis=2))
    axes = bench.axes(1)
    np.testing.assert_allclose(measured.score, (bench.hidden(1) - axes.centre) @ axes.components[1])
    assert (measured.genes, measured.families, measured.unit) == (bench.genes, bench.families, axis_separation.unit)
    np.testing.assert_array_equal(measured.covariates, bench.covariates)


@pytest.mark.parametrize(
    ("instrument", "params"),
    [(axis_separation, AxisSeparation(layer=2, axis=1)), (pair_proximity, PairProximity(layer=2, first=1, last=3))],
)
def test_held_out_genes_never_change_the_fit(make_bench: Callable[..., Any], instrument: Any, params: Any) -> None:
    discovery, held_out = make_bench(seed=1), make_bench(seed=2)
    bench = held_out.with_axes_of(discovery)
    before = instrument.measure(bench, params)
    # Whatever the other genes of the block are, a gene's own score stays.
    fewer = replace(
        bench,
        genes=bench.genes[:10],
        families=bench.families[:10],
        covariates=bench.covariates[:10],
        states=bench.states[:, :10] * np.where(np.arange(10) < 5, 1.0, 100.0)[:, None],
    )
    after = instrument.measure(fewer, params)
    index = np.ix_(*[range(5)] * after.score.ndim)
    np.testing.assert_allclose(after.score[index], before.score[index])
    assert not np.allclose(before.score, instrument.measure(held_out, params).score)


def test_proximity_is_minus_half_the_squared_distance_within_the_window(make_bench: Callable[..., Any]) -> None:
    bench = make_bench()
    measured = pair_proximity.measure(bench, PairProximity(layer=0, first=2, last=4))
    coordinates = bench.axes(0).coordinates(bench.hidden(0))[:, 1:4]
    for i in range(0, 40, 7):
        for j in range(0, 40, 5):
            assert measured.score[i, j] == pytest.approx(
                -0.5 * np.sum((coordinates[i] - coordinates[j]) ** 2), rel=1e-6, abs=1e-6
            )


def test_double_centred_proximity_is_the_inner_product_of_centred_coordinates(make_bench: Callable[..., Any]) -> None:
    discovery, held_out = make_bench(seed=1), make_bench(seed=2)
    bench = held_out.with_axes_of(discovery)
    measured = pair_proximity.measure(bench, PairProximity(layer=1, first=1, last=6))
    coordinates = bench.axes(1).coordinates(bench.hidden(1))
    centred = coordinates - coordinates.mean(axis=0)
    np.testing.assert_allclose(double_centred(measured.score), centred @ centred.T, atol=1e-4)


def test_a_gene_that_is_near_to_everything_earns_nothing_by_it(make_bench: Callable[..., Any]) -> None:
    bench = make_bench()
    states = bench.states.copy()
    states[0, 0] = bench.axes(0).centre
    central = replace(bench, states=states)
    score = pair_proximity.measure(central, PairProximity(layer=0, first=1, last=3)).score
    off = ~np.eye(len(score), dtype=bool)
    assert score[0][off[0]].mean() > score[off].mean()
    assert abs(double_centred(score)[0][off[0]].mean()) < 0.2 * double_centred(score)[off].std()


def test_the_closed_lists_of_places() -> None:
    shape = ModelShape(n_layers=2, n_heads=4)
    axes = [params.locus() for params in AxisSeparation.enumerate(shape)]
    assert len(axes) == 3 * N_AXES
    assert axes[0] == Locus(kind=LocusKind.AXIS, layer=0, index=(1,))
    windows = [params.locus() for params in PairProximity.enumerate(shape)]
    assert [place.index for place in windows[: len(WINDOWS)]] == list(WINDOWS)
    assert len(windows) == 3 * len(WINDOWS)


@pytest.mark.parametrize(
    ("params", "values"),
    [
        (AxisSeparation, {"layer": -1, "axis": 1}),
        (AxisSeparation, {"layer": 0, "axis": 0}),
        (AxisSeparation, {"layer": 0, "axis": N_AXES + 1}),
        (PairProximity, {"layer": 0, "first": 3, "last": 2}),
        (PairProximity, {"layer": 0, "first": 1, "last": N_AXES + 1}),
    ],
)
def test_other_places_are_refused(params: Any, values: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        params(**values)


def test_a_regulators_proximities_are_those_of_its_pairs(make_bench: Callable[..., Any]) -> None:
    bench = make_bench()
    rows = [2, 11, 30]
    bench = replace(bench, regulators=tuple(bench.genes[row] for row in rows))
    params = PairProximity(layer=1, first=1, last=3)
    directed, pairs = regulator_proximity.measure(bench, params), pair_proximity.measure(bench, params)
    np.testing.assert_allclose(directed.score, pairs.score[rows], rtol=1e-5, atol=1e-6)
    assert (directed.regulators, directed.targets) == (bench.regulators, bench.genes)
    assert regulator_proximity.fits == ("axes",)
