"""A function an instrument, with its parameters by name: one mechanism makes them all."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

from pydantic.fields import FieldInfo

from theodolite.descriptions import Description
from theodolite.tl.describing import describe
from theodolite.tl.measuring import measure
from theodolite.tl.storing import STORED
from theodolite.tools import Tool

__all__ = ["instrument"]

_OWN = ("tool", "description", "params", "named")
"""Parameters of :func:`measure` and :func:`describe` that a function of one instrument does not have."""


def instrument(tool: Tool | Description, name: str | None = None) -> Callable[..., Any]:
    """Return :func:`theodolite.tl.measure` for one instrument, with a signature and a docstring of its own.

    Of a description it is :func:`theodolite.tl.describe`. A parameter of the instrument that is called like one of
    these cannot be given by name; they take it in ``params``.

    Parameters
    ----------
    tool
        A registered instrument, such as ``theodolite.tools.get_tool("attention.edges")``.
    name
        Name of the function; that of the instrument's own where not given.
    """
    run: Callable[..., Any] = describe if isinstance(tool, Description) else measure
    common = {name: item for name, item in inspect.signature(run).parameters.items() if _taken(tool, name)}

    def measured(adata: Any, **given: Any) -> Any:
        own = {name: given.pop(name) for name in tuple(given) if name in tool.params.model_fields}
        if unknown := sorted(set(given) - set(common)):
            own[unknown[0]] = given.pop(unknown[0])  # which is refused, naming those there are
        return run(adata, tool, params=own, **given)

    fields = {name: field for name, field in tool.params.model_fields.items() if name not in common}
    shared = [item for name, item in common.items() if name != "adata"]
    measured.__name__ = measured.__qualname__ = name or tool.name.partition(".")[2]
    measured.__module__ = "theodolite.tl"
    measured.__doc__ = _docstring(tool, fields)
    model = [item for item in shared if item.default is inspect.Parameter.empty]
    rest = [item for item in shared if item.default is not inspect.Parameter.empty]
    parameters = [common["adata"], *model, *map(_parameter, fields, fields.values()), *rest]
    measured.__signature__ = inspect.Signature(parameters, return_annotation=Any)  # type: ignore[attr-defined]
    return measured


def _taken(tool: Tool | Description, name: str) -> bool:
    """Return whether a function of one instrument has a parameter of the function that runs any."""
    without = isinstance(tool, Description) and tool.references == "none"
    return name not in _OWN and not (name == "reference" and without)


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.is_required() else field.get_default(call_default_factory=True)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=field.annotation)


def _docstring(tool: Tool | Description, fields: dict[str, FieldInfo]) -> str:
    told = inspect.getdoc(tool.function) or ""
    prose = re.split(r"\n\n[^\n]+\n-{3,}\n", told)[0]
    own = "".join(f"{name}\n    {field.description}.\n" for name, field in fields.items())
    key, place = tool.name.replace(".", "_"), STORED.get(tool.shape.shape)
    if isinstance(tool, Description):
        like, options = "describe", "key_added, copy, counts, cells, genes, families, cache, max_memory_gb, seed"
        said = (
            f"What was seen goes to ``uns`` under ``{key}``{f', scores to ``{place}``' if place else ''}, in units of: "
            f"{tool.unit}.\nIt is a description, no held-out claim: nulls are drawn, nothing was locked, and no level "
            "is spent."
        )
        if tool.references != "none":
            own = f"reference\n    What it is held against: {tool.references}.\n{own}"
    else:
        like = "measure"
        options = (
            "key_added, copy, counts, cells, genes, families, regulators, reference, adjust, cache, max_memory_gb, seed"
        )
        said = (
            f"Scores go to ``{place or ''}`` under ``{key}``, in units of: {tool.unit}.\nHere axes, where there are "
            "any, are fitted on the very genes that are measured, in place of discovery genes: what is\nstored is a "
            "description, no held-out claim."
        )
    return f"""{prose}

{said}

Parameters
----------
adata
    Cells by genes, in memory, with integer counts.
model
    Name of a model, its folder, or an object of FoundationModel.
{own}{options}
    As for :func:`theodolite.tl.{like}`, which says what is stored, returned and raised too.
"""
