"""The registry of descriptions: a plain function of a subject and typed parameters, told by its own signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from theodolite.data import Reference, of_kind
from theodolite.descriptions.described import Described
from theodolite.descriptions.subject import READABLE, DescriptionError, Subject
from theodolite.measurements import Measurement
from theodolite.origins import built_in
from theodolite.tools import BenchSize, ToolRegistrationError
from theodolite.tools.declaring import checked_params, function_name, keep_names, source_sha256

__all__ = [
    "STANDING",
    "Description",
    "DescriptionParams",
    "ReferenceKind",
    "description",
    "descriptions",
    "get_description",
]

STANDING: Final = "description: makes no claim, spends no level; nothing was registered, tested or judged"
"""What a stored description says of itself."""

ReferenceKind = Literal["none", "sets", "pairs", "regulons"]
"""What a description is held against. A list of pairs may be given as a set, which stands for the pairs of its members,
or as a regulon, which stands for its edges."""


_KINDS: Mapping[ReferenceKind, tuple[str, ...]] = {
    "none": (),
    "sets": ("set",),
    "pairs": ("pairs", "regulon"),
    "regulons": ("regulon",),
}


class DescriptionParams(BaseModel):
    """Base of a description's parameters: typed and closed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class _Describe(Protocol):
    def __call__(self, subject: Subject, params: Any) -> Described: ...


_Memory = Callable[[BenchSize, Any], int]


@dataclass(frozen=True)
class Description:
    """A registered description: it reads a whole model, draws nulls and makes no claim.

    Attributes
    ----------
    name
        ``family.function``.
    version
        Raised by its author whenever what it returns could change.
    family
        Family of instruments that it belongs to.
    shape
        The measurement shape that it returns.
    unit
        What one unit of the measurement is.
    reads
        Which keys of :data:`READABLE` it asks its subject for; others are refused.
    references
        What it is held against; ``none`` where it takes no reference.
    params, function
        Class of its parameters, and the description itself.
    source_sha256
        Hash of the function's and its parameters' source; of a plug-in's, of every Python file of its package.
    memory
        ``(size: BenchSize, params) -> int``: bytes that it takes at least beside what was captured of the model, from
        sizes alone.
    example
        What ``reference=`` may be, as one would write it in Python, where an example by the kind of references would
        not do; and behind it what else has to be said, such as which label of the cells is which. Of a description
        that takes no reference, what has to be said alone.
    """

    name: str
    version: str
    family: str
    shape: type[Measurement]
    unit: str
    reads: tuple[str, ...]
    references: ReferenceKind
    params: type[DescriptionParams]
    function: _Describe
    source_sha256: str
    memory: _Memory
    example: str | None = None

    @property
    def built_in(self) -> bool:
        """Whether it is part of Theodolite."""
        return built_in(self.function)

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
            "unit": self.unit,
            "reads": list(self.reads),
            "references": self.references,
            "standing": STANDING,
            "help": inspect.getdoc(self.function),
            "parameters": self.params.model_json_schema(),
        }

    def fitting(self, references: Sequence[Reference]) -> tuple[Reference, ...]:
        """Return those references that it can be held against; where pairs are wanted, the pairs of sets too."""
        return of_kind(references, *_KINDS[self.references])

    def parsed(self, params: Mapping[str, Any]) -> DescriptionParams:
        """Return parameters, given by name, as this description takes them.

        Raises
        ------
        DescriptionError
            Naming the parameter, its value and what it may be.
        """
        try:
            return self.params(**params)
        except ValidationError as error:
            first = error.errors()[0]
            name, known = ".".join(map(str, first["loc"])), self.params.model_fields
            if first["type"] == "extra_forbidden":
                said = f"has no parameter {name!r}; it has {', '.join(known) or 'none'}"
            elif first["type"] == "missing":
                said = f"needs the parameter {name!r} ({known[name].description})"
            else:
                top = str(first["loc"][0]) if first["loc"] else ""
                meaning = f" ({known[top].description})" if top in known else ""
                said = f"got {name or 'parameters'} {first['input']!r:.80}: {first['msg']}{meaning}"
            raise DescriptionError(f"{self.name} {said}; see `theodolite tools describe {self.name}`") from None

    def run(self, subject: Subject, params: DescriptionParams) -> Described:
        """Describe a subject.

        Raises
        ------
        DescriptionError
            If the subject does not hold what is described; the message says why.
        """
        if self.references != "none" and not subject.references:
            raise DescriptionError(
                f"{self.name} is held against {self.references}, and none were given; name a reference"
            )
        try:
            result = self.function(subject.limited(self.reads), params)
        except ValueError as error:
            raise DescriptionError(f"{self.name}: {error}") from error
        if not (isinstance(result, Described) and isinstance(result.measurement, self.shape)):
            found = result.measurement if isinstance(result, Described) else result
            raise DescriptionError(
                f"{self.name} returned {type(found).__name__}, it declares Described of {self.shape.__name__}"
            )
        return result


_REGISTRY: dict[str, Description] = {}
keep_names("description", lambda: _REGISTRY)


def description(
    *,
    family: str,
    shape: type[Measurement],
    unit: str,
    memory: _Memory,
    reads: tuple[str, ...],
    references: ReferenceKind = "none",
    version: str = "1",
    example: str | None = None,
) -> Callable[[_Describe], Description]:
    """Register a function ``(subject: Subject, params: DescriptionParams subclass) -> Described``.

    The arguments are attributes of :class:`Description`.

    Raises
    ------
    ToolRegistrationError
        If the function has no docstring, no unit, no typed and described parameters, a parameter without default and
        example, no memory, another return type, reads or references that nobody knows, or the name of a registered
        instrument.
    """

    def register(function: _Describe) -> Description:
        name = function_name(family, function)
        params = checked_params(
            "description", function, name=name, unit=unit, shape=shape, base=DescriptionParams, returns=Described
        )
        if not callable(memory):
            raise ToolRegistrationError(f"description {name!r} declares no memory; give (size, params) -> bytes")
        if not reads or not READABLE.keys() >= set(reads):
            raise ToolRegistrationError(f"description {name!r} reads {reads!r}; name some of {', '.join(READABLE)}")
        fields = params.model_fields.items()
        if unshown := [field for field, info in fields if info.is_required() and not info.examples]:
            raise ToolRegistrationError(
                f"description {name!r}: parameters {unshown!r} have no default; give examples=[...] of what to say"
            )
        if references not in get_args(ReferenceKind):
            kinds = ", ".join(get_args(ReferenceKind))
            raise ToolRegistrationError(f"description {name!r} is held against {references!r}; name one of {kinds}")
        registered = Description(
            name=name,
            version=version,
            family=family,
            shape=shape,
            unit=unit,
            reads=reads,
            references=references,
            params=params,
            function=function,
            source_sha256=source_sha256(function, params),
            memory=memory,
            example=example,
        )
        _REGISTRY[name] = registered
        return registered

    return register


def descriptions() -> tuple[Description, ...]:
    """Return every registered description, by name."""
    return tuple(_REGISTRY[name] for name in sorted(_REGISTRY))


def get_description(name: str) -> Description:
    """Return a description by name.

    Raises
    ------
    KeyError
        Naming the descriptions that exist.
    """
    if name not in _REGISTRY:
        raise KeyError(f"no description {name!r}; there are {', '.join(sorted(_REGISTRY))}")
    return _REGISTRY[name]
