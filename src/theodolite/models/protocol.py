"""What Theodolite needs of a foundation model of cells."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

__all__ = ["FoundationModel"]


@runtime_checkable
class FoundationModel(Protocol):
    """A model whose tokens are genes."""

    @property
    def name(self) -> str:
        """Name for people."""
        ...

    @property
    def sha256(self) -> str:
        """Content hash of weights and configuration."""
        ...

    @property
    def genes(self) -> tuple[str, ...]:
        """Symbols of the vocabulary, in the order of the value columns."""
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
    def read_out(self) -> NDArray[np.float32] | None:
        """Vectors (genes, width) with which predictions are read out; None where a model has none."""
        ...

    @property
    def expects(self) -> Literal["log1p_cp10k"]:
        """The matrix that the model was trained on; others are refused."""
        ...

    def accumulate(
        self, values: NDArray[np.float32], hidden: NDArray[np.float64], attention: NDArray[np.float64]
    ) -> None:
        """Run cells (batch, genes) unmasked and add their residual streams and attentions to the running sums.

        ``hidden`` has shape (layers + 1, genes, width), ``attention`` (layers, heads, genes, genes).
        """
        ...
