"""A small scGPT checkpoint with random weights in the published format, and cells that it can read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from theodolite.data import CellSet
from theodolite.models.scgpt.checkpoint import write_random_checkpoint
from theodolite.models.scgpt.model import ScGPTModel, load_scgpt
from theodolite.models.scgpt.settings import ScGPTSettings

GENES = tuple(f"GENE{index}" for index in range(40))


@pytest.fixture(scope="session")
def settings() -> ScGPTSettings:
    return ScGPTSettings(embsize=16, nheads=4, d_hid=24, nlayers=3, max_seq_len=30)


@pytest.fixture(scope="session")
def small_scgpt(tmp_path_factory: pytest.TempPathFactory, settings: ScGPTSettings) -> Path:
    """Return a folder that no test writes into."""
    folder = tmp_path_factory.mktemp("scgpt") / "scgpt-small"
    write_random_checkpoint(folder, GENES, settings, seed=5, n_classes=3)
    return folder


@pytest.fixture(scope="session")
def model(small_scgpt: Path) -> ScGPTModel:
    return load_scgpt(small_scgpt)


@pytest.fixture(scope="session")
def cells() -> CellSet:
    """Return twelve cells of fifty genes, forty of them the model's; the numbers of counted genes differ."""
    draw = np.random.default_rng(3)
    counts = draw.poisson(draw.gamma(0.5, 6.0, size=(12, 50))).astype(np.int64)
    counts[:, 0] += 1
    counts[1, 1:35] = 0
    counts[2] += 1
    genes = [*GENES, *(f"OTHER{index}" for index in range(10))]
    return CellSet.from_counts(
        "small", counts, genes, [f"cell{row}" for row in range(12)], species="human", origin="drawn for a test"
    )
