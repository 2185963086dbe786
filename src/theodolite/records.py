"""The base of what the ledger keeps whole: frozen, closed, and stable under fields that came later."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

__all__ = ["Record"]


class Record(BaseModel):
    """A frozen record without unknown fields.

    Attributes
    ----------
    later
        Fields that came after the record was first written to a ledger. They are left out where they are None, so that
        an old row read into today's class is the same JSON, and the same hash, as on the day it was written.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    later: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _without_absent_later_fields(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        plain: dict[str, Any] = handler(self)
        return {name: value for name, value in plain.items() if value is not None or name not in self.later}
