"""The layers and heads of an attention tensor, one matrix at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Place", "each_place", "layer_count"]

Floats = NDArray[np.float64]


class Place(NamedTuple):
    """A layer, or a head of it; both count from 1. ``head`` is None for the mean over heads."""

    layer: int
    head: int | None = None

    def __str__(self) -> str:
        return f"layer {self.layer}" if self.head is None else f"layer {self.layer}, head {self.head}"


def layer_count(attention: NDArray[np.floating]) -> int:
    """Return the number of layers of attention (L, n, n), heads averaged, or (L, H, n, n).

    Raises
    ------
    ValueError
        If it has another shape.
    """
    if attention.ndim not in (3, 4) or attention.shape[-1] != attention.shape[-2] or 0 in attention.shape:
        raise ValueError(
            f"attention has shape {attention.shape}; need (layers, genes, genes) or (layers, heads, genes, genes)"
        )
    return int(attention.shape[0])


def each_place(attention: NDArray[np.floating], *, heads: bool = False) -> Iterator[tuple[Place, Floats]]:
    """Yield every layer with its heads averaged and, if asked for and there, every head behind its layer.

    One matrix (n, n) in double precision is made at a time, so a mapped file of half precision stays on disk.

    Raises
    ------
    ValueError
        If the shape is none of :func:`layer_count`, or heads are asked for where there are none.
    """
    if layer_count(attention) and heads and attention.ndim == 3:
        raise ValueError(f"attention of shape {attention.shape} has no heads; they were averaged before")
    for layer, maps in enumerate(attention, start=1):
        if maps.ndim == 2:
            yield Place(layer), np.asarray(maps, dtype=np.float64)
            continue
        yield Place(layer), np.asarray(maps.mean(axis=0, dtype=np.float64))
        if heads:
            for head, one in enumerate(maps, start=1):
                yield Place(layer, head), np.asarray(one, dtype=np.float64)
