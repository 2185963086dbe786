"""Instruments on an AnnData, in the scverse manner: ``key_added``, ``copy``, results in ``var``, ``varp`` and ``varm``.

What is stored describes a model on cells. It is no held-out claim: axes are fitted on the genes that are measured, and
no null is drawn. Claims are locked and judged by campaigns (``theodolite run``).
"""

from __future__ import annotations

from typing import Any

from theodolite.tl.captures import forget
from theodolite.tl.errors import MeasureError, MemoryLimitError
from theodolite.tl.instruments import instrument
from theodolite.tl.measuring import measure
from theodolite.tl.reading import as_anndata, read_anndata
from theodolite.tl.settings import Settings, settings
from theodolite.tl.vectors import capture
from theodolite.tools import get_tool

__all__ = [
    "MeasureError",
    "MemoryLimitError",
    "Settings",
    "as_anndata",
    "attention_edges",
    "attention_peak",
    "attention_stability",
    "attention_trend",
    "axis_separation",
    "capture",
    "forget",
    "instrument",
    "mean_ablation",
    "measure",
    "pair_proximity",
    "pbmc",
    "proximity_peak",
    "proximity_stability",
    "proximity_trend",
    "read_anndata",
    "regulation",
    "regulation_peak",
    "regulation_stability",
    "regulation_trend",
    "regulator_peak",
    "regulator_proximity",
    "regulator_stability",
    "regulator_trend",
    "settings",
    "uniform_attention",
    "zero_ablation",
]

axis_separation = instrument(get_tool("geometry.axis_separation"))
pair_proximity = instrument(get_tool("geometry.pair_proximity"))
regulator_proximity = instrument(get_tool("geometry.regulator_proximity"))
attention_edges = instrument(get_tool("attention.edges"), name="attention_edges")
regulation = instrument(get_tool("attention.regulation"))
zero_ablation = instrument(get_tool("ablation.zero_ablation"))
mean_ablation = instrument(get_tool("ablation.mean_ablation"))
uniform_attention = instrument(get_tool("ablation.uniform_attention"))
attention_trend = instrument(get_tool("depth.attention_trend"))
attention_peak = instrument(get_tool("depth.attention_peak"))
attention_stability = instrument(get_tool("depth.attention_stability"))
regulation_trend = instrument(get_tool("depth.regulation_trend"))
regulation_peak = instrument(get_tool("depth.regulation_peak"))
regulation_stability = instrument(get_tool("depth.regulation_stability"))
proximity_trend = instrument(get_tool("depth.proximity_trend"))
proximity_peak = instrument(get_tool("depth.proximity_peak"))
proximity_stability = instrument(get_tool("depth.proximity_stability"))
regulator_trend = instrument(get_tool("depth.regulator_trend"))
regulator_peak = instrument(get_tool("depth.regulator_peak"))
regulator_stability = instrument(get_tool("depth.regulator_stability"))


def pbmc() -> Any:
    """Return the 700 packaged blood cells as an AnnData with counts of 765 genes.

    Their totals are over these genes only, so that normalised values are larger than those of a campaign on ``pbmc``,
    which knows the totals over all genes.
    """
    from theodolite.data import load_pbmc

    return as_anndata(load_pbmc())
