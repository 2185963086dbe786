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
from typing import Any

__all__ = ["canonical_json", "digest", "sha256_bytes"]


def _plain(value: Any, path: str) -> Any:
    if isinstance(value, Enum):
        return _plain(value.value, path)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{path} is {value!r}; a hashed record holds finite numbers only, record None and why")
        return repr(value + 0.0)
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{path} has the key {key!r}; keys of a hashed record are strings")
        return {key: _plain(item, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return [_plain(item, f"{path}[{index}]") for index, item in enumerate(value)]
    raise TypeError(f"{path} is a {type(value).__name__}; convert it to plain Python data before hashing")


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
    return json.dumps(_plain(value, "$"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: Any) -> str:
    """Return the SHA-256 (hexadecimal) of the canonical JSON of ``value``."""
    return sha256_bytes(canonical_json(value).encode())


def sha256_bytes(content: bytes) -> str:
    """Return the SHA-256 (hexadecimal) of bytes."""
    return hashlib.sha256(content).hexdigest()
