"""Averages over cells in one pass, in memory that does not grow with them: by gene and group, and by pair of genes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.models.activations.errors import ActivationError
from theodolite.models.batches import in_batches
from theodolite.models.protocol import Batch, FoundationModel
from theodolite.models.running import Pass, run
from theodolite.models.sites import Site, attention, residual
from theodolite.models.streaming import AttentionAdder
from theodolite.models.sums import accumulate_hidden, add_presence, places_of
from theodolite.models.tokens import Tokens

__all__ = ["AttentionSums", "GeneMeans", "attention_sums", "gene_means"]

Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GeneMeans:
    """Hidden states at the tokens of genes, added up over cells.

    Attributes
    ----------
    sites
        Where, L of them.
    genes
        Shape (n,): positions in ``model.genes``.
    sums
        Shape (L, groups, n, d).
    counts
        Shape (groups, n): in how many cells of each group the gene was.
    """

    sites: tuple[Site, ...]
    genes: Ints
    sums: Doubles
    counts: Ints

    @property
    def means(self) -> Doubles:
        """Shape (L, groups, n, d); NaN where a gene was in no cell of the group."""
        counts = self.counts[..., None]
        return np.divide(self.sums, counts, where=counts > 0, out=_nans(self.sums))


@dataclass(frozen=True, eq=False)
class AttentionSums:
    """Attention between pairs of genes, added up over the cells that have both.

    Attributes
    ----------
    layers
        Counted from 1, L of them.
    genes
        Shape (n,): positions in ``model.genes``.
    sums
        Shape (L, heads, n, n), from row gene (query) to column gene (key).
    counts
        Shape (n, n): in how many cells both were.
    """

    layers: tuple[int, ...]
    genes: Ints
    sums: Doubles
    counts: Ints

    @property
    def means(self) -> Doubles:
        """Shape (L, heads, n, n); NaN where no cell had both genes."""
        return np.divide(self.sums, self.counts, where=self.counts > 0, out=_nans(self.sums))


def gene_means(
    model: FoundationModel,
    tokens: Tokens,
    groups: NDArray[np.integer] | None = None,
    *,
    genes: NDArray[np.integer] | None = None,
    sites: Sequence[Site] | None = None,
    batch_size: int = 4,
    said: Callable[[str], None] = lambda text: None,
) -> GeneMeans:
    """Add up the hidden states at each gene's token, by site and group of cells.

    Parameters
    ----------
    model, tokens
        The model, and cells as it reads them.
    groups
        Shape (cells,): group of each cell, counted from 0; cells of a negative group are left out. One group where not
        given.
    genes
        Positions in ``model.genes`` in the order that is wanted; those that are a token of any cell where not given.
    sites
        Embedding and residual streams; all of them where not given.
    batch_size
        Cells in a batch at most.
    said
        Told when a batch had to be halved.

    Raises
    ------
    ActivationError
        If a sum is not finite: the model has overflowed.
    ValueError
        If groups, genes or sites are none of these cells' or this model's.
    """
    chosen = _chosen(genes, tokens, model)
    wanted = tuple(residual(layer) for layer in range(model.n_layers + 1)) if sites is None else tuple(sites)
    if wrong := [site for site in wanted if site.kind not in ("embedding", "residual")]:
        raise ValueError(f"{wrong[0]} is no residual stream; give embedding and residual sites")
    group_of = np.zeros(len(tokens), dtype=np.int64) if groups is None else np.asarray(groups, dtype=np.int64)
    if group_of.shape != (len(tokens),):
        raise ValueError(f"groups of shape {group_of.shape} for {len(tokens)} cells; give one a cell")
    n_groups = int(group_of.max(initial=0)) + 1
    place_of = places_of(chosen, len(model.genes))
    sums = np.zeros((len(wanted), n_groups, len(chosen), model.width))
    counts = np.zeros((n_groups, len(chosen)), dtype=np.int64)

    def compute(batch: Batch) -> Pass:
        return run(model, batch, read=wanted)

    for cells, batch, done in in_batches(model, tokens, batch_size, compute, said):
        for index, site in enumerate(wanted):
            accumulate_hidden(
                done.read[site],
                batch.genes,
                sums[index],
                counts if index == 0 else None,
                place_of=place_of,
                groups=group_of[cells],
            )
    _refuse_overflow(sums, wanted, model)
    return GeneMeans(wanted, chosen, sums, counts)


def attention_sums(
    model: FoundationModel,
    tokens: Tokens,
    genes: NDArray[np.integer] | None = None,
    *,
    layers: Sequence[int] | None = None,
    batch_size: int = 4,
    said: Callable[[str], None] = lambda text: None,
) -> AttentionSums:
    """Add up attention between chosen genes, by layer and head; no map of a cell is kept.

    Memory is ``8 * layers * heads * n**2`` bytes for n genes, whatever the number of cells, and what one batch takes.

    Parameters
    ----------
    model, tokens
        The model, and cells as it reads them.
    genes
        Positions in ``model.genes`` in the order that is wanted; those that are a token of any cell where not given.
    layers
        Counted from 1; all of them where not given.
    batch_size
        Cells in a batch at most.
    said
        Told when a batch had to be halved.

    Raises
    ------
    ActivationError
        If a sum is not finite: the model has overflowed.
    ValueError
        If genes or layers are none of the model's.
    """
    chosen = _chosen(genes, tokens, model)
    wanted = tuple(range(1, model.n_layers + 1)) if layers is None else tuple(layers)
    place_of, n_genes = places_of(chosen, len(model.genes)), len(chosen)
    sums = np.zeros((len(wanted), model.n_heads, n_genes, n_genes))
    counts = np.zeros((n_genes, n_genes), dtype=np.int64)
    adder = AttentionAdder(place_of, dict(zip(map(attention, wanted), sums, strict=True)))

    def compute(batch: Batch) -> None:
        run(model, batch, sinks=adder.begin(batch))

    for cells, _, _ in in_batches(model, tokens, batch_size, compute, said):
        add_presence(adder.places, counts)
        adder.finish(len(cells))
    _refuse_overflow(sums, tuple(attention(layer) for layer in wanted), model)
    return AttentionSums(wanted, chosen, sums, counts)


def _chosen(genes: NDArray[np.integer] | None, tokens: Tokens, model: FoundationModel) -> Ints:
    if genes is None:
        return np.flatnonzero(tokens.presence(len(model.genes)))
    return np.asarray(genes, dtype=np.int64)


def _nans(like: Doubles) -> Doubles:
    return np.full(like.shape, np.nan)


def _refuse_overflow(sums: Doubles, sites: tuple[Site, ...], model: FoundationModel) -> None:
    for site, total in zip(sites, sums, strict=True):
        # One sum over all is not finite if any entry is not; it makes no array of the size of the sums.
        with np.errstate(invalid="ignore"):
            finite = bool(np.isfinite(total.sum()))
        if not finite:
            raise ActivationError(
                f"{model.name} gave numbers that are not finite at {site}; take float32 in place of a shorter type"
            )
