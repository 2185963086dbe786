"""Connections: a locked file is named, an archived one is read without a trace."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing

import pytest

from theodolite.store import Ledger, LedgerBusy, verify


def test_a_file_that_somebody_keeps_locked_is_named(ledger, monkeypatch):
    monkeypatch.setattr("theodolite.store.database.BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as other, Ledger.open(ledger.path) as again:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerBusy, match="locked by another process"):
            again.append("stop", "c/stop", "c", {"reason": "person", "detail": ""})
        other.execute("ROLLBACK")
        again.append("stop", "c/stop", "c", {"reason": "person", "detail": ""})


def test_an_archive_is_read_without_writing_beside_it(campaign_file, tmp_path, monkeypatch):
    """In a folder that cannot be written (as if: tests may run as root, who can write anywhere)."""
    shutil.copytree(campaign_file.parent, tmp_path, dirs_exist_ok=True)
    path = tmp_path / campaign_file.name
    before = sorted(file.name for file in tmp_path.iterdir())
    monkeypatch.setattr("theodolite.store.database.os.access", lambda folder, mode: mode != os.W_OK)
    with Ledger.open(path, read_only=True) as ledger:
        assert verify(ledger).ok
        assert sorted(file.name for file in tmp_path.iterdir()) == before
