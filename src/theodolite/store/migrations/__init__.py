"""Alembic's script folder for the permanent tables of the ledger."""
