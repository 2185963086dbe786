"""Instruments: the registry, the workbench that they see, and one module a family."""

from __future__ import annotations

from theodolite.tools import ablation, attention, depth, geometry, manifold, saes, stability
from theodolite.tools.anchor_bench import AnchorBench
from theodolite.tools.places import closed_list, closed_list_defect
from theodolite.tools.registry import (
    NothingMovedError,
    Tool,
    ToolError,
    ToolParams,
    ToolRegistrationError,
    get_tool,
    tool,
    tools,
)
from theodolite.tools.workbench import N_FEATURES, Axes, BenchSize, ModelShape, Workbench, fit_axes

__all__ = [
    "N_FEATURES",
    "AnchorBench",
    "Axes",
    "BenchSize",
    "ModelShape",
    "NothingMovedError",
    "Tool",
    "ToolError",
    "ToolParams",
    "ToolRegistrationError",
    "Workbench",
    "ablation",
    "attention",
    "closed_list",
    "closed_list_defect",
    "depth",
    "fit_axes",
    "geometry",
    "get_tool",
    "manifold",
    "saes",
    "stability",
    "tool",
    "tools",
]
