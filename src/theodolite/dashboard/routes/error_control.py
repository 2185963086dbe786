"""Error control: streams, planted controls, reviewers, and the calibration of the whole machine."""

from __future__ import annotations

from fastapi import APIRouter

__all__ = ["router"]

router = APIRouter()
