"""What jobs are, whether they live and what they took; who coordinates which part of a ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Widen the table of jobs, and make that of leases anew: both hold nothing that a running process does not know."""
    op.drop_table("ops_job")
    op.create_table(
        "ops_job",
        sa.Column("job_id", sa.String, primary_key=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("campaign", sa.String),
        sa.Column("what", sa.String),
        sa.Column("started_at", sa.String),
        sa.Column("heartbeat_at", sa.String),
        sa.Column("finished_at", sa.String),
        sa.Column("seconds", sa.Float),
        sa.Column("peak_bytes", sa.Integer),
        sa.Column("coordinator_pid", sa.Integer),
        sa.Column("worker_pid", sa.Integer),
        sa.Column("detail", sa.Text),
    )
    op.create_index("ops_job_state", "ops_job", ["state", "campaign"])
    op.drop_table("ops_lease")
    op.create_table(
        "ops_lease",
        sa.Column("scope", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("host", sa.String, nullable=False),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("campaign", sa.String),
    )
