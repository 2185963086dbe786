"""A backup is a verified copy of one moment, and a restore a workspace that goes on."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing

import pytest

from theodolite.store import (
    ArtefactError,
    Ledger,
    LedgerNotFound,
    UpkeepError,
    backup,
    diff,
    restore,
    verify,
)


def same(one, two):
    with Ledger.open(one, read_only=True) as left, Ledger.open(two, read_only=True) as right:
        return diff(left, right) == [] and left.head() == right.head()


@pytest.fixture
def written(tmp_path, told):
    with Ledger.create(tmp_path / "workspace" / "ledger.sqlite", clock=told.ticking_clock()) as ledger:
        told.Story(ledger).begin().round(1, [told.Outcome(locus=1)])
    return tmp_path / "workspace" / "ledger.sqlite"


def go_on(path, told, artefact=b"another measurement"):
    with Ledger.open(path) as ledger:
        story = told.Story(ledger)
        story.look("geometry.axis-22222222", 0.1)
        return ledger.artefacts.put(artefact)


def test_backup_and_restore_give_the_same_ledger(written, tmp_path):
    made = backup(written, tmp_path / "backup")
    assert same(written, tmp_path / "backup" / "ledger.sqlite")
    restored = restore(tmp_path / "backup", tmp_path / "again")
    assert same(written, tmp_path / "again" / "ledger.sqlite")
    assert verify(tmp_path / "again" / "ledger.sqlite").ok
    assert (made.entries, made.head) == (restored.entries, restored.head)
    assert {path.name for path in (tmp_path / "again").iterdir()} == {"ledger.sqlite", "artefacts"}


def test_a_restored_ledger_goes_on(written, tmp_path, told):
    backup(written, tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "again")
    go_on(tmp_path / "again" / "ledger.sqlite", told)
    assert verify(tmp_path / "again" / "ledger.sqlite", expected_head=backup_head(tmp_path / "backup")).ok


def backup_head(folder):
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        return ledger.head().hash


def test_a_second_backup_copies_only_what_is_new(written, tmp_path, told):
    first = backup(written, tmp_path / "backup")
    go_on(written, told)
    second = backup(written, tmp_path / "backup")
    assert second.new == 2, "a look's measurement, and one that no row names"
    assert second.entries == first.entries + 1
    assert backup(written, tmp_path / "backup").new == 0


def test_a_damaged_artefact_of_a_backup_is_copied_again(written, tmp_path):
    backup(written, tmp_path / "backup")
    (first, *_) = sorted((tmp_path / "backup" / "artefacts").rglob("??*/*"))
    first.write_bytes(b"rot")
    backup(written, tmp_path / "backup")
    assert verify(tmp_path / "backup" / "ledger.sqlite").ok


def test_a_damaged_artefact_of_the_workspace_leaves_the_backup_as_it_was(written, tmp_path, told):
    backup(written, tmp_path / "backup")
    before = (tmp_path / "backup" / "ledger.sqlite").read_bytes()
    go_on(written, told)
    (first, *_) = sorted((written.parent / "artefacts").rglob("??*/*"))
    first.write_bytes(b"rot")
    with pytest.raises(ArtefactError, match="is damaged"):
        backup(written, tmp_path / "backup")
    assert (tmp_path / "backup" / "ledger.sqlite").read_bytes() == before
    assert not list((tmp_path / "backup").glob(".part*"))


def test_a_backup_is_of_one_moment_while_somebody_writes(written, tmp_path, told):
    going = threading.Event()
    stop = threading.Event()

    def write():
        with Ledger.open(written) as ledger:
            story = told.Story(ledger)
            number = 0
            while not stop.is_set():
                number += 1
                story.look(f"geometry.axis-{number:08x}", 0.1)
                going.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert going.wait(60)
        made = [backup(written, tmp_path / "backup") for _ in range(5)]
    finally:
        stop.set()
        writer.join()
    assert [copy.entries for copy in made] == sorted(copy.entries for copy in made)
    assert verify(tmp_path / "backup" / "ledger.sqlite").head == made[-1].head
    assert verify(written, expected_head=made[0].head.hash).ok


def test_what_a_killed_backup_leaves_is_no_obstacle(written, tmp_path):
    backup(written, tmp_path / "backup")
    (tmp_path / "backup" / ".part-ledger.sqlite").write_bytes(b"half of a ledger")
    backup(written, tmp_path / "backup")
    assert sorted(path.name for path in (tmp_path / "backup").iterdir()) == ["artefacts", "ledger.sqlite"]


def test_nobody_coordinates_a_copy(written, tmp_path):
    with Ledger.open(written) as ledger, ledger.coordinator("at work"):
        backup(written, tmp_path / "backup")
    with Ledger.open(tmp_path / "backup" / "ledger.sqlite", read_only=True) as copy:
        assert copy.ops.leases() == []


def test_another_ledger_does_not_overwrite_a_backup(written, tmp_path, told):
    backup(written, tmp_path / "backup")
    other = tmp_path / "other" / "ledger.sqlite"
    with Ledger.create(other) as ledger:
        told.Story(ledger, "other-12345678").begin()
    with pytest.raises(UpkeepError, match="holds the backup of another ledger"):
        backup(other, tmp_path / "backup")
    assert same(written, tmp_path / "backup" / "ledger.sqlite")


def test_a_backup_is_not_put_among_other_files_or_into_the_workspace(written, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").touch()
    with pytest.raises(UpkeepError, match=r"holds 'cat.png', so it is no backup"):
        backup(written, tmp_path / "photos")
    with pytest.raises(UpkeepError, match="is inside the workspace"):
        backup(written, written.parent / "backup")
    with pytest.raises(LedgerNotFound):
        backup(tmp_path / "nowhere" / "ledger.sqlite", tmp_path / "backup")


def test_a_restore_overwrites_nothing(written, tmp_path):
    backup(written, tmp_path / "backup")
    before = written.read_bytes()
    with pytest.raises(UpkeepError, match="overwrites nothing"):
        restore(tmp_path / "backup", written.parent)
    assert written.read_bytes() == before
    with pytest.raises(LedgerNotFound, match="holds no ledger.sqlite"):
        restore(tmp_path / "photos", tmp_path / "again")


def test_a_restore_that_was_killed_is_made_again(written, tmp_path):
    backup(written, tmp_path / "backup")
    begun = tmp_path / "again"
    (begun / "artefacts").mkdir(parents=True)
    (begun / ".restore-not-finished").touch()
    restore(tmp_path / "backup", begun)
    assert same(written, begun / "ledger.sqlite")


def test_a_damaged_backup_is_not_restored(written, tmp_path):
    backup(written, tmp_path / "backup")
    with closing(sqlite3.connect(tmp_path / "backup" / "ledger.sqlite")) as connection:
        connection.execute("DROP TRIGGER entry_no_update")
        connection.execute("UPDATE entry SET payload = '{}' WHERE seq = 3")
        connection.commit()
    with pytest.raises(UpkeepError, match="does not verify"):
        restore(tmp_path / "backup", tmp_path / "again")
    assert not (tmp_path / "again").exists()
