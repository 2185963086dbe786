"""Revisions of the permanent tables, oldest first."""
