"""From what callers pass to the text that is hashed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from theodolite.canonical import canonical_json
from theodolite.store.errors import LedgerPayloadError
from theodolite.store.kinds import EntryKind

__all__ = ["Payload", "checked_payload"]

Payload = Mapping[str, Any] | BaseModel


def checked_payload(kind: EntryKind | str, id: str, subject: str, payload: Payload) -> tuple[EntryKind, str]:
    """Return the kind, and the canonical JSON text of the payload; records inside it are dumped.

    Raises
    ------
    LedgerPayloadError
        If the kind is unknown, the id or subject is empty, or the payload cannot be hashed.
    """
    try:
        known = EntryKind(kind)
    except ValueError:
        raise LedgerPayloadError(
            f"kind {kind!r} of entry {id!r} is unknown; it is one of {[item.value for item in EntryKind]}"
        ) from None
    if not id or not subject:
        raise LedgerPayloadError(f"an entry of kind {known.value!r} has id {id!r} and subject {subject!r}; give both")
    try:
        text = canonical_json(_plain(payload))
        text.encode()
    except (TypeError, ValueError) as error:
        raise LedgerPayloadError(f"the payload of {id!r} cannot be hashed: {error}") from error
    return known, text


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
