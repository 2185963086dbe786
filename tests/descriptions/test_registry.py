"""The registry: what a description must declare, and what it may be asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydantic import Field
from small_subjects import reference, subject

from theodolite.descriptions import (
    STANDING,
    Described,
    Description,
    DescriptionError,
    DescriptionParams,
    Subject,
    description,
    descriptions,
    get_description,
)
from theodolite.descriptions import registry as registry_module
from theodolite.measurements import CurveFit, GeneScores, Measurement
from theodolite.plugins import find_description
from theodolite.tools import ToolError, ToolRegistrationError


class Scale(DescriptionParams):
    factor: float = Field(default=1.0, gt=0, description="what lengths are multiplied by")


class Undocumented(DescriptionParams):
    factor: float = 1.0


def lengths(subject: Subject, params: Scale) -> Described:
    """Mean length of the vectors at each layer."""
    mean = params.factor * np.linalg.norm(subject.vectors(), axis=2).mean(axis=1)
    curve = CurveFit(np.arange(len(mean)), mean, ("all",) * len(mean), "depth", "units")
    return Described(curve, {"mean": mean}, "Vectors have lengths.")


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_module, "_REGISTRY", dict(registry_module._REGISTRY))


def register(function: Callable[..., Any], **changes: Any) -> Description:
    declared: dict[str, Any] = {
        "family": "hand",
        "shape": CurveFit,
        "unit": "units",
        "reads": ("vectors",),
        "memory": lambda size, params: 8 * size.genes,
    }
    return description(**(declared | changes))(function)


@pytest.fixture
def world() -> Subject:
    return subject(np.ones((3, 4, 2)), ["A", "B", "C", "D"])


def test_a_description_is_found_by_family_and_function(world: Subject) -> None:
    registered = register(lengths)
    assert get_description("hand.lengths") is registered is find_description("hand.lengths")
    assert registered in descriptions() and not registered.built_in
    found = registered.run(world, Scale(factor=2.0))
    assert found.facts == {"mean": pytest.approx([2.0 * np.sqrt(2.0)] * 3)}


def test_help_and_schema_come_from_signature_and_docstring_and_it_says_that_it_makes_no_claim() -> None:
    told = register(lengths).describe()
    assert told["help"] == lengths.__doc__ and told["references"] == "none" and told["reads"] == ["vectors"]
    assert told["parameters"]["properties"]["factor"]["description"] == "what lengths are multiplied by"
    assert told["standing"] == STANDING and "makes no claim" in STANDING
    json.dumps(told)


def test_every_built_in_description_says_what_it_needs() -> None:
    for built_in in descriptions():
        assert built_in.built_in and "Source:" in str(built_in.describe()["help"]), built_in.name


def without_docstring(subject: Subject, params: Scale) -> Described:
    raise AssertionError


def untyped(subject, params) -> Described:  # type: ignore[no-untyped-def]
    """Says nothing of its parameters."""
    raise AssertionError


def undescribed(subject: Subject, params: Undocumented) -> Described:
    """Has a parameter that nobody knows the meaning of."""
    raise AssertionError


class Needed(DescriptionParams):
    gene: str = Field(description="gene to follow")


def unshown(subject: Subject, params: Needed) -> Described:
    """Needs what nobody shows an example of."""
    raise AssertionError


def measures(subject: Subject, params: Scale) -> CurveFit:
    """Returns a bare measurement."""
    raise AssertionError


class NoShape(Measurement):
    shape = "NoShape"


@pytest.mark.parametrize(
    ("function", "changes", "said"),
    [
        (without_docstring, {}, "no docstring"),
        (untyped, {}, "annotate 'params' with a subclass of DescriptionParams"),
        (undescribed, {}, r"parameters \['factor'\] have no description"),
        (unshown, {}, r"parameters \['gene'\] have no default; give examples="),
        (measures, {}, "annotated to return Described"),
        (lengths, {"unit": " "}, "names no unit"),
        (lengths, {"shape": NoShape}, "declares the shape"),
        (lengths, {"memory": None}, "declares no memory"),
        (lengths, {"reads": ()}, "name some of vectors, attention"),
        (lengths, {"reads": ("weights",)}, "name some of vectors, attention"),
        (lengths, {"references": "genes"}, "one of none, sets, pairs, regulons"),
    ],
)
def test_what_is_not_declared_is_refused(function: Any, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ToolRegistrationError, match=said):
        register(function, **changes)


def test_a_name_is_taken_once_whether_by_a_description_or_by_a_tool() -> None:
    register(lengths)
    with pytest.raises(ToolRegistrationError, match="description 'hand.lengths' is registered twice"):
        register(lengths)

    def pair_proximity(subject: Subject, params: Scale) -> Described:
        """Has the name of an instrument."""
        raise AssertionError

    with pytest.raises(ToolRegistrationError, match=r"'geometry.pair_proximity' is registered twice.*as a tool"):
        register(pair_proximity, family="geometry")


def test_an_unknown_description_is_named_with_those_there_are() -> None:
    with pytest.raises(KeyError, match=r"no description 'geometry.rank'; there are .*geometry.effective_rank"):
        get_description("geometry.rank")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"factor": -1.0}, r"hand.lengths got factor -1.0: Input should be greater than 0 \(what lengths are"),
        ({"layer": 1}, "hand.lengths has no parameter 'layer'; it has factor; see `theodolite tools describe"),
    ],
)
def test_a_parameter_that_cannot_be_is_named_with_its_meaning(given: dict[str, Any], said: str) -> None:
    with pytest.raises(DescriptionError, match=said):
        register(lengths).parsed(given)


def test_it_reads_only_what_it_declares(world: Subject) -> None:
    def sneaks(subject: Subject, params: Scale) -> Described:
        """Declares vectors and looks at attention."""
        subject.attention_of(1)
        raise AssertionError

    with pytest.raises(DescriptionError, match=r"asks for attention and declares reads=\('vectors',\)"):
        register(sneaks).run(world, Scale())


def test_it_is_held_against_something_where_it_says_so(world: Subject) -> None:
    against = register(lengths, references="sets")
    with pytest.raises(DescriptionError, match="hand.lengths is held against sets, and none were given"):
        against.run(world, Scale())
    assert against.run(subject(np.ones((3, 4, 2)), "ABCD", reference("set", "AB")), Scale()).sentence


def test_another_shape_than_the_declared_one_is_refused(world: Subject) -> None:
    with pytest.raises(ToolError, match="returned CurveFit, it declares Described of GeneScores"):
        register(lengths, shape=GeneScores).run(world, Scale())


def test_a_value_error_of_an_analysis_becomes_one_that_a_ledger_can_quote(world: Subject) -> None:
    def fails(subject: Subject, params: Scale) -> Described:
        """Asks for what is not there."""
        raise ValueError("4 genes are too few; give 20")

    with pytest.raises(DescriptionError, match=r"^hand.fails: 4 genes are too few; give 20$"):
        register(fails).run(world, Scale())
