"""Contrasts of genes and of undirected pairs: labelled, ranked once, and the evidence of each null against them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.adjust import adjusted_genes, adjusted_pairs, midranks, ranked
from theodolite.gates.contrasts import AnyContrast, Reach
from theodolite.gates.effects import Items, gene_items, pair_items
from theodolite.gates.evidence import exceedances, monte_carlo_p
from theodolite.gates.kernels import derive_seed, pair_statistics, permutations, set_statistics, strata_statistics
from theodolite.gates.schemes import (
    EdgeStrata,
    Scheme,
    coexpression_strata,
    expression_strata,
    family_block_swap,
    stratified_labels,
)
from theodolite.judgements import NullEvidence
from theodolite.plans import NullName

__all__ = [
    "Contrast",
    "Reach",
    "conservative_ranks",
    "contrast_genes",
    "contrast_pairs",
    "evidence_against",
    "null_effects",
    "reach",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_PROBE = 200


@dataclass(frozen=True)
class Contrast:
    """A reference against the rest of its candidates.

    Attributes
    ----------
    rank
        Midranks, (n,) of genes or (n, n) of pairs.
    first, second
        Indices of the member genes, or of both ends of the reference pairs; ``second`` is None for genes.
    candidates
        Number of genes or pairs that were ranked.
    label
        Shape (n,): membership, or reference degree.
    score
        Adjusted scores, (n,) or (n, n), that were ranked.
    family
        Shape (n,): index of each gene's family.
    schemes
        The nulls that move genes, by name.
    strata
        Ventiles of co-expression of the candidate pairs, the null that moves edges; None where there is none.
    """

    rank: Floats
    first: Ints
    second: Ints | None
    candidates: int
    label: Ints
    score: Floats
    family: Ints
    schemes: dict[NullName, Scheme]
    strata: EdgeStrata | None = None

    @property
    def names(self) -> tuple[NullName, ...]:
        """Nulls that it can draw."""
        return (*self.schemes, *(() if self.strata is None else ("coexpression_strata",)))

    @property
    def size(self) -> int:
        """Genes or pairs of the reference."""
        return len(self.first)

    @cached_property
    def labels(self) -> Bools:
        """The reference: (n,) of genes, or (n, n) symmetric."""
        if self.second is None:
            return self.label.astype(bool)
        edges = np.zeros(self.score.shape, dtype=bool)
        edges[self.first, self.second] = edges[self.second, self.first] = True
        return edges

    @cached_property
    def items(self) -> Items:
        """The same contrast sorted for bootstrap AUROCs."""
        if self.second is None:
            return gene_items(self.score, self.labels, self.family)
        return pair_items(self.score, self.labels, self.family)

    @cached_property
    def once(self) -> Bools:
        """Every gene, or each candidate pair once."""
        if self.second is None:
            return np.ones(len(self.score), dtype=bool)
        return np.triu(self.family[:, None] != self.family[None, :])

    @cached_property
    def _ranks_by_stratum(self) -> Floats:
        assert self.strata is not None
        return np.asarray(self.rank[self.once][self.strata.order])

    @cached_property
    def _edges_by_stratum(self) -> Ints:
        assert self.strata is not None
        return self.strata.count(self.labels[self.once])

    def with_pairs(self, edges: Bools) -> Contrast:
        """Return the contrast of another pair list, (n, n) symmetric, in the same scores."""
        first, second = np.nonzero(np.triu(edges))
        degree = edges.sum(axis=1).astype(np.int64)
        return replace(self, first=first.astype(np.int64), second=second.astype(np.int64), label=degree)

    def relabelled(self, labels: Bools) -> Contrast:
        """Return the contrast of another gene set (n,) or pair list (n, n) in the same scores."""
        if self.second is not None:
            return self.with_pairs(labels)
        return replace(self, first=np.nonzero(labels)[0].astype(np.int64), label=labels.astype(np.int64))

    def replaced(self, score: Floats) -> Contrast:
        """Return the contrast of the same labels and nulls in other scores, which are already adjusted."""
        rank = midranks(score) if self.second is None else _pair_ranks(score, self.once | self.once.T)
        return replace(self, rank=rank, score=score)

    def to_effect(self, rank_sum: Floats) -> Floats:
        """Turn rank sums into AUROC - 0.5 (Mann and Whitney)."""
        m = len(self.first)
        return (rank_sum - m * (m + 1) / 2.0) / (m * (self.candidates - m)) - 0.5

    def observed(self) -> float:
        """Return the rank sum of the reference as it is."""
        ends = self.rank[self.first] if self.second is None else self.rank[self.first, self.second]
        return float(ends.sum())

    def draw(self, null: NullName, draws: int, seed: int, start: int = 0) -> Floats:
        """Return the rank sums of draws ``start`` to ``start + draws - 1`` of a null, shape (draws,)."""
        if null == "coexpression_strata" and self.strata is not None:
            rank, count = self._ranks_by_stratum, self._edges_by_stratum
            return strata_statistics(rank, self.strata.bounds, count, draws, seed, start)
        scheme = self.schemes[null]
        if self.second is None:
            return set_statistics(self.rank, self.first, scheme, draws, seed, start)
        return pair_statistics(self.rank, self.first, self.second, scheme, draws, seed, start)

    def seed(self, null: NullName, root: int) -> int:
        """Return the seed of a null's draws under a plan's root seed."""
        return derive_seed(root, null)

    def reach(self, null: NullName, seed: int) -> Reach:
        """Return how far a null gets from the labels; what genes' moves do to labels comes from the first 200 draws."""
        if null == "coexpression_strata" and self.strata is not None:
            edge = self.labels[self.once]
            return Reach(self.strata.moved(edge), self.strata.log10_arrangements(edge))
        scheme = self.schemes[null]
        images = permutations(scheme, _PROBE, seed)
        ends = (images[:, self.first],) if self.second is None else (images[:, self.first], images[:, self.second])
        return Reach(float(1.0 - self.labels[ends].mean()), scheme.log10_arrangements(self.label))

    def margins(self, null: NullName, draws: int, seed: int) -> bool | None:
        """Return None: what these nulls hold fixed they hold by construction."""
        return None


