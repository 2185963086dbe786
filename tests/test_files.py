"""A file appears whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from theodolite.files import write_atomically


def test_a_file_appears_with_all_of_its_content(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "result"
    write_atomically(path, b"all of it")
    assert path.read_bytes() == b"all of it"
    assert [file.name for file in path.parent.iterdir()] == ["result"]


def test_an_older_file_stays_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "result"
    write_atomically(path, b"old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new, but torn")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["result"]
