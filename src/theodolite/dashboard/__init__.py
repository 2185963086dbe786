"""The dashboard: a campaign's ledger as pages, read-only unless its owner allows notes, proposals and approvals."""

from __future__ import annotations

from theodolite.dashboard.app import create_app
from theodolite.dashboard.settings import DashboardError, DashboardSettings

__all__ = ["DashboardError", "DashboardSettings", "create_app"]
