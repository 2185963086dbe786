"""Campaigns about small planted worlds, run once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tree_runs import SIZES, SMALL, run

from theodolite.calibration.tree_campaigns import write_tree_campaign
from theodolite.experiments import Setting
from theodolite.store import Ledger


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return who writes a small campaign into a folder of its own."""

    def write(seed: int, shape: Any = "tree", **manifold: Any) -> Path:
        folder = tmp_path_factory.mktemp(f"{shape}-{seed}")
        return write_tree_campaign(folder, seed, shape, world=SIZES, manifold={**SMALL, **manifold})

    return write


@pytest.fixture(scope="session")
def tree(written: Callable[..., Path]) -> Iterator[tuple[Setting, Ledger]]:
    """The campaign about a planted tree, complete."""
    setting, ledger = run(written(60_000))
    yield setting, ledger
    ledger.close()


@pytest.fixture(scope="session")
def clusters(written: Callable[..., Path]) -> Iterator[tuple[Setting, Ledger]]:
    """The campaign about branches whose stages have no order."""
    setting, ledger = run(written(60_001, "clusters"))
    yield setting, ledger
    ledger.close()
