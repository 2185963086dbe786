"""Ablation instruments: what a component does beyond the others of its size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from theodolite.claims import LocusKind
from theodolite.models.components import Component, components
from theodolite.tools import ModelShape, ToolError
from theodolite.tools.ablation import AblatedHead, AblatedPart, mean_ablation, uniform_attention, zero_ablation

LAYERS, HEADS = 2, 3


@pytest.fixture
def bench(make_bench: Callable[..., Any]) -> Any:
    """Return a workbench in which genes 0 to 9 move easily, and head 2 of layer 1 moves genes 30 to 39."""
    draw = np.random.default_rng(3)
    easily = np.where(np.arange(40) < 10, 50.0, 1.0)
    changes = {
        (part, how): easily * np.exp(0.1 * draw.standard_normal(40))
        for part in components(LAYERS, HEADS)
        for how in ("zero", "mean", "uniform")
    }
    for how in ("zero", "mean", "uniform"):
        changes[Component("head", 1, 2), how] *= np.where(np.arange(40) >= 30, 20.0, 1.0)
    return replace(make_bench(), changes=changes)


@pytest.mark.parametrize(
    ("instrument", "params"),
    [
        (zero_ablation, AblatedPart(part="head", layer=1, head=2)),
        (mean_ablation, AblatedPart(part="head", layer=1, head=2)),
        (uniform_attention, AblatedHead(layer=1, head=2)),
    ],
)
def test_what_only_this_head_does_stands_out(bench: Any, instrument: Any, params: Any) -> None:
    measured = instrument.measure(bench, params)
    assert (measured.genes, measured.families, measured.unit) == (bench.genes, bench.families, instrument.unit)
    assert measured.score[30:].min() > measured.score[:30].max()


def test_a_gene_that_moves_whatever_is_taken_out_does_not_stand_out(bench: Any) -> None:
    # Taken by itself the change ranks the genes that move easily on top, for every head.
    raw = np.log(bench.ablated(Component("head", 2, 1), "zero"))
    assert raw[:10].min() > raw[10:].max()
    score = zero_ablation.measure(bench, AblatedPart(part="head", layer=2, head=1)).score
    assert abs(score[:10].mean() - score[10:].mean()) < 3 * score.std() / 10**0.5


def test_heads_are_held_against_heads_of_their_layer_and_layers_against_layers(bench: Any) -> None:
    score = zero_ablation.measure(bench, AblatedPart(part="mlp", layer=1)).score
    ours, other = (np.log(bench.ablated(Component("mlp", layer), "zero")) for layer in (1, 2))
    np.testing.assert_allclose(score, ours - other)
    head = zero_ablation.measure(bench, AblatedPart(part="head", layer=2, head=3)).score
    logs = [np.log(bench.ablated(Component("head", 2, number), "zero")) for number in (1, 2, 3)]
    np.testing.assert_allclose(head, logs[2] - (logs[0] + logs[1]) / 2)


def test_the_closed_list_leaves_out_what_is_the_only_one_of_its_kind() -> None:
    whole = [params.locus() for params in AblatedPart.enumerate(ModelShape(2, 3))]
    assert [str(locus) for locus in whole[:5]] == [
        "layer 1 head 1",
        "layer 1 head 2",
        "layer 1 head 3",
        "layer 1 MLP",
        "layer 1",
    ]
    assert len(set(whole)) == 10
    one_layer = {params.part for params in AblatedPart.enumerate(ModelShape(1, 3))}
    assert one_layer == {"head"}
    assert {locus.kind for locus in whole} == {LocusKind.HEAD, LocusKind.MLP, LocusKind.LAYER}
    assert not list(AblatedHead.enumerate(ModelShape(3, 1)))


def test_a_component_that_is_the_only_one_is_refused(bench: Any) -> None:
    lonely = replace(bench, shape=ModelShape(1, 1))
    with pytest.raises(ToolError, match="the only one of its kind"):
        zero_ablation.measure(lonely, AblatedPart(part="head", layer=1, head=1))


@pytest.mark.parametrize(
    "values",
    [
        {"part": "head", "layer": 1},
        {"part": "mlp", "layer": 1, "head": 1},
        {"part": "neuron", "layer": 1},
        {"part": "head", "layer": 0, "head": 1},
    ],
)
def test_what_is_no_component_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AblatedPart.model_validate(values)
