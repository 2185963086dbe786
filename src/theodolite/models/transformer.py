"""The project's own small foundation model: a masked-reconstruction transformer over genes.

Architecture of the single-cell scaling-law paper (arXiv 2602.15253): a gene-identity embedding plus a linear
embedding of the value, or a learned mask token in the value's place; pre-norm encoder blocks with GELU and no
positions. Three choices are ours: values are standardised per gene by buffers inside the model, the read-out is one
vector and one bias for each gene, and the first block's attention starts out sensitive to expression, which shortens
the plateau before learning (see :meth:`CompactTransformer.reset`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from theodolite.models.attending import attend
from theodolite.models.protocol import Batch, Tap
from theodolite.models.sites import attention as attention_site
from theodolite.models.sites import mlp_post, mlp_pre

__all__ = ["Block", "CompactConfig", "CompactTransformer", "Trace", "random_embedding", "untrained"]

EMBEDDING_SCALE = 0.2
VALUE_SCALE = 0.05
ATTENTION_REACH = 7.5
SMALL_SCALE = 0.02


@dataclass(frozen=True)
class CompactConfig:
    """Shape of a compact model; the defaults are those of the shipped checkpoint.

    Parameters
    ----------
    genes
        Gene symbols in vocabulary order: token ``i`` is ``genes[i]``.
    width
        Residual stream width d, a multiple of ``n_heads``.
    n_layers, n_heads
        Encoder blocks, and attention heads in each.
    feedforward
        Hidden width of each block's feed-forward layer.
    dropout
        Share dropped from each block's two residual updates in training.

    Raises
    ------
    ValueError
        When a field is out of range, or genes are absent or repeated.
    """

    genes: tuple[str, ...]
    width: int = 64
    n_layers: int = 3
    n_heads: int = 4
    feedforward: int = 128
    dropout: float = 0.1

    def __post_init__(self) -> None:
        """Refuse shapes that no model can have."""
        if not self.genes or not all(isinstance(gene, str) and gene for gene in self.genes):
            raise ValueError("genes must be a non-empty tuple of non-empty symbols: pass the vocabulary of the cells")
        if len(set(self.genes)) != len(self.genes):
            repeated = next(gene for gene in self.genes if self.genes.count(gene) > 1)
            raise ValueError(f"gene {repeated!r} is repeated: a vocabulary names each gene once")
        for name in ("width", "n_layers", "n_heads", "feedforward"):
            number = getattr(self, name)
            if not isinstance(number, int) or isinstance(number, bool) or number < 1:
                raise ValueError(f"{name}={number!r} must be a positive integer")
        if self.width % self.n_heads:
            raise ValueError(f"width={self.width!r} must be a multiple of n_heads={self.n_heads!r}")
        if not isinstance(self.dropout, (int, float)) or not 0 <= self.dropout < 1:
            raise ValueError(f"dropout={self.dropout!r} must be in [0, 1)")

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, the inverse of :meth:`from_dict`."""
        return {field.name: getattr(self, field.name) for field in fields(self)} | {"genes": list(self.genes)}

    @classmethod
    def from_dict(cls, options: Mapping[str, Any]) -> CompactConfig:
        """Read a configuration, refusing absent and unknown fields.

        Raises
        ------
        ValueError
            When a field is absent, unknown or out of range.
        """
        expected = {field.name for field in fields(cls)}
        if absent := sorted(expected - options.keys()):
            raise ValueError(f"absent fields {absent!r}: write every field of CompactConfig")
        if unknown := sorted(options.keys() - expected):
            raise ValueError(f"unknown fields {unknown!r}: the fields are {sorted(expected)!r}")
        if not isinstance(options["genes"], (list, tuple)):
            raise ValueError(f"genes={options['genes']!r} must be a list of symbols")
        return cls(**{**options, "genes": tuple(options["genes"])})


class Trace(NamedTuple):
    """What one forward pass did.

    ``hidden[0]`` is the residual stream after the embedding and ``hidden[l]`` after block ``l``, each ``[B, T, d]``,
    before the final norm; ``attention`` holds one ``[B, H, T, T]`` tensor of probabilities for each block (queries
    before keys), or nothing when not asked for; ``prediction`` is ``[B, T]``, equal to the forward pass.
    """

    hidden: tuple[Tensor, ...]
    attention: tuple[Tensor, ...]
    prediction: Tensor


