"""The shapes in which tools return what they measured.

A tool returns one of these shapes with its arrays and its units of exchangeability, never a p-value and never a
verdict. Gates know for each shape which nulls, controls and effect sizes apply. Scores carry no labels: the registered
plan attaches the reference (:meth:`GeneScores.with_members`, :meth:`PairScores.with_edges`,
:meth:`BipartiteScores.with_edges`).
"""

from __future__ import annotations

from theodolite.measurements.anchors import AnchorLatents
from theodolite.measurements.base import Measurement, MeasurementError
from theodolite.measurements.bipartite import BipartiteScores
from theodolite.measurements.coexpression import Coexpression
from theodolite.measurements.genes import GeneScores, PairScores
from theodolite.measurements.others import (
    CellScores,
    CurveFit,
    DistanceMatch,
    GraphEdges,
    PredictionGain,
    UnitEffects,
)
from theodolite.measurements.shapes import SHAPES, load_measurement
from theodolite.measurements.variants import Variant, VariantKind

__all__ = [
    "SHAPES",
    "AnchorLatents",
    "BipartiteScores",
    "CellScores",
    "Coexpression",
    "CurveFit",
    "DistanceMatch",
    "GeneScores",
    "GraphEdges",
    "Measurement",
    "MeasurementError",
    "PairScores",
    "PredictionGain",
    "UnitEffects",
    "Variant",
    "VariantKind",
    "load_measurement",
]
