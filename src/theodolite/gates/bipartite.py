"""The contrast of a regulatory reference: ranks of regulator-target scores, and the four nulls of its panel.

``family_block_swap`` gives regulators the rows of scores of others, whole homology families at a time; targets stay.
``curveball`` rewires the reference and holds every degree. ``stratified_labels`` gives targets the columns of others of
like expression, dropout and in-degree; regulators stay. ``coexpression_strata`` moves single edges between pairs of
like co-expression. Each null fails in some world in which another holds, so a verdict needs them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.adjust import ranked
from theodolite.gates.contrasts import Reach
from theodolite.gates.curveball import (
    curveball_draws,
    curveball_margins,
    curveball_statistics,
    trade_arrangements,
)
from theodolite.gates.effects import Items, bipartite_items
from theodolite.gates.kernels import (
    UnitCosts,
    assigned_statistics,
    derive_seed,
    permutations,
    strata_statistics,
    unit_costs,
)
from theodolite.gates.memo import Memo, array_key
from theodolite.gates.nulls import conservative_ranks
from theodolite.gates.schemes import (
    EdgeStrata,
    Scheme,
    coexpression_strata,
    family_block_swap,
    stratified_labels,
    target_strata,
)
from theodolite.plans import NullName

__all__ = ["BipartiteContrast", "contrast_bipartite"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_PROBE = 200

_reaches: Memo[Reach] = Memo(4_096)


@dataclass(frozen=True)
class BipartiteContrast:
    """The reference pairs of r regulators and t targets against the other candidate pairs.

    Attributes
    ----------
    rank
        Shape (r, t): midranks among the candidates, conservative ranks elsewhere.
    score
        Shape (r, t): the adjusted scores that were ranked.
    labels
        Shape (r, t): the reference.
    pairs
        Shape (r, t): the candidates.
    regulator_family, target_family
        Shapes (r,) and (t,): family indices.
    target_mean, target_dropout
        Shape (t,): statistics of the targets from counts.
    rows, columns
        Which regulators, and which targets, change places under a null.
    strata
        Ventiles of co-expression of the candidates; None where there is none.
    """

    rank: Floats
    score: Floats
    labels: Bools
    pairs: Bools
    regulator_family: Ints
    target_family: Ints
    target_mean: Floats
    target_dropout: Floats
    rows: Scheme
    columns: Scheme
    strata: EdgeStrata | None = None

    @property
    def names(self) -> tuple[NullName, ...]:
        """Nulls that it can draw."""
        always: tuple[NullName, ...] = ("family_block_swap", "curveball", "stratified_labels")
        return always if self.strata is None else (*always, "coexpression_strata")

    @cached_property
    def candidates(self) -> int:
        """Pairs that were ranked."""
        return int(self.pairs.sum())

    @property
    def once(self) -> Bools:
        """Which pairs are candidates."""
        return self.pairs

    @cached_property
    def size(self) -> int:
        """Pairs of the reference."""
        return int(self.labels.sum())

    @cached_property
    def items(self) -> Items:
        """The same contrast sorted for bootstrap AUROCs."""
        return bipartite_items(self.score, self.labels, self.pairs, self.regulator_family, self.target_family)

    @cached_property
    def _row_costs(self) -> UnitCosts:
        return unit_costs(self.rows, self.labels, self.rank)

    @cached_property
    def _column_costs(self) -> UnitCosts:
        return unit_costs(self.columns, self.labels.T, self.rank.T)

    @cached_property
    def _ranks_by_stratum(self) -> Floats:
        assert self.strata is not None
        return np.asarray(self.rank[self.pairs][self.strata.order])

    @cached_property
    def _edges_by_stratum(self) -> Ints:
        assert self.strata is not None
        return self.strata.count(self.labels[self.pairs])

    def observed(self) -> float:
        """Return the rank sum of the reference as it is."""
        return float(self.rank[self.labels].sum())

    def to_effect(self, rank_sum: Floats) -> Floats:
        """Turn rank sums into AUROC - 0.5 (Mann and Whitney)."""
        m = self.size
        return (rank_sum - m * (m + 1) / 2.0) / (m * (self.candidates - m)) - 0.5

    def draw(self, null: NullName, draws: int, seed: int, start: int = 0) -> Floats:
        """Return the rank sums of draws ``start`` to ``start + draws - 1`` of a null, shape (draws,).

        Raises
        ------
        ValueError
            If the contrast cannot draw the null.
        """
        match null:
            case "family_block_swap":
                return assigned_statistics(self._row_costs, draws, seed, start)
            case "stratified_labels":
                return assigned_statistics(self._column_costs, draws, seed, start)
            case "curveball":
                return curveball_statistics(self.rank, self.labels, draws, seed, start, self.pairs)
            case "coexpression_strata" if self.strata is not None:
                rank, count = self._ranks_by_stratum, self._edges_by_stratum
                return strata_statistics(rank, self.strata.bounds, count, draws, seed, start)
        raise self._unknown(null)

    def _unknown(self, null: NullName) -> ValueError:
        return ValueError(f"this contrast has no null {null!r}; it has {', '.join(self.names)}")

    def seed(self, null: NullName, root: int) -> int:
        """Return the seed of a null's draws under a plan's root seed.

        Curveball draws take theirs from the graph, so that every claim on the same reference and block shares them.
        """
        return (
            derive_seed(0, null, array_key(self.labels, self.pairs)) if null == "curveball" else derive_seed(root, null)
        )

    def reach(self, null: NullName, seed: int) -> Reach:
        """Return how far a null gets from the labels.

        For moves of edges within strata both numbers are exact. For moves of rows or columns, and for Curveball, the
        moved share is the mean of the first 200 draws. The arrangements of rows or columns are counted exactly; those
        of Curveball are the lower bound of :func:`~theodolite.gates.curveball.trade_arrangements`.
        """
        return _reaches.get((self.design, null, seed), lambda: self._reach(null, seed))

    @cached_property
    def design(self) -> str:
        """Digest of everything but the scores: labels, families, candidates and nulls."""
        schemes = [array for scheme in (self.rows, self.columns) for array in (scheme.size, scheme.count, scheme.genes)]
        strata = [] if self.strata is None else [self.strata.order, self.strata.bounds]
        return array_key(self.labels, self.pairs, self.regulator_family, self.target_family, *schemes, *strata)

    def _reach(self, null: NullName, seed: int) -> Reach:
        match null:
            case "family_block_swap":
                moved = permutations(self.rows, _PROBE, seed)[:, self._ends[0]], self._ends[1][None, :]
                return Reach(1.0 - float(self.labels[moved].mean()), self.rows.log10_arrangements(_alike(self.labels)))
            case "stratified_labels":
                moved = self._ends[0][None, :], permutations(self.columns, _PROBE, seed)[:, self._ends[1]]
                arrangements = self.columns.log10_arrangements(_alike(self.labels.T))
                return Reach(1.0 - float(self.labels[moved].mean()), arrangements)
            case "curveball":
                kept = curveball_draws(self.labels, _PROBE, seed, candidates=self.pairs).kept
                return Reach(1.0 - float(kept.mean()) / self.size, trade_arrangements(self.labels, self.pairs))
            case "coexpression_strata" if self.strata is not None:
                edge = self.labels[self.pairs]
                return Reach(self.strata.moved(edge), self.strata.log10_arrangements(edge))
        raise self._unknown(null)

    @cached_property
    def _ends(self) -> tuple[Ints, Ints]:
        first, second = np.nonzero(self.labels)
        return first.astype(np.int64), second.astype(np.int64)

    def margins(self, null: NullName, draws: int, seed: int) -> bool | None:
        """Return whether the first Curveball draws have the degrees of the reference; None for the other nulls."""
        if null != "curveball":
            return None
        return curveball_margins(self.labels, draws, seed, self.pairs)

    def replaced(self, score: Floats) -> BipartiteContrast:
        """Return the contrast of the same labels and nulls in other scores (r, t), which are already adjusted."""
        return replace(self, score=score, rank=_ranks(score, self.pairs))

    def relabelled(self, labels: Bools) -> BipartiteContrast:
        """Return the contrast of another reference (r, t) in the same scores, its strata by its own in-degrees.

        Raises
        ------
        ValueError
            If a reference pair is no candidate.
        """
        if (labels & ~self.pairs).any():
            raise ValueError(
                f"{int((labels & ~self.pairs).sum())} reference pairs are inside a family; leave them out, as "
                "BipartiteScores.with_edges does"
            )
        strata = target_strata(self.target_mean, self.target_dropout, labels.sum(axis=0))
        return replace(self, labels=labels, columns=stratified_labels(strata))


def _alike(rows: Bools) -> Ints:
    """Return a number for each row, the same for equal rows."""
    known: dict[bytes, int] = {}
    return np.array([known.setdefault(row.tobytes(), len(known)) for row in rows], dtype=np.int64)


def _ranks(score: Floats, pairs: Bools) -> Floats:
    rank = np.empty_like(score)
    rank[pairs], ordered = ranked(score[pairs])
    rank[~pairs] = conservative_ranks(score[~pairs], ordered)
    return rank


def contrast_bipartite(
    score: Floats,
    edges: Bools,
    regulator_families: Sequence[str],
    target_families: Sequence[str],
    target_mean: Floats,
    target_dropout: Floats,
    coexpression: Floats | None = None,
) -> BipartiteContrast:
    """Return the contrast of a regulatory reference in scores that are already adjusted.

    Parameters
    ----------
    score, edges
        Shape (r, t): adjusted scores, and the reference, which holds no pair inside a family.
    regulator_families, target_families
        Families of the regulators and of the targets, by name. A pair inside a family is no candidate.
    target_mean, target_dropout
        Shape (t,): mean expression and dropout of the targets, from counts.
    coexpression
        Shape (r, t), from counts of the same cells; adds the null that moves edges within ventiles of it.

    Raises
    ------
    ValueError
        If a reference pair is no candidate.
    """
    regulators, targets = np.array(regulator_families), np.array(target_families)
    pairs = regulators[:, None] != targets[None, :]
    nothing = np.zeros(score.shape, dtype=bool)
    contrast = BipartiteContrast(
        rank=_ranks(score, pairs),
        score=score,
        labels=nothing,
        pairs=pairs,
        regulator_family=np.unique(regulators, return_inverse=True)[1].astype(np.int64),
        target_family=np.unique(targets, return_inverse=True)[1].astype(np.int64),
        target_mean=target_mean,
        target_dropout=target_dropout,
        rows=family_block_swap(regulator_families),
        columns=Scheme.build("stratified_labels", len(targets), []),
        strata=None if coexpression is None else coexpression_strata(coexpression[pairs]),
    )
    return contrast.relabelled(edges)
