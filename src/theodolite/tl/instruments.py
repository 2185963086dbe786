"""A function an instrument, with its parameters by name: one mechanism makes them all."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

from pydantic.fields import FieldInfo

from theodolite.tl.measuring import measure
from theodolite.tl.storing import STORED
from theodolite.tools import Tool

__all__ = ["instrument"]

_OWN = ("tool", "params", "named")
"""Parameters of :func:`measure` that a function of one instrument does not have."""


def instrument(tool: Tool, name: str | None = None) -> Callable[..., Any]:
    """Return :func:`theodolite.tl.measure` for one instrument, with a signature and a docstring of its own.

    A parameter of the instrument that is called like one of ``measure`` cannot be given by name; ``measure`` takes it
    in ``params``.

    Parameters
    ----------
    tool
        A registered instrument, such as ``theodolite.tools.get_tool("attention.edges")``.
    name
        Name of the function; that of the instrument's own where not given.
    """
    common = inspect.signature(measure).parameters

    def measured(adata: Any, **given: Any) -> Any:
        own = {name: given.pop(name) for name in tuple(given) if name in tool.params.model_fields}
        if unknown := sorted(set(given) - set(common)):
            own[unknown[0]] = given.pop(unknown[0])  # which measure refuses, naming those there are
        return measure(adata, tool, params=own, **given)

    fields = {name: field for name, field in tool.params.model_fields.items() if name not in common}
    shared = [item for name, item in common.items() if name not in _OWN and name != "adata"]
    measured.__name__ = measured.__qualname__ = name or tool.name.partition(".")[2]
    measured.__module__ = "theodolite.tl"
    measured.__doc__ = _docstring(tool, fields)
    model = [item for item in shared if item.default is inspect.Parameter.empty]
    rest = [item for item in shared if item.default is not inspect.Parameter.empty]
    parameters = [common["adata"], *model, *map(_parameter, fields, fields.values()), *rest]
    measured.__signature__ = inspect.Signature(parameters, return_annotation=Any)  # type: ignore[attr-defined]
    return measured


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.is_required() else field.get_default(call_default_factory=True)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=field.annotation)


def _docstring(tool: Tool, fields: dict[str, FieldInfo]) -> str:
    told = inspect.getdoc(tool.function) or ""
    prose = re.split(r"\n\n[^\n]+\n-{3,}\n", told)[0]
    own = "\n".join(f"{name}\n    {field.description}." for name, field in fields.items())
    return f"""{prose}

Scores go to ``{STORED.get(tool.shape.shape, "")}`` under ``{tool.name.replace(".", "_")}``, in units of: {tool.unit}.
Here axes, where there are any, are fitted on the very genes that are measured, in place of discovery genes: what is
stored is a description, no held-out claim.

Parameters
----------
adata
    Cells by genes, in memory, with integer counts.
model
    Name of a model, its folder, or an object of FoundationModel.
{own}
key_added, copy, counts, cells, genes, families, regulators, reference, adjust, cache, max_memory_gb, seed
    As for :func:`theodolite.tl.measure`, which says what is stored, returned and raised too.
"""
