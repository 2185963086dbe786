"""Anchors: heads of ledgers noted where agents cannot write, and the proof that a ledger extends them.

A chain that was rewritten whole, hashes and all, is consistent with itself. Only a head that was noted elsewhere tells.
One file may hold anchors of many ledgers, a line each, and only ever grows.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from theodolite.canonical import canonical_json
from theodolite.claims import Sha256
from theodolite.records import Closed
from theodolite.store.chain import GENESIS
from theodolite.store.database import connect_sqlite
from theodolite.store.disk_errors import disk_error
from theodolite.store.errors import UpkeepError
from theodolite.store.verify import Problem

__all__ = ["ANCHOR_FORMAT", "Anchor", "AnchorCheck", "anchor_of", "check_anchors", "write_anchor"]

ANCHOR_FORMAT: Literal["theodolite anchor 1"] = "theodolite anchor 1"
_NONE = "it is no line that `theodolite ledger anchor` wrote"


class Anchor(Closed):
    """The head of a ledger at a moment.

    Attributes
    ----------
    format
        Version of the line.
    genesis
        What the chain starts from: the version of the ledger's format.
    ledger
        Seal of the first entry, which no other ledger has: it covers when that was written.
    place
        The ledger's file, for people, and so that another ledger in its place is noticed.
    seq, hash, seal
        The head.
    at
        When it was noted, UTC, ISO 8601.
    """

    format: Literal["theodolite anchor 1"] = ANCHOR_FORMAT
    genesis: Sha256
    ledger: Sha256
    place: str
    seq: int = Field(ge=1)
    hash: Sha256
    seal: Sha256
    at: str

    @property
    def line(self) -> str:
        """The anchor as a line of text."""
        return canonical_json(self.model_dump(mode="json"))


@dataclass(frozen=True, slots=True)
class AnchorCheck:
    """What a ledger owes to its anchors.

    Attributes
    ----------
    held
        Anchors of this ledger that it extends.
    last
        The largest row that is anchored so; 0 if none is.
    others
        Lines about other ledgers.
    problems
        What is wrong, with the row.
    """

    held: int
    last: int
    others: int
    problems: tuple[Problem, ...]


def anchor_of(ledger: Path, at: str) -> Anchor:
    """Return the anchor of a ledger's head.

    Parameters
    ----------
    ledger
        The ledger's file.
    at
        Now, UTC, ISO 8601.

    Raises
    ------
    UpkeepError
        If the ledger has no entry yet.
    """
    first = _rows(ledger, "SELECT seal FROM entry ORDER BY seq LIMIT 1")
    last = _rows(ledger, "SELECT seq, hash, seal FROM entry ORDER BY seq DESC LIMIT 1")
    if not first or not last:
        raise UpkeepError(f"{ledger} has no entry yet, so there is no head to anchor; run a campaign first")
    seq, hash, seal = last[0]
    return Anchor(
        genesis=GENESIS, ledger=first[0][0], place=str(ledger.resolve()), seq=seq, hash=hash, seal=seal, at=at
    )


def write_anchor(anchor: Anchor, file: Path) -> None:
    """Append an anchor to a file, which is made if it does not exist; what it holds is never touched.

    Raises
    ------
    UpkeepError
        If the file lies inside the workspace, where whoever can change the ledger can change it too.
    OSError
        If it cannot be written.
    """
    workspace = Path(anchor.place).parent
    if file.resolve().is_relative_to(workspace):
        raise UpkeepError(
            f"{file} is inside the workspace {workspace}, where whoever rewrites the ledger can rewrite it too; name a "
            "file elsewhere, that the user who runs campaigns can append to but not change (`chattr +a`), or `-`"
        )
    if file.is_dir():
        raise UpkeepError(f"{file} is a folder; name a file, which is made if it does not exist")
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        whole = f"{anchor.line}\n".encode()
        # A line that a full disk cut off is ended first, so that it costs no other line.
        if _is_torn(file):
            whole = b"\n" + whole
        if os.write(handle, whole) != len(whole):
            raise OSError(28, "only a part of the line could be written", str(file))
        os.fsync(handle)
    finally:
        os.close(handle)


def check_anchors(ledger: Path, lines: Iterable[str]) -> AnchorCheck:
    """Compare a ledger with the anchors in a file.

    A line is about this ledger if it names its first entry, or its place: a ledger that was put in the place of an
    anchored one must extend that one's anchors too.

    Parameters
    ----------
    ledger
        The ledger's file; ``verify`` says whether its chain is whole.
    lines
        The anchors.
    """
    first = _rows(ledger, "SELECT seal FROM entry ORDER BY seq LIMIT 1")
    own, place = first[0][0] if first else None, str(ledger.resolve())
    held = last = others = known = 0
    problems: list[Problem] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            anchor = Anchor.model_validate(json.loads(line))
        except (ValueError, ValidationError, RecursionError):
            problems.append(Problem(None, None, f"line {number} of the anchors cannot be read: {_NONE}"))
            continue
        if anchor.ledger != own and anchor.place != place:
            others += 1
            continue
        known += 1
        problem = _broken(ledger, anchor, number)
        if problem is None:
            held, last = held + 1, max(last, anchor.seq)
        else:
            problems.append(problem)
    if not known:
        what = (
            f"none of the {others} anchors that can be read is of this ledger: it is another one, or it was rewritten "
            "from its first row and moved"
        )
        problems.append(Problem(None, None, what))
    return AnchorCheck(held, last, others, tuple(problems))


def _broken(ledger: Path, anchor: Anchor, number: int) -> Problem | None:
    """Return what contradicts an anchor, None if the ledger extends it."""
    noted = f"anchored on {anchor.at[:19]} (line {number})"
    rows = _rows(ledger, "SELECT id, hash, seal FROM entry WHERE seq = ?", anchor.seq)
    if not rows:
        return Problem(anchor.seq, None, f"it was {noted} and is gone: the ledger was cut off, or is another one")
    id, hash, seal = rows[0]
    if hash != anchor.hash:
        return Problem(
            anchor.seq,
            id,
            f"it has the hash {hash[:16]}, {noted} was {anchor.hash[:16]}: this row or one before it was rewritten, or "
            "this is another ledger",
        )
    if seal != anchor.seal:
        return Problem(
            anchor.seq, id, f"its seal is not the one {noted}: times were changed, or this is a second run of the same"
        )
    return None


def _rows(ledger: Path, query: str, *values: int) -> list[tuple[Any, ...]]:
    try:
        with closing(connect_sqlite(ledger, read_only=True)) as connection:
            return connection.execute(query, values).fetchall()
    except sqlite3.Error as error:
        raise disk_error(error, ledger) or UpkeepError(f"{ledger} cannot be read as a ledger: {error}") from error


def _is_torn(file: Path) -> bool:
    try:
        with file.open("rb") as content:
            content.seek(0, os.SEEK_END)
            if content.tell() == 0:
                return False
            content.seek(-1, os.SEEK_END)
            return content.read(1) != b"\n"
    except PermissionError:
        return False  # a file that this user may only append to