class Block(nn.Module):
    """One pre-norm encoder block: attention over all genes of the cell, then a GELU feed-forward layer."""

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        width = config.width
        self.n_heads = config.n_heads
        self.dropout = float(config.dropout)
        self.attention_norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        self.feedforward_norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, config.feedforward)
        self.contract = nn.Linear(config.feedforward, width)

    def heads(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values of a residual stream ``[B, T, d]``, each ``[B, H, T, d / H]``."""
        batch, tokens, width = hidden.shape
        normed = self.attention_norm(hidden)
        shape = (batch, tokens, self.n_heads, width // self.n_heads)
        query, key, value = (
            project(normed).view(shape).transpose(1, 2) for project in (self.query, self.key, self.value)
        )
        return query, key, value

    def attention(self, hidden: Tensor) -> Tensor:
        """Return attention probabilities ``[B, H, T, T]``, queries before keys; each row sums to one."""
        query, key, _ = self.heads(hidden)
        # Scaling the queries instead of the products saves a pass over the largest array there is.
        return torch.softmax(query * query.shape[-1] ** -0.5 @ key.transpose(-2, -1), dim=-1)

    def forward(self, hidden: Tensor) -> Tensor:
        """Map the residual stream ``[B, T, d]`` before the block to the one after it."""
        query, key, value = self.heads(hidden)
        mixed = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(hidden.shape)
        hidden = hidden + functional.dropout(self.output(mixed), self.dropout, self.training)
        update = self.contract(functional.gelu(self.expand(self.feedforward_norm(hidden))))
        return hidden + functional.dropout(update, self.dropout, self.training)

    def tapped(self, hidden: Tensor, layer: int, batch: Batch, tap: Tap) -> Tensor:
        """Return what :meth:`forward` returns in evaluation mode, with attention and MLP handed to a tap."""
        mixed = attend(*self.heads(hidden), batch, attention_site(layer), tap)
        hidden = hidden + self.output(mixed.transpose(1, 2).reshape(hidden.shape))
        units = tap(mlp_pre(layer), self.expand(self.feedforward_norm(hidden)))
        update: Tensor = self.contract(tap(mlp_post(layer), functional.gelu(units)))
        return hidden + update


class CompactTransformer(nn.Module):
    """Masked-reconstruction transformer over the genes of one cell (arXiv 2602.15253, with a per-gene read-out).

    Values are log1p of counts per 10,000. ``gene_mean`` and ``gene_sd`` (``[G]``, the training cells') standardise
    them inside the model, so that a zero read-out is the gene mean.

    Parameters
    ----------
    config
        Shape and vocabulary.
    gene_mean, gene_sd
        Per-gene mean and standard deviation of the training cells, ``[G]`` each; zeros and ones when not given.
    seed
        Seed of the initial weights.

    Raises
    ------
    ValueError
        When the normalisation has the wrong length, or is not finite and positive where it must be.
    """

    gene_mean: Tensor
    gene_sd: Tensor

    def __init__(
        self,
        config: CompactConfig,
        gene_mean: Tensor | None = None,
        gene_sd: Tensor | None = None,
        *,
        seed: int = 0,
    ) -> None:
        super().__init__()
        n_genes, width = len(config.genes), config.width
        mean = torch.zeros(n_genes) if gene_mean is None else gene_mean.detach().clone().to(torch.float32)
        sd = torch.ones(n_genes) if gene_sd is None else gene_sd.detach().clone().to(torch.float32)
        for name, buffer in (("gene_mean", mean), ("gene_sd", sd)):
            if buffer.shape != (n_genes,) or not bool(torch.isfinite(buffer).all()):
                raise ValueError(f"{name} must be {n_genes} finite numbers, got shape {tuple(buffer.shape)!r}")
        if not bool((sd > 0).all()):
            raise ValueError(f"gene_sd has {float(sd.min())!r}: give 1 for a gene that is constant in the cells")
        self.config = config
        self.register_buffer("gene_mean", mean)
        self.register_buffer("gene_sd", sd)
        self.gene_embedding = nn.Parameter(torch.empty(n_genes, width))
        # Layers draw library defaults as they are made, which must not move the caller's random numbers.
        with torch.random.fork_rng(devices=[]):
            self.value_embedding = nn.Linear(1, width)
            self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.mask_token = nn.Parameter(torch.empty(width))
        self.final_norm = nn.LayerNorm(width)
        self.read_out_vectors = nn.Parameter(torch.empty(n_genes, width))
        self.read_out_bias = nn.Parameter(torch.empty(n_genes))
        self.reset(seed)

    @torch.no_grad()
    def reset(self, seed: int) -> None:
        """Draw the initial weights of ``seed`` from a generator of its own; the normalisation is left as it is.

        Gene embeddings are small beside the first attention output, so that the residual stream is mostly context;
        values are smaller still, so that the first norm keeps both how high a gene is expressed and which gene it
        is. Feed-forward layers start near nothing. In the first block the query bias of each head lies along (even
        heads) or against (odd heads) the key of the value direction: a token then reads the embeddings of highly,
        or of lowly, expressed genes from the first step. Without it the value-weighted average of embeddings must
        be found from a uniform average, which does not depend on which gene has which value.
        """
        generator = torch.Generator().manual_seed(seed)
        for module in self.modules():
            if isinstance(module, nn.LayerNorm):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight, generator=generator)
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.gene_embedding, std=EMBEDDING_SCALE, generator=generator)
        nn.init.normal_(self.value_embedding.weight, std=VALUE_SCALE, generator=generator)
        nn.init.normal_(self.mask_token, std=EMBEDDING_SCALE, generator=generator)
        nn.init.normal_(self.read_out_vectors, std=SMALL_SCALE, generator=generator)
        for block in self._each_block():
            nn.init.normal_(block.contract.weight, std=SMALL_SCALE, generator=generator)
        nn.init.zeros_(self.read_out_bias)
        first = next(self._each_block())
        head_width = self.config.width // self.config.n_heads
        keys = (first.key.weight @ self.value_embedding.weight[:, 0] / VALUE_SCALE).view(-1, head_width)
        signs = torch.tensor([1.0 if head % 2 == 0 else -1.0 for head in range(self.config.n_heads)])
        reach = ATTENTION_REACH * head_width**0.5 * signs / keys.square().sum(dim=1).clamp_min(1e-6)
        first.query.bias.copy_((reach[:, None] * keys).reshape(-1))
        first.query.weight.mul_(0.1)

    def _each_block(self) -> Iterator[Block]:
        return iter(cast("Iterable[Block]", self.blocks))

    def block(self, layer: int) -> Block:
        """Return one encoder block, counted from 1."""
        return cast("Block", self.blocks[layer - 1])

    def embed(self, values: Tensor, gene_index: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the residual stream before the first block, ``[B, T, d]``; arguments as :meth:`forward`."""
        values, index, mask = self._checked(values, gene_index, mask)
        standardised = (values - self.gene_mean[index]) / self.gene_sd[index]
        # A masked value is cut before the linear layer, so that even a NaN there cannot reach anything.
        content = self.value_embedding(standardised.masked_fill(mask, 0.0)[..., None])
        content = torch.where(mask[..., None], self.mask_token, content)
        return functional.embedding(index, self.gene_embedding) + content

    def read_out(self, hidden: Tensor, gene_index: Tensor) -> Tensor:
        """Return predicted values ``[B, T]`` in log1p CP10K from the last residual stream ``[B, T, d]``."""
        index = gene_index.expand(hidden.shape[:2])
        vectors = functional.embedding(index, self.read_out_vectors)
        standardised: Tensor = (self.final_norm(hidden) * vectors).sum(dim=-1) + self.read_out_bias[index]
        return self.gene_mean[index] + self.gene_sd[index] * standardised

    def forward(self, values: Tensor, gene_index: Tensor, mask: Tensor | None = None) -> Tensor:
        """Predict every presented gene of every cell.

        Parameters
        ----------
        values
            log1p CP10K, ``[B, T]``.
        gene_index
            Positions in ``config.genes``, ``[B, T]``, or ``[T]`` when all cells present the same genes.
        mask
            True where the value is hidden from the model, ``[B, T]``; nothing is hidden when not given.

        Returns
        -------
        Tensor
            Predicted log1p CP10K, ``[B, T]``.

        Raises
        ------
        ValueError
            When the three shapes do not agree.
        """
        hidden = self.embed(values, gene_index, mask)
        for block in self._each_block():
            hidden = block(hidden)
        return self.read_out(hidden, gene_index)

    def trace(self, values: Tensor, gene_index: Tensor, mask: Tensor | None = None, attention: bool = False) -> Trace:
        """Run the forward pass and keep the residual stream at every depth; arguments as :meth:`forward`.

        ``attention=True`` also keeps each block's attention probabilities, which take ``B * H * T * T`` floats each.
        """
        hidden = [self.embed(values, gene_index, mask)]
        probabilities = []
        for block in self._each_block():
            if attention:
                probabilities.append(block.attention(hidden[-1]))
            hidden.append(block(hidden[-1]))
        return Trace(tuple(hidden), tuple(probabilities), self.read_out(hidden[-1], gene_index))

    def _checked(self, values: Tensor, gene_index: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        if values.ndim != 2:
            raise ValueError(f"values must be [cells, genes], got shape {tuple(values.shape)!r}")
        if gene_index.shape not in (values.shape, values.shape[1:]):
            raise ValueError(
                f"gene_index has shape {tuple(gene_index.shape)!r}: give {tuple(values.shape)!r}, one gene a value"
            )
        mask = torch.zeros_like(values, dtype=torch.bool) if mask is None else mask
        if mask.shape != values.shape or mask.dtype != torch.bool:
            raise ValueError(f"mask must be bool of shape {tuple(values.shape)!r}, got {mask.dtype} {mask.shape!r}")
        return values, gene_index.expand(values.shape), mask


def untrained(source: CompactTransformer | CompactConfig, seed: int) -> CompactTransformer:
    """Return the model with the initial weights of ``seed``, in evaluation mode.

    Given a trained model, its normalisation is kept, so that the two differ in learned weights alone; given a
    configuration, nothing is normalised.
    """
    if isinstance(source, CompactConfig):
        return CompactTransformer(source, seed=seed).eval()
    return CompactTransformer(source.config, source.gene_mean, source.gene_sd, seed=seed).eval()


def random_embedding(model: CompactTransformer, seed: int) -> CompactTransformer:
    """Return a copy whose gene embedding and read-out vectors point in random directions with the learned norms.

    Both are learned for each gene; whatever else is learned is kept.
    """
    changed = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for vectors in (changed.gene_embedding, changed.read_out_vectors):
            drawn = torch.randn(vectors.shape, generator=generator)
            vectors.copy_(drawn * (vectors.norm(dim=1) / drawn.norm(dim=1))[:, None])
    return changed
