"""scGPT behind the protocol of foundation models."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray

from theodolite.data import CellSet
from theodolite.measurements import Variant, VariantKind
from theodolite.models.protocol import Batch, FoundationModel, Tap
from theodolite.models.scgpt.checkpoint import read_checkpoint
from theodolite.models.scgpt.facts import folder_sha256
from theodolite.models.scgpt.module import ScGPTModule
from theodolite.models.scgpt.settings import ScGPTSettings, ScGPTVocabulary
from theodolite.models.scgpt.tokeniser import tokenise
from theodolite.models.tokens import Tokens

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ScGPTModel", "load_scgpt"]


@dataclass(frozen=True)
class ScGPTModel:
    """A scGPT checkpoint.

    Attributes
    ----------
    name, sha256
        Name for people; hash of settings, vocabulary and weights.
    settings, vocabulary
        What ``args.json`` and ``vocab.json`` say.
    module
        The network, in evaluation mode.
    left_out
        Tensors of the file that no part of the network has a place for.
    """

    name: str
    sha256: str
    settings: ScGPTSettings
    vocabulary: ScGPTVocabulary = field(repr=False)
    module: ScGPTModule = field(repr=False)
    left_out: tuple[str, ...] = ()

    @property
    def genes(self) -> tuple[str, ...]:
        """Symbols of the vocabulary, special tokens left out."""
        return self.vocabulary.genes

    @property
    def n_layers(self) -> int:
        """Number of transformer blocks."""
        return self.settings.nlayers

    @property
    def n_heads(self) -> int:
        """Attention heads a block."""
        return self.settings.nheads

    @property
    def width(self) -> int:
        """Dimension of the residual stream."""
        return self.settings.embsize

    @property
    def context(self) -> int:
        """Tokens of a cell at most, ``<cls>`` included."""
        return self.settings.max_seq_len

    @property
    def pad_id(self) -> int:
        """Token of padding."""
        return self.vocabulary.pad_id

    @property
    def expects(self) -> Literal["counts"]:
        """Raw counts, which are binned cell by cell."""
        return "counts"

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.module.encoder.embedding.weight.device

    @property
    def read_out(self) -> NDArray[np.float32] | None:
        """Vectors (genes, width) of ``mvc_decoder``; None where the checkpoint has none.

        The value of a gene is the product of its vector with the residual stream of ``<cls>`` after the last block.
        The other decoder reads each token with the same weights and so has no vector a gene.
        """
        if self.module.mvc_decoder is None:
            return None
        with torch.inference_mode():
            rows = torch.from_numpy(self.vocabulary.gene_ids.astype(np.int64)).to(self.device)
            vectors = self.module.mvc_decoder.vectors(self.module.encoder(rows))
        return np.asarray(vectors.float().cpu().numpy(), dtype=np.float32)

    def places(self, cells: CellSet) -> NDArray[np.intp]:
        """Return for each gene of the cells its position in :attr:`genes`, -1 where the model does not know it."""
        return self.vocabulary.vocabulary.places(cells)

    def tokenise(self, cells: CellSet) -> Tokens:
        """Return cells as the model reads them; see :func:`theodolite.models.scgpt.tokeniser.tokenise`."""
        return tokenise(cells, self.settings, self.vocabulary)

    def embed(self, batch: Batch) -> Tensor:
        """Return the residual stream before the first block, [B, T, d]."""
        return self.module.embed(batch)

    def block(self, layer: int, hidden: Tensor, batch: Batch, tap: Tap) -> Tensor:
        """Return the residual stream [B, T, d] after block ``layer``, counted from 1."""
        found: Tensor = self.module.transformer_encoder.layers[layer - 1](hidden, batch, layer, tap)
        return found

    def predict(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Return the predicted bin of each token, [B, T], from the last residual stream."""
        found: Tensor = self.module.decoder(hidden)
        return found

    def cell_embedding(self, hidden: Tensor) -> Tensor:
        """Return cell embeddings [B, d] of length 1: the last residual stream of ``<cls>``."""
        return torch.nn.functional.normalize(hidden[:, 0], dim=-1, eps=0.0)

    def predict_from_cell(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Return the values [B, T] that ``mvc_decoder`` predicts from ``<cls>`` alone.

        As in the authors' training, the residual stream of ``<cls>`` is taken as it is, not scaled to length 1.

        Raises
        ------
        ValueError
            If the checkpoint has no such decoder.
        """
        if self.module.mvc_decoder is None:
            raise ValueError(f"model {self.name} has no mvc_decoder; take a checkpoint that was trained with MVC")
        vectors = self.module.mvc_decoder.vectors(self.module.encoder(batch.ids))
        return (vectors @ hidden[:, 0, :, None]).squeeze(-1)

    def classify(self, hidden: Tensor) -> Tensor:
        """Return the logits [B, classes] of ``cls_decoder``.

        Raises
        ------
        ValueError
            If the checkpoint has no such decoder.
        """
        if self.module.cls_decoder is None:
            raise ValueError(f"model {self.name} has no cls_decoder; take a checkpoint that was trained to classify")
        found: Tensor = self.module.cls_decoder(hidden[:, 0])
        return found

    def variant(self, variant: Variant) -> FoundationModel:
        """Return the model of a control variant; variants of the input leave the model as it is."""
        match variant.kind:
            case VariantKind.UNTRAINED:
                changed = copy.deepcopy(self.module)
                changed.reset(variant.seed)
            case VariantKind.RANDOM_EMBEDDING:
                changed = _random_embedding(self.module, self.vocabulary.gene_ids, variant.seed)
            case _:  # the model itself, whatever else differs
                return self
        return replace(self, name=f"{self.name} {variant}", module=changed)

    def placed(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Return the model with its weights on a device, in a type of floating-point number."""
        return replace(self, module=copy.deepcopy(self.module).to(device=device, dtype=dtype))


@torch.no_grad()
def _random_embedding(module: ScGPTModule, genes: NDArray[np.int32], seed: int) -> ScGPTModule:
    """Return a copy in which the embeddings of genes point in random directions with the learned norms.

    The vectors that ``mvc_decoder`` reads genes out with are made of these embeddings, so they change with them.
    """
    changed = copy.deepcopy(module)
    weight = changed.encoder.embedding.weight
    rows = torch.from_numpy(genes.astype(np.int64))
    drawn = torch.randn((len(rows), weight.shape[1]), generator=torch.Generator().manual_seed(seed)).to(weight)
    rows = rows.to(weight.device)
    weight[rows] = drawn * (weight[rows].norm(dim=1) / drawn.norm(dim=1))[:, None]
    return changed


def load_scgpt(folder: Path) -> ScGPTModel:
    """Load a scGPT folder strictly.

    Raises
    ------
    CheckpointError
        Naming the file, key or tensor that is absent, broken or does not fit, and the remedy.
    """
    read = read_checkpoint(folder)
    return ScGPTModel(folder.name, folder_sha256(folder), read.settings, read.vocabulary, read.module, read.left_out)
