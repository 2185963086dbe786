"""A model in the shape of Geneformer V1-10M with random weights, and cells as it would read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import BertConfig, BertForMaskedLM

from theodolite.data import CellSet
from theodolite.measurements import Variant
from theodolite.models.attending import attend
from theodolite.models.protocol import Batch, Matrix, Tap
from theodolite.models.sites import attention, mlp_post, mlp_pre
from theodolite.models.tokens import Tokens

__all__ = ["RandomBert", "random_bert", "rank_tokens"]

VOCABULARY, SPECIAL, CONTEXT = 25_426, 2, 2_048


@dataclass(frozen=True, eq=False)
class RandomBert:
    """The modules of transformers behind the protocol of models."""

    network: BertForMaskedLM
    name: str = "random V1-10M"
    sha256: str = "0" * 64
    n_layers: int = 6
    n_heads: int = 4
    width: int = 256
    context: int = CONTEXT
    pad_id: int = 0
    expects: Matrix = "counts"
    read_out: NDArray[np.float32] | None = None

    @property
    def genes(self) -> tuple[str, ...]:
        """Names made up; a token is its gene's position and the special tokens."""
        return tuple(f"G{index}" for index in range(VOCABULARY - SPECIAL))

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.network.bert.embeddings.word_embeddings.weight.device

    def places(self, cells: CellSet) -> NDArray[np.intp]:
        """Cells are made as tokens."""
        raise NotImplementedError

    def tokenise(self, cells: CellSet) -> Tokens:
        """Cells are made as tokens."""
        raise NotImplementedError

    def embed(self, batch: Batch) -> Tensor:
        """Return the residual stream before the first block."""
        found: Tensor = self.network.bert.embeddings(input_ids=batch.ids)
        return found

    def block(self, layer: int, hidden: Tensor, batch: Batch, tap: Tap) -> Tensor:
        """Return the residual stream after a block."""
        block: Any = self.network.bert.encoder.layer[layer - 1]
        own = block.attention.self
        shape = (*hidden.shape[:2], self.n_heads, self.width // self.n_heads)
        query, key, value = (part(hidden).view(shape).transpose(1, 2) for part in (own.query, own.key, own.value))
        mixed = attend(query, key, value, batch, attention(layer), tap)
        attended = block.attention.output(mixed.transpose(1, 2).reshape(hidden.shape), hidden)
        units = tap(mlp_pre(layer), block.intermediate.dense(attended))
        units = tap(mlp_post(layer), block.intermediate.intermediate_act_fn(units))
        after: Tensor = block.output(units, attended)
        return after

    def predict(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Return logits over the vocabulary."""
        logits: Tensor = self.network.cls(hidden)
        return logits

    def variant(self, variant: Variant) -> RandomBert:
        """Return the model as it is."""
        return self

    def placed(self, device: torch.device, dtype: torch.dtype) -> RandomBert:
        """Return the model as it is."""
        return self


def random_bert(seed: int) -> RandomBert:
    """Return a network of 6 layers, width 256, 4 heads, in evaluation mode."""
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=256,
        num_hidden_layers=6,
        num_attention_heads=4,
        intermediate_size=512,
        hidden_act="relu",
        max_position_embeddings=CONTEXT,
        layer_norm_eps=1e-12,
        pad_token_id=0,
        attn_implementation="sdpa",
    )
    return RandomBert(BertForMaskedLM(config).eval())


def rank_tokens(cells: int, seed: int) -> Tokens:
    """Return cells of 1,000 to 2,048 genes in the order of their expression; some genes are in nearly every cell."""
    draw = np.random.default_rng(seed)
    level = draw.permutation(np.log(1.0 / np.arange(1, VOCABULARY - SPECIAL + 1)))
    genes = []
    for length in draw.integers(1_000, CONTEXT + 1, size=cells):
        expression = level + draw.gumbel(size=len(level)) * 0.7
        genes.append(np.argsort(-expression)[:length].astype(np.int32))
    flat = np.concatenate(genes)
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in genes])]).astype(np.int64)
    return Tokens(indptr, flat + np.int32(SPECIAL), flat, None, np.zeros(cells, dtype=np.int32))
