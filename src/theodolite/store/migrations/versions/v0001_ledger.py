"""The chain with its triggers, ``meta`` and the ``ops_*`` tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from theodolite.store.chain import FORMAT, GENESIS
from theodolite.store.triggers import TRIGGERS_0001

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the permanent tables of the first ledgers."""
    op.create_table(
        "entry",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("prev_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("seal", sa.String(64), nullable=False),
    )
    op.create_index("entry_kind", "entry", ["kind", "seq"])
    op.create_index("entry_subject", "entry", ["subject", "seq"])
    meta = op.create_table(
        "meta", sa.Column("key", sa.String, primary_key=True), sa.Column("value", sa.String, nullable=False)
    )
    op.bulk_insert(meta, [{"key": "format", "value": FORMAT}, {"key": "genesis", "value": GENESIS}])
    op.create_table(
        "ops_job",
        sa.Column("job_id", sa.String, primary_key=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("started_at", sa.String),
        sa.Column("finished_at", sa.String),
        sa.Column("seconds", sa.Float),
        sa.Column("worker_pid", sa.Integer),
        sa.Column("detail", sa.Text),
    )
    op.create_table(
        "ops_lease",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("host", sa.String, nullable=False),
        sa.Column("at", sa.String, nullable=False),
    )
    op.create_table(
        "ops_timing",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("phase", sa.String, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("at", sa.String, nullable=False),
    )
    op.create_index("ops_timing_subject", "ops_timing", ["subject", "phase"])
    for statement in TRIGGERS_0001.values():
        op.execute(statement)
