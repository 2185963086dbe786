"""A disk that fills up: a clear message, nothing corrupted, and the same command ends in the same rows."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from disks import files_of_at_most, small_disk

from theodolite.cli.errors import code_of
from theodolite.cli.exit_codes import ExitCode
from theodolite.cli.room import naming_the_disk
from theodolite.experiments import Workspace
from theodolite.store import Ledger, diff, verify

BUDGET = {"experiments": 3}


@pytest.fixture(scope="module")
def undisturbed(small_world: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = small_world.private_workspace(tmp_path_factory.mktemp("undisturbed") / "workspace")
    small_world.run_in_process(workspace, small_world.spec(budget=BUDGET))
    return workspace.folder


def told(small_world: Any, workspace: Workspace, disk: AbstractContextManager[None]) -> str | None:
    """Run the campaign as far as its disk lets it, and return what a person is told; None once it is over."""
    try:
        with disk, naming_the_disk():
            small_world.run_in_process(workspace, small_world.spec(budget=BUDGET))
    except Exception as error:  # noqa: BLE001  whatever comes must be an error that the command line knows
        assert code_of(error) in (ExitCode.LEDGER, ExitCode.CAMPAIGN), repr(error)
        return str(error)
    return None


def run_until_done(
    small_world: Any, workspace: Workspace, disks: Iterator[AbstractContextManager[None]], most: int
) -> list[str]:
    """Give it another chance each time; return the messages of the runs that found too little."""
    messages: list[str] = []
    for disk in disks:
        said = told(small_world, workspace, disk)
        if said is None:
            return messages
        messages.append(said)
        assert len(messages) < most, said
        if workspace.ledger.is_file() and workspace.ledger.stat().st_size:
            report = verify(workspace.ledger)
            # A ledger that was never begun has nothing that could be damaged.
            assert report.ok or report.entries == 0, (said, report.problems)
    raise AssertionError("there was never enough room")


def check(workspace: Workspace, undisturbed: Path, messages: list[str]) -> None:
    assert messages
    for said in messages:
        assert "the same command continues" in said
        assert str(workspace.folder) in said or str(workspace.cache) in said
        assert "MB are free at" in said
    with (
        Ledger.open(workspace.ledger, read_only=True) as ledger,
        Ledger.open(undisturbed / "ledger.sqlite", read_only=True) as expected,
    ):
        assert diff(ledger, expected) == []
        assert ledger.head().hash == expected.head().hash
    assert verify(workspace.ledger).ok
    left = [path.name for path in workspace.folder.rglob("*") if path.name.startswith(".part-")]
    assert left == []


def growing(limit: Callable[[int], AbstractContextManager[None]], first: int, factor: float) -> Iterator[Any]:
    size = float(first)
    while True:
        yield limit(int(size))
        size *= factor


@pytest.mark.slow
def test_files_that_may_not_grow(small_world: Any, undisturbed: Path, tmp_path: Path) -> None:
    """The ledger, its log, artefacts, results and checkpoints meet their limit one after the other."""
    workspace = small_world.private_workspace(tmp_path / "limited")
    messages = run_until_done(small_world, workspace, growing(files_of_at_most, 512, 1.4), most=60)
    check(workspace, undisturbed, messages)
    assert any("ledger.sqlite" in said for said in messages)
    assert len(messages) >= 10


@pytest.mark.slow
def test_files_that_find_no_room(
    small_world: Any, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever artefact, result or list of the split it is that the disk has no room for."""
    workspace = small_world.private_workspace(tmp_path / "full")
    synced = os.fsync
    left = 0

    def fsync(handle: int) -> None:
        nonlocal left
        if stat.S_ISREG(os.fstat(handle).st_mode):
            left -= 1
            if left < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
        synced(handle)

    def room(files: int) -> AbstractContextManager[None]:
        nonlocal left
        left = files
        return nullcontext()

    monkeypatch.setattr("theodolite.files.os.fsync", fsync)
    messages = run_until_done(small_world, workspace, growing(room, 1, 1.3), most=40)
    monkeypatch.undo()
    check(workspace, undisturbed, messages)
    assert {name for name in ("artefacts", "results") if any(f"/{name}/" in said for said in messages)} == {
        "artefacts", "results"
    }  # fmt: skip


@pytest.mark.slow
def test_a_disk_that_is_full(small_world: Any, undisturbed: Path, tmp_path: Path) -> None:
    """The next write fails, whichever it is; then there is room for some more of them."""
    with small_disk(tmp_path / "disk", "64m") as disk:
        workspace = small_world.private_workspace(disk.folder / "workspace")

        def room(size: int) -> AbstractContextManager[None]:
            disk.leave_free(size)
            return nullcontext()

        messages = run_until_done(small_world, workspace, growing(room, 4_096, 1.25), most=80)
        check(workspace, undisturbed, messages)
    assert len(messages) >= 5
