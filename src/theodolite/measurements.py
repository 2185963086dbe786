"""The shapes in which tools return what they measured.

A tool returns one of these shapes with its arrays and its units of exchangeability, never a p-value and never a
verdict. Gates know for each shape which nulls, controls and effect sizes apply. Scores carry no labels: the registered
plan attaches the reference (:meth:`GeneScores.with_members`, :meth:`PairScores.with_edges`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from theodolite.canonical import sha256_bytes

__all__ = [
    "SHAPES",
    "CellScores",
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

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Names = tuple[str, ...]


class MeasurementError(ValueError):
    """A tool returned arrays that its shape does not admit."""


class VariantKind(StrEnum):
    """On what the same tool with the same parameters was run."""

    MAIN = "main"
    UNTRAINED = "untrained"
    RANDOM_EMBEDDING = "random_embedding"
    SHUFFLED_INPUT = "shuffled_input"
    PERMUTED_LABELS = "permuted_labels"


@dataclass(frozen=True, order=True)
class Variant:
    """One member of a claim's evidence: the measurement itself or one of its controls, with its seed."""

    kind: VariantKind
    seed: int = 0

    def __str__(self) -> str:
        return self.kind.value if self.kind is VariantKind.MAIN else f"{self.kind.value}({self.seed})"

    @classmethod
    def parse(cls, text: str) -> Variant:
        """Read ``main`` or ``untrained(3)`` back.

        Raises
        ------
        ValueError
            If the text names no variant.
        """
        kind, _, seed = text.partition("(")
        return cls(VariantKind(kind), int(seed.rstrip(")")) if seed else 0)


@dataclass(frozen=True)
class Measurement:
    """Base of all shapes: validation, serialisation to deterministic bytes, content hash.

    Arrays are copied to float64, int64 or bool as the field's type says and made read-only; names are tuples.
    """

    shape: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            dtype = _ARRAY_TYPES.get(str(field.type).removesuffix(" | None"))
            if dtype is None or value is None:
                continue
            array: NDArray[Any] = np.array(value, dtype=dtype)
            if dtype is np.float64 and not np.isfinite(array).all():
                bad = int((~np.isfinite(array)).sum())
                raise MeasurementError(f"{self.shape}.{field.name} holds {bad} values that are not finite; drop them")
            array.setflags(write=False)
            object.__setattr__(self, field.name, array)
        self._check()

    def _check(self) -> None:
        raise NotImplementedError(type(self).__name__)

    def _require_lengths(self, what: str, expected: int, **arrays: Any) -> None:
        for name, value in arrays.items():
            if value is not None and len(value) != expected:
                raise MeasurementError(f"{self.shape}.{name} has {len(value)} entries for {expected} {what}")

    def _require_unique(self, name: str, values: Names) -> None:
        if len(set(values)) != len(values):
            repeated = sorted({value for value in values if values.count(value) > 1})[:5]
            raise MeasurementError(f"{self.shape}.{name} repeats {', '.join(map(repr, repeated))}")

    def to_bytes(self) -> bytes:
        """Serialise to safetensors with one metadata entry; equal measurements give equal bytes."""
        from safetensors.numpy import save

        arrays: dict[str, NDArray[Any]] = {}
        rest: dict[str, Any] = {"shape": self.shape}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                arrays[field.name] = np.ascontiguousarray(value.astype(np.uint8) if value.dtype == bool else value)
            elif value is not None:
                rest[field.name] = value
        return save(arrays, metadata={"measurement": json.dumps(rest, sort_keys=True)})

    @property
    def sha256(self) -> str:
        """Content hash of :meth:`to_bytes`."""
        return sha256_bytes(self.to_bytes())


_ARRAY_TYPES: Mapping[str, type] = {"Floats": np.float64, "Bools": np.bool_, "Ints": np.int64}


@dataclass(frozen=True)
class GeneScores(Measurement):
    """One score per gene.

    Attributes
    ----------
    genes
        Symbols, unique; n of them.
    score
        Shape (n,), in the tool's unit.
    families
        Shape n: the homology family of each gene, the unit of exchangeability.
    covariate_names, covariates
        Names and array of shape (n, k): gene statistics from counts of the same cells.
    unit
        What one unit of the score is.
    members
        Shape (n,), the reference set; None until the plan attaches it.
    """

    genes: Names
    score: Floats
    families: Names
    covariate_names: Names
    covariates: Floats
    unit: str
    members: Bools | None = None
    shape: ClassVar[str] = "GeneScores"

    def _check(self) -> None:
        n = len(self.genes)
        self._require_unique("genes", self.genes)
        self._require_lengths(
            "genes", n, score=self.score, families=self.families, covariates=self.covariates, members=self.members
        )
        if self.covariates.shape != (n, len(self.covariate_names)):
            raise MeasurementError(
                f"GeneScores.covariates has shape {self.covariates.shape}, expected {(n, len(self.covariate_names))}"
            )

    def with_members(self, members: frozenset[str]) -> GeneScores:
        """Attach the reference set; genes outside the universe are ignored."""
        return replace(self, members=np.array([gene in members for gene in self.genes]))


