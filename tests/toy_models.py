"""A small model of ragged cells, made by hand: every kind of site, special tokens, padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from theodolite.data import CellSet
from theodolite.measurements import Variant
from theodolite.models.attending import attend
from theodolite.models.protocol import Batch, Tap
from theodolite.models.sites import attention, mlp_post, mlp_pre
from theodolite.models.tokens import Tokens

N_GENES, WIDTH, HEADS, LAYERS = 30, 8, 2, 3
CLS, PAD = N_GENES, N_GENES + 1


class ToyBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(WIDTH, 3 * WIDTH)
        self.output = nn.Linear(WIDTH, WIDTH)
        self.expand, self.contract = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)


@dataclass(frozen=True, eq=False)
class ToyModel:
    """Not registered anywhere; what it knows of genes is their number."""

    embedding: nn.Embedding
    blocks: nn.ModuleList
    read: nn.Linear
    name: str = "toy"
    sha256: str = "5" * 64
    n_layers: int = LAYERS
    n_heads: int = HEADS
    width: int = WIDTH
    context: int = 64
    pad_id: int = PAD
    expects: Any = "counts"
    read_out: None = None

    @property
    def genes(self) -> tuple[str, ...]:
        return tuple(f"G{index}" for index in range(N_GENES))

    @property
    def device(self) -> torch.device:
        return self.embedding.weight.device

    def places(self, cells: CellSet) -> np.ndarray:
        raise NotImplementedError

    def tokenise(self, cells: CellSet) -> Tokens:
        raise NotImplementedError

    def embed(self, batch: Batch) -> Tensor:
        return self.embedding(batch.ids)

    def block(self, layer: int, hidden: Tensor, batch: Batch, tap: Tap) -> Tensor:
        block: Any = self.blocks[layer - 1]
        shape = (*hidden.shape[:2], HEADS, WIDTH // HEADS)
        query, key, value = (each.reshape(shape).transpose(1, 2) for each in block.project(hidden).chunk(3, dim=-1))
        mixed = attend(query, key, value, batch, attention(layer), tap)
        hidden = hidden + block.output(mixed.transpose(1, 2).reshape(hidden.shape))
        units = tap(mlp_pre(layer), block.expand(hidden))
        return hidden + block.contract(tap(mlp_post(layer), functional.relu(units)))

    def predict(self, hidden: Tensor, batch: Batch) -> Tensor:
        return self.read(hidden)

    def variant(self, variant: Variant) -> ToyModel:
        return self if variant.kind.value == "main" else toy_model(variant.seed + 100)

    def placed(self, device: torch.device, dtype: torch.dtype) -> ToyModel:
        return self


def toy_model(seed: int = 0, kind: type[ToyModel] = ToyModel) -> ToyModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        blocks = nn.ModuleList(ToyBlock() for _ in range(LAYERS))
        return kind(nn.Embedding(N_GENES + 2, WIDTH), blocks, nn.Linear(WIDTH, N_GENES + 2))


def toy_tokens(cells: int = 11, seed: int = 0) -> Tokens:
    """Cells of five to twenty genes in an order of their own, each behind a special token."""
    draw = np.random.default_rng(seed)
    genes = [np.concatenate([[-1], draw.permutation(N_GENES)[: draw.integers(5, 21)]]) for _ in range(cells)]
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in genes])]).astype(np.int64)
    flat = np.concatenate(genes).astype(np.int32)
    ids = np.where(flat < 0, CLS, flat).astype(np.int32)
    return Tokens(indptr, ids, flat, None, np.zeros(cells, dtype=np.int32))


READ = toy_tokens(cells=23)


class ReadingToy(ToyModel):
    """A toy that reads cells: those named ``c0``, ``c1``, … are rows of :data:`READ`."""

    def places(self, cells: CellSet) -> np.ndarray:
        known = {gene: place for place, gene in enumerate(self.genes)}
        return np.array([known.get(gene, -1) for gene in cells.genes])

    def tokenise(self, cells: CellSet) -> Tokens:
        rows = [int(cell[1:]) for cell in cells.cells]
        parts = [slice(READ.indptr[row], READ.indptr[row + 1]) for row in rows]
        lengths = [part.stop - part.start for part in parts]
        return Tokens(
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            np.concatenate([READ.ids[part] for part in parts]),
            np.concatenate([READ.genes[part] for part in parts]),
            None,
            np.zeros(len(rows), dtype=np.int32),
        )


class ValueToy(ReadingToy):
    """Predicts one value a token, as scGPT and the compact model do."""

    def predict(self, hidden: Tensor, batch: Batch) -> Tensor:
        return self.read(hidden)[..., 0]


def toy_cells() -> CellSet:
    """Return the 23 cells that :class:`ReadingToy` knows how to read."""
    names = [f"G{index}" for index in range(N_GENES)]
    rows = [f"c{row}" for row in range(23)]
    counts = np.ones((23, N_GENES), dtype=np.int64)
    return CellSet.from_counts("toys", counts, names, rows, species="planted", origin="test")
