"""The compact model behind the protocol of foundation models."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from theodolite.data import CellDataError, CellErrorCode, CellSet
from theodolite.measurements import Variant, VariantKind
from theodolite.models.facts import checkpoint_sha256
from theodolite.models.protocol import Batch, Matrix, Tap
from theodolite.models.tokens import Tokens
from theodolite.models.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

    from theodolite.models.compact import CompactTransformer

__all__ = ["CompactModel", "load_compact"]


@dataclass(frozen=True)
class CompactModel:
    """The compact transformer behind :class:`theodolite.models.protocol.FoundationModel`.

    Attributes
    ----------
    name, sha256
        Name for people, content hash of weights and configuration.
    transformer
        The network, in evaluation mode.
    """

    name: str
    sha256: str
    transformer: CompactTransformer = field(repr=False)

    @property
    def genes(self) -> tuple[str, ...]:
        """Symbols of the vocabulary."""
        return self.transformer.config.genes

    @property
    def n_layers(self) -> int:
        """Number of transformer blocks."""
        return self.transformer.config.n_layers

    @property
    def n_heads(self) -> int:
        """Attention heads a block."""
        return self.transformer.config.n_heads

    @property
    def width(self) -> int:
        """Dimension of the residual stream."""
        return self.transformer.config.width

    @property
    def context(self) -> int:
        """Tokens of a cell at most: every gene of the vocabulary is one."""
        return len(self.genes)

    @property
    def pad_id(self) -> int:
        """Any token: cells of one set are equally long, so that nothing is padded."""
        return 0

    @property
    def expects(self) -> Matrix:
        """The matrix that the model was trained on."""
        return "log1p_cp10k"

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.transformer.gene_embedding.device

    @property
    def read_out(self) -> NDArray[np.float32]:
        """Read-out vectors (genes, width), scaled as the final norm scales what they are multiplied with."""
        scaled = self.transformer.read_out_vectors * self.transformer.final_norm.weight
        return np.asarray(scaled.detach().float().cpu().numpy(), dtype=np.float32)

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return Vocabulary(self.genes)

    def places(self, cells: CellSet) -> NDArray[np.intp]:
        """Return for each gene of the cells its position in :attr:`genes`, -1 where the model does not know it."""
        return self._vocabulary.places(cells)

    def tokenise(self, cells: CellSet) -> Tokens:
        """Return cells as all genes of the vocabulary with their log1p CP10K, expressed or not.

        Raises
        ------
        CellDataError
            ``missing_genes`` if the cells lack a gene of the vocabulary.
        """
        places = self.places(cells)
        there = np.isin(np.arange(len(self.genes)), places)
        if (lacking := np.flatnonzero(~there)).size:
            raise CellDataError(
                CellErrorCode.MISSING_GENES,
                f"{lacking.size} of the {len(self.genes)} genes of model {self.name!r} are not in cells {cells.name!r} "
                f"(such as {', '.join(self.genes[place] for place in lacking[:3])}), and it reads all of them",
            )
        n_cells, n_genes = len(cells.cells), len(self.genes)
        every = np.tile(np.arange(n_genes, dtype=np.int32), n_cells)
        return Tokens(
            indptr=np.arange(n_cells + 1, dtype=np.int64) * n_genes,
            ids=every,
            genes=every,
            values=cells.log1p_cp10k(self.genes).ravel(),
            cut=np.zeros(n_cells, dtype=np.int32),
        )

    def embed(self, batch: Batch) -> Tensor:
        """Return the residual stream before the first block."""
        if batch.values is None or not batch.full:
            raise ValueError("the compact model reads a value for every gene of every cell; nothing is padded")
        return self.transformer.embed(batch.values.to(self.transformer.gene_embedding.dtype), batch.ids)

    def block(self, layer: int, hidden: Tensor, batch: Batch, tap: Tap) -> Tensor:
        """Return the residual stream after a block."""
        return self.transformer.block(layer).tapped(hidden, layer, batch, tap)

    def predict(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Return predicted log1p CP10K [B, T]."""
        return self.transformer.read_out(hidden, batch.ids)

    def variant(self, variant: Variant) -> CompactModel:
        """Return the model of a control variant; variants of the input leave the model as it is."""
        from theodolite.models.compact import random_embedding, untrained

        match variant.kind:
            case VariantKind.UNTRAINED:
                changed = untrained(self.transformer, variant.seed)
            case VariantKind.RANDOM_EMBEDDING:
                changed = random_embedding(self.transformer, variant.seed)
            case _:  # the model itself, whatever else differs
                return self
        return replace(self, name=f"{self.name} {variant}", transformer=changed)

    def placed(self, device: torch.device, dtype: torch.dtype) -> CompactModel:
        """Return the model with its weights on a device, in a type of floating-point number."""
        if device == self.device and dtype == self.transformer.gene_embedding.dtype:
            return self
        return replace(self, transformer=copy.deepcopy(self.transformer).to(device=device, dtype=dtype))


def load_compact(folder: Path) -> CompactModel:
    """Load a compact model from its folder; loading is strict.

    Raises
    ------
    CheckpointError
        If a tensor is missing, unexpected, mis-shaped or not finite.
    """
    from theodolite.models.compact import load_checkpoint

    return CompactModel(folder.name, checkpoint_sha256(folder), load_checkpoint(folder).eval())
