"""Reports are made from the ledger of a finished campaign on the small world."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from theodolite.store import Ledger


@pytest.fixture
def ledger(small_world: Any) -> Iterator[Ledger]:
    """Open the ledger of a campaign of six hypotheses in three rounds, of which five were supported."""
    with Ledger.open(small_world.finished() / "ledger.sqlite", read_only=True) as opened:
        yield opened
