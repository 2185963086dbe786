"""Where two pieces of plain data first differ."""

from __future__ import annotations

from typing import Any

__all__ = ["first_difference"]


def first_difference(first: Any, second: Any, path: str = "") -> str | None:
    """Return the first field (in sorted order) that differs, with both values, or None if there is none.

    Examples
    --------
    >>> first_difference({"a": {"b": 1}}, {"a": {"b": 2}})
    'a.b is 1, not 2'
    """
    if isinstance(first, dict) and isinstance(second, dict):
        for key in sorted(first.keys() | second.keys()):
            where = f"{path}.{key}" if path else str(key)
            if key not in first:
                return f"{where} is absent, not {second[key]!r:.200}"
            if key not in second:
                return f"{where} is {first[key]!r:.200}, not absent"
            found = first_difference(first[key], second[key], where)
            if found is not None:
                return found
        return None
    if isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for index, (left, right) in enumerate(zip(first, second, strict=True)):
            found = first_difference(left, right, f"{path}[{index}]")
            if found is not None:
                return found
        return None
    # 1 == True in Python, but not in the JSON that was hashed.
    if type(first) is type(second) and first == second:
        return None
    return f"{path or 'value'} is {first!r:.200}, not {second!r:.200}"
