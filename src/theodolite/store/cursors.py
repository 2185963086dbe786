"""Where a page of rows ends, as opaque text for an address: what the last row has in the order, and its ``seq``."""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import astuple, dataclass

from theodolite.store.errors import LedgerQueryError

__all__ = ["Cursor"]

_CHECKED = 4
"""Bytes of the check sum at the end of the text."""
_SEQS = 2**62


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place between two rows of an order.

    Attributes
    ----------
    sort, descending
        The order.
    value, seq
        What the row before the place is sorted by (None where it has none), and its ``seq``.
    """

    sort: str
    descending: bool
    value: float | str | None
    seq: int

    def __str__(self) -> str:
        said = json.dumps(astuple(self), separators=(",", ":")).encode()
        return urlsafe_b64encode(said + _check(said)).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, sort: str, *, descending: bool) -> Cursor:
        """Return the place that a text names in an order.

        Raises
        ------
        LedgerQueryError
            If the text is damaged, or of another order.
        """
        try:
            content = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
            said, check = content[:-_CHECKED], content[-_CHECKED:]
            if check != _check(said):
                raise ValueError("its check sum is another")
            found = cls(*json.loads(said))
            if not (_whole(found.seq) and (_whole(found.value) or isinstance(found.value, (str, float, type(None))))):
                raise ValueError("it names no place")
        except (ValueError, TypeError) as error:
            raise LedgerQueryError(
                f"the cursor {text!r:.100} is damaged ({error}); leave it out to begin at the first page"
            ) from error
        if (found.sort, found.descending) != (sort, descending):
            raise LedgerQueryError(
                f"the cursor {text!r:.100} is of the order {found.sort!r}, descending {found.descending!r}, not of "
                f"{sort!r}, descending {descending!r}; leave it out to begin at the first page of the new order"
            )
        return found


def _check(said: bytes) -> bytes:
    return zlib.crc32(said).to_bytes(_CHECKED, "big")


def _whole(value: object) -> bool:
    return type(value) is int and 0 <= value < _SEQS
