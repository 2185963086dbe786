"""Edits of what is found at a site: zero, mean, replace, add a direction or patch from another run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from theodolite.models.protocol import Batch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "AddDirection",
    "MeanQuery",
    "Patch",
    "Replace",
    "SetMean",
    "UniformAttention",
    "Where",
    "Zero",
]


@dataclass(frozen=True)
class Where:
    """Which part of a site is edited; all of what is present where nothing is named.

    Attributes
    ----------
    genes
        Positions in ``model.genes``: only their tokens. At a site of attention, the tokens that attend (queries).
    heads
        Heads, counted from 1, at a site of attention.
    cells
        [B], bool: only these cells of the batch.
    """

    genes: Collection[int] | None = None
    heads: Collection[int] | None = None
    cells: Tensor | None = field(default=None, compare=False)

    def mask(self, value: Tensor, batch: Batch) -> Tensor:
        """Return which entries of ``value`` are edited, bool, broadcastable to it.

        Raises
        ------
        ValueError
            If heads are named elsewhere than at a site of attention, or are none of the model's.
        """
        chosen = batch.present
        if self.genes is not None:
            wanted = torch.as_tensor(sorted(self.genes), dtype=batch.genes.dtype, device=batch.genes.device)
            chosen = chosen & torch.isin(batch.genes, wanted)
        if self.cells is not None:
            chosen = chosen & self.cells[:, None]
        of_attention = value.ndim == 4
        if self.heads is not None and (not of_attention or not all(1 <= head <= value.shape[1] for head in self.heads)):
            there = f"1 to {value.shape[1]}" if of_attention else "none: heads are named at a site of attention only"
            raise ValueError(f"heads {sorted(self.heads)!r}: there are {there}")
        if not of_attention:
            return chosen[..., None] if value.ndim == 3 else chosen
        rows = chosen[:, None, :, None]
        if self.heads is None:
            return rows
        heads = torch.zeros(value.shape[1], dtype=torch.bool, device=value.device)
        heads[[head - 1 for head in self.heads]] = True
        return rows & heads[None, :, None, None]


EVERYWHERE = Where()


@dataclass(frozen=True)
class Zero:
    """Set to zero; of attention, a head that reads nothing."""

    where: Where = EVERYWHERE

    def __call__(self, value: Tensor, batch: Batch) -> Tensor:
        """Return the value with zeros where the edit applies."""
        return value.masked_fill(self.where.mask(value, batch), 0.0)


@dataclass(frozen=True)
class UniformAttention:
    """Attend to all tokens of the cell alike, 1 / n each."""

    where: Where = EVERYWHERE

    def __call__(self, value: Tensor, batch: Batch) -> Tensor:
        """Return attention [B, H, T, T] that is even where the edit applies; rows still sum to one.

        Raises
        ------
        ValueError
            If the site is not one of attention.
        """
        keys = batch.present[:, None, None, :]
        even = keys / keys.sum(dim=-1, keepdim=True)
        return torch.where(self._rows(value, batch), even.to(value), value)

    def _rows(self, value: Tensor, batch: Batch) -> Tensor:
        if value.ndim != 4:
            raise ValueError(f"{type(self).__name__} at a site of shape {tuple(value.shape)}; edit attention with it")
        return self.where.mask(value, batch)


@dataclass(frozen=True)
class MeanQuery(UniformAttention):
    """Attend as the queries of the cell do on average, so that what a head reads hangs on no query any more."""

    def __call__(self, value: Tensor, batch: Batch) -> Tensor:
        """Return attention [B, H, T, T] with the mean row of each head and cell where the edit applies.

        Raises
        ------
        ValueError
            If the site is not one of attention.
        """
        rows = self._rows(value, batch)
        queries = batch.present[:, None, :, None]
        mean = (value * queries).sum(dim=2, keepdim=True) / queries.sum(dim=2, keepdim=True)
        return torch.where(rows, mean, value)


@dataclass(frozen=True, eq=False)
class SetMean:
    """Set to a mean: [d] for all tokens alike, or [genes, d] by gene (special tokens are then left as they are)."""

    mean: Tensor
    where: Where = EVERYWHERE

    def __call__(self, value: Tensor, batch: Batch) -> Tensor:
        """Return the value with means where the edit applies."""
        chosen = self.where.mask(value, batch)
        mean = self.mean.to(value)
        if mean.ndim == 2:
            chosen = chosen & (batch.genes >= 0)[..., None]
            mean = mean[batch.genes.clamp_min(0)]
        return torch.where(chosen, mean, value)


@dataclass(frozen=True, eq=False)
class Replace:
    """Replace by a tensor that can be broadcast to what is found."""

    by: Tensor
    where: Where = EVERYWHERE

    def __call__(self, value: Tensor, batch: Batch) -> Tensor:
        """Return the replacement where the edit applies."""
        return torch.where(self.where.mask(value, batch), self.by.to(value), value)


@dataclass(frozen=True, eq=False)
class AddDirection:
    """Add ``scale`` times a direction [d]."""

    direction: Tensor
    scale: float = 1.0
    where: Where = EVERYWHERE

    def __call__(self, value: Tensor, batch: Batch) -> Tensor:
        """Return the value moved along the direction where the edit applies."""
        step = self.scale * self.direction.to(value)
        return value + self.where.mask(value, batch) * step


@dataclass(frozen=True, eq=False)
class Patch:
    """Put in what another run of the same cells had, gene by gene: [B, T', d] with the genes [B, T'] of its tokens.

    A gene keeps what it has where the other run had no token of it, and special tokens keep theirs.
    """

    source: Tensor
    genes: Tensor
    where: Where = EVERYWHERE

    def __call__(self, value: Tensor, batch: Batch) -> Tensor:
        """Return the value with the other run's where the edit applies.

        Raises
        ------
        ValueError
            If the other run had another number of cells or another width.
        """
        if self.source.shape[0] != value.shape[0] or self.source.shape[2:] != value.shape[2:]:
            raise ValueError(
                f"a patch of shape {tuple(self.source.shape)} for {tuple(value.shape)}; run the same cells through the "
                "same site"
            )
        same = (batch.genes[:, :, None] == self.genes[:, None, :]) & (batch.genes >= 0)[:, :, None]
        found, place = same.max(dim=2)
        moved = torch.gather(self.source.to(value), 1, place[..., None].expand(-1, -1, value.shape[2]))
        return torch.where(self.where.mask(value, batch) & found[..., None], moved, value)
