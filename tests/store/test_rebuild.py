"""Projections are copies: dropped and made again, they are the same."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest

from theodolite.store import Ledger, LedgerFormatError, rebuild, verify
from theodolite.store.tables import PROJECTIONS
from theodolite.store.triggers import TRIGGERS


@pytest.fixture
def copy(campaign_file, tmp_path):
    shutil.copytree(campaign_file.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / campaign_file.name


def projections(path):
    with closing(sqlite3.connect(path)) as connection:
        return {name: sorted(map(repr, connection.execute(f'SELECT * FROM "{name}"'))) for name in PROJECTIONS.tables}


def test_rebuilt_projections_equal_those_of_the_appends(copy):
    before = projections(copy)
    assert sum(map(len, before.values())) > 50
    with Ledger.open(copy) as ledger:
        assert rebuild(ledger) == ledger.count()
    assert projections(copy) == before


def test_a_damaged_projection_is_repaired(copy):
    before = projections(copy)
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("UPDATE hypothesis SET verdict = 'supported'")
        connection.execute("DROP TABLE round_bit")
        connection.execute("CREATE TABLE of_an_older_version (x)")
    assert not verify(copy).ok
    with Ledger.open(copy) as ledger:
        rebuild(ledger)
        assert verify(ledger).ok
    assert projections(copy) == before
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'of_an_older_version'").fetchone() is None


def test_projections_of_another_version_are_rebuilt_on_opening(copy):
    before = projections(copy)
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("UPDATE meta SET value = '0' WHERE key = 'projection_version'")
        connection.execute("ALTER TABLE gate DROP COLUMN sentence")
    with pytest.raises(LedgerFormatError, match=r"another version of theodolite \('0'"):
        Ledger.open(copy, read_only=True)
    with Ledger.open(copy) as ledger:
        assert verify(ledger).ok
    assert projections(copy) == before


@pytest.mark.parametrize("last", [False, True])
def test_a_broken_chain_is_not_papered_over(copy, last):
    before = projections(copy)
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        for name in TRIGGERS:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(f"DELETE FROM entry WHERE seq = {'(SELECT MAX(seq) FROM entry)' if last else 8}")
        for statement in TRIGGERS.values():
            connection.execute(statement)
    with Ledger.open(copy) as ledger, pytest.raises(LedgerFormatError, match="chain is broken: row"):
        rebuild(ledger)
    assert projections(copy) == before
