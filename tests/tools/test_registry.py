"""The registry: what an instrument must declare, and what it may be asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Self

import pytest
from pydantic import Field, ValidationError

from theodolite.claims import Locus, LocusKind, Relation
from theodolite.measurements import GeneScores, Measurement, PairScores
from theodolite.tools import ModelShape, Tool, ToolError, ToolParams, ToolRegistrationError, get_tool, tool, tools
from theodolite.tools import registry as registry_module


class Depth(ToolParams):
    layer: int = Field(ge=0, description="residual stream after this many blocks")

    def locus(self) -> Locus:
        return Locus(kind=LocusKind.LAYER, layer=self.layer)

    @classmethod
    def enumerate(cls, shape: ModelShape) -> Iterator[Self]:
        for layer in range(shape.n_layers + 1):
            yield cls(layer=layer)


class Undocumented(ToolParams):
    layer: int
    axis: int = Field(description="the axis, counted from 1")


def constant(bench: Any, params: Depth) -> GeneScores:
    """One and the same score for every gene."""
    return GeneScores(bench.genes, [1.0] * len(bench.genes), bench.families, (), [[]] * len(bench.genes), "ones")


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_module, "_REGISTRY", dict(registry_module._REGISTRY))


def register(function: Callable[..., Any], **changes: Any) -> Tool:
    declared: dict[str, Any] = {
        "family": "hand",
        "shape": GeneScores,
        "object": "depth",
        "relation": Relation.SEPARATES,
        "unit": "ones",
        "version": "1",
    }
    return tool(**(declared | changes))(function)


def test_a_registered_tool_is_found_by_family_and_function() -> None:
    registered = register(constant)
    assert get_tool("hand.constant") is registered
    assert registered in tools()
    assert registered.summary == "One and the same score for every gene."


def test_help_and_schema_come_from_signature_and_docstring() -> None:
    described = register(constant).describe()
    assert described["help"] == constant.__doc__
    assert described["parameters"]["properties"]["layer"]["description"] == "residual stream after this many blocks"
    assert described["parameters"]["additionalProperties"] is False


def test_the_kind_of_evidence_is_declared_once_and_shown() -> None:
    assert register(constant).describe()["evidence"] == "p"
    assert {get_tool(name).evidence for name in ("attention.regulation", "geometry.regulator_proximity")} == {"e"}
    assert {get_tool(name).evidence for name in ("attention.edges", "geometry.axis_separation")} == {"p"}


def without_docstring(bench: Any, params: Depth) -> GeneScores:
    raise AssertionError


def untyped(bench, params) -> GeneScores:  # type: ignore[no-untyped-def]
    """Parameters without a type."""
    raise AssertionError


def plain_dict(bench: Any, params: dict[str, int]) -> GeneScores:
    """Parameters of another type."""
    raise AssertionError


def undocumented_fields(bench: Any, params: Undocumented) -> GeneScores:
    """Parameters without a description."""
    raise AssertionError


def another_return(bench: Any, params: Depth) -> PairScores:
    """Declares one shape and returns another."""
    raise AssertionError


def no_return(bench: Any, params: Depth):  # type: ignore[no-untyped-def]
    """Declares no return type."""
    raise AssertionError


class Opinion(Measurement):
    shape = "Opinion"


@pytest.mark.parametrize(
    ("function", "changes", "complaint"),
    [
        (without_docstring, {}, "no docstring"),
        (constant, {"unit": "  "}, "names no unit"),
        (constant, {"shape": Opinion}, "declares the shape"),
        (untyped, {}, "annotate 'params'"),
        (plain_dict, {}, "annotate 'params'"),
        (undocumented_fields, {}, r"parameters \['layer'\] have no description"),
        (another_return, {}, "must be annotated to return GeneScores"),
        (no_return, {}, "must be annotated to return GeneScores"),
        (constant, {"fits": ("clusters",)}, r"fits=\('clusters',\); give one of axes, features"),
        (constant, {"fits": ("axes", "features")}, "give one of axes, features"),
    ],
)
def test_an_instrument_that_declares_too_little_is_refused(
    function: Callable[..., Any], changes: dict[str, Any], complaint: str
) -> None:
    before = tools()
    with pytest.raises(ToolRegistrationError, match=complaint):
        register(function, **changes)
    assert tools() == before


def test_a_name_is_registered_once() -> None:
    register(constant)
    with pytest.raises(ToolRegistrationError, match=r"'hand.constant' is registered twice"):
        register(constant)


def test_an_unknown_tool_is_answered_with_those_there_are() -> None:
    with pytest.raises(KeyError, match=r"no tool 'geometry.axes'.*geometry.axis_separation"):
        get_tool("geometry.axes")


def test_a_place_that_the_model_does_not_have_is_refused_with_what_it_has() -> None:
    registered = register(constant)
    shape = ModelShape(n_layers=2, n_heads=4)
    assert registered.check_params({"layer": 2}, shape) == Depth(layer=2)
    with pytest.raises(ToolError, match="no layer 3 in a model of 2 layers .* 3 loci, from layer 0 to layer 2"):
        registered.check_params({"layer": 3}, shape)


@pytest.mark.parametrize("params", [{"layer": -1}, {"layer": "deep"}, {}, {"layer": 1, "seed": 2}])
def test_parameters_are_typed_and_closed(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        register(constant).check_params(params, ModelShape(2, 4))


def test_a_tool_that_returns_another_shape_than_it_declares_is_caught(make_bench: Any) -> None:
    def liar(bench: Any, params: Depth) -> GeneScores:
        """Annotated as one shape, returns another."""
        return pairs  # type: ignore[return-value]

    bench = make_bench(8)
    pairs = PairScores(bench.genes, [[0.0] * 8] * 8, bench.families, (), [[]] * 8, "ones")
    with pytest.raises(ToolError, match="returned PairScores, it declares GeneScores"):
        register(liar).measure(bench, Depth(layer=0))


def test_the_source_that_is_locked_covers_function_and_parameters() -> None:
    def measure(bench: Any, params: Depth) -> GeneScores:
        """One."""
        raise AssertionError

    one = register(measure)

    def measure(bench: Any, params: Depth) -> GeneScores:  # type: ignore[no-redef]
        """Two."""
        raise AssertionError

    two = register(measure, family="other")
    assert one.source_sha256 != two.source_sha256


@pytest.mark.parametrize("instrument", tools(), ids=lambda instrument: instrument.name)
def test_every_shipped_instrument_enumerates_distinct_places_of_its_closed_list(instrument: Tool) -> None:
    shape = ModelShape(n_layers=3, n_heads=4)
    params = list(instrument.params.enumerate(shape))
    places = [item.locus() for item in params]
    # At each place of anchors several fitters are tried.
    assert len(set(params)) == len(params) > 1
    assert len(set(places)) == len(places) or instrument.relation.of_cells
    assert all(place.layer is not None and place.layer <= 3 for place in places)
    for item in params:
        assert instrument.check_params(item.model_dump(), shape) == item
    assert instrument.unit
    assert "Source:" in instrument.describe()["help"]
