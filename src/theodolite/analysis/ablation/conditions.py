"""Which heads are taken out together: the best of a ranking, the worst, random ones, those of like entropy, a layer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from math import comb
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.models.components import Component

__all__ = ["Condition", "Kind", "head_conditions", "head_entropy"]

Floats = NDArray[np.float64]
Places = NDArray[np.integer]

# Sets of like entropy are tried this many times for each that is asked for: how many there are, is not known.
TRIES = 20

Kind = Literal["top", "bottom", "random", "entropy_matched", "layer"]


@dataclass(frozen=True)
class Condition:
    """A set of heads that is taken out.

    Attributes
    ----------
    kind
        ``top`` and ``bottom`` of the ranking; ``random``: of equal size; ``entropy_matched``: of equal size, each head
        in place of one of the top with an entropy like its own; ``layer``: all heads of the layer with the best head.
        Sets that are drawn differ from one another and from the top of their size.
    size
        Heads in it.
    draw
        Number of the draw, 0 of what is not drawn.
    heads
        The heads, sorted.
    """

    kind: Kind
    size: int
    draw: int
    heads: tuple[Component, ...]


def head_entropy(attention: NDArray[np.floating]) -> Floats:
    """Return the entropy of each head's mean attention, in bits, averaged over queries; shape (layers, heads).

    Parameters
    ----------
    attention
        Shape (layers, heads, n, n): mean probability from row to column; rows are brought to sum to one.
    """
    rows = np.asarray(attention, dtype=np.float64)
    share = rows / np.maximum(rows.sum(axis=-1, keepdims=True), np.finfo(np.float64).tiny)
    logs = np.log2(share, out=np.zeros_like(share), where=share > 0)
    return np.asarray(-(share * logs).sum(axis=-1).mean(axis=-1))


def head_conditions(
    ranking: Floats,
    sizes: Sequence[int],
    *,
    draws: int,
    seed: int,
    entropy: Floats | None = None,
) -> tuple[Condition, ...]:
    """Return sets of heads to take out, the same for the same seed.

    What is drawn for a size are distinct sets, none of them the best of that size: a set that is drawn twice says
    nothing new, and the best beside itself is no control. Where a model has fewer other sets than draws, each of them
    is drawn once, and p = (1 + b) / (1 + N) of the N that there are is the exact one.

    Parameters
    ----------
    ranking
        Shape (layers, heads): by which heads are ranked, such as their AUROC against a reference. It must come from
        other units than those on which the ablation is read, else the best heads are best by luck as well.
    sizes
        How many heads are taken out.
    draws
        Random sets, and sets of like entropy, of each size; fewer where there are no more.
    seed
        Of what is drawn.
    entropy
        Shape (layers, heads), of :func:`head_entropy`; no sets of like entropy where not given.

    Raises
    ------
    ValueError
        If a size leaves no other set of heads to compare with, the arrays do not fit, or there are no draws.
    """
    n = ranking.size
    if ranking.ndim != 2 or not np.isfinite(ranking).all():
        raise ValueError(f"ranking of shape {ranking.shape}: give a finite number for each head, (layers, heads)")
    if entropy is not None and entropy.shape != ranking.shape:
        raise ValueError(f"entropy has shape {entropy.shape}, the ranking {ranking.shape}; give one a head")
    if draws < 1:
        raise ValueError(f"draws is {draws!r}; random sets of equal size are what an ablation is held against")
    if not sizes or list(sizes) != sorted(set(sizes)) or not 1 <= min(sizes) <= max(sizes) < n:
        raise ValueError(f"sizes {list(sizes)!r}: give rising numbers from 1 to {n - 1}; the model has {n} heads")
    order = np.argsort(-ranking.ravel(), kind="stable")
    generator = np.random.default_rng(np.random.SeedSequence([seed, n]))
    found = []
    for size in sizes:
        found.append(_condition("top", 0, order[:size], ranking.shape[1]))
        found.append(_condition("bottom", 0, order[-size:], ranking.shape[1]))
        drawn = (generator.permutation(whole)[:size] for whole in repeat(n))
        for draw, chosen in enumerate(_distinct(drawn, order[:size], min(draws, comb(n, size) - 1))):
            found.append(_condition("random", draw, chosen, ranking.shape[1]))
        if entropy is not None:
            like = _matched(order[:size], entropy.ravel(), TRIES * draws, generator)
            for draw, chosen in enumerate(_distinct(like, order[:size], draws)):
                found.append(_condition("entropy_matched", draw, chosen, ranking.shape[1]))
    best_layer = int(order[0]) // ranking.shape[1]
    whole = np.arange(ranking.shape[1]) + best_layer * ranking.shape[1]
    return (*found, _condition("layer", 0, whole, ranking.shape[1]))


def _distinct(sets: Iterable[Places], tested: Places, most: int) -> list[Places]:
    """Return the first sets that are neither the tested one nor one that came before, at most so many."""
    other: dict[frozenset[int], Places] = {}
    for chosen in sets:
        heads = frozenset(chosen.tolist())
        if heads != frozenset(tested.tolist()):
            other.setdefault(heads, chosen)
        if len(other) == most:
            break
    return list(other.values())


def _condition(kind: Kind, draw: int, flat: Places, n_heads: int) -> Condition:
    heads = sorted(Component("head", int(place) // n_heads + 1, int(place) % n_heads + 1) for place in flat)
    return Condition(kind, len(heads), draw, tuple(heads))


def _matched(top: Places, entropy: Floats, draws: int, generator: np.random.Generator) -> Iterator[Places]:
    """Yield sets in which each top head gives way to one of the few heads whose entropy is nearest to its own."""
    outside = np.setdiff1d(np.arange(len(entropy)), top)
    for _ in range(draws):
        left, chosen = list(outside), []
        for head in generator.permutation(top):
            if not left:  # more than half of all heads are at the top; what is left over stays in
                chosen.append(int(head))
                continue
            near = sorted(left, key=lambda other: abs(float(entropy[other] - entropy[head])))[:3]
            picked = int(generator.choice(near))
            chosen.append(picked)
            left.remove(picked)
        yield np.array(chosen)
