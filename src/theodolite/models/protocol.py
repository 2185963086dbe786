"""What Theodolite needs of a foundation model of cells: one protocol for its own models and those of plug-ins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from theodolite.data import CellSet
from theodolite.measurements import Variant
from theodolite.models.sites import Site
from theodolite.models.tokens import Tokens

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["Batch", "Device", "Dtype", "FoundationModel", "Matrix", "Sink", "Tap"]

Device = Literal["auto", "cpu", "cuda", "mps"]
"""Where a model runs; ``auto`` is a GPU where there is one."""
Dtype = Literal["float32", "float16", "bfloat16"]
"""In which floating-point type it runs."""

Matrix = Literal["counts", "log1p_cp10k"]
"""The matrix that a model reads: raw counts, or log1p of counts per 10,000."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Cells of equal length, padded on the right; B cells, T tokens.

    Attributes
    ----------
    ids
        [B, T], int64: rows of the token embedding; the model's padding token where nothing is present.
    genes
        [B, T], int64: position in ``model.genes``; -1 for special tokens and padding.
    present
        [B, T], bool: False for padding.
    values
        [B, T], float32: what a model reads beside each token; None where it reads none.
    full
        Whether nothing is padded, so that a model may leave masking out.
    """

    ids: Tensor
    genes: Tensor
    present: Tensor
    values: Tensor | None
    full: bool


class Sink(Protocol):
    """Who takes attention in parts and keeps no part of it, so that no map is ever whole in memory."""

    def __call__(self, part: Tensor, cell: int, head: int, query: int) -> None:
        """Take a part of one cell's attention: [h, t, k], whose first row is of a head and a query, counted from 0.

        Keys begin at the first token; those left out at the end are padding. The memory of a part is used again.
        """
        ...


class Tap(Protocol):
    """What a block hands its inner sites to: they are read there, and changed there."""

    def wants(self, site: Site) -> bool:
        """Return whether anybody reads or edits a site; a block need not compute what nobody wants."""
        ...

    def __call__(self, site: Site, value: Tensor) -> Tensor:
        """Return what to go on with in place of ``value``."""
        ...

    def sink(self, site: Site) -> Sink | None:
        """Return who takes a block's attention in parts, where nobody wants it whole.

        A block may ask, and then hands all of it to the sink; one that does not is given a chance to hand it over whole
        (:func:`theodolite.models.attending.attend` does either).
        """
        ...


@runtime_checkable
class FoundationModel(Protocol):
    """A model whose tokens are genes: an embedding, blocks over a residual stream, and a prediction.

    ``embed``, ``block`` and ``predict`` are pure functions of what they are given, in evaluation mode, so that a pass
    can be resumed from the residual stream of any layer. :func:`theodolite.models.running.run` puts them together,
    reads and edits the embedding, the residual streams and the output; a block hands its attention and its MLP to
    the tap.
    """

    @property
    def name(self) -> str:
        """Name for people."""
        ...

    @property
    def sha256(self) -> str:
        """Content hash of weights, configuration and vocabulary."""
        ...

    @property
    def genes(self) -> tuple[str, ...]:
        """Genes of the vocabulary by symbol (by Ensembl id where there is no symbol of its own)."""
        ...

    @property
    def n_layers(self) -> int:
        """Number of transformer blocks."""
        ...

    @property
    def n_heads(self) -> int:
        """Attention heads a block."""
        ...

    @property
    def width(self) -> int:
        """Dimension of the residual stream."""
        ...

    @property
    def context(self) -> int:
        """Tokens of a cell at most, special ones included."""
        ...

    @property
    def pad_id(self) -> int:
        """Token of padding; any token where a model never pads."""
        ...

    @property
    def expects(self) -> Matrix:
        """The matrix that the model reads; others are refused."""
        ...

    @property
    def read_out(self) -> NDArray[np.float32] | None:
        """Vectors (genes, width) with which predictions are read out; None where a model has none."""
        ...

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        ...

    def places(self, cells: CellSet) -> NDArray[np.intp]:
        """Return for each gene of the cells its position in :attr:`genes`, -1 where the model does not know it."""
        ...

    def tokenise(self, cells: CellSet) -> Tokens:
        """Return cells as the model reads them.

        Raises
        ------
        CellDataError
            If the cells do not hold the matrix that the model expects, or share no gene with the vocabulary.
        """
        ...

    def embed(self, batch: Batch) -> Tensor:
        """Return the residual stream before the first block, [B, T, d]."""
        ...

    def block(self, layer: int, hidden: Tensor, batch: Batch, tap: Tap) -> Tensor:
        """Return the residual stream [B, T, d] after block ``layer`` (counted from 1), given the one before it.

        The block hands attention probabilities, and its MLP before and after the activation, to ``tap`` where
        ``tap.wants`` them, and goes on with what it gets back.
        """
        ...

    def predict(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Return the prediction from the last residual stream: [B, T], or logits [B, T, V]."""
        ...

    def variant(self, variant: Variant) -> FoundationModel:
        """Return the model of a control variant: untrained, or with a random embedding; else the model as it is."""
        ...

    def placed(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Return the model with its weights on a device, in a type of floating-point number."""
        ...
