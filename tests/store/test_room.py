"""What a folder can take is known before anything is written, and a disk's error says what to do."""

from __future__ import annotations

import os
import sqlite3

import pytest
from disks import files_of_at_most, small_disk

from theodolite.store import (
    EntryKind,
    Ledger,
    LedgerDamaged,
    LedgerDiskError,
    LedgerFull,
    LedgerReadOnly,
    LedgerUnreachable,
    folder_concerns,
    ledger_concerns,
    verify,
)
from theodolite.store.disk_errors import disk_error, file_words

PLENTY = 10**9


def free(monkeypatch, *, size=PLENTY, files=PLENTY):
    def statvfs(path):
        return os.statvfs_result((1, 1, 0, 0, size, PLENTY, 0, files, 0, 255))

    monkeypatch.setattr("theodolite.store.room.os.statvfs", statvfs)


def test_a_disk_with_room_is_no_concern(tmp_path, monkeypatch):
    free(monkeypatch)
    assert list(folder_concerns(tmp_path)) == []
    assert list(ledger_concerns(tmp_path / "ledger.sqlite")) == []


@pytest.mark.parametrize(("share", "fatal"), [(0.99, True), (1.01, False), (1.99, False), (2.01, None)])
def test_too_little_room_is_refused_and_little_warned_of(tmp_path, monkeypatch, share, fatal):
    needed = 300 * 2**20
    free(monkeypatch, size=int(share * 400 * 2**20))
    found = list(folder_concerns(tmp_path / "to" / "come", needed=needed))
    assert [concern.fatal for concern in found] == ([] if fatal is None else [fatal])
    assert all("make room or name a workspace on another disk" in concern.said for concern in found)


def test_a_disk_without_inodes_is_refused(tmp_path, monkeypatch):
    free(monkeypatch, files=900)
    (found,) = folder_concerns(tmp_path)
    assert found.fatal
    assert "900 more files" in found.said


def test_a_network_disk_is_refused_for_the_ledger(tmp_path, monkeypatch):
    monkeypatch.setattr("theodolite.store.room.network_file_system", lambda folder: "nfs4")
    (found,) = ledger_concerns(tmp_path / "ledger.sqlite")
    assert found.fatal
    assert "(nfs4)" in found.said


def error_of(code, text="as SQLite says"):
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "kind", "remedy"),
    [
        (sqlite3.SQLITE_FULL, LedgerFull, "make room"),
        (sqlite3.SQLITE_IOERR_WRITE, LedgerDiskError, "ulimit -f"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, LedgerReadOnly, "make the file and its folder writable"),
        (sqlite3.SQLITE_CANTOPEN, LedgerUnreachable, "copy the whole folder"),
        (sqlite3.SQLITE_CORRUPT, LedgerDamaged, "restore the last backup"),
    ],
)
def test_what_sqlite_says_becomes_words(tmp_path, code, kind, remedy):
    found = disk_error(error_of(code), tmp_path / "ledger.sqlite")
    assert type(found) is kind
    assert remedy in str(found)
    assert str(tmp_path / "ledger.sqlite") in str(found)


def test_other_errors_are_left_alone(tmp_path):
    assert disk_error(error_of(sqlite3.SQLITE_ERROR), tmp_path) is None
    assert disk_error(ValueError("not SQLite's"), tmp_path) is None


def test_a_file_is_named_with_the_room_that_is_left(tmp_path):
    said = file_words(OSError(28, "No space left on device", str(tmp_path / "x" / "result")))
    assert f"{tmp_path / 'x' / 'result'} could not be used: No space left on device" in said
    assert f"MB are free at {tmp_path}" in said


def stop(ledger, name):
    return ledger.append(EntryKind.STOP, f"{name}/stop", name, {"reason": "budget", "detail": name * 5_000})


def test_a_ledger_that_may_not_grow_loses_nothing(tmp_path):
    path = tmp_path / "ledger.sqlite"
    with Ledger.create(path) as ledger:
        stop(ledger, "a")
        size = path.with_name("ledger.sqlite-wal").stat().st_size
        with files_of_at_most(size), pytest.raises(LedgerDiskError, match="the same command continues"):
            stop(ledger, "b")
        assert [entry.id for entry in ledger.entries()] == ["a/stop"]
        stop(ledger, "b")
    assert verify(path).ok


def test_a_full_disk_loses_nothing(tmp_path):
    with small_disk(tmp_path / "disk", "4m") as disk:
        path = disk.folder / "workspace" / "ledger.sqlite"
        with Ledger.create(path) as ledger:
            stop(ledger, "a")
            disk.leave_free(0)
            with pytest.raises(LedgerFull, match="0.0 MB are free"):
                stop(ledger, "b")
            assert ledger.count() == 1
            disk.leave_free(2**20)
            stop(ledger, "b")
        assert verify(path).entries == 2
        assert verify(path).ok


def test_a_read_only_disk_is_told_and_can_be_read(tmp_path):
    with small_disk(tmp_path / "disk", "4m") as disk:
        path = disk.folder / "workspace" / "ledger.sqlite"
        with Ledger.create(path) as ledger:
            stop(ledger, "a")
        disk.read_only()
        with pytest.raises(LedgerReadOnly, match="make the file and its folder writable"):
            Ledger.open(path)
        (concern, *_) = [*ledger_concerns(path), *folder_concerns(path.parent)]
        assert concern.fatal
        assert verify(path).ok
        with Ledger.open(path, read_only=True) as ledger:
            assert ledger.count() == 1


def as_nobody(function) -> str:
    """Run a function in a process that is not root, and return the words of what it raises."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        said = "nothing was raised"
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            function()
        except BaseException as error:  # noqa: BLE001  the parent looks at whatever came
            said = f"{type(error).__name__}: {error}"
        os.write(writes, said.encode()[:4000])
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as words:
        said = words.read()
    os.waitpid(child, 0)
    return said


@pytest.fixture
def reachable(tmp_path):
    """Return a folder that every user can reach."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    return tmp_path


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_ledger_that_a_user_may_not_write_is_told(reachable, what):
    path = reachable / "workspace" / "ledger.sqlite"
    with Ledger.create(path) as ledger:
        stop(ledger, "a")
    path.chmod(0o444 if what == "file" else 0o666)
    path.parent.chmod(0o777 if what == "file" else 0o555)

    def write() -> None:
        with Ledger.open(path) as ledger:
            stop(ledger, "b")

    said = as_nobody(write)
    path.parent.chmod(0o755)
    assert said.startswith(("LedgerReadOnly", "LedgerUnreachable")), said
    assert "writable" in said
    assert verify(path).entries == 1
