"""Gene sets that a feature's top genes belong to, and how many features would have one by chance (arXiv 2603.02952).

Published rates of annotated features are too high for reasons that all have the same cure. Tests with an overlap below
two were left out before the correction, which picks its family by looking at the data; the background was the union of
the features' own top genes. Here every feature meets every set, against all genes that were surveyed, and the whole
procedure is run again with permuted gene labels: the rate that labels without meaning give stands beside the rate.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from theodolite.analysis.geometry.inputs import families_of
from theodolite.analysis.geometry.nulls import gene_schemes
from theodolite.analysis.saes.top_genes import TOP_GENES, checked_activation, membership, top_genes
from theodolite.data import Reference
from theodolite.gates.evidence import exceedances, monte_carlo_p
from theodolite.gates.kernels import derive_seed, permutations

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["AnnotationNull", "Annotations", "GeneSets", "annotate"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GeneSets = Mapping[str, Collection[str]] | Iterable[Reference]
"""Gene sets: members by name, or references of kind ``set``, which go by their id."""


@dataclass(frozen=True, eq=False)
class AnnotationNull:
    """Annotation rates under permuted gene labels.

    Attributes
    ----------
    null
        Name of the null.
    rates
        Shape (draws,): annotated share of the features in each draw, with the correction made again.
    p
        (1 + draws with a rate at least as large) / (1 + draws).
    moved
        Mean share of the genes of sets that a draw replaces by others; a null that moves nothing shows nothing.
    """

    null: str
    rates: Floats
    p: float
    moved: float

    @property
    def mean(self) -> float:
        """Mean rate of the draws."""
        return float(self.rates.mean())

    @property
    def interval(self) -> tuple[float, float]:
        """The 2.5 % and 97.5 % quantiles of the rates."""
        low, high = np.quantile(self.rates, [0.025, 0.975]).tolist()
        return low, high


@dataclass(frozen=True, eq=False)
class Annotations:
    """Pairs of a feature and a set that were found, sorted by feature and then by p, and what chance gives.

    Attributes
    ----------
    feature, overlap, drawn, size
        Shape (found,): feature, its top genes that are in the set, its top genes, and members in the background.
    gene_set
        Name of the set of each pair.
    p, q
        Shape (found,): one-sided hypergeometric p, and its Benjamini-Hochberg value among all ``tests``.
    fold, odds_ratio
        Shape (found,): overlap over its expectation; odds ratio of top genes and members, infinite where all top
        genes are members or all members are top genes.
    inside, outside
        Shape (found,): mean activation over the set's genes and over all others, in units of the activations.
    rate
        Share of the tested features that have at least one set.
    nulls
        ``gene_labels``, then ``degree_strata`` where degrees are given and ``family_block_swap`` where families are.
    tests
        Tests in the family: features times sets.
    features
        Features that were tested: those active on a gene.
    background
        Genes.
    sets, left_out
        Names of the sets that were tested, and of those with too few or too many members in the background.
    """

    feature: Ints
    gene_set: tuple[str, ...]
    overlap: Ints
    drawn: Ints
    size: Ints
    p: Floats
    q: Floats
    fold: Floats
    odds_ratio: Floats
    inside: Floats
    outside: Floats
    rate: float
    nulls: tuple[AnnotationNull, ...]
    tests: int
    features: int
    background: int
    sets: tuple[str, ...]
    left_out: tuple[str, ...]

    def frame(self) -> DataFrame:
        """Return the pairs as a table, one row each."""
        import pandas as pd

        columns = "feature gene_set overlap drawn size p q fold odds_ratio inside outside"
        return pd.DataFrame({name: getattr(self, name) for name in columns.split()})


def annotate(
    activation: ArrayLike,
    genes: Sequence[str],
    sets: GeneSets,
    *,
    top: int = TOP_GENES,
    sizes: tuple[int, int] = (5, 500),
    level: float = 0.05,
    least_overlap: int = 2,
    degree: Mapping[str, float] | None = None,
    families: Mapping[str, str] | None = None,
    draws: int = 100,
    seed: int = 0,
) -> Annotations:
    """Test every feature's top genes for every gene set, and hold the share of annotated features against chance.

    A p is exact for a feature with labels that mean nothing. Tests of features that share genes, and of sets that share
    members, are dependent; the nulls keep this dependence, and they are what a rate is judged by.

    Parameters
    ----------
    activation
        Shape (genes, F): mean activation of each feature over the tokens of each gene.
    genes
        Name of each row. All of them are the background, so give those that were surveyed, whether or not any feature
        is active on them.
    sets
        The gene sets. Members outside ``genes`` do not count.
    top
        Genes that stand for a feature.
    sizes
        Fewest and most members in the background for a set to be tested.
    level
        Of the Benjamini-Hochberg value.
    least_overlap
        A pair with fewer common genes is not found, whatever its q. It stays in the family that q is of.
    degree
        How well each gene is known, or its mean expression; adds the null that permutes genes within classes of some
        fifteen genes of like degree. A gene without an entry has 0.
    families
        Homology family by gene; adds the null that moves whole families.
    draws, seed
        Permutations of each null, and their seed.

    Raises
    ------
    ValueError
        If shapes or names do not fit, no feature is active, no set has the size, or a parameter is out of range.
    """
    if draws < 1 or not 0.0 < level < 1.0 or least_overlap < 1:
        raise ValueError(
            f"{draws} draws, level {level:g}, overlap of {least_overlap}; need a draw, a level between 0 and 1, and an "
            "overlap of 1 or more"
        )
    values = checked_activation(activation, genes)
    names, left_out, members = _set_matrix(sets, genes, sizes)
    chosen = membership(top_genes(values, genes, top), len(genes))
    drawn = np.diff(chosen.indptr)
    alive = np.flatnonzero(drawn)
    if not len(alive):
        raise ValueError(f"none of {values.shape[1]} features is active on a gene; encode the tokens first")
    chosen = chosen[alive]
    test = _Tests(drawn[alive], np.asarray(members.sum(axis=0)), len(genes), top)
    feature, gene_set, overlap, p, q = test.of(chosen, members)
    found = (q <= level) & (overlap >= least_overlap)
    rate = float(len(np.unique(feature[found])) / len(alive))
    strata = None if degree is None else np.array([degree.get(gene, 0.0) for gene in genes], dtype=np.float64)
    schemes = gene_schemes(len(genes), degree=strata, families=families_of(families, genes) if families else None)
    nulls = []
    for name, scheme in schemes.items():
        images = permutations(scheme, draws, derive_seed(seed, name))
        rates = np.array([test.rate(chosen, members[image], level, least_overlap) for image in images])
        inside = np.diff(members.indptr) > 0
        moved = float((images != np.arange(len(genes)))[:, inside].mean())
        nulls.append(AnnotationNull(name, rates, monte_carlo_p(exceedances(rates, rate), draws), moved))
    order = np.flatnonzero(found)
    order = order[np.lexsort((gene_set[order], p[order], feature[order]))]
    feature, gene_set, overlap = feature[order], gene_set[order], overlap[order]
    k, m, n = test.drawn[feature], test.size[gene_set], len(genes)
    sums = members.T.astype(np.float64) @ values[:, alive]
    inside_sum = np.asarray(sums)[gene_set, feature]
    below = (k - overlap) * (m - overlap)
    odds = np.full(len(k), np.inf)
    np.divide(overlap * (n - k - m + overlap), below, out=odds, where=below > 0)
    return Annotations(
        feature=alive[feature],
        gene_set=tuple(names[place] for place in gene_set.tolist()),
        overlap=overlap,
        drawn=k,
        size=m,
        p=p[order],
        q=q[order],
        fold=overlap * n / (k * m),
        odds_ratio=odds,
        inside=inside_sum / m,
        outside=(values.sum(axis=0)[alive[feature]] - inside_sum) / np.maximum(n - m, 1),
        rate=rate,
        nulls=tuple(nulls),
        tests=test.tests,
        features=len(alive),
        background=n,
        sets=names,
        left_out=left_out,
    )


def _set_matrix(
    sets: GeneSets, genes: Sequence[str], sizes: tuple[int, int]
) -> tuple[tuple[str, ...], tuple[str, ...], csr_array]:
    """Return names of the sets within the sizes, of the others, and the matrix (genes, sets) of the former."""
    given = dict(sets) if isinstance(sets, Mapping) else {each.id: each.gene_set for each in sets}
    position = {gene: place for place, gene in enumerate(genes)}
    places = {name: sorted({position[gene] for gene in each if gene in position}) for name, each in given.items()}
    names = tuple(name for name, each in places.items() if sizes[0] <= len(each) <= sizes[1])
    if not names:
        raise ValueError(
            f"none of {len(places)} sets has {sizes[0]} to {sizes[1]} of the {len(genes)} genes; check that gene names "
            "agree, or give other sizes"
        )
    rows = np.concatenate([places[name] for name in names])
    columns = np.repeat(np.arange(len(names)), [len(places[name]) for name in names])
    ones = np.ones(len(rows), dtype=np.int32)
    matrix = csr_array((ones, (rows, columns)), shape=(len(genes), len(names)))
    return names, tuple(name for name in places if name not in set(names)), matrix


class _Tests:
    """Hypergeometric tests of all features with all sets.

    A p depends on three small numbers: top genes of the feature, members of the set, and their overlap. So p is looked
    up in a table of them, and the correction is made on the table with the number of tests that fell in each place.
    """

    def __init__(self, drawn: Ints, size: Ints, background: int, top: int) -> None:
        from scipy.stats import hypergeom

        self.drawn, self.size, self.tests = drawn, size, len(drawn) * len(size)
        draws, self._drawn_class = np.unique(drawn, return_inverse=True)
        sizes, self._size_class = np.unique(size, return_inverse=True)
        overlap = np.arange(top + 1)
        mass = hypergeom.pmf(overlap, background, sizes[None, :, None], draws[:, None, None])
        # The tail from above, whose smallest terms come first; the overlap is never above ``top``.
        tail = np.cumsum(np.asarray(mass)[..., ::-1], axis=-1)[..., ::-1]
        self._shape = tail.shape
        self._p = np.minimum(tail, 1.0).ravel()

    def of(self, chosen: csr_array, members: csr_array) -> tuple[Ints, Ints, Ints, Floats, Floats]:
        """Return feature, set, overlap, p and q of every test with an overlap; all others have p = q = 1."""
        common = (chosen @ members).tocoo()
        feature, gene_set = (each.astype(np.int64) for each in common.coords)
        overlap = common.data.astype(np.int64)
        _, sizes, overlaps = self._shape
        place = (self._drawn_class[feature] * sizes + self._size_class[gene_set]) * overlaps + overlap
        q = self._corrected(np.bincount(place, minlength=len(self._p)))
        return feature, gene_set, overlap, self._p[place], q[place]

    def rate(self, chosen: csr_array, members: csr_array, level: float, least_overlap: int) -> float:
        """Return the annotated share of the features."""
        feature, _, overlap, _, q = self.of(chosen, members)
        return len(np.unique(feature[(q <= level) & (overlap >= least_overlap)])) / len(self.drawn)

    def _corrected(self, count: Ints) -> Floats:
        """Return the Benjamini-Hochberg value of each place of the table, which ``count`` tests have."""
        order = np.argsort(self._p, kind="stable")
        ranks = np.cumsum(count[order])
        steps = self._p[order] * self.tests / np.maximum(ranks, 1)
        # From the largest p down. The tests without an overlap, p = 1, have the last ranks and are the cut at 1.
        q = np.empty(len(order))
        q[order] = np.minimum(np.minimum.accumulate(steps[::-1])[::-1], 1.0)
        return q
