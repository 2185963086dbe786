"""Backups: a copy of a ledger and its artefacts, taken while a coordinator may be writing, verified before it counts.

A backup is a folder with ``ledger.sqlite`` and ``artefacts/``: a workspace without what can be made again (checkpoints,
results, captures). Artefacts are copied, not linked: a link would be damaged with its original. The copy of the ledger
takes its name last, once it is verified, so that a backup that was killed leaves the one before it whole.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from theodolite.files import sync_folder
from theodolite.store.artefacts import ArtefactStore
from theodolite.store.chain import Head
from theodolite.store.database import connect_sqlite
from theodolite.store.disk_errors import disk_error
from theodolite.store.errors import LedgerNotFound, UpkeepError
from theodolite.store.folders import refuse_network_folder
from theodolite.store.verify import VerifyReport, verify_chain

__all__ = ["LEDGER_NAME", "Copied", "backup", "restore"]

LEDGER_NAME = "ledger.sqlite"
_PART = f".part-{LEDGER_NAME}"
_BEGUN = ".restore-not-finished"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Copied:
    """What a backup or a restore made.

    Attributes
    ----------
    entries, head
        Of the copy, which was verified.
    artefacts
        Artefacts that the copy holds.
    new
        Those of them that this run copied; the others were there.
    """

    entries: int
    head: Head
    artefacts: int
    new: int


def backup(ledger: Path, target: Path, *, progress: Progress | None = None) -> Copied:
    """Copy a ledger and its artefacts into a folder, or bring an earlier backup of it up to date.

    Parameters
    ----------
    ledger
        The ledger's file; artefacts lie beside it. A coordinator may be at work.
    target
        A folder that does not exist, is empty, or holds an earlier backup of this ledger.
    progress
        Called with artefacts done and artefacts in all.

    Raises
    ------
    LedgerNotFound
        If there is no ledger.
    UpkeepError
        If the folder holds something else, lies inside the workspace, or the copy does not verify.
    ArtefactError
        If an artefact of the workspace is damaged; the earlier backup stays as it was.
    """
    if not ledger.is_file():
        raise LedgerNotFound(f"there is no ledger at {ledger}; give the workspace that holds one")
    workspace = ledger.parent.resolve()
    if target.resolve().is_relative_to(workspace):
        raise UpkeepError(f"{target} is inside the workspace {workspace}; a backup belongs on another disk, name one")
    _refuse_other_content(target)
    final, part = target / LEDGER_NAME, target / _PART
    target.mkdir(parents=True, exist_ok=True)
    with _copying(part):
        _copy_database(ledger, part)
        if final.is_file():
            _refuse_another_ledger(final, part)
        # An artefact is on disk before the row that names it: whatever the copied rows name is there by now.
        new = _copy_artefacts(ArtefactStore(workspace / "artefacts"), ArtefactStore(target / "artefacts"), progress)
        found = _verified(part, target / "artefacts", f"the copy in {target}")
        part.replace(final)
        sync_folder(target)
    return Copied(found.entries, found.head, sum(1 for _ in ArtefactStore(target / "artefacts").names()), new)


def restore(source: Path, workspace: Path, *, progress: Progress | None = None) -> Copied:
    """Make a workspace from a backup; campaigns continue there.

    Parameters
    ----------
    source
        Folder of the backup.
    workspace
        A folder that does not exist or is empty.
    progress
        Called with artefacts done and artefacts in all.

    Raises
    ------
    LedgerNotFound
        If the source holds no ledger.
    UpkeepError
        If the workspace is not empty or the backup does not verify.
    LedgerNetworkFolder
        If the workspace is on a network file system.
    """
    ledger = source / LEDGER_NAME
    if not ledger.is_file():
        raise LedgerNotFound(f"{source} holds no {LEDGER_NAME}; give a folder that `theodolite ledger backup` wrote")
    if workspace.exists() and not (workspace.is_dir() and _is_free(workspace)):
        raise UpkeepError(f"{workspace} is not an empty folder; a restore overwrites nothing, name a new folder")
    _verified(ledger, source / "artefacts", f"the backup in {source}")
    workspace.mkdir(parents=True, exist_ok=True)
    refuse_network_folder(workspace)
    part, begun = workspace / _PART, workspace / _BEGUN
    begun.touch()
    with _copying(part):
        new = _copy_artefacts(ArtefactStore(source / "artefacts"), ArtefactStore(workspace / "artefacts"), progress)
        _copy_database(ledger, part)
        found = _verified(part, workspace / "artefacts", f"what was restored to {workspace}")
        # Until now the folder is no workspace, so that nobody begins on half of one.
        part.replace(workspace / LEDGER_NAME)
        sync_folder(workspace)
    begun.unlink()
    return Copied(found.entries, found.head, new, new)


@contextmanager
def _copying(part: Path) -> Iterator[None]:
    """Leave no unfinished copy of the ledger behind, and begin without one that a killed run left."""
    part.unlink(missing_ok=True)
    try:
        yield
    except sqlite3.Error as error:
        raise disk_error(error, part) or UpkeepError(f"{part} could not be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)
        part.with_name(f"{part.name}-journal").unlink(missing_ok=True)


_BESIDE = (".lock", "-shm", "-wal")


def _is_free(folder: Path) -> bool:
    """Return whether a folder is empty, but for what a restore left that was killed before there was a ledger."""
    names = {item.name for item in folder.iterdir()}
    return not names or (_BEGUN in names and LEDGER_NAME not in names)


def _refuse_other_content(target: Path) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise UpkeepError(f"{target} is a file; a backup is a folder, name one")
    # Whoever opened the backup to read it may have left a lock and an index there.
    own = {LEDGER_NAME, "artefacts", _PART, f"{_PART}-journal"} | {f"{LEDGER_NAME}{end}" for end in _BESIDE}
    other = sorted(item.name for item in target.iterdir() if item.name not in own)
    if other:
        raise UpkeepError(
            f"{target} holds {other[0]!r}, so it is no backup; nothing is overwritten, name a new folder or one of an "
            "earlier backup"
        )


def _copy_database(ledger: Path, part: Path) -> None:
    part.touch(mode=0o644)
    with (
        closing(connect_sqlite(ledger, read_only=True)) as source,
        closing(sqlite3.connect(part, isolation_level=None)) as copy,
    ):
        # The file is nobody else's yet. Alone, SQLite keeps the index of its log in its own memory, which works on
        # network disks too, where backups often lie.
        copy.execute("PRAGMA locking_mode=EXCLUSIVE")
        # One moment of the ledger, whoever writes meanwhile: a reader holds its snapshot while it is open.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        source.backup(copy)
        # A copy that nobody writes to needs no write-ahead log, whose files would not be part of the backup.
        copy.execute("PRAGMA journal_mode=DELETE")
        copy.execute("DELETE FROM ops_lease")
    sync_folder(part)
    sync_folder(part.parent)


def _copy_artefacts(source: ArtefactStore, target: ArtefactStore, progress: Progress | None) -> int:
    names = list(source.names())
    new = 0
    for done, sha256 in enumerate(names):
        if progress is not None:
            progress(done, len(names))
        new += sha256 not in target
        # One that is there already is compared with its name, and replaced where it was damaged.
        target.put(source.get(sha256))
    if progress is not None:
        progress(len(names), len(names))
    return new


def _refuse_another_ledger(final: Path, part: Path) -> None:
    """Raise unless the ledger that was just copied continues the one of the earlier backup."""
    query = "SELECT seq, hash, seal FROM entry ORDER BY seq DESC LIMIT 1"
    with (
        closing(connect_sqlite(final, read_only=True)) as earlier,
        closing(connect_sqlite(part, read_only=True)) as now,
    ):
        last = earlier.execute(query).fetchone()
        if last is None:
            return
        same = now.execute("SELECT seq, hash, seal FROM entry WHERE seq = ?", (last[0],)).fetchone()
    if same != last:
        raise UpkeepError(
            f"{final.parent} holds the backup of another ledger, or of this one before it was changed: its row "
            f"{last[0]} has the hash {last[1][:16]}, this ledger's {'no such row' if same is None else same[1][:16]}; "
            "name another folder, and run `theodolite ledger verify` on both"
        )


def _verified(ledger: Path, artefacts: Path, what: str) -> VerifyReport:
    report = verify_chain(ledger, artefacts=artefacts)
    if not report.ok:
        raise UpkeepError(
            f"{what} does not verify ({len(report.problems)} problems): {report.problems[0]}; nothing was put in its "
            "place, see `theodolite ledger verify`"
        )
    return report