@dataclass(frozen=True)
class PairScores(Measurement):
    """One score per unordered pair of genes.

    Attributes
    ----------
    genes
        Symbols, unique; n of them.
    score
        Shape (n, n), symmetric, in the tool's unit; the diagonal is ignored.
    families
        Shape n: homology families. A pair inside a family is no candidate.
    covariate_names, covariates
        Names and array of shape (n, k).
    unit
        What one unit of the score is.
    edges
        Shape (n, n), symmetric: the reference pairs; None until the plan attaches them.
    """

    genes: Names
    score: Floats
    families: Names
    covariate_names: Names
    covariates: Floats
    unit: str
    edges: Bools | None = None
    shape: ClassVar[str] = "PairScores"

    def _check(self) -> None:
        n = len(self.genes)
        self._require_unique("genes", self.genes)
        self._require_lengths("genes", n, families=self.families, covariates=self.covariates)
        if self.covariates.shape != (n, len(self.covariate_names)):
            raise MeasurementError(
                f"PairScores.covariates has shape {self.covariates.shape}, expected {(n, len(self.covariate_names))}"
            )
        for name, matrix in (("score", self.score), ("edges", self.edges)):
            if matrix is not None and (matrix.shape != (n, n) or not np.array_equal(matrix, matrix.T)):
                raise MeasurementError(
                    f"PairScores.{name} must be a symmetric {n} x {n} matrix, got shape {matrix.shape}; "
                    "average a directed score with its transpose"
                )

    def candidates(self) -> Bools:
        """Return the (n, n) mask of pairs that count: two different genes of two different families."""
        families = np.array(self.families)
        return np.asarray(families[:, None] != families[None, :])

    def with_edges(self, pairs: frozenset[tuple[str, str]]) -> PairScores:
        """Attach the reference pairs (either order); pairs inside a family or outside the universe are ignored."""
        position = {gene: index for index, gene in enumerate(self.genes)}
        edges = np.zeros((len(self.genes), len(self.genes)), dtype=bool)
        for first, second in pairs:
            if first in position and second in position:
                edges[position[first], position[second]] = edges[position[second], position[first]] = True
        return replace(self, edges=edges & self.candidates())


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

    def _check(self) -> None:
        n = len(self.units)
        self._require_unique("units", self.units)
        self._require_lengths("units", n, effect=self.effect, control=self.control)
        if self.control.ndim != 2 or self.control.shape[1] < 1:
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

    def _check(self) -> None:
        self._require_lengths(
            "rows", len(self.groups), baseline=self.baseline, signal=self.signal, outcome=self.outcome
        )
        if self.baseline.ndim != 2 or self.signal.ndim != 2:
            raise MeasurementError("PredictionGain.baseline and .signal are matrices with one row an observation")


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


SHAPES: Mapping[str, type[Measurement]] = {
    cls.shape: cls
    for cls in (
        PairScores,
        GeneScores,
        CellScores,
        DistanceMatch,
        UnitEffects,
        PredictionGain,
        GraphEdges,
        CurveFit,
    )
}


def load_measurement(content: bytes) -> Measurement:
    """Read a measurement back from :meth:`Measurement.to_bytes`.

    Raises
    ------
    MeasurementError
        If the bytes are no measurement, name an unknown shape, or hold arrays that the shape does not admit.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        rest: dict[str, Any] = json.loads(header["__metadata__"]["measurement"])
    except (SafetensorError, KeyError, ValueError) as error:
        raise MeasurementError(f"these {len(content)} bytes are no measurement: {error}") from error
    shape = rest.pop("shape", None)
    if shape not in SHAPES:
        raise MeasurementError(f"unknown measurement shape {shape!r}; known: {', '.join(SHAPES)}")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in rest.items()}
    try:
        return SHAPES[shape](**values, **arrays)
    except TypeError as error:
        raise MeasurementError(f"{shape}: {error}") from error
