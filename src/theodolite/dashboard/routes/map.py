"""The map: which places of a model each family of instruments was asked about, and what came out."""

from __future__ import annotations

from fastapi import APIRouter

__all__ = ["router"]

router = APIRouter()
