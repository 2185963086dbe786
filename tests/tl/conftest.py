"""A few cells of the small world as an AnnData, and a model that reads expressed genes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anndata
import numpy as np
import pytest
import torch
from toy_models import N_GENES, ToyModel, toy_model

from theodolite import tl
from theodolite.data import CellSet
from theodolite.models.tokens import Tokens
from theodolite.models.vocabulary import Vocabulary


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """Forget captures and settings of other tests."""
    tl.forget()
    before = tl.settings.model_dump()
    yield
    for name, value in before.items():
        setattr(tl.settings, name, value)


@pytest.fixture(scope="session")
def _small(small_world: Any) -> Any:
    return anndata.read_h5ad(small_world.cells)[:40].copy()


@pytest.fixture
def adata(_small: Any) -> Any:
    """Return 40 cells and 300 genes with counts in ``X``, to be written into."""
    return _small.copy()


@pytest.fixture
def model(small_world: Any) -> str:
    """Return the folder of a compact model of these genes: two layers of two heads, width 16."""
    return str(small_world.model)


@pytest.fixture(scope="session")
def loud(small_world: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the folder of a compact model of the same genes, in which every head does something."""
    from theodolite.models.compact import CompactConfig, CompactTransformer, save_checkpoint

    genes = small_world.planted.cells.genes
    config = CompactConfig(genes=genes, width=16, n_layers=2, n_heads=2, feedforward=16, dropout=0.0)
    transformer = CompactTransformer(config, seed=4).eval()
    with torch.no_grad():
        for layer, factor in ((1, 10.0), (2, 60.0)):
            for weight in transformer.block(layer).parameters():
                if weight.ndim == 2:
                    weight.mul_(factor)
    folder = tmp_path_factory.mktemp("loud") / "loud-model"
    save_checkpoint(folder, transformer, {})
    return str(folder)


class TokenToy(ToyModel):
    """The toy, reading the expressed genes of a cell in the order of the vocabulary."""

    def places(self, cells: CellSet) -> np.ndarray:
        return Vocabulary(self.genes).places(cells)

    def tokenise(self, cells: CellSet) -> Tokens:
        places = self.places(cells)
        known = np.flatnonzero(places >= 0)
        rows = [places[known[counts > 0]] for counts in cells.counts.toarray()[:, known]]
        flat = np.concatenate(rows).astype(np.int32)
        indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
        return Tokens(indptr, flat, flat, None, np.zeros(len(rows), dtype=np.int32))


@pytest.fixture
def token_model() -> ToyModel:
    """Return a model of 30 genes, three layers of two heads, width 8, without a read-out."""
    return toy_model(kind=TokenToy)


@pytest.fixture
def token_cells() -> Any:
    """Return 25 cells of the toy's genes and five others: G3 is in no cell, G4 in two."""
    draw = np.random.default_rng(5)
    counts = draw.poisson(2.0, (25, N_GENES + 5)).astype(np.float32)
    counts[:, 3] = 0
    counts[2:, 4] = 0
    names = [*(f"G{place}" for place in range(N_GENES)), *(f"other{place}" for place in range(5))]
    found = anndata.AnnData(X=counts)
    found.var_names = names
    found.obs_names = [f"c{place}" for place in range(25)]
    return found
