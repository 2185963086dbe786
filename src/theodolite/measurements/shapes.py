"""The closed list of shapes, and reading a measurement back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

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

__all__ = ["SHAPES", "load_measurement"]

SHAPES: Mapping[str, type[Measurement]] = {
    cls.shape: cls
    for cls in (
        PairScores,
        GeneScores,
        BipartiteScores,
        CellScores,
        DistanceMatch,
        UnitEffects,
        PredictionGain,
        GraphEdges,
        CurveFit,
        Coexpression,
        AnchorLatents,
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
    cls = SHAPES[shape]
    try:
        return cls(**values, **{name: cls._unpack(name, stored, rest) for name, stored in arrays.items()})
    except (TypeError, KeyError, ValueError) as error:
        if isinstance(error, MeasurementError):
            raise
        raise MeasurementError(f"{shape}: {error}") from error
