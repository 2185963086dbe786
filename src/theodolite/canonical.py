"""Canonical JSON and content hashes: one way to turn a record into bytes.

The form follows RFC 8785 (sorted keys, no white space, UTF-8) with one change: a float is written as the decimal
string of its shortest round-trip representation, so that no JSON parser can alter a number that has been hashed.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from enum import Enum
from itertools import chain
from typing import Any

__all__ = ["canonical_json", "digest", "sha256_bytes"]


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
_AS_THEY_ARE = frozenset({str, int, bool, type(None)})
_LISTS = frozenset({list, tuple})


class _Unfit(Exception):
    """A value that no canonical form holds; the keys that lead to it are added on the way up."""

    def __init__(self, error: type[Exception], says: str) -> None:
        super().__init__(says)
        self.error = error
        self.trail: list[str] = []

    def named(self) -> Exception:
        """Return the error that names where the value sits."""
        return self.error(f"${''.join(reversed(self.trail))} {self}")


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is float or (isinstance(value, float) and not isinstance(value, Enum)):
        if not math.isfinite(value):
            raise _Unfit(ValueError, f"is {value!r}; a hashed record holds finite numbers only, record None and why")
        return repr(float(value) + 0.0)
    if kind is dict or isinstance(value, Mapping):
        return _plain_mapping(value)
    if kind is list or kind is tuple:
        return _plain_sequence(value)
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return _plain_sequence(value)
    raise _Unfit(TypeError, f"is a {kind.__name__}; convert it to plain Python data before hashing")


def _plain_mapping(value: Mapping[Any, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise _Unfit(TypeError, f"has the key {key!r}; keys of a hashed record are strings")
        if type(item) in _AS_THEY_ARE:
            found[key] = item
            continue
        try:
            found[key] = _plain(item)
        except _Unfit as unfit:
            unfit.trail.append(f".{key}")
            raise
    return found


def _plain_sequence(value: Sequence[Any]) -> Sequence[Any]:
    if type(value) in _LISTS and _is_plain(value):
        return value
    found: list[Any] = []
    for index, item in enumerate(value):
        if type(item) in _AS_THEY_ARE:
            found.append(item)
            continue
        try:
            found.append(_plain(item))
        except _Unfit as unfit:
            unfit.trail.append(f"[{index}]")
            raise
    return found


def _is_plain(value: Sequence[Any]) -> bool:
    """Return whether a list, or one of lists, holds nothing that is written otherwise; references have millions."""
    kinds = set(map(type, value))
    if kinds <= _LISTS:
        kinds = set(map(type, chain.from_iterable(value)))
    return kinds <= _AS_THEY_ARE


def canonical_json(value: Any) -> str:
    """Return the canonical JSON text of plain data.

    Parameters
    ----------
    value
        Nested dicts with string keys, lists, tuples, strings, integers, booleans, floats, enums and None.

    Raises
    ------
    TypeError
        For any other type, naming where it sits.
    ValueError
        For a float that is not finite.
    """
    try:
        return _ENCODER.encode(_plain(value))
    except _Unfit as unfit:
        raise unfit.named() from None


def digest(value: Any) -> str:
    """Return the SHA-256 (hexadecimal) of the canonical JSON of ``value``."""
    return sha256_bytes(canonical_json(value).encode())


def sha256_bytes(content: bytes) -> str:
    """Return the SHA-256 (hexadecimal) of bytes."""
    return hashlib.sha256(content).hexdigest()
