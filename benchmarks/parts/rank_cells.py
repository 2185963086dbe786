"""Geneformer V1-10M with random weights, and cells as it would read them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from theodolite.models.geneformer.model import GeneformerModel, load_geneformer
from theodolite.models.geneformer.sizes import SIZES
from theodolite.models.geneformer.writing import write_random_checkpoint
from theodolite.models.tokens import Tokens

__all__ = ["random_geneformer", "rank_tokens"]

_SIZE = "gf-6L-30M-i2048"


def random_geneformer(seed: int) -> GeneformerModel:
    """Return a network of 6 layers, width 256, 4 heads and 25,426 tokens, loaded as a published one is."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / _SIZE
        write_random_checkpoint(place, SIZES[_SIZE], seed)
        return load_geneformer(place)


def rank_tokens(model: GeneformerModel, cells: int, seed: int) -> Tokens:
    """Return cells of 1,000 to 2,048 genes in the order of their expression; some genes are in nearly every cell."""
    draw, n_genes = np.random.default_rng(seed), len(model.genes)
    level = draw.permutation(np.log(1.0 / np.arange(1, n_genes + 1)))
    genes = []
    for length in draw.integers(1_000, model.context + 1, size=cells):
        expression = level + draw.gumbel(size=n_genes) * 0.7
        genes.append(np.argsort(-expression)[:length].astype(np.int32))
    flat = np.concatenate(genes)
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in genes])]).astype(np.int64)
    ids = model.dictionary.token_ids[flat].astype(np.int32)
    return Tokens(indptr, ids, flat, None, np.zeros(cells, dtype=np.int32))
