"""The permanent tables: the chain, ``meta`` and the mutable ``ops_*`` tables; Alembic migrates these."""

from __future__ import annotations

from sqlalchemy import Column, Connection, Float, Index, Integer, MetaData, String, Table, Text, inspect, select

from theodolite.store.chain import FORMAT, GENESIS
from theodolite.store.errors import LedgerFormatError

__all__ = [
    "PERMANENT",
    "SCHEMA_HEAD",
    "SCHEMA_REVISIONS",
    "entry_table",
    "is_projection",
    "meta_table",
    "migrate",
    "ops_inbox",
    "ops_job",
    "ops_lease",
    "ops_session",
    "ops_timing",
]

SCHEMA_REVISIONS = ("0001", "0002", "0003")
"""Alembic revisions that this code can read, oldest first; opening a current ledger never imports Alembic."""
SCHEMA_HEAD = SCHEMA_REVISIONS[-1]

PERMANENT = MetaData()

entry_table = Table(
    "entry",
    PERMANENT,
    Column("seq", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("payload", Text, nullable=False),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("at", String, nullable=False),
    Column("seal", String(64), nullable=False),
    Index("entry_kind", "kind", "seq"),
    Index("entry_subject", "subject", "seq"),
)

meta_table = Table("meta", PERMANENT, Column("key", String, primary_key=True), Column("value", String, nullable=False))

ops_job = Table(
    "ops_job",
    PERMANENT,
    Column("job_id", String, primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("campaign", String),
    Column("what", String),
    Column("started_at", String),
    Column("heartbeat_at", String),
    Column("finished_at", String),
    Column("seconds", Float),
    Column("peak_bytes", Integer),
    Column("coordinator_pid", Integer),
    Column("worker_pid", Integer),
    Column("detail", Text),
    Index("ops_job_state", "state", "campaign"),
)

ops_lease = Table(
    "ops_lease",
    PERMANENT,
    Column("scope", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("host", String, nullable=False),
    Column("at", String, nullable=False),
    Column("campaign", String),
)

ops_timing = Table(
    "ops_timing",
    PERMANENT,
    Column("number", Integer, primary_key=True),
    Column("subject", String, nullable=False),
    Column("phase", String, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("at", String, nullable=False),
    Index("ops_timing_subject", "subject", "phase"),
)

ops_session = Table(
    "ops_session",
    PERMANENT,
    Column("number", Integer, primary_key=True),
    Column("campaign", String, nullable=False),
    Column("started_at", String, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("ended", String),
    Column("detail", Text),
    Index("ops_session_campaign", "campaign", "number"),
)

ops_inbox = Table(
    "ops_inbox",
    PERMANENT,
    Column("number", Integer, primary_key=True),
    Column("campaign", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("person", String, nullable=False),
    Column("content", Text, nullable=False),
    Column("at", String, nullable=False),
    Column("taken_at", String),
    Index("ops_inbox_campaign", "campaign", "number"),
)


def is_projection(table: str) -> bool:
    """Return True for a table that is rebuilt from the entries and may be dropped."""
    return table not in PERMANENT.tables and table != "alembic_version" and not table.startswith("sqlite_")


def migrate(connection: Connection, *, write: bool, create: bool) -> None:
    """Bring the permanent tables to the current revision, in the caller's transaction.

    Raises
    ------
    LedgerFormatError
        If the file is no ledger (an empty one only with ``create``), is newer than the code, or is older and
        ``write`` is False.
    """
    tables = set(inspect(connection).get_table_names())
    where = connection.engine.url.database or "this database"
    if (tables or not create) and not {"alembic_version", "entry", "meta"} <= tables:
        raise LedgerFormatError(
            f"{where} is a database but no ledger: it holds {sorted(tables)[:5]!r}; give the path of a ledger.sqlite"
        )
    revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() if tables else None
    if tables and revision not in SCHEMA_REVISIONS:
        raise LedgerFormatError(
            f"{where} has schema revision {revision!r}, this code knows up to {SCHEMA_HEAD!r}; "
            "open it with the version of theodolite that wrote it, or a newer one"
        )
    if revision != SCHEMA_HEAD:
        if not write:
            raise LedgerFormatError(
                f"{where} has schema revision {revision!r} and must be migrated to {SCHEMA_HEAD!r}; "
                "open it once for writing (`theodolite ledger rebuild` does)"
            )
        _upgrade(connection)
    genesis = connection.execute(select(meta_table.c.value).where(meta_table.c.key == "genesis")).scalar()
    if genesis != GENESIS:
        raise LedgerFormatError(
            f"{where} starts from {genesis!r}, not from the hash of {FORMAT!r}; run `theodolite ledger verify` on it"
        )


def _upgrade(connection: Connection) -> None:
    # Alembic is imported here because only a new or an old ledger needs it.
    from pathlib import Path

    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
