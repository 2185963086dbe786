"""What every test relies on: one thread, no key, no download, and fixed examples."""

from __future__ import annotations

import os

# Set before any test imports torch or NumPy: thread pools read these once, and two threads may sum in another order.
os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
# A test must never spend a developer's money, fetch a model, or send a trace of a graph anywhere.
os.environ.pop("OPENAI_API_KEY", None)
os.environ.pop("OPENAI_BASE_URL", None)
os.environ.update(HF_HUB_OFFLINE="1", LANGSMITH_TRACING="false", LANGCHAIN_TRACING_V2="false")

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("theodolite", derandomize=True, deadline=None)
settings.load_profile("theodolite")

CHECKOUT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def checkout() -> Path:
    """Return the root of the checkout."""
    return CHECKOUT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real cells and references that are not part of the project, or skip."""
    named = os.environ.get("THEODOLITE_SHARED_DATA")
    folder = Path(named) if named else CHECKOUT.parent / "shared" / "data"
    if not folder.is_dir():
        if named:
            pytest.fail(f"THEODOLITE_SHARED_DATA is {named!r}, which is not a folder")
        pytest.skip("needs real cells outside the project: set THEODOLITE_SHARED_DATA to their folder")
    return folder
