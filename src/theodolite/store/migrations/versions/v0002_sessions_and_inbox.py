"""How long campaigns have run, and what people handed in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables of sessions and of the inbox."""
    op.create_table(
        "ops_session",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("campaign", sa.String, nullable=False),
        sa.Column("started_at", sa.String, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("ended", sa.String),
        sa.Column("detail", sa.Text),
    )
    op.create_index("ops_session_campaign", "ops_session", ["campaign", "number"])
    op.create_table(
        "ops_inbox",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("campaign", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("taken_at", sa.String),
    )
    op.create_index("ops_inbox_campaign", "ops_inbox", ["campaign", "number"])
