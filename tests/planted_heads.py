"""A compact model in which one head alone moves the predictions of some genes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch

from theodolite.models.compact import CompactConfig, CompactTransformer

LAYERS, HEADS, WIDTH = 2, 4, 16
LAYER, HEAD = 2, 2
"""Where the head is planted."""


def model_with_a_head(
    genes: Sequence[str], members: Collection[str], mean: torch.Tensor | None = None, sd: torch.Tensor | None = None
) -> CompactTransformer:
    """Return a model whose head 2 of layer 2 writes a direction that the members alone are read out along."""
    config = CompactConfig(tuple(genes), width=WIDTH, n_layers=LAYERS, n_heads=HEADS, feedforward=16, dropout=0.0)
    model = CompactTransformer(config, mean, sd, seed=3).eval()
    chosen = torch.tensor([gene in members for gene in config.genes])
    drawn = torch.Generator().manual_seed(11)
    direction = torch.randn(WIDTH, generator=drawn)
    direction -= direction.mean()  # the final norm takes the mean of a vector out
    direction /= direction.norm()
    part = slice((HEAD - 1) * WIDTH // HEADS, HEAD * WIDTH // HEADS)
    with torch.no_grad():
        reads = torch.randn(WIDTH // HEADS, generator=drawn) / 2.0
        model.block(LAYER).output.weight[:, part] = 2.0 * torch.outer(direction, reads)
        model.read_out_vectors[chosen] += 0.1 * direction
    return model
