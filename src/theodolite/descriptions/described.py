"""What a description returns: a measurement, the numbers with their controls, and one sentence that says both."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from pydantic import BaseModel

from theodolite.canonical import sha256_bytes
from theodolite.measurements import Measurement, MeasurementError, load_measurement

__all__ = ["ABOUT", "Described", "facts_of", "load_described"]

ABOUT: Final = "sentence_about"
"""The fact that names which of several references, or genes, a sentence is about, where a description picks one."""


@dataclass(frozen=True, eq=False)
class Described:
    """What was seen of a model.

    Attributes
    ----------
    measurement
        The numbers that were described, in one of the shapes of :mod:`theodolite.measurements`.
    facts
        What was found, what its controls and nulls found, and p-values, by name: plain numbers, texts, None (where
        there is no number) and lists of these. Numpy values are turned into plain ones, NaN and infinity into None.
    sentence
        In plain words what was seen, and beside which control.

    Raises
    ------
    TypeError
        For a fact that is no plain data.
    """

    measurement: Measurement
    facts: Mapping[str, Any]
    sentence: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", {str(name): _plain(value, name) for name, value in self.facts.items()})

    def to_bytes(self) -> bytes:
        """Serialise; equal descriptions give equal bytes."""
        from safetensors.numpy import save

        told = json.dumps({"facts": self.facts, "sentence": self.sentence}, sort_keys=True, allow_nan=False)
        content = np.frombuffer(self.measurement.to_bytes(), dtype=np.uint8)
        return save({"measurement": content}, metadata={"described": told})

    @cached_property
    def sha256(self) -> str:
        """Content hash of :meth:`to_bytes`."""
        return sha256_bytes(self.to_bytes())


def load_described(content: bytes) -> Described:
    """Read a description back from :meth:`Described.to_bytes`.

    Raises
    ------
    MeasurementError
        If the bytes are none, or hold no measurement.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        measured = load(content)["measurement"].tobytes()
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        told = json.loads(header["__metadata__"]["described"])
        facts, sentence = told["facts"], told["sentence"]
    except (SafetensorError, KeyError, ValueError) as error:
        raise MeasurementError(f"these {len(content)} bytes are no description: {error}") from error
    return Described(load_measurement(measured), facts, sentence)


def facts_of(record: Any, name: str = "", without: Collection[str] = ()) -> dict[str, Any]:
    """Return the numbers of a record of an analysis as facts, under the names that the record has for them.

    Names of nested records are joined by dots. Of a sequence of records, each is found by its first field where that
    is a text (``nulls.gene_labels.p_any``); else a field is a list with one value a record.

    Parameters
    ----------
    record
        A dataclass of ``theodolite.analysis``, an interval, a mapping, a sequence of records, or a value.
    name
        What the names begin with.
    without
        Names of fields that are left out, wherever they are.
    """
    if is_dataclass(record):
        names = [field.name for field in fields(record) if field.name not in without]
        parts = {field: getattr(record, field) for field in names}
    elif isinstance(record, BaseModel):
        parts = {field: getattr(record, field) for field in type(record).model_fields if field not in without}
    elif isinstance(record, Mapping):
        parts = {str(key): value for key, value in record.items() if key not in without}
    elif isinstance(record, (list, tuple)) and record and all(map(is_dataclass, record)):
        first = fields(record[0])[0].name
        if all(isinstance(getattr(item, first), str) for item in record):
            parts = {getattr(item, first): facts_of(item, without=(*without, first)) for item in record}
        else:
            flat = [facts_of(item, without=without) for item in record]
            parts = {key: [item.get(key) for item in flat] for item in flat for key in item}
    else:
        return {name: record}
    found: dict[str, Any] = {}
    for key, value in parts.items():
        found |= facts_of(value, f"{name}.{key}" if name else key, without)
    return found


def _plain(value: Any, name: str) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(item, name) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, bool, int)):
        return value
    raise TypeError(f"the fact {name!r} is of type {type(value).__name__}; facts are numbers, texts, None and lists")
