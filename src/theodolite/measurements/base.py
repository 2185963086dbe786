"""What all measurement shapes share: validation, deterministic bytes, content hash."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from theodolite.canonical import sha256_bytes

__all__ = ["Bools", "Floats", "Ints", "Measurement", "MeasurementError", "Names"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Names = tuple[str, ...]


class MeasurementError(ValueError):
    """A tool returned arrays that its shape does not admit."""


@dataclass(frozen=True)
class Measurement(ABC):
    """Base of all shapes: validation, serialisation to deterministic bytes, content hash.

    Arrays are copied to float64, int64 or bool as the field's type says and made read-only; names are tuples.
    """

    shape: ClassVar[str] = ""
    matrices: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            dtype = _ARRAY_TYPES.get(str(field.type).removesuffix(" | None"))
            if dtype is None or value is None:
                continue
            array: NDArray[Any] = np.array(value, dtype=dtype)
            if array.ndim != 1 + (field.name in self.matrices):
                raise MeasurementError(
                    f"{self.shape}.{field.name} has shape {array.shape}; it is a "
                    f"{'matrix' if field.name in self.matrices else 'vector'}"
                )
            if dtype is np.float64 and not np.isfinite(array).all():
                bad = int((~np.isfinite(array)).sum())
                raise MeasurementError(f"{self.shape}.{field.name} holds {bad} values that are not finite; drop them")
            array.setflags(write=False)
            object.__setattr__(self, field.name, array)
        self._check()

    @abstractmethod
    def _check(self) -> None:
        """Raise MeasurementError where the fields do not fit together."""

    def _require_lengths(self, what: str, expected: int, **arrays: Any) -> None:
        for name, value in arrays.items():
            if value is not None and len(value) != expected:
                raise MeasurementError(f"{self.shape}.{name} has {len(value)} entries for {expected} {what}")

    def _require_unique(self, name: str, values: Names) -> None:
        if len(set(values)) != len(values):
            repeated = sorted({value for value in values if values.count(value) > 1})[:5]
            raise MeasurementError(f"{self.shape}.{name} repeats {', '.join(map(repr, repeated))}")

    @classmethod
    def _pack(cls, name: str, array: NDArray[Any]) -> NDArray[Any]:
        """Return an array field as it is stored."""
        return array.astype(np.uint8) if array.dtype == bool else array

    @classmethod
    def _unpack(cls, name: str, stored: NDArray[Any], rest: Mapping[str, Any]) -> NDArray[Any]:
        """Return a stored array as the field it was; ``rest`` holds the fields that are no arrays."""
        return stored

    def to_bytes(self) -> bytes:
        """Serialise to safetensors with one metadata entry; equal measurements give equal bytes."""
        from safetensors.numpy import save

        arrays: dict[str, NDArray[Any]] = {}
        rest: dict[str, Any] = {"shape": self.shape}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                arrays[field.name] = np.ascontiguousarray(self._pack(field.name, value))
            elif value is not None:
                rest[field.name] = value
        return save(arrays, metadata={"measurement": json.dumps(rest, sort_keys=True)})

    @cached_property
    def sha256(self) -> str:
        """Content hash of :meth:`to_bytes`."""
        return sha256_bytes(self.to_bytes())


_ARRAY_TYPES: Mapping[str, type] = {"Floats": np.float64, "Bools": np.bool_, "Ints": np.int64}
