"""Shapes for cells, anchors, units, predictions, graphs and curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from theodolite.measurements.base import Floats, Ints, Measurement, MeasurementError, Names

__all__ = ["CellScores", "CurveFit", "DistanceMatch", "GraphEdges", "PredictionGain", "UnitEffects"]


@dataclass(frozen=True)
class CellScores(Measurement):
    """One value per cell with its label and its blocks (donor, tissue): ``value`` (n,), ``label`` and ``block`` n."""

    cells: Names
    value: Floats
    label: Names
    block: Names
    unit: str
    shape: ClassVar[str] = "CellScores"

    def _check(self) -> None:
        self._require_unique("cells", self.cells)
        self._require_lengths("cells", len(self.cells), value=self.value, label=self.label, block=self.block)


@dataclass(frozen=True)
class DistanceMatch(Measurement):
    """Two distance matrices (n, n) over the same anchors, and the block of each anchor."""

    anchors: Names
    model_distance: Floats
    reference_distance: Floats
    block: Names
    unit: str
    shape: ClassVar[str] = "DistanceMatch"
    matrices: ClassVar[frozenset[str]] = frozenset({"model_distance", "reference_distance"})

    def _check(self) -> None:
        n = len(self.anchors)
        self._require_unique("anchors", self.anchors)
        self._require_lengths("anchors", n, block=self.block)
        for name, matrix in (("model_distance", self.model_distance), ("reference_distance", self.reference_distance)):
            if matrix.shape != (n, n) or not np.allclose(matrix, matrix.T) or (matrix < 0).any():
                raise MeasurementError(f"DistanceMatch.{name} must be a symmetric, non-negative {n} x {n} matrix")


@dataclass(frozen=True)
class UnitEffects(Measurement):
    """One paired effect per independent unit, and its matched controls: ``effect`` (n,), ``control`` (n, draws)."""

    units: Names
    effect: Floats
    control: Floats
    unit: str
    shape: ClassVar[str] = "UnitEffects"
    matrices: ClassVar[frozenset[str]] = frozenset({"control"})

    def _check(self) -> None:
        n = len(self.units)
        self._require_unique("units", self.units)
        self._require_lengths("units", n, effect=self.effect, control=self.control)
        if self.control.shape[1] < 1:
            raise MeasurementError(
                f"UnitEffects.control has shape {self.control.shape}; one row a unit, one draw or more"
            )


@dataclass(frozen=True)
class PredictionGain(Measurement):
    """Baseline and signal matrices (n, k) and (n, m), outcome (n,) and groups n; the gate refits the predictor."""

    baseline: Floats
    signal: Floats
    outcome: Floats
    groups: Names
    unit: str
    shape: ClassVar[str] = "PredictionGain"
    matrices: ClassVar[frozenset[str]] = frozenset({"baseline", "signal"})

    def _check(self) -> None:
        self._require_lengths(
            "rows", len(self.groups), baseline=self.baseline, signal=self.signal, outcome=self.outcome
        )


@dataclass(frozen=True)
class GraphEdges(Measurement):
    """A directed weighted graph: ``source`` and ``target`` (e,) index ``nodes``; a layer and an annotation a node."""

    nodes: Names
    layer: Ints
    annotation: Names
    source: Ints
    target: Ints
    weight: Floats
    unit: str
    shape: ClassVar[str] = "GraphEdges"

    def _check(self) -> None:
        self._require_unique("nodes", self.nodes)
        self._require_lengths("nodes", len(self.nodes), layer=self.layer, annotation=self.annotation)
        self._require_lengths("edges", len(self.weight), source=self.source, target=self.target)
        for name, ends in (("source", self.source), ("target", self.target)):
            if len(ends) and (ends.min() < 0 or ends.max() >= len(self.nodes)):
                raise MeasurementError(f"GraphEdges.{name} points outside the {len(self.nodes)} nodes")


@dataclass(frozen=True)
class CurveFit(Measurement):
    """Points of a curve, ``x`` and ``y`` (n,), the group of each point, and the family of curves to fit."""

    x: Floats
    y: Floats
    groups: Names
    curve: str
    unit: str
    shape: ClassVar[str] = "CurveFit"

    def _check(self) -> None:
        self._require_lengths("points", len(self.groups), x=self.x, y=self.y)