def _family_index(families: Sequence[str]) -> Ints:
    return np.unique(np.array(families), return_inverse=True)[1].astype(np.int64)


def contrast_genes(
    score: Floats,
    members: Bools,
    families: Sequence[str],
    mean: Floats,
    variance: Floats,
    *,
    covariates: Floats | None = None,
) -> Contrast:
    """Return the contrast of a gene set: ranks of scores, adjusted for ``covariates`` (n, k) if there are any.

    Nulls: family blocks, and labels within mean-expression quintile x variance tercile. All arrays have shape (n,).
    """
    if covariates is not None:
        score = adjusted_genes(score, covariates)
    return Contrast(
        rank=midranks(score),
        first=np.nonzero(members)[0].astype(np.int64),
        second=None,
        candidates=len(score),
        label=members.astype(np.int64),
        score=score,
        family=_family_index(families),
        schemes={
            "family_block_swap": family_block_swap(families),
            "stratified_labels": stratified_labels(expression_strata(mean, variance)),
        },
    )


def conservative_ranks(score: Floats, values: Floats) -> Floats:
    """Return the ranks of pairs that are no candidates, among the sorted scores ``values`` of the candidates.

    A null can move a reference pair into a family, where there is no candidate. Such a pair gets the rank that its
    score would have among the candidates, and the middle rank if that is higher: paralogues score high, and whichever
    tail is tested a draw is never made less extreme by them, so p can only grow.
    """
    below = np.searchsorted(values, score, side="left")
    through = np.searchsorted(values, score, side="right")
    return np.asarray(np.maximum((below + through + 1) / 2.0, (len(values) + 1) / 2.0))


def _pair_ranks(score: Floats, candidates: Bools) -> Floats:
    """Return the (n, n) midranks among the candidate pairs, and conservative ranks of the others."""
    upper = np.triu(candidates)
    values = score[upper]
    rank = np.zeros_like(score)
    rank[upper], ordered = ranked(values)
    rank += rank.T
    inside = np.nonzero(np.triu(~candidates, 1))
    rank[inside] = rank[inside[::-1]] = conservative_ranks(score[inside], ordered)
    return rank


def contrast_pairs(
    score: Floats,
    edges: Bools,
    families: Sequence[str],
    mean: Floats,
    variance: Floats,
    *,
    covariates: Floats | None = None,
    coexpression: Floats | None = None,
) -> Contrast:
    """Return the contrast of a pair list: ranks among pairs of two families, without hubs and ``covariates`` (n, k).

    Nulls: family blocks, labels within mean-expression quintile x variance tercile, and with ``coexpression`` (n, n)
    symmetric, pairs moved within ventiles of it. The reference is undirected:
    its degrees are not held fixed, for where it is a clique degree is membership, and no draw would move
    (``docs/decisions/0001``). ``score`` and ``edges`` are symmetric (n, n); ``edges`` holds no pair inside a family.
    """
    family = _family_index(families)
    candidates = family[:, None] != family[None, :]
    adjusted = adjusted_pairs(score, np.empty((len(score), 0)) if covariates is None else covariates)
    nobody = np.empty(0, dtype=np.int64)
    contrast = Contrast(
        rank=_pair_ranks(adjusted, candidates),
        first=nobody,
        second=nobody,
        candidates=int(np.triu(candidates).sum()),
        label=np.zeros(len(score), dtype=np.int64),
        score=adjusted,
        family=family,
        schemes={
            "family_block_swap": family_block_swap(families),
            "stratified_labels": stratified_labels(expression_strata(mean, variance)),
        },
        strata=None if coexpression is None else coexpression_strata(coexpression[np.triu(candidates)]),
    )
    return contrast.with_pairs(edges)


def reach(contrast: AnyContrast, null: NullName, seed: int) -> Reach:
    """Return how far a null gets from the labels, known without any score."""
    return contrast.reach(null, seed)


def null_effects(contrast: AnyContrast, null: NullName, draws: int, root: int) -> Floats:
    """Return AUROC - 0.5 under the null, shape (draws,), from the plan's root seed."""
    return contrast.to_effect(contrast.draw(null, draws, contrast.seed(null, root)))


def evidence_against(contrast: AnyContrast, null: NullName, draws: int, root: int) -> NullEvidence:
    """Draw a null and count: the statistic is the rank sum, large values are evidence."""
    seed = contrast.seed(null, root)
    sums = contrast.draw(null, draws, seed)
    exceeding = exceedances(sums, contrast.observed())
    far = reach(contrast, null, seed)
    return NullEvidence(
        null=null,
        exceedances=exceeding,
        draws=draws,
        p=monte_carlo_p(exceeding, draws),
        seed=seed,
        moved=far.moved,
        log10_arrangements=far.log10_arrangements,
        spread=float(contrast.to_effect(sums).std()),
        margins=contrast.margins(null, draws, seed),
    )
