"""The registry of instruments: a tool is a plain function with typed parameters, described by its own signature."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict

from theodolite.canonical import digest
from theodolite.claims import Locus, LocusKind, Relation
from theodolite.measurements import Measurement
from theodolite.origins import built_in
from theodolite.tools.declaring import (
    ToolRegistrationError,
    checked_params,
    function_name,
    keep_names,
    source_sha256,
)
from theodolite.tools.workbench import BenchSize, ModelShape, Workbench

__all__ = ["NothingMovedError", "Tool", "ToolError", "ToolParams", "ToolRegistrationError", "get_tool", "tool", "tools"]


FITTED = ("axes", "features")
"""What an instrument may need fitted on discovery units, one of them."""


class ToolError(RuntimeError):
    """A tool cannot measure what it was asked to; ends in a ledger row that quotes the message."""


class NothingMovedError(ToolError):
    """An intervention that moved nothing; what it did not do says nothing about what was taken out."""


class ToolParams(BaseModel):
    """Base of a tool's parameters: typed, closed, and enumerable over a model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @abstractmethod
    def locus(self) -> Locus:
        """Return the place in the model that these parameters read."""

    @classmethod
    @abstractmethod
    def enumerate(cls, shape: ModelShape) -> Iterator[Self]:
        """Yield every admissible parameter set for a model of this size; the closed list of loci."""


class _Measure(Protocol):
    def __call__(self, bench: Any, params: Any) -> Measurement: ...


_Memory = Callable[[BenchSize, Any], int]


@dataclass(frozen=True)
class Tool:
    """A registered instrument.

    Attributes
    ----------
    name
        ``family.function``.
    version
        Raised by its author whenever a measurement could change; part of every job's identity.
    family
        Instrument family, by which budgets are spent.
    shape
        The measurement shape that it returns.
    object, relation
        What of the model it reads and what it can claim of it: two parts of a claim's identity.
    unit
        What one unit of its score is.
    fits
        What it needs fitted on discovery units: ``axes``, ``features``, or nothing.
    evidence
        What the nulls make of its scores, fixed once for all its claims: ``p``, a Besag-Clifford p-value that enters
        the error stream through the grid calibrator, or ``e``, a betting e-process that may stop at any draw.
    params
        Class of its parameters.
    function
        The measurement itself.
    source_sha256
        Hash of the function's and its parameters' source, locked in every job. For a plug-in it covers every Python
        file of its package, so that a changed helper makes another tool.
    memory
        ``(size: BenchSize, params) -> int``: bytes that a measurement takes at least, from sizes alone, so that a job
        that cannot fit is refused before it starts. None where nobody can say.
    """

    name: str
    version: str
    family: str
    shape: type[Measurement]
    object: str
    relation: Relation
    unit: str
    fits: tuple[str, ...]
    params: type[ToolParams]
    function: _Measure
    source_sha256: str
    evidence: Literal["p", "e"] = "p"
    memory: _Memory | None = None

    @property
    def built_in(self) -> bool:
        """Whether it is part of Theodolite, whose calibration measures it; a plug-in needs a check of its own."""
        return built_in(self.function)

    @property
    def seeded(self) -> bool:
        """Whether what it needs fitted hangs on a seed, so that its claims are asked for with other seeds too."""
        return "features" in self.fits

    @property
    def anywhere(self) -> bool:
        """Whether its claims may leave the place open.

        Another seed's features are matched one by one to named ones, and of anchors a search names the place.
        """
        return not (self.relation.of_no_effect or self.relation.of_cells or self.seeded)

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return (inspect.getdoc(self.function) or "").splitlines()[0]

    def describe(self) -> dict[str, Any]:
        """Return name, version, help and the JSON schema of the parameters as plain data."""
        return {
            "name": self.name,
            "version": self.version,
            "family": self.family,
            "shape": self.shape.shape,
            "object": self.object,
            "relation": self.relation.value,
            "unit": self.unit,
            "fitted on discovery": list(self.fits),
            "evidence": self.evidence,
            "help": inspect.getdoc(self.function),
            "parameters": self.params.model_json_schema(),
        }

    def check_params(self, params: Mapping[str, Any], shape: ModelShape) -> ToolParams:
        """Validate parameters against the schema and against the closed list of a model.

        Raises
        ------
        ToolError
            Naming the value that this model does not have and what it has.
        """
        parsed = self.params(**params)
        allowed = list(self.params.enumerate(shape))
        if parsed not in allowed:
            raise ToolError(
                f"{self.name} has no {parsed.locus()} in a model of {shape.n_layers} layers and {shape.n_heads} heads; "
                f"it admits {len(allowed)} loci, from {allowed[0].locus()} to {allowed[-1].locus()}"
            )
        return parsed

    def measure(self, bench: Workbench, params: ToolParams) -> Measurement:
        """Run the tool and check that it returned its declared shape."""
        result = self.function(bench, params)
        if not isinstance(result, self.shape):
            raise ToolError(f"{self.name} returned {type(result).__name__}, it declares {self.shape.__name__}")
        return result


