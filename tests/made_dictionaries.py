"""Dictionaries made by hand, whose features do what they are told to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from theodolite.saes import Dictionary, DictionaryRecipe, SparseAutoencoder
from theodolite.saes.reading import FeatureReading

__all__ = ["given", "made"]

WIDTH = 16


def made(
    genes: Sequence[str],
    by_gene: np.ndarray,
    *,
    together: np.ndarray | None = None,
    tokens: int = 10_000,
    seed: int = 0,
) -> Dictionary:
    """Return a dictionary whose features have these mean values, shape (genes, F), on genes."""
    draw = np.random.default_rng(seed)
    features = by_gene.shape[1]
    vectors = draw.standard_normal((features, WIDTH)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    sae = SparseAutoencoder(
        vectors, vectors, np.zeros(features, dtype=np.float32), np.zeros(WIDTH, dtype=np.float32), k=2
    )
    counts = np.diag(np.full(features, 100)) if together is None else together
    share = np.full(len(genes), tokens // len(genes), dtype=np.int64)
    share[0] += tokens - share.sum()
    reading = FeatureReading(
        by_gene.astype(np.float32), share, np.zeros((5, features), dtype=np.float32),
        np.full(5, tokens // 5, dtype=np.int64), np.diag(counts).astype(np.int64), counts.astype(np.int64),
    )  # fmt: skip
    held_out = {"rows": 100, "explained_variance": 0.5, "active": 2.0, "dead": 0.0, "dense": 0.0}
    covariance = np.diag(np.arange(WIDTH, 0, -1.0))
    return Dictionary(tuple(genes), sae, reading, np.zeros(WIDTH), covariance, {"held_out": held_out, "gamma": 0.1})


def given(dictionary: Dictionary) -> Callable[[DictionaryRecipe], Dictionary]:
    """Return who gives a dictionary, whatever the recipe."""
    return lambda recipe: dictionary
