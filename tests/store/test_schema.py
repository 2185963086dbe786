"""Migrations make the tables that the code declares, and a newer ledger is refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import theodolite.store
from theodolite.store import Ledger, LedgerFormatError
from theodolite.store.chain import FORMAT, GENESIS
from theodolite.store.derived import DERIVING
from theodolite.store.schema import PERMANENT, SCHEMA_HEAD, SCHEMA_REVISIONS, is_projection
from theodolite.store.tables import PROJECTION_VERSION
from theodolite.store.triggers import TRIGGERS


def test_the_declared_revisions_are_those_of_the_script_folder():
    config = Config()
    config.set_main_option("script_location", str(Path(theodolite.store.__file__).parent / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_current_head() == SCHEMA_HEAD
    assert tuple(reversed([script.revision for script in scripts.walk_revisions()])) == SCHEMA_REVISIONS


def test_a_migrated_ledger_has_the_declared_tables():
    with Ledger.in_memory() as ledger, ledger.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": lambda name, kind, parents: kind != "table" or not is_projection(name)}
        )
        assert compare_metadata(context, PERMANENT) == []
        triggers = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").all()
        assert dict(map(tuple, triggers)) == TRIGGERS | DERIVING
        meta = dict(map(tuple, connection.exec_driver_sql("SELECT key, value FROM meta").all()))
        assert meta == {"format": FORMAT, "genesis": GENESIS, "projection_version": PROJECTION_VERSION}


def test_the_genesis_is_frozen():
    """The first hash of every ledger ever written; a change needs a migration and a ledger of the old kind in tests."""
    assert GENESIS == "e8a02f8e76c3ef45f46955ef3883f6b1e507d7ae93427a1414b4eee371e312e2"


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", "schema revision '9999', this code knows up to"),
        ("UPDATE meta SET value = 'x' WHERE key = 'genesis'", "starts from 'x'"),
        ("DROP TABLE meta", "no ledger"),
    ],
)
def test_a_newer_or_foreign_ledger_is_refused_and_left_alone(ledger, statement, message):
    ledger.close()
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as connection:
        connection.execute(statement)
    for read_only in (True, False):
        with pytest.raises(LedgerFormatError, match=message):
            Ledger.open(ledger.path, read_only=read_only)


def test_opening_a_current_ledger_does_not_import_alembic(ledger):
    import subprocess
    import sys

    script = (
        "import sys; from theodolite.store import Ledger; Ledger.open(sys.argv[1]).close(); "
        "print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(ledger.path)], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
