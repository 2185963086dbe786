"""The planted world of gene vectors for every test of this folder."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from planted_vectors import World, plant


@pytest.fixture
def planted() -> Callable[..., World]:
    """Return the function that makes a world."""
    return plant
