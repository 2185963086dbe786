"""Geneformer behind the protocol of foundation models; the arithmetic is that of the modules of ``transformers``."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from theodolite.data import CellSet
from theodolite.measurements import Variant, VariantKind
from theodolite.models.attending import attend
from theodolite.models.geneformer.checkpoint import load_network, new_network
from theodolite.models.geneformer.configuration import Configuration, read_configuration
from theodolite.models.geneformer.dictionaries import GeneDictionary, read_dictionary
from theodolite.models.geneformer.facts import facts_of
from theodolite.models.geneformer.tokeniser import rank_value_tokens
from theodolite.models.protocol import Batch, Tap
from theodolite.models.sites import attention, mlp_post, mlp_pre
from theodolite.models.tokens import Tokens

if TYPE_CHECKING:
    from transformers import BertForMaskedLM

__all__ = ["GeneformerModel", "load_geneformer"]


@dataclass(frozen=True, eq=False)
class GeneformerModel:
    """A Geneformer of either version and any size.

    Attributes
    ----------
    name, sha256
        Name for people; content hash of configuration, weights and dictionaries.
    configuration
        Its shape.
    dictionary
        Genes, medians and special tokens.
    network
        In evaluation mode.
    left_out
        Tensors of the checkpoint that hold nothing learned and were left out.
    """

    name: str
    sha256: str
    configuration: Configuration = field(repr=False)
    dictionary: GeneDictionary = field(repr=False)
    network: BertForMaskedLM = field(repr=False)
    left_out: tuple[str, ...] = ()

    @property
    def genes(self) -> tuple[str, ...]:
        """Genes of the vocabulary in the order of their tokens."""
        return self.dictionary.names

    @property
    def n_layers(self) -> int:
        """Number of transformer blocks."""
        return self.configuration.layers

    @property
    def n_heads(self) -> int:
        """Attention heads a block."""
        return self.configuration.heads

    @property
    def width(self) -> int:
        """Dimension of the residual stream."""
        return self.configuration.width

    @property
    def context(self) -> int:
        """Tokens of a cell at most, special ones included."""
        return self.configuration.context

    @property
    def pad_id(self) -> int:
        """Token of padding."""
        return self.dictionary.specials.pad

    @property
    def mask_id(self) -> int:
        """Token that stands where a gene is to be predicted."""
        return self.dictionary.specials.mask

    @property
    def expects(self) -> Literal["counts"]:
        """The matrix that the model reads."""
        return "counts"

    @cached_property
    def read_out(self) -> NDArray[np.float32]:
        """Rows of the decoder (genes, width), scaled as the norm before it scales what they are multiplied with."""
        head = self.network.cls.predictions
        with torch.no_grad():
            rows = head.decoder.weight[torch.from_numpy(self.dictionary.token_ids).to(self.device).long()]
            scaled = rows * head.transform.LayerNorm.weight
        return np.asarray(scaled.float().cpu().numpy())

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._words.device

    @property
    def _words(self) -> Tensor:
        weight: Tensor = self.network.bert.embeddings.word_embeddings.weight
        return weight

    def places(self, cells: CellSet) -> NDArray[np.intp]:
        """Return for each gene of the cells its position in :attr:`genes`, -1 where the model does not know it."""
        return self.dictionary.vocabulary.places(cells)

    def tokenise(self, cells: CellSet) -> Tokens:
        """Return cells as rank values, with as many threads as torch has.

        See :func:`theodolite.models.geneformer.tokeniser.rank_value_tokens`.
        """
        return rank_value_tokens(cells, self.dictionary, self.context, threads=torch.get_num_threads())

    def embed(self, batch: Batch) -> Tensor:
        """Return the residual stream before the first block, [B, T, d]: gene, rank and type, normed."""
        found: Tensor = self.network.bert.embeddings(input_ids=batch.ids)
        return found

    def block(self, layer: int, hidden: Tensor, batch: Batch, tap: Tap) -> Tensor:
        """Return the residual stream [B, T, d] after block ``layer``; each of its two additions is normed."""
        block: Any = self.network.bert.encoder.layer[layer - 1]
        own = block.attention.self
        shape = (*hidden.shape[:2], self.n_heads, self.width // self.n_heads)
        query, key, value = (part(hidden).view(shape).transpose(1, 2) for part in (own.query, own.key, own.value))
        mixed = attend(query, key, value, batch, attention(layer), tap)
        attended = block.attention.output(mixed.transpose(1, 2).reshape(hidden.shape), hidden)
        units = block.intermediate.dense(attended)
        if tap.wants(site := mlp_pre(layer)):
            units = tap(site, units)
        units = block.intermediate.intermediate_act_fn(units)
        if tap.wants(site := mlp_post(layer)):
            units = tap(site, units)
        after: Tensor = block.output(units, attended)
        return after

    def predict(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Return logits [B, T, V] over all tokens, special ones included."""
        logits: Tensor = self.network.cls(hidden)
        return logits

    def variant(self, variant: Variant) -> GeneformerModel:
        """Return the model of a control variant; variants of the input leave the model as it is."""
        match variant.kind:
            case VariantKind.UNTRAINED:
                network = _moved(new_network(self.configuration, variant.seed), self.device, self._words.dtype)
            case VariantKind.RANDOM_EMBEDDING:
                network = self._with_random_embedding(variant.seed)
            case _:  # the model itself, whatever else differs
                return self
        return replace(self, name=f"{self.name} {variant}", network=network)

    def _with_random_embedding(self, seed: int) -> BertForMaskedLM:
        """Draw the directions of the genes' embeddings, which the decoder shares, anew; their norms are kept."""
        network = copy.deepcopy(self.network)
        words = network.bert.embeddings.word_embeddings.weight
        rows = torch.from_numpy(self.dictionary.token_ids).long()
        drawn = torch.randn(len(rows), self.width, generator=torch.Generator().manual_seed(seed))
        drawn = drawn.to(words.device, words.dtype)
        rows = rows.to(words.device)
        with torch.no_grad():
            norms = words[rows].norm(dim=1) / drawn.norm(dim=1)
            words[rows] = drawn * norms[:, None]
        return network

    def placed(self, device: torch.device, dtype: torch.dtype) -> GeneformerModel:
        """Return the model with its weights on a device, in a type of floating-point number."""
        if self.device == device and self._words.dtype == dtype:
            return self
        return replace(self, network=_moved(copy.deepcopy(self.network), device, dtype))


def _moved(network: BertForMaskedLM, device: torch.device, dtype: torch.dtype) -> BertForMaskedLM:
    # The signature of transformers' own `to` hides that of torch.
    cast("nn.Module", network).to(device, dtype)
    return network


def load_geneformer(folder: Path) -> GeneformerModel:
    """Load a checkpoint in the published format, strictly.

    Raises
    ------
    CheckpointError
        If configuration, weights or dictionaries are missing, cannot be read safely, or do not fit together.
    """
    configuration = read_configuration(folder)
    dictionary = read_dictionary(folder, configuration.vocabulary)
    facts = facts_of(folder, configuration, dictionary)
    network, left_out = load_network(folder)
    return GeneformerModel(facts.name, facts.sha256, configuration, dictionary, network, left_out)
