"""The ledger: hypotheses by filter and order, page by page."""

from __future__ import annotations

from fastapi import APIRouter

__all__ = ["router"]

router = APIRouter()
