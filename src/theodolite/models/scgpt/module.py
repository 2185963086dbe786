"""scGPT as a network of our own, with the names and shapes of its published tensors.

Cui et al. 2024, Nature Methods: each token is the sum of a gene's embedding and of an encoding of its binned value;
twelve post-norm encoder layers follow. Attention is written out from ``in_proj_weight``, so that its probabilities can
be read and edited; where nobody wants them it is computed fused.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from theodolite.models.attending import attend
from theodolite.models.protocol import Batch, Tap
from theodolite.models.scgpt.settings import ScGPTSettings
from theodolite.models.sites import attention as attention_site
from theodolite.models.sites import mlp_post, mlp_pre

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ScGPTModule"]

LARGEST_VALUE = 512.0
"""Values above this are read as this."""


class GeneEncoder(nn.Module):
    """Token embedding and its norm."""

    def __init__(self, n_tokens: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_tokens, width)
        self.enc_norm = nn.LayerNorm(width)

    def forward(self, ids: Tensor) -> Tensor:
        """Return [..., d] of tokens [...]."""
        found: Tensor = self.enc_norm(self.embedding(ids))
        return found


class ValueEncoder(nn.Module):
    """Two linear layers and a norm over one number a token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(1, width)
        self.linear2 = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, values: Tensor) -> Tensor:
        """Return [B, T, d] of values [B, T]."""
        capped = values.clamp(max=LARGEST_VALUE)[..., None]
        found: Tensor = self.norm(self.linear2(functional.relu(self.linear1(capped))))
        return found


class SelfAttention(nn.Module):
    """Multi-head self-attention with one matrix for queries, keys and values, in this order of rows."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, hidden: Tensor, batch: Batch, layer: int, tap: Tap) -> Tensor:
        """Return what attention adds to the residual stream [B, T, d]; padding is read by nobody."""
        n_cells, n_tokens, width = hidden.shape
        joint = functional.linear(hidden, self.in_proj_weight, self.in_proj_bias)
        query, key, value = joint.view(n_cells, n_tokens, 3, self.n_heads, -1).permute(2, 0, 3, 1, 4)
        mixed = attend(query, key, value, batch, attention_site(layer), tap)
        found: Tensor = self.out_proj(mixed.transpose(1, 2).reshape(n_cells, n_tokens, width))
        return found


class Layer(nn.Module):
    """One post-norm encoder layer."""

    def __init__(self, settings: ScGPTSettings) -> None:
        super().__init__()
        width = settings.embsize
        self.self_attn = SelfAttention(width, settings.nheads)
        self.linear1 = nn.Linear(width, settings.d_hid)
        self.linear2 = nn.Linear(settings.d_hid, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)

    def forward(self, hidden: Tensor, batch: Batch, layer: int, tap: Tap) -> Tensor:
        """Return the residual stream [B, T, d] after the layer; ``layer`` is counted from 1."""
        hidden = self.norm1(hidden + self.self_attn(hidden, batch, layer, tap))
        units = self.linear1(hidden)
        if tap.wants(mlp_pre(layer)):
            units = tap(mlp_pre(layer), units)
        units = functional.relu(units)
        if tap.wants(mlp_post(layer)):
            units = tap(mlp_post(layer), units)
        found: Tensor = self.norm2(hidden + self.linear2(units))
        return found


class Encoder(nn.Module):
    """The layers, under the name that the published tensors have."""

    def __init__(self, settings: ScGPTSettings) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(settings) for _ in range(settings.nlayers))


class ExpressionDecoder(nn.Module):
    """From a token's residual stream to its binned value."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(width, width), nn.LeakyReLU(), nn.Linear(width, width), nn.LeakyReLU(), nn.Linear(width, 1)
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """Return [B, T] of [B, T, d]."""
        found: Tensor = self.fc(hidden).squeeze(-1)
        return found


class ClsDecoder(nn.Module):
    """A classifier on the cell embedding."""

    def __init__(self, width: int, n_layers: int, n_classes: int) -> None:
        super().__init__()
        self._decoder = nn.ModuleList()
        for _ in range(n_layers - 1):
            self._decoder.extend([nn.Linear(width, width), nn.ReLU(), nn.LayerNorm(width)])
        self.out_layer = nn.Linear(width, n_classes)

    def forward(self, cell: Tensor) -> Tensor:
        """Return logits [B, classes] of cell embeddings [B, d]."""
        for part in self._decoder:
            cell = part(cell)
        found: Tensor = self.out_layer(cell)
        return found


class MvcDecoder(nn.Module):
    """Values of genes from the cell embedding alone: each gene has a vector that is multiplied with it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gene2query = nn.Linear(width, width)
        self.W = nn.Linear(width, width, bias=False)

    def vectors(self, genes: Tensor) -> Tensor:
        """Return the vector of each gene, [..., d], from its embedding after ``enc_norm``."""
        found: Tensor = self.W(torch.sigmoid(self.gene2query(genes)))
        return found


class ScGPTModule(nn.Module):
    """The whole network, for inference: it holds no dropout.

    Parameters
    ----------
    settings
        Sizes.
    n_tokens
        Rows of the token embedding.
    n_classes
        Classes of ``cls_decoder``; None where a checkpoint has none.
    mvc
        Whether there is an ``mvc_decoder``.
    """

    def __init__(
        self, settings: ScGPTSettings, n_tokens: int, *, n_classes: int | None = None, mvc: bool = False
    ) -> None:
        super().__init__()
        # Layers draw library defaults as they are made, which must not move the caller's random numbers.
        with torch.random.fork_rng(devices=[]):
            self.encoder = GeneEncoder(n_tokens, settings.embsize)
            self.value_encoder = ValueEncoder(settings.embsize)
            self.transformer_encoder = Encoder(settings)
            self.decoder = ExpressionDecoder(settings.embsize)
            self.cls_decoder = (
                None if n_classes is None else ClsDecoder(settings.embsize, settings.n_layers_cls, n_classes)
            )
            self.mvc_decoder = MvcDecoder(settings.embsize) if mvc else None
        self.pad_value = settings.pad_value

    @torch.no_grad()
    def reset(self, seed: int) -> None:
        """Draw initial weights as the authors' code does, from a generator of their own."""
        draw = torch.Generator().manual_seed(seed)
        for module in self.modules():
            if isinstance(module, nn.LayerNorm):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                bound = module.in_features**-0.5
                nn.init.uniform_(module.weight, -bound, bound, generator=draw)
                if module.bias is not None:
                    nn.init.uniform_(module.bias, -bound, bound, generator=draw)
            elif isinstance(module, nn.Embedding):
                nn.init.uniform_(module.weight, -0.1, 0.1, generator=draw)
        for module in self.modules():
            if isinstance(module, SelfAttention):
                bound = math.sqrt(6.0 / sum(module.in_proj_weight.shape))
                nn.init.uniform_(module.in_proj_weight, -bound, bound, generator=draw)
                nn.init.zeros_(module.in_proj_bias)
                nn.init.zeros_(module.out_proj.bias)

    def embed(self, batch: Batch) -> Tensor:
        """Return the sum of gene and value encodings, [B, T, d]."""
        if batch.values is None:
            raise ValueError("scGPT reads a value beside each token; tokenise the cells with this model")
        values = batch.values if batch.full else batch.values.masked_fill(~batch.present, self.pad_value)
        weight = self.encoder.embedding.weight
        found: Tensor = self.encoder(batch.ids) + self.value_encoder(values.to(weight.dtype))
        return found
