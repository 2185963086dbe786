"""How Python values stand in the columns of a ledger's tables."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Dialect, String, Text, TypeDecorator

from theodolite.canonical import canonical_json

__all__ = ["CanonicalJson", "WholeNumber", "Words"]


class CanonicalJson(TypeDecorator[Any]):
    """Plain data as canonical JSON text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Write the canonical text."""
        return None if value is None else canonical_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Read it back."""
        return None if value is None else json.loads(value)


class Words(TypeDecorator[tuple[str, ...]]):
    """A tuple of strings as canonical JSON text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        """Write the canonical text."""
        return canonical_json(list(value or ()))

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...]:
        """Read it back."""
        return tuple(json.loads(value)) if value else ()


class WholeNumber(TypeDecorator[int]):
    """An integer of any size as text: seeds are wider than SQLite's integers."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Write the decimal text."""
        return None if value is None else str(int(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> int | None:
        """Read it back."""
        return None if value is None else int(value)
