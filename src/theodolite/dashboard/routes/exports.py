"""Everything leaves: tables as CSV and Parquet."""

from __future__ import annotations

from fastapi import APIRouter

__all__ = ["router"]

router = APIRouter()
