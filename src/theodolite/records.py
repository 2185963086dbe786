"""The bases of records: frozen and closed; and for the ledger, stable under fields that came later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

__all__ = ["Closed", "Record"]


class Closed(BaseModel):
    """Frozen, and without unknown fields; what follows from the fields may be a cached property."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with some fields changed; what was worked out from the fields is worked out anew."""
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied


class Record(Closed):
    """A frozen record without unknown fields, as the ledger keeps it.

    Attributes
    ----------
    later
        Fields that came after the record was first written to a ledger. They are left out where they are None, so that
        an old row read into today's class is the same JSON, and the same hash, as on the day it was written.
    """

    later: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _without_absent_later_fields(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        plain: dict[str, Any] = handler(self)
        return {name: value for name, value in plain.items() if value is not None or name not in self.later}
