"""One function an instrument: its parameters by name, seen by ``help()`` and editors."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import theodolite
from theodolite import tl
from theodolite.tl import MeasureError
from theodolite.tools import get_tool, tools

FUNCTIONS = {
    "geometry.axis_separation": tl.axis_separation,
    "geometry.pair_proximity": tl.pair_proximity,
    "geometry.regulator_proximity": tl.regulator_proximity,
    "attention.edges": tl.attention_edges,
    "attention.regulation": tl.regulation,
    "saes.feature_value": tl.feature_value,
    "ablation.zero_ablation": tl.zero_ablation,
    "ablation.mean_ablation": tl.mean_ablation,
    "ablation.uniform_attention": tl.uniform_attention,
    "depth.attention_trend": tl.attention_trend,
    "depth.attention_peak": tl.attention_peak,
    "depth.attention_stability": tl.attention_stability,
    "depth.regulation_trend": tl.regulation_trend,
    "depth.regulation_peak": tl.regulation_peak,
    "depth.regulation_stability": tl.regulation_stability,
    "depth.proximity_trend": tl.proximity_trend,
    "depth.proximity_peak": tl.proximity_peak,
    "depth.proximity_stability": tl.proximity_stability,
    "depth.regulator_trend": tl.regulator_trend,
    "depth.regulator_peak": tl.regulator_peak,
    "depth.regulator_stability": tl.regulator_stability,
}


def test_every_built_in_instrument_has_a_function() -> None:
    assert set(FUNCTIONS) == {tool.name for tool in tools() if tool.built_in and not tool.relation.of_cells}
    for function in FUNCTIONS.values():
        assert getattr(tl, function.__name__) is function and function.__name__ in tl.__all__


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_says_what_it_takes(name: str) -> None:
    told, function = get_tool(name), FUNCTIONS[name]
    signature = inspect.signature(function)
    assert list(signature.parameters)[:2] == ["adata", "model"]
    for parameter, field in told.params.model_fields.items():
        assert signature.parameters[parameter].kind is inspect.Parameter.KEYWORD_ONLY
        assert (signature.parameters[parameter].default is inspect.Parameter.empty) == field.is_required()
        assert str(field.description) in (function.__doc__ or "")
    assert {"key_added", "copy", "genes", "reference", "max_memory_gb"} <= set(signature.parameters)
    assert not {"tool", "params", "named"} & set(signature.parameters)
    assert told.unit in (function.__doc__ or "") and told.summary in (function.__doc__ or "")


def test_a_function_does_what_measure_does(adata: Any, model: str) -> None:
    tl.axis_separation(adata, model=model, layer=1, axis=2)
    tl.measure(adata, "geometry.axis_separation", model=model, layer=1, axis=2, key_added="again")
    np.testing.assert_array_equal(adata.var["geometry_axis_separation"], adata.var["again"])


def test_a_function_refuses_what_its_instrument_does_not_have(adata: Any, model: str) -> None:
    with pytest.raises(MeasureError, match="geometry.axis_separation has no parameter 'head'; it has layer, axis"):
        tl.axis_separation(adata, model=model, layer=1, axis=2, head=1)
    with pytest.raises(TypeError, match="model"):
        tl.axis_separation(adata, layer=1, axis=2)


def test_the_package_stays_light_until_the_room_is_asked_for() -> None:
    code = (
        "import sys, theodolite; assert 'theodolite.tl' not in sys.modules and 'pandas' not in sys.modules; "
        "print(theodolite.tl.measure.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["measure"], done.stderr
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = theodolite.nope
