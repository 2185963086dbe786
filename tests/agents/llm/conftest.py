"""Conversations with a server that plays what a test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from talks import Talk

from theodolite.store import Ledger, verify


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Callable[..., Talk]]:
    ledger = Ledger.create(tmp_path / "ledger.sqlite")
    with ledger:
        yield lambda *answers, **settings: Talk(ledger, list(answers), **settings)
        assert verify(ledger).ok
