"""A data folder of one's own, and a resource whose file a server on this machine can send."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from small_tables import TABLES

from theodolite.canonical import sha256_bytes
from theodolite.data.catalogue import CATALOGUE, PublishedFile, Resource


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use a data folder of one's own, without the developers' folder, and without a proxy."""
    monkeypatch.setenv("THEODOLITE_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("THEODOLITE_SHARED_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "data"


@pytest.fixture
def hallmark() -> Resource:
    """Return a resource that is published as ``/sets/small.gmt``."""
    content = TABLES["hallmark"][0].encode()
    url = "https://nowhere.invalid/sets/small.gmt"
    file = PublishedFile("small.gmt", sha256_bytes(content), len(content), "1", "2020", url)
    return replace(CATALOGUE["hallmark"], files=(file,))
