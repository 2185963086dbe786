"""Loading models, and the control variants of a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.measurements import Variant, VariantKind
from theodolite.models.facts import checkpoint_sha256, model_folder

if TYPE_CHECKING:
    from theodolite.models.compact import CompactTransformer

__all__ = ["CompactModel", "load_model"]


@dataclass(frozen=True)
class CompactModel:
    """The compact transformer behind the :class:`FoundationModel` protocol.

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
    def read_out(self) -> NDArray[np.float32]:
        """Read-out vectors (genes, width), scaled as the final norm scales what they are multiplied with."""
        scaled = self.transformer.read_out_vectors * self.transformer.final_norm.weight
        return np.asarray(scaled.detach().numpy(), dtype=np.float32)

    @property
    def expects(self) -> Literal["log1p_cp10k"]:
        """The matrix that the model was trained on."""
        return "log1p_cp10k"

    def accumulate(
        self, values: NDArray[np.float32], hidden: NDArray[np.float64], attention: NDArray[np.float64]
    ) -> None:
        """Add residual streams and attentions of unmasked cells to the running sums."""
        import torch

        with torch.inference_mode():
            index = torch.arange(len(self.genes))
            trace = self.transformer.trace(torch.from_numpy(values), index, attention=True)
            for layer, state in enumerate(trace.hidden):
                hidden[layer] += state.sum(dim=0).double().numpy()
            for layer, probabilities in enumerate(trace.attention):
                attention[layer] += probabilities.sum(dim=0).double().numpy()

    def variant(self, variant: Variant) -> CompactModel:
        """Return the model of a control variant; variants of the input leave the model as it is."""
        from theodolite.models.compact import random_embedding, untrained

        match variant.kind:
            case VariantKind.UNTRAINED:
                changed = untrained(self.transformer, variant.seed)
            case VariantKind.RANDOM_EMBEDDING:
                changed = random_embedding(self.transformer, variant.seed)
            case VariantKind.MAIN | VariantKind.SHUFFLED_INPUT | VariantKind.PERMUTED_LABELS | VariantKind.COUNTS:
                return self
        return CompactModel(f"{self.name} {variant}", self.sha256, changed)


def load_model(model: str) -> CompactModel:
    """Load a model by packaged name or folder; loading is strict.

    Raises
    ------
    ModelNotFoundError
        If there is none.
    CheckpointError
        If a tensor is missing, unexpected, mis-shaped or not finite.
    """
    from theodolite.models.compact import load_checkpoint

    folder = model_folder(model)
    return CompactModel(folder.name, checkpoint_sha256(folder), load_checkpoint(folder).eval())
