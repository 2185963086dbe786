"""One hypothesis: three plain sentences first, then everything that the ledger holds of it."""

from __future__ import annotations

from fastapi import APIRouter

__all__ = ["router"]

router = APIRouter()
