"""Subjects of descriptions from arrays, without a model: what a workbench would say of these genes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from theodolite.data import GeneStatistics, Reference
from theodolite.descriptions import Subject
from theodolite.experiments.workbench import GeneWorkbench
from theodolite.measurements import Coexpression
from theodolite.models.capture import Capture
from theodolite.sources import Source

__all__ = ["reference", "subject"]


def subject(
    vectors: np.ndarray,
    genes: Sequence[str],
    *references: Reference,
    attention: np.ndarray | None = None,
    statistics: GeneStatistics | None = None,
    families: Sequence[str] | None = None,
    coexpression: np.ndarray | None = None,
    seed: int = 0,
) -> Subject:
    """Return the subject of vectors (layers + 1, genes, width), and of attention (layers, heads, genes, genes)."""
    names, n = tuple(genes), len(genes)
    if attention is None:
        attention = np.zeros((len(vectors) - 1, 1, 0, 0), dtype=np.float32)
    random = np.random.default_rng(0)
    covariates = random.gamma(2.0, 1.0, (n, 3)) if statistics is None else statistics.matrix()
    capture = Capture(names, vectors, attention)
    bench = GeneWorkbench(names, tuple(families or names), covariates, capture, ())
    counted = None if coexpression is None else lambda: Coexpression(names, *[_counted(coexpression)] * 4)
    return Subject(bench, references, seed, counted)


def _counted(matrix: np.ndarray) -> np.ndarray:
    even = np.array((matrix + matrix.T) / 2.0)
    np.fill_diagonal(even, 0.0)
    return even


def reference(kind: Any, members: Sequence[Any], name: str = "known") -> Reference:
    """Return members as a reference of a kind."""
    return Reference(name, name, kind, tuple(members), "planted", (Source(name="planted"),))
