"""Instruments of stability: the scores of the trends, under a relation of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from theodolite.claims import Relation
from theodolite.tools import ToolError, get_tool
from theodolite.tools.depth import AttentionSpan, StreamSpan

SPANS = {
    "attention": AttentionSpan(first=1, last=2),
    "regulation": AttentionSpan(first=1, last=2),
    "proximity": StreamSpan(first=0, last=2),
    "regulator": StreamSpan(first=0, last=2),
}


@pytest.mark.parametrize("name", SPANS)
def test_the_scores_are_those_of_the_trend(make_bench: Callable[..., Any], name: str) -> None:
    stability, trend = get_tool(f"depth.{name}_stability"), get_tool(f"depth.{name}_trend")
    bench = make_bench()
    bench = replace(bench, regulators=bench.genes[3:9])
    found, wanted = (tool.measure(bench, SPANS[name]) for tool in (stability, trend))
    np.testing.assert_array_equal(found.score, wanted.score)
    assert type(found) is type(wanted) and found.unit == wanted.unit


@pytest.mark.parametrize("name", SPANS)
def test_only_the_relation_is_another(name: str) -> None:
    stability, trend = get_tool(f"depth.{name}_stability"), get_tool(f"depth.{name}_trend")
    assert stability.relation is Relation.STABLE_WITH_DEPTH and trend.relation is Relation.CHANGES_WITH_DEPTH
    for part in ("object", "shape", "params", "fits", "evidence", "memory", "unit", "version", "family"):
        assert getattr(stability, part) == getattr(trend, part), part
    assert not stability.relation.two_sided and stability.relation.of_no_effect and stability.relation.of_depth


def test_regulators_must_be_named(make_bench: Callable[..., Any]) -> None:
    with pytest.raises(ToolError, match="no gene of this split is a regulator"):
        get_tool("depth.regulation_stability").measure(make_bench(), SPANS["regulation"])
