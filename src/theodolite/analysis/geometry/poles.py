"""Poles of an axis: whether pairs lie at the same end, and sets at one end (arXiv 2602.22247 §co-pole tests)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theodolite.analysis.geometry.inputs import (
    Pairs,
    coordinates_by_layer,
    families_of,
    member_mask,
    pair_positions,
)
from theodolite.analysis.geometry.nulls import NullResult, against, gene_schemes
from theodolite.data import Reference
from theodolite.gates.kernels import derive_seed, permutations

__all__ = ["POLE_SHARE", "CoPole", "PoleEnrichment", "co_pole", "pole_enrichment", "pole_size", "poles", "share_kept"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

POLE_SHARE: Final = 52 / 195
"""Share of the genes at either pole, as published: 52 of 195."""
_CHUNK: Final = 4_000_000
"""Pairs of all draws that are held at once."""
_PROBE: Final = 100
"""Draws from which it is told how many pairs a null replaces, at the most."""


def pole_size(n: int, k: int | None) -> int:
    """Return how many of n genes make a pole: ``k``, or :data:`POLE_SHARE` of them.

    Raises
    ------
    ValueError
        If the two poles would overlap.
    """
    size = max(round(n * POLE_SHARE), 1) if k is None else k
    if not 1 <= size <= n // 2:
        raise ValueError(f"poles of {size} genes at both ends of {n} genes overlap; give k from 1 to {n // 2}")
    return size


def poles(coordinates: Floats, k: int) -> Ints:
    """Return the pole of each gene, (..., n): 1 for the k largest coordinates, -1 for the k smallest, else 0."""
    order = np.argsort(coordinates, axis=-1, kind="stable")
    side = np.zeros(coordinates.shape, dtype=np.int64)
    np.put_along_axis(side, order[..., -k:], 1, axis=-1)
    np.put_along_axis(side, order[..., :k], -1, axis=-1)
    return side


@dataclass(frozen=True, eq=False)
class CoPole:
    """Pairs with both genes at one pole of an axis, at each layer.

    Attributes
    ----------
    rate
        Shape (layers,): share of the pairs.
    nulls
        ``gene_labels`` as published, then ``degree_strata`` and, where families are given, ``family_block_swap``.
        A rate that only beats the first is a matter of degree or of paralogues.
    pairs, k
        Number of pairs, and genes at a pole.
    """

    rate: Floats
    nulls: tuple[NullResult, ...]
    pairs: int
    k: int


def co_pole(
    coordinates: ArrayLike,
    genes: Sequence[str],
    pairs: Pairs,
    *,
    k: int | None = None,
    families: Mapping[str, str] | None = None,
    draws: int = 1_000,
    seed: int = 0,
) -> CoPole:
    """Compare the share of pairs at one pole with that of the same pairs under permuted gene labels.

    A draw permutes genes in the same way at every layer, so ``p_any`` of a null is for the best layer.

    Parameters
    ----------
    coordinates
        Shape (layers, n), or (n,): coordinate of each gene on the axis.
    genes
        Name of each gene, n.
    pairs
        The reference.
    k
        Genes at a pole; 52 of 195 where not given.
    families
        Homology family by gene; adds the null that moves whole families.
    draws, seed
        Permutations of each null, and their seed.

    Raises
    ------
    ValueError
        If no pair is among the genes, shapes do not fit, or the poles overlap.
    """
    values = coordinates_by_layer(coordinates, genes)
    n = values.shape[1]
    size = pole_size(n, k)
    first, second = pair_positions(pairs, genes, directed=False)
    side = poles(values, size)
    degree = np.bincount(np.concatenate([first, second]), minlength=n).astype(np.float64)
    observed = _rates(side, np.arange(n)[None], first, second)[0]
    schemes = gene_schemes(n, degree=degree, families=families_of(families, genes) if families else None)
    nulls = []
    for name, scheme in schemes.items():
        images = permutations(scheme, draws, derive_seed(seed, name))
        moved = 1.0 - share_kept(images, first, second)
        nulls.append(against(name, observed, _rates(side, images, first, second), moved=moved))
    return CoPole(observed, tuple(nulls), len(first), size)


def share_kept(images: Ints, first: Ints, second: Ints) -> float:
    """Return the share of pairs that the first draws of (draws, n) turn into pairs of the same reference."""
    n = images.shape[1]
    probe = images[: max(min(_PROBE, _CHUNK // len(first)), 1)]
    ends = np.sort(np.stack([probe[:, first], probe[:, second]]), axis=0)
    return float(np.isin(ends[0] * n + ends[1], first * n + second).mean())


def _rates(side: Ints, images: Ints, first: Ints, second: Ints) -> Floats:
    """Return the share of pairs at one pole, (draws, layers), where draws (draws, n) move both genes of each pair."""
    rates = np.empty((len(images), len(side)))
    step = max(_CHUNK // len(first), 1)
    for start in range(0, len(images), step):
        part = images[start : start + step]
        one, other = part[:, first], part[:, second]
        for layer, ends in enumerate(side):
            # Equal and not in the middle: the product of two poles is 1.
            rates[start : start + step, layer] = (ends[one] * ends[other] == 1).mean(axis=1)
    return rates


@dataclass(frozen=True, eq=False)
class PoleEnrichment:
    """Members of a gene set at the poles of an axis, at each layer.

    Attributes
    ----------
    top, bottom
        Shape (layers,): members among the k genes at either end.
    odds_top, odds_bottom
        Shape (layers,): odds ratio of each, infinite where nobody is elsewhere.
    p_top, p_bottom
        Shape (layers,): hypergeometric p of as many members or more, the exact form of the gene-label permutation.
    pole
        The end with more members at each layer: ``top``, ``bottom``, or ``neither``.
    nulls
        For the larger of the two counts, so that choosing the end is paid for: ``gene_labels``, then ``degree_strata``
        where degrees are given and ``family_block_swap`` where families are.
    members, k
        Number of members, and genes at a pole.
    """

    top: Ints
    bottom: Ints
    odds_top: Floats
    odds_bottom: Floats
    p_top: Floats
    p_bottom: Floats
    pole: tuple[Literal["top", "bottom", "neither"], ...]
    nulls: tuple[NullResult, ...]
    members: int
    k: int


def pole_enrichment(
    coordinates: ArrayLike,
    genes: Sequence[str],
    members: Reference | Iterable[str],
    *,
    k: int | None = None,
    degree: Mapping[str, float] | None = None,
    families: Mapping[str, str] | None = None,
    draws: int = 1_000,
    seed: int = 0,
) -> PoleEnrichment:
    """Compare the members of a set at either pole with permuted gene labels.

    Parameters
    ----------
    coordinates, genes, k, families, draws, seed
        As in :func:`co_pole`.
    members
        The gene set.
    degree
        How well each gene is known or how often it occurs, such as its partners in a database or its mean expression;
        adds the null that permutes within classes of it of some fifteen genes. A gene without an entry has 0.

    Raises
    ------
    ValueError
        If none or all of the genes are members, shapes do not fit, or the poles overlap.
    """
    from scipy.stats import hypergeom

    values = coordinates_by_layer(coordinates, genes)
    n = values.shape[1]
    size = pole_size(n, k)
    inside = member_mask(members, genes)
    m = int(inside.sum())
    if not 0 < m < n:
        raise ValueError(f"{m} of {n} genes are members of the set; an enrichment needs both members and others")
    side = poles(values, size)
    top, bottom = (side[:, inside] == 1).sum(axis=1), (side[:, inside] == -1).sum(axis=1)
    strata = None if degree is None else np.array([degree.get(gene, 0.0) for gene in genes], dtype=np.float64)
    schemes = gene_schemes(n, degree=strata, families=families_of(families, genes) if families else None)
    nulls = []
    for name, scheme in schemes.items():
        images = permutations(scheme, draws, derive_seed(seed, name))[:, inside]
        drawn = np.stack([np.maximum(*((ends[images] == pole).sum(axis=1) for pole in (1, -1))) for ends in side], 1)
        observed = np.maximum(top, bottom).astype(np.float64)
        nulls.append(against(name, observed, drawn.astype(np.float64), moved=1.0 - float(inside[images].mean())))
    p_top, p_bottom = (hypergeom.sf(count - 1, n, m, size) for count in (top, bottom))
    ends: list[Literal["top", "bottom", "neither"]] = [
        "top" if a > b else "bottom" if b > a else "neither" for a, b in zip(top.tolist(), bottom.tolist(), strict=True)
    ]
    return PoleEnrichment(
        top=top,
        bottom=bottom,
        odds_top=_odds(top, n, m, size),
        odds_bottom=_odds(bottom, n, m, size),
        p_top=np.asarray(p_top),
        p_bottom=np.asarray(p_bottom),
        pole=tuple(ends),
        nulls=tuple(nulls),
        members=m,
        k=size,
    )


def _odds(count: Ints, n: int, members: int, k: int) -> Floats:
    below = (members - count) * (k - count)
    odds = np.full(len(count), np.inf)
    np.divide(count * (n - members - k + count), below, out=odds, where=below > 0)
    return odds
