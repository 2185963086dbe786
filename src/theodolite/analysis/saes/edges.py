"""References of pairs among a feature's top genes: more of them than permuted gene labels give (arXiv 2603.02952).

A feature was called annotated if one interaction of STRING, or one edge of TRRUST, joined two of its top twenty genes.
Twenty genes make 190 pairs, so a reference that holds one pair in a hundred joins some of them in five features of
six, whatever they are. The number of pairs is what is tested here, against its distribution for the same genes under
other names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theodolite.analysis.geometry.inputs import Pairs, families_of, pair_positions
from theodolite.analysis.geometry.nulls import gene_schemes
from theodolite.analysis.geometry.poles import share_kept
from theodolite.analysis.saes.rewiring import rewired
from theodolite.analysis.saes.top_genes import TOP_GENES, top_genes
from theodolite.compiling import compiled
from theodolite.gates.kernels import derive_seed, permutations

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["EdgeDensity", "EdgeNull", "edge_density"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class EdgeNull:
    """What one null says of the number of pairs of each feature.

    Attributes
    ----------
    null
        Name of the null.
    expected
        Shape (tested,): mean number of pairs over the draws.
    at_least_one
        Share of the features that have a pair in a draw, averaged over draws: how many the rule "one pair or more"
        annotates by chance.
    p, q
        Shape (tested,): (1 + draws with as many pairs or more) / (1 + draws), and its Benjamini-Hochberg value over
        all tested features.
    draws
        No p is below 1 / (1 + draws), and no q below that times tested features over features at this floor. Ask for
        more where q matters and p is at its floor.
    moved
        Mean share of the pairs that a draw turns into others; a null that moves nothing shows nothing.
    """

    null: str
    expected: Floats
    at_least_one: float
    p: Floats
    q: Floats
    draws: int
    moved: float


@dataclass(frozen=True, eq=False)
class EdgeDensity:
    """Pairs of a reference among the top genes of each feature.

    Attributes
    ----------
    feature
        Shape (tested,): features with two top genes or more.
    drawn
        Shape (tested,): their top genes.
    pairs
        Shape (tested,): pairs of the reference among them.
    nulls
        ``gene_labels``, ``degree_preserving``, which rewires the reference so that each gene keeps its number of
        pairs, and ``family_block_swap`` where families are given. Genes that are well known have pairs with whatever
        they meet, and paralogues with one another, so a feature of such genes only beats the first.
    reference
        Pairs of the reference among all genes.
    """

    feature: Ints
    drawn: Ints
    pairs: Ints
    nulls: tuple[EdgeNull, ...]
    reference: int

    @property
    def density(self) -> Floats:
        """Share of the pairs of top genes that are in the reference, shape (tested,)."""
        return np.asarray(self.pairs / (self.drawn * (self.drawn - 1) / 2.0))

    def found(self, level: float = 0.05) -> Bools:
        """Return which tested features have a q of at most ``level`` under every null, shape (tested,)."""
        return np.asarray(np.all([null.q <= level for null in self.nulls], axis=0))

    def frame(self) -> DataFrame:
        """Return a table: one row a feature, with expectation, p and q of each null."""
        import pandas as pd

        columns: dict[str, ArrayLike] = {"feature": self.feature, "drawn": self.drawn, "pairs": self.pairs}
        for null in self.nulls:
            columns |= {f"{name}_{null.null}": getattr(null, name) for name in ("expected", "p", "q")}
        return pd.DataFrame(columns)


def edge_density(
    activation: ArrayLike,
    genes: Sequence[str],
    pairs: Pairs,
    *,
    top: int = TOP_GENES,
    families: Mapping[str, str] | None = None,
    draws: int = 1_000,
    seed: int = 0,
) -> EdgeDensity:
    """Count the pairs of a reference among each feature's top genes, and count them again under permuted labels.

    Parameters
    ----------
    activation
        Shape (genes, F): mean activation of each feature over the tokens of each gene.
    genes
        Name of each row. All of them are the background.
    pairs
        The reference. Edges count without their direction.
    top
        Genes that stand for a feature.
    families
        Homology family by gene; adds the null that moves whole families.
    draws, seed
        Permutations of each null, and their seed.

    Raises
    ------
    ValueError
        If shapes or names do not fit, no pair is among the genes, or no feature is active on two of them.
    """
    if draws < 1:
        raise ValueError(f"{draws} draws give no null; ask for 1 or more")
    chosen = top_genes(activation, genes, top)
    drawn = (chosen >= 0).sum(axis=1)
    tested = np.flatnonzero(drawn >= 2)
    if not len(tested):
        raise ValueError(f"none of {len(chosen)} features is active on two genes; encode the tokens first")
    n = len(genes)
    first, second = pair_positions(pairs, genes, directed=False)
    counting = _Counting(chosen[tested], first, second, n)
    observed = counting.joined(np.arange(n))
    nulls = []
    for name, scheme in gene_schemes(n, families=families_of(families, genes) if families else None).items():
        images = permutations(scheme, draws, derive_seed(seed, name))
        numbers = (counting.joined(image) for image in images)
        nulls.append(_null(name, observed, numbers, draws, 1.0 - share_kept(images, first, second)))
    tails, heads, moved = rewired(first, second, n, draws, derive_seed(seed, "degree_preserving"))
    numbers = (_Counting(chosen[tested], *ends, n).joined(np.arange(n)) for ends in zip(tails, heads, strict=True))
    nulls.insert(1, _null("degree_preserving", observed, numbers, draws, moved))
    return EdgeDensity(tested, drawn[tested], observed, tuple(nulls), len(first))


def _null(name: str, observed: Ints, numbers: Iterable[Ints], draws: int, moved: float) -> EdgeNull:
    from scipy.stats import false_discovery_control

    total, reached, some = np.zeros(len(observed)), np.zeros(len(observed), dtype=np.int64), 0.0
    for number in numbers:
        total += number
        reached += number >= observed
        some += float((number > 0).mean())
    p: Floats = np.asarray((reached + 1) / (draws + 1), dtype=np.float64)
    return EdgeNull(name, total / draws, some / draws, p, false_discovery_control(p), draws, moved)


class _Counting:
    """The pairs of a graph among the top genes (F, n) of features."""

    def __init__(self, top: Ints, first: Ints, second: Ints, genes: int) -> None:
        held = top >= 0
        self._chosen, self._start = top[held], np.concatenate([[0], np.cumsum(held.sum(axis=1))])
        # Genes without a pair join nothing: the table is of the others, and a row that stays empty stands for these.
        known = np.unique(np.concatenate([first, second]))
        self._place = np.full(genes, len(known))
        self._place[known] = np.arange(len(known))
        self._joined = np.zeros((len(known) + 1, len(known) + 1), dtype=np.bool_)
        ends = self._place[first], self._place[second]
        self._joined[ends] = self._joined[ends[::-1]] = True

    def joined(self, image: Ints) -> Ints:
        """Return the number of pairs of each feature, shape (F,), if every gene stands for its image."""
        return _joined_pairs(self._joined, self._place[image], self._chosen, self._start)


@compiled
def _joined_pairs(joined: Bools, place: Ints, chosen: Ints, start: Ints) -> Ints:
    """Return how many pairs of the genes ``chosen[start[f]:start[f + 1]]`` are joined, for each f."""
    found = np.zeros(len(start) - 1, np.int64)
    for feature in range(len(found)):
        for one in range(start[feature], start[feature + 1]):
            row = joined[place[chosen[one]]]
            for other in range(one + 1, start[feature + 1]):
                found[feature] += row[place[chosen[other]]]
    return found
