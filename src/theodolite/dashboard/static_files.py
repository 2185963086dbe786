"""Scripts, styles and pictures that the package carries: addresses that change with the content, and the checksums."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["STATIC", "VENDORED", "licence_text", "static_address", "vendored_files"]

STATIC = Path(__file__).with_name("static")
VENDORED = STATIC / "vendor"


@cache
def static_address(name: str) -> str:
    """Return where a file of the package is served; the address names its content, so that browsers may keep it."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


def vendored_files() -> list[dict[str, Any]]:
    """Return what the package carries of others, as ``MANIFEST.json`` lists it: package, version, licence, hash."""
    listed: list[dict[str, Any]] = json.loads((VENDORED / "MANIFEST.json").read_text(encoding="utf-8"))["files"]
    return listed


def licence_text(name: str) -> str:
    """Return the licence that a vendored file came under, as ``license_file`` of :func:`vendored_files` names it."""
    return (VENDORED / name).read_text(encoding="utf-8")
