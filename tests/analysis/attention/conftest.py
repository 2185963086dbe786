"""The maker of worlds as a fixture."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from planted_attention import World, make_world


@pytest.fixture(scope="session")
def world() -> Callable[..., World]:
    """Return the maker of worlds: ``world("expression", seed=1)``."""
    return make_world
