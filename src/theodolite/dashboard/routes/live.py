"""Server-sent events: what is appended to the ledger, and how the campaign that runs stands."""

from __future__ import annotations

from fastapi import APIRouter

__all__ = ["router"]

router = APIRouter()
