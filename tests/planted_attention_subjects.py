"""Planted worlds of attention as subjects of descriptions: what a model with these scores would say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from planted_attention import World
from small_subjects import reference, subject

from theodolite.data import GeneStatistics, Reference
from theodolite.descriptions import Subject

__all__ = ["regulon", "subject_of"]


def regulon(world: World, name: str = "known") -> Reference:
    """Return the edges of a world as a regulon."""
    rows, columns = np.nonzero(world.edges.labels)
    names = world.edges.row_names
    return reference(
        "regulon", [(names[row], world.genes[column]) for row, column in zip(rows, columns, strict=True)], name
    )


def subject_of(world: World, scores: Sequence[np.ndarray], *references: Reference, seed: int = 0) -> Subject:
    """Return the subject of scores of edges, each (genes, genes) a layer or (heads, genes, genes).

    A target attends to its regulator: attention is the score with rows and columns exchanged.
    """
    maps = np.stack([score if score.ndim == 3 else score[None] for score in scores]).swapaxes(-1, -2)
    return subject(
        np.zeros((len(maps) + 1, len(world.genes), 2)),
        world.genes,
        *(references or (regulon(world),)),
        attention=maps,
        statistics=GeneStatistics(world.genes, *world.statistics.T),
        coexpression=world.coexpression,
        seed=seed,
    )
