"""``ledger verify``: chain, seals, triggers, artefacts and projections of a ledger that anybody may have changed.

It reads the file itself, not through the classes that wrote it, takes nothing for granted and never raises on what it
finds: every problem is reported with the row that has it. A chain that was rewritten whole, hashes and projections
included, is consistent; only a head hash kept elsewhere tells, so keep one (``expected_head``).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theodolite.canonical import canonical_json
from theodolite.store.artefacts import ArtefactStore
from theodolite.store.chain import GENESIS, Entry, Head, entry_hash, entry_seal
from theodolite.store.database import connect_sqlite
from theodolite.store.derived import DERIVING
from theodolite.store.errors import ArtefactError, LedgerFormatError
from theodolite.store.kinds import EntryKind
from theodolite.store.ledger import Ledger
from theodolite.store.records import artefacts_of
from theodolite.store.shadow import Shadow
from theodolite.store.tables import PROJECTION_VERSION
from theodolite.store.triggers import TRIGGERS

__all__ = ["Problem", "VerifyReport", "refuse_no_ledger", "verify", "verify_chain"]

_COLUMNS = ("seq", "id", "kind", "subject", "payload", "prev_hash", "hash", "at", "seal")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; ``seq`` and ``id`` name the row, None where it is not about one row."""

    seq: int | None
    id: str | None
    what: str

    def __str__(self) -> str:
        if self.seq is None:
            return self.what
        return f"row {self.seq}{'' if self.id is None else f' ({self.id})'}: {self.what}"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What verification found: the number of entries, the head it reached, and all problems."""

    entries: int
    head: Head
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """True if nothing is wrong."""
        return not self.problems

    def __str__(self) -> str:
        if self.ok:
            return f"{self.entries} entries, head {self.head.hash}: chain, artefacts and projections agree"
        return "\n".join(str(problem) for problem in self.problems)


def refuse_no_ledger(path: Path) -> None:
    """Refuse a file that never was a ledger; what is wrong with one that was, :func:`verify` says.

    Raises
    ------
    LedgerFormatError
        If it is no SQLite database, or holds none of a ledger's tables.
    """
    try:
        with closing(connect_sqlite(path, read_only=True)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.DatabaseError:
        return  # damaged, which is for verify to tell
    if not tables & {"entry", "meta"}:
        raise LedgerFormatError(
            f"{path} is {'a database but' if tables else 'an empty file,'} no ledger; give the path of a ledger.sqlite"
        )


def verify(
    ledger: Ledger | Path | str, *, artefacts: Path | str | None = None, expected_head: str | None = None
) -> VerifyReport:
    """Verify a ledger, given as an open one or as the path of its file.

    Parameters
    ----------
    ledger
        The ledger.
    artefacts
        Folder of its artefacts, ``artefacts`` beside the file if not given.
    expected_head
        Hash of an entry that must be in the chain: the head as somebody noted it earlier.
    """
    if isinstance(ledger, Ledger):
        store = ledger.artefacts if artefacts is None else ArtefactStore(artefacts)
    else:
        store = ArtefactStore(Path(ledger).parent / "artefacts" if artefacts is None else artefacts)
    return _Verification(store, expected_head).run(ledger)


def verify_chain(ledger: Ledger | Path | str, *, artefacts: Path | None = None) -> VerifyReport:
    """Verify the chain alone, with its artefacts where their folder is given: no projections but the count of rows."""
    store = None if artefacts is None else ArtefactStore(artefacts)
    return _Verification(store, None, projections=False).run(ledger)


def _connect(ledger: Ledger | Path | str) -> sqlite3.Connection:
    if not isinstance(ledger, Ledger):
        return connect_sqlite(Path(ledger), read_only=True)
    if ledger.path is not None:
        return connect_sqlite(ledger.path, read_only=True)
    copy = sqlite3.connect(":memory:", isolation_level=None)
    with ledger.read() as connection:
        source = connection.connection.driver_connection
        assert isinstance(source, sqlite3.Connection)
        source.backup(copy)
    return copy


class _Verification:
    def __init__(self, artefacts: ArtefactStore | None, expected_head: str | None, *, projections: bool = True) -> None:
        self._artefacts = artefacts
        self._expected_head = expected_head
        self._projections = projections
        self._problems: list[Problem] = []
        self._checked: dict[str, str | None] = {}
        self._entries = 0
        self._head = Head(0, GENESIS, GENESIS)
        self._found_expected = expected_head in (None, GENESIS)
        self._broken = False
        self._ids: dict[int, str] = {}

    def _problem(self, what: str, seq: int | None = None, id: str | None = None) -> None:
        self._problems.append(Problem(seq, id, what))

    def _break(self, what: str, seq: int, id: str | None = None) -> None:
        self._broken = True
        self._problem(what, seq, id)

    def run(self, ledger: Ledger | Path | str) -> VerifyReport:
        try:
            with closing(_connect(ledger)) as connection:
                # Bytes, because a changed byte may no longer be text.
                connection.text_factory = bytes
                connection.execute("BEGIN")
                self._read(connection)
        except sqlite3.Error as error:
            self._problem(f"the file cannot be read as a ledger: {error}")
        if not self._found_expected:
            self._problem(
                f"no entry has the hash {self._expected_head!r} that was noted as the head: "
                "entries were removed or the chain was rewritten"
            )
        return VerifyReport(self._entries, self._head, tuple(self._problems))

    def _read(self, connection: sqlite3.Connection) -> None:
        for (line,) in connection.execute("PRAGMA integrity_check(20)"):
            if line != b"ok":
                self._problem(f"SQLite finds the file damaged: {_text(line)}")
        self._triggers(connection)
        genesis = connection.execute("SELECT value FROM meta WHERE key = 'genesis'").fetchone()
        if genesis is None or _text(genesis[0]) != GENESIS:
            self._problem(f"meta says that the chain starts from {genesis and _text(genesis[0])!r}, not {GENESIS!r}")
        with Shadow() as shadow:
            for entry in self._chain(connection):
                self._artefacts_of(entry)
                # After a break in the chain every projection would differ, and bury the row that was changed.
                if self._projections and not self._broken:
                    problem = shadow.project(entry)
                    if problem is not None:
                        self._break(problem, entry.seq, entry.id)
            self._removed(connection)
            if self._projections and not self._broken and self._current(connection):
                for seq, what in shadow.differences(connection):
                    self._problem(what, seq, self._ids.get(seq or 0))

    def _removed(self, connection: sqlite3.Connection) -> None:
        try:
            counted = connection.execute("SELECT last_seq, last_id FROM counter ORDER BY last_seq").fetchall()
        except sqlite3.Error as error:
            self._problem(f"projection 'counter' cannot be read ({error}); run `theodolite ledger rebuild`")
            return
        for seq, id in counted:
            if isinstance(seq, int) and seq > self._head.seq:
                self._break("the row was deleted: the projections were made with it", seq, _text(id))

    def _current(self, connection: sqlite3.Connection) -> bool:
        version = self._versioned(connection)
        if version != PROJECTION_VERSION:
            self._problem(
                f"the projections have version {version!r}, this code makes {PROJECTION_VERSION!r}; "
                "run `theodolite ledger rebuild`"
            )
        return version == PROJECTION_VERSION

    def _versioned(self, connection: sqlite3.Connection) -> str | None:
        row = connection.execute("SELECT value FROM meta WHERE key = 'projection_version'").fetchone()
        return None if row is None else _text(row[0])

    def _triggers(self, connection: sqlite3.Connection) -> None:
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
        found = {_text(name): _text(text) for name, text in connection.execute(query)}
        # Those of another version of the projections are not known here; that they are of another is told elsewhere.
        deriving = DERIVING if self._projections and self._versioned(connection) == PROJECTION_VERSION else {}
        for name, wanted in {**TRIGGERS, **deriving}.items():
            if name not in found:
                self._problem(f"trigger {name!r} is missing: the ledger could be changed from outside")
            elif found[name] != wanted:
                self._problem(f"trigger {name!r} is not as it was made: {found[name]!r:.200}")
        for name in sorted(found.keys() - TRIGGERS.keys() - DERIVING.keys()):
            self._problem(f"trigger {name!r} does not belong to the ledger: {found[name]!r:.200}")

    def _chain(self, connection: sqlite3.Connection) -> Iterator[Entry]:
        types = ", ".join(f"typeof({column})" for column in _COLUMNS)
        for row in connection.execute(f"SELECT {', '.join(_COLUMNS)}, {types} FROM entry ORDER BY seq"):
            values = dict(zip(_COLUMNS, row[:9], strict=True))
            seq = values["seq"]
            id = _text(values["id"])
            wrong = [
                f"{column} is stored as {_text(kind)}"
                for column, kind in zip(_COLUMNS, row[9:], strict=True)
                if _text(kind) != ("integer" if column == "seq" else "text")
            ]
            self._entries += 1
            if not isinstance(seq, int):
                self._broken = True
                self._problem(f"entry {id!r} has the seq {_text(seq)!r}, not a number")
                continue
            self._ids[seq] = id
            for what in wrong:
                self._break(what, seq, id)
            entry = self._link(seq, {name: _text(value) for name, value in values.items() if name != "seq"})
            # What follows is compared with what this row claims to be, so that one change is one problem.
            self._head = Head(seq, _text(values["hash"]), _text(values["seal"]))
            if self._expected_head == self._head.hash:
                self._found_expected = True
            if entry is not None and not wrong:
                yield entry

    def _link(self, seq: int, row: dict[str, str]) -> Entry | None:
        id, before = row["id"], self._head
        if seq != before.seq + 1:
            missing = f"row {before.seq + 1}" if seq == before.seq + 2 else f"rows {before.seq + 1} to {seq - 1}"
            self._break(f"{missing} missing before {id!r}: deleted", before.seq + 1)
        if row["prev_hash"] != before.hash:
            self._break(f"prev_hash is {row['prev_hash']!r}, the row before has {before.hash!r}", seq, id)
        if row["seal"] != entry_seal(before.seal, row["hash"], row["at"]):
            self._break("seal does not fit the seal before, the hash and the time: one of them was changed", seq, id)
        payload = _payload(row["payload"])
        if isinstance(payload, str):
            self._break(f"payload was changed: {payload}", seq, id)
            return None
        try:
            hash = entry_hash(seq, id, row["kind"], row["subject"], payload, row["prev_hash"])
        except (ValueError, TypeError, RecursionError) as error:
            self._break(f"payload was changed: it cannot be hashed ({error})", seq, id)
            return None
        if hash != row["hash"]:
            self._break(f"content has the hash {hash!r}, the row says {row['hash']!r}: the row was changed", seq, id)
            return None
        if row["kind"] not in EntryKind.__members__.values():
            self._break(f"kind {row['kind']!r} is unknown to this version", seq, id)
            return None
        row_kind = EntryKind(row["kind"])
        return Entry(seq, id, row_kind, row["subject"], payload, row["prev_hash"], row["hash"], row["at"], row["seal"])

    def _artefacts_of(self, entry: Entry) -> None:
        if self._artefacts is None:
            return
        for field, sha256 in artefacts_of(entry.kind, entry.payload).items():
            if sha256 not in self._checked:
                self._checked[sha256] = _artefact_problem(self._artefacts, sha256)
            problem = self._checked[sha256]
            if problem is not None:
                self._problem(f"{field}: {problem}", entry.seq, entry.id)


def _artefact_problem(store: ArtefactStore, sha256: str) -> str | None:
    try:
        store.get(sha256)
    except (ArtefactError, OSError) as error:
        return str(error)
    return None


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _payload(text: str) -> dict[str, Any] | str:
    try:
        payload = json.loads(text)
        if not isinstance(payload, dict):
            return "it is no JSON object"
        if canonical_json(payload) != text:
            return "it is not canonical JSON"
    except (ValueError, TypeError, RecursionError) as error:
        return f"it is not canonical JSON ({error})"
    return payload
