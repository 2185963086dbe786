"""What every registered function must declare, whether its scores are judged as claims or it describes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from pydantic import BaseModel

from theodolite.canonical import digest, sha256_bytes
from theodolite.measurements import SHAPES, Measurement
from theodolite.origins import built_in, code_sha256, source_file

__all__ = ["ToolRegistrationError", "checked_params", "function_name", "keep_names", "source_sha256"]


class ToolRegistrationError(TypeError):
    """A function that lacks what an instrument must declare."""


_BOOKS: dict[str, Callable[[], Mapping[str, Any]]] = {}


def keep_names(what: str, book: Callable[[], Mapping[str, Any]]) -> None:
    """Let no other registry take a name of this one: names of instruments are one space.

    Parameters
    ----------
    what
        What is registered there, such as ``tool``.
    book
        Returns what is registered by name, each with the attribute ``function``.
    """
    _BOOKS[what] = book


def function_name(family: str, function: Callable[..., Any]) -> str:
    """Return under which name a function of a family is registered."""
    return f"{family}.{getattr(function, '__name__', '?')}"


def checked_params(
    what: str,
    function: Callable[..., Any],
    *,
    name: str,
    unit: str,
    shape: type[Measurement],
    base: type[Any],
    returns: type[Any],
) -> type[Any]:
    """Check what a function declares and return the class of its parameters.

    Parameters
    ----------
    what
        What it would be, such as ``tool``; for messages.
    function, name, unit, shape
        What is declared.
    base
        Class that its parameters must be of.
    returns
        Class that it must be annotated to return.

    Raises
    ------
    ToolRegistrationError
        If the function has no docstring, no unit, an unknown shape, no typed and described parameters, another return
        type, or a name that is taken.
    """
    if not (inspect.getdoc(function) or "").strip():
        raise ToolRegistrationError(f"{what} {name!r} has no docstring; say what it measures, its shapes and source")
    if not unit.strip():
        raise ToolRegistrationError(f"{what} {name!r} names no unit; say what one unit of its score is")
    if shape.shape not in SHAPES:
        raise ToolRegistrationError(f"{what} {name!r} declares the shape {shape!r}; known: {', '.join(SHAPES)}")
    hints = get_type_hints(function)
    params = hints.get("params")
    if not (isinstance(params, type) and issubclass(params, BaseModel) and issubclass(params, base)):
        raise ToolRegistrationError(f"{what} {name!r}: annotate 'params' with a subclass of {base.__name__}")
    undocumented = [field for field, info in params.model_fields.items() if not info.description]
    if undocumented:
        raise ToolRegistrationError(f"{what} {name!r}: parameters {undocumented!r} have no description with unit")
    if hints.get("return") is not returns:
        raise ToolRegistrationError(f"{what} {name!r} must be annotated to return {returns.__name__}")
    for kind, book in _BOOKS.items():
        if (taken := book().get(name)) is not None:
            raise ToolRegistrationError(
                f"{what} {name!r} is registered twice, by {source_file(taken.function)}"
                f"{'' if kind == what else f' as a {kind}'} too; choose another function name"
            )
    return params


def source_sha256(function: Callable[..., Any], params: type[BaseModel]) -> str:
    """Return the hash of the source of a function and its parameters; of a plug-in, of its whole package too."""
    source = sha256_bytes((inspect.getsource(function) + inspect.getsource(params)).encode())
    return source if built_in(function) else digest([source, code_sha256(function)])
