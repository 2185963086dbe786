"""``ledger diff``: what two ledgers record differently, whenever and wherever they were written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from theodolite.store.chain import Entry
from theodolite.store.compare import first_difference
from theodolite.store.ledger import Ledger

__all__ = ["Difference", "diff"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference.

    Attributes
    ----------
    id, kind
        The entry.
    what
        It is only in the first or only in the second, its content differs, or it comes in another order.
    first_seq, second_seq
        Its rows; None where it is absent.
    detail
        In words.
    """

    id: str
    kind: str
    what: Literal["only in first", "only in second", "content", "order"]
    first_seq: int | None
    second_seq: int | None
    detail: str

    def __str__(self) -> str:
        return f"{self.id}: {self.detail}"


def diff(first: Ledger, second: Ledger, campaign: str | None = None) -> list[Difference]:
    """Return the differences between two chains in entry order; empty if their hashes are equal.

    Clocks and seals are ignored. An entry that only one has does not make those after it differ: entries are matched
    by id, and only the relative order of common ones counts.

    Parameters
    ----------
    first, second
        The ledgers.
    campaign
        Compare the entries of this campaign alone; chains that several campaigns wrote at once mix them as time had it.
    """
    if first.head().hash == second.head().hash:
        return []
    return list(_differences(_entries(first, campaign), _entries(second, campaign)))


def _entries(ledger: Ledger, campaign: str | None) -> list[Entry]:
    entries = ledger.entries()
    if campaign is None:
        return list(entries)
    return [entry for entry in entries if entry.subject == campaign or entry.subject.startswith(f"{campaign}/")]


def _differences(first: list[Entry], second: list[Entry]) -> Iterator[Difference]:
    in_first = {entry.id: entry for entry in first}
    in_second = {entry.id: entry for entry in second}
    common = iter([entry for entry in second if entry.id in in_first])
    for entry in first:
        other = in_second.get(entry.id)
        if other is None:
            yield Difference(
                entry.id, entry.kind, "only in first", entry.seq, None, f"only the first has it (row {entry.seq})"
            )
            continue
        found = first_difference(_content(entry), _content(other))
        if found is not None:
            yield Difference(entry.id, entry.kind, "content", entry.seq, other.seq, found)
        expected = next(common)
        if expected.id != entry.id:
            yield Difference(
                entry.id,
                entry.kind,
                "order",
                entry.seq,
                other.seq,
                f"the first has it (row {entry.seq}) where the second has {expected.id!r} (row {expected.seq})",
            )
    for entry in second:
        if entry.id not in in_first:
            yield Difference(
                entry.id, entry.kind, "only in second", None, entry.seq, f"only the second has it (row {entry.seq})"
            )


def _content(entry: Entry) -> dict[str, object]:
    return {"kind": entry.kind.value, "subject": entry.subject, "payload": entry.payload}
