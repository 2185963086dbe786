"""A model that knows the programs of a planted tree of cells, and its untrained twin that does not."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from numpy.typing import NDArray

from theodolite.canonical import digest
from theodolite.data import CellSet
from theodolite.data.tree_world import TreeWorld
from theodolite.measurements import Variant, VariantKind
from theodolite.models.attending import attend
from theodolite.models.facts import ModelFacts
from theodolite.models.protocol import Batch, Matrix, Tap
from theodolite.models.sites import attention
from theodolite.models.tokens import Tokens
from theodolite.models.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["TreeModel", "tree_facts", "tree_model"]

Floats = NDArray[np.float64]

LAYERS, HEADS, WIDTH = 2, 2, 16
_NOISE = 0.3
"""Size of what the table of genes holds beside the programs, as a share of them."""


@dataclass(frozen=True, eq=False)
class TreeModel:
    """A residual network whose table of genes holds a tree's programs; every gene is a token, scaled by its value.

    What it holds of a cell, mean over tokens, is then near the cell's place on the tree. Without training the table is
    random, and the same network knows the tree only as far as any projection of expression does.

    Attributes
    ----------
    name, sha256, genes
        As in the protocol.
    table, weights
        Vectors of genes (g, width), and of blocks (layers, width, width).
    """

    name: str
    sha256: str
    genes: tuple[str, ...]
    table: Tensor = field(repr=False)
    weights: Tensor = field(repr=False)
    n_layers: int = LAYERS
    n_heads: int = HEADS
    width: int = WIDTH
    pad_id: int = 0
    expects: Matrix = "log1p_cp10k"
    read_out: None = None

    @property
    def context(self) -> int:
        """Every gene is a token."""
        return len(self.genes)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.table.device

    def places(self, cells: CellSet) -> NDArray[np.intp]:
        """Return for each gene of the cells its position in :attr:`genes`."""
        return Vocabulary(self.genes).places(cells)

    def tokenise(self, cells: CellSet) -> Tokens:
        """Return cells as all genes with their log1p CP10K."""
        n, g = len(cells.cells), len(self.genes)
        every = np.tile(np.arange(g, dtype=np.int32), n)
        return Tokens(
            indptr=np.arange(n + 1, dtype=np.int64) * g,
            ids=every,
            genes=every,
            values=cells.log1p_cp10k(self.genes).ravel(),
            cut=np.zeros(n, dtype=np.int32),
        )

    def embed(self, batch: Batch) -> Tensor:
        """Return each gene's vector times its value."""
        assert batch.values is not None
        return self.table[batch.ids] * batch.values.to(self.table.dtype)[..., None]

    def block(self, layer: int, hidden: Tensor, batch: Batch, tap: Tap) -> Tensor:
        """Return the stream after a block: a little attention and a little of a random layer."""
        n_cells, n_tokens, _ = hidden.shape
        heads = hidden.view(n_cells, n_tokens, HEADS, -1).transpose(1, 2)
        mixed = attend(heads, heads, heads, batch, attention(layer), tap).transpose(1, 2).reshape(hidden.shape)
        return hidden + 0.1 * mixed + 0.1 * torch.tanh(hidden @ self.weights[layer - 1])

    def predict(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Return the first coordinate, which predicts nothing."""
        return hidden[..., 0]

    def variant(self, variant: Variant) -> TreeModel:
        """Return the model of a variant."""
        if variant.kind is not VariantKind.UNTRAINED:
            return self
        draw = np.random.default_rng([41, variant.seed])
        table = torch.as_tensor(draw.standard_normal(tuple(self.table.shape)), dtype=self.table.dtype)
        return replace(self, table=table)

    def placed(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Return the model elsewhere."""
        return replace(self, table=self.table.to(device, dtype), weights=self.weights.to(device, dtype))


def tree_facts(world: TreeWorld, seed: int) -> ModelFacts:
    """Return the facts of the model of a world."""
    return ModelFacts(
        name=f"planted-tree-{seed}",
        sha256=digest(["planted tree", seed, world.cells.sha256]),
        genes=world.cells.genes,
        n_layers=LAYERS,
        n_heads=HEADS,
        width=WIDTH,
        read_out=False,
        verified=True,
    )


def tree_model(world: TreeWorld, seed: int) -> TreeModel:
    """Return the model that knows the programs of a world, whether its cells go through them or not.

    Parameters
    ----------
    world
        Its programs are what the model knows.
    seed
        Of what its table holds beside them, and of its blocks.
    """
    draw = np.random.default_rng([40, seed])
    facts = tree_facts(world, seed)
    known = world.programs / np.linalg.norm(world.programs, axis=1, keepdims=True)
    table = np.zeros((len(facts.genes), WIDTH))
    table[:, : len(known)] = known.T
    table += _NOISE * draw.standard_normal(table.shape) / np.sqrt(len(table))
    weights = draw.standard_normal((LAYERS, WIDTH, WIDTH)) / np.sqrt(WIDTH)
    scale = np.sqrt(len(table))
    return TreeModel(
        facts.name,
        facts.sha256,
        facts.genes,
        torch.as_tensor(scale * table, dtype=torch.float32),
        torch.as_tensor(weights, dtype=torch.float32),
    )
