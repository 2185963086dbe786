"""Campaigns: the list, and one campaign as it runs."""

from __future__ import annotations

from fastapi import APIRouter

__all__ = ["router"]

router = APIRouter()
