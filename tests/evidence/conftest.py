"""Acceptance runs are scripts; their tests import them by name."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def beside(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the folder of acceptance runs importable."""
    monkeypatch.syspath_prepend(checkout / "evidence")
