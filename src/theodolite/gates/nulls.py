"""Contrasts: scores with labels attached, ranked once, and the evidence of each null against them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.adjust import adjusted_genes, adjusted_pairs, midranks
from theodolite.gates.effects import Items, gene_items, pair_items
from theodolite.gates.evidence import exceedances, monte_carlo_p
from theodolite.gates.kernels import derive_seed, pair_statistics, permutations, set_statistics
from theodolite.gates.schemes import Scheme, expression_strata, family_block_swap, stratified_labels
from theodolite.judgements import NullEvidence
from theodolite.plans import NullName

__all__ = ["Contrast", "Reach", "contrast_genes", "contrast_pairs", "evidence_against", "null_effects", "reach"]

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
        The nulls by name.
    """

    rank: Floats
    first: Ints
    second: Ints | None
    candidates: int
    label: Ints
    score: Floats
    family: Ints
    schemes: dict[NullName, Scheme]

    @cached_property
    def items(self) -> Items:
        """The same contrast sorted for bootstrap AUROCs."""
        if self.second is None:
            return gene_items(self.score, self.label.astype(bool), self.family)
        edges = np.zeros(self.score.shape, dtype=bool)
        edges[self.first, self.second] = edges[self.second, self.first] = True
        return pair_items(self.score, edges, self.family)

    def with_pairs(self, edges: Bools) -> Contrast:
        """Return the contrast of another pair list, (n, n) symmetric, in the same scores."""
        first, second = np.nonzero(np.triu(edges))
        degree = edges.sum(axis=1).astype(np.int64)
        return replace(self, first=first.astype(np.int64), second=second.astype(np.int64), label=degree)

    def to_effect(self, rank_sum: Floats) -> Floats:
        """Turn rank sums into AUROC - 0.5 (Mann and Whitney)."""
        m = len(self.first)
        return (rank_sum - m * (m + 1) / 2.0) / (m * (self.candidates - m)) - 0.5

    def observed(self) -> float:
        """Return the rank sum of the reference as it is."""
        ends = self.rank[self.first] if self.second is None else self.rank[self.first, self.second]
        return float(ends.sum())

    def draw(self, null: NullName, draws: int, seed: int) -> Floats:
        """Return the rank sums under a null, shape (draws,)."""
        scheme = self.schemes[null]
        if self.second is None:
            return set_statistics(self.rank, self.first, scheme, draws, seed)
        return pair_statistics(self.rank, self.first, self.second, scheme, draws, seed)


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


def _pair_ranks(score: Floats, candidates: Bools) -> Floats:
    """Return the (n, n) midranks among the candidate pairs.

    The stratified null can move a reference pair into a family, where there is no candidate. Such a pair gets the rank
    that its score would have among the candidates, and the middle rank if that is higher: paralogues score high, and
    whichever tail is tested a draw is never made less extreme by them, so p can only grow.
    """
    upper = np.triu(candidates)
    values = score[upper]
    rank = np.zeros_like(score)
    rank[upper] = midranks(values)
    rank += rank.T
    inside = np.nonzero(np.triu(~candidates, 1))
    ordered = np.sort(values)
    below = np.searchsorted(ordered, score[inside], side="left")
    through = np.searchsorted(ordered, score[inside], side="right")
    rank[inside] = rank[inside[::-1]] = np.maximum((below + through + 1) / 2.0, (len(values) + 1) / 2.0)
    return rank


def contrast_pairs(
    score: Floats,
    edges: Bools,
    families: Sequence[str],
    mean: Floats,
    variance: Floats,
    *,
    covariates: Floats | None = None,
) -> Contrast:
    """Return the contrast of a pair list: ranks among pairs of two families, without hubs and ``covariates`` (n, k).

    Nulls: family blocks, and labels within mean-expression quintile x variance tercile. The reference is undirected:
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
    )
    return contrast.with_pairs(edges)


@dataclass(frozen=True)
class Reach:
    """How far a null gets from the labels as they are, known without any score.

    Attributes
    ----------
    moved
        Mean share of member genes (reference pairs) that a draw replaces by others.
    log10_arrangements
        Log10 of the number of distinct arrangements.
    """

    moved: float
    log10_arrangements: float


def reach(contrast: Contrast, null: NullName, seed: int) -> Reach:
    """Return the reach of a null, the moved share from its first 200 draws."""
    scheme = contrast.schemes[null]
    images = permutations(scheme, _PROBE, seed)
    if contrast.second is None:
        kept = contrast.label.astype(bool)[images[:, contrast.first]]
    else:
        edges = np.zeros((scheme.n, scheme.n), dtype=bool)
        edges[contrast.first, contrast.second] = edges[contrast.second, contrast.first] = True
        kept = edges[images[:, contrast.first], images[:, contrast.second]]
    return Reach(float(1.0 - kept.mean()), scheme.log10_arrangements(contrast.label))


def null_effects(contrast: Contrast, null: NullName, draws: int, root: int) -> Floats:
    """Return AUROC - 0.5 under the null, shape (draws,), from the plan's root seed."""
    return contrast.to_effect(contrast.draw(null, draws, derive_seed(root, null)))


def evidence_against(contrast: Contrast, null: NullName, draws: int, root: int) -> NullEvidence:
    """Draw a null and count: the statistic is the rank sum, large values are evidence."""
    seed = derive_seed(root, null)
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
    )
