"""Small Geneformers with random weights, and cells of their made-up genes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from theodolite.data import CellSet
from theodolite.models.geneformer.sizes import Size
from theodolite.models.geneformer.writing import made_up_genes, write_random_checkpoint

TINY = {
    1: Size("tiny-v1", 1, layers=3, width=32, heads=4, feedforward=48, context=24, vocabulary=42),
    2: Size("tiny-v2", 2, layers=3, width=32, heads=4, feedforward=48, context=24, vocabulary=44),
}


@pytest.fixture(scope="session", params=[1, 2], ids=["v1", "v2"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkpoint of either version, in the published format."""
    size = TINY[request.param]
    made = tmp_path_factory.mktemp("geneformer") / size.name
    write_random_checkpoint(made, size, seed=request.param)
    return made


@pytest.fixture(scope="session")
def cells() -> CellSet:
    """Return six cells of 40 genes; the first three are read up to the context, the others are shorter."""
    draw = np.random.default_rng(0)
    counts = draw.poisson(2.0, (6, 40))
    counts[:3] += 1
    counts[3:, 18:] = 0
    counts[4, 9:] = 0
    names = [f"cell{row}" for row in range(6)]
    genes = list(made_up_genes(40))
    return CellSet.from_counts("made-up", counts, genes, names, species="human", origin="a test")