_REGISTRY: dict[str, Tool] = {}
keep_names("tool", lambda: _REGISTRY)


def tool(
    *,
    family: str,
    shape: type[Measurement],
    object: str,
    relation: Relation,
    unit: str,
    version: str,
    fits: tuple[str, ...] = (),
    evidence: Literal["p", "e"] = "p",
    memory: _Memory | None = None,
    rests_on: tuple[Tool, ...] = (),
) -> Callable[[_Measure], Tool]:
    """Register a function ``(bench: Workbench, params: ToolParams subclass) -> Measurement`` as an instrument.

    The arguments are attributes of :class:`Tool`; ``rests_on`` are instruments that the function calls, whose source
    becomes part of the hash of its own.

    Raises
    ------
    ToolRegistrationError
        If the function has no docstring, no unit, no typed parameters, another return type than ``shape``, the name of
        a registered tool, or needs what nobody fits.
    """

    def register(function: _Measure) -> Tool:
        name = function_name(family, function)
        params = checked_params("tool", function, name=name, unit=unit, shape=shape, base=ToolParams, returns=shape)
        if len(fits) > 1 or not set(fits) <= set(FITTED):
            raise ToolRegistrationError(
                f"tool {name!r} declares fits={fits!r}; give one of {', '.join(FITTED)}, or none"
            )
        if "features" in fits:
            _check_seeded(name, params, relation)
        own = source_sha256(function, params)
        registered = Tool(
            name=name,
            version=version,
            family=family,
            shape=shape,
            object=object,
            relation=relation,
            unit=unit,
            fits=fits,
            evidence=evidence,
            memory=memory,
            params=params,
            function=function,
            source_sha256=own if not rests_on else digest([own, *(other.source_sha256 for other in rests_on)]),
        )
        _REGISTRY[name] = registered
        return registered

    return register


def _check_seeded(name: str, params: type[ToolParams], relation: Relation) -> None:
    """Refuse what gates could not hold against other seeds: a place that is no feature, and a claim of no effect."""
    if relation.of_no_effect:
        raise ToolRegistrationError(
            f"tool {name!r} needs features and claims {relation.value!r}: that five dictionaries show no effect is "
            "what features that share nothing do too; claim an effect"
        )
    kinds = {place.locus().kind for place in params.enumerate(ModelShape(2, 2))}
    if kinds != {LocusKind.FEATURE}:
        raise ToolRegistrationError(
            f"tool {name!r} needs features and reads {', '.join(sorted(kinds))}; its places must be of the kind "
            f"{LocusKind.FEATURE.value!r}, which claims are asked for over five dictionaries"
        )


def tools() -> tuple[Tool, ...]:
    """Return every registered instrument, by name."""
    return tuple(_REGISTRY[name] for name in sorted(_REGISTRY))


def get_tool(name: str) -> Tool:
    """Return an instrument by name.

    Raises
    ------
    KeyError
        Naming the tools that exist.
    """
    if name not in _REGISTRY:
        raise KeyError(f"no tool {name!r}; there are {', '.join(sorted(_REGISTRY))}")
    return _REGISTRY[name]
