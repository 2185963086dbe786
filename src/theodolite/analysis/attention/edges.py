"""A reference as labels over candidate pairs: the question that every score of gene pairs is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from theodolite.data.references import Pair, Reference, member_pairs
from theodolite.gates.effects import Items, bipartite_items

__all__ = ["EdgeLabels", "edge_labels", "own_families"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class EdgeLabels:
    """Which candidate pairs are edges of a reference.

    Rows are regulators (or perturbed genes) and columns are their targets where edges have a direction. Otherwise both
    are the same genes, and each pair of them is a candidate once, above the diagonal.

    Attributes
    ----------
    name
        Name of the reference.
    genes
        All genes along either side of a score, n of them.
    families
        Shape n: the homology family of each gene, the unit that a bootstrap draws and a null moves.
    rows, columns
        Shapes (r,) and (t,): positions among ``genes``.
    labels, candidates
        Shape (r, t): the edges, and the pairs that count. No pair inside a family does.
    directed
        Whether an edge has a direction.

    Raises
    ------
    ValueError
        If an edge is no candidate, or all candidates or none are edges.
    """

    name: str
    genes: tuple[str, ...]
    families: tuple[str, ...]
    rows: Ints
    columns: Ints
    labels: Bools
    candidates: Bools
    directed: bool

    def __post_init__(self) -> None:
        if (self.labels & ~self.candidates).any():
            raise ValueError(f"{self.name}: {int((self.labels & ~self.candidates).sum())} edges are no candidates")
        if not 0 < self.size < self.count:
            raise ValueError(
                f"{self.name}: {self.size} of {self.count} candidate pairs among {len(self.genes)} genes are edges; "
                "there must be edges and other pairs. Do reference and scores call genes by the same names?"
            )

    @cached_property
    def size(self) -> int:
        """Edges."""
        return int(self.labels.sum())

    @cached_property
    def count(self) -> int:
        """Candidate pairs."""
        return int(self.candidates.sum())

    @property
    def prevalence(self) -> float:
        """Share of the candidates that are edges: the precision, and average precision, of a score without skill."""
        return self.size / self.count

    @cached_property
    def truth(self) -> Bools:
        """The labels of the candidates in order, shape (count,)."""
        return np.asarray(self.labels[self.candidates])

    @cached_property
    def row_families(self) -> tuple[str, ...]:
        """Family of each row."""
        return tuple(self.families[row] for row in self.rows)

    @cached_property
    def column_families(self) -> tuple[str, ...]:
        """Family of each column."""
        return tuple(self.families[column] for column in self.columns)

    @cached_property
    def row_names(self) -> tuple[str, ...]:
        """Gene of each row."""
        return tuple(self.genes[row] for row in self.rows)

    def matrix(self, score: NDArray[np.floating]) -> Floats:
        """Return scores (n, n) as rows against columns, shape (r, t), the two directions averaged where none counts.

        What is no candidate and has no finite score gets the mean of the candidates, so that nothing rests on it.

        Raises
        ------
        ValueError
            If the shape is another, or the score of a candidate is not finite.
        """
        n = len(self.genes)
        if score.shape != (n, n):
            raise ValueError(f"the score has shape {score.shape}; {self.name} is asked of {n} genes, so ({n}, {n})")
        found = np.asarray(score[np.ix_(self.rows, self.columns)], dtype=np.float64)
        if not self.directed:
            found = (found + np.asarray(score[np.ix_(self.columns, self.rows)], dtype=np.float64).T) / 2.0
        finite = np.isfinite(found)
        missing = int((self.candidates & ~finite).sum())
        if missing:
            raise ValueError(
                f"{missing} of {self.count} candidate pairs of {self.name} have no finite score; leave out those that "
                "no cell holds together (seen_together), or fill them in"
            )
        if not finite.all():
            found[~finite] = found[self.candidates].mean()
        return found

    def items(self, matrix: Floats) -> Items:
        """Return scores (r, t) as items of the family bootstrap of the gates; rows and columns are drawn apart.

        Without a direction both ends of a pair are of one population, and a pair weighs the product of its families.
        """
        if self.directed:
            return bipartite_items(
                matrix, self.labels, self.candidates, _index(self.row_families), _index(self.column_families)
            )
        family = _index(self.row_families)
        i, j = np.nonzero(self.candidates)
        ends, score = np.stack([family[i], family[j]]).astype(np.uint16), matrix[self.candidates]
        outside = np.flatnonzero(~self.truth)
        outside = outside[np.argsort(score[outside], kind="stable")]
        return Items(
            np.ascontiguousarray(ends[:, outside]),
            np.ascontiguousarray(ends[:, self.truth]),
            np.searchsorted(score[outside], score[self.truth], side="left").astype(np.int64),
            np.searchsorted(score[outside], score[self.truth], side="right").astype(np.int64),
            int(family.max()) + 1,
        )

    def seen_together(self, counts: NDArray[np.integer], least: int = 1) -> EdgeLabels:
        """Return the question of pairs only that enough cells hold together.

        A model reads the genes that a cell expresses, up to a length, so many pairs have no attention or that of a
        few cells. Both directions of a pair are in the same cells.

        Parameters
        ----------
        counts
            Shape (n, n): cells that hold both genes, as of :func:`~theodolite.models.activations.attention_sums`.
        least
            Cells that a pair needs.

        Raises
        ------
        ValueError
            If the shape is another, or no edge, or nothing but edges, is left.
        """
        n = len(self.genes)
        if counts.shape != (n, n) or least < 1:
            raise ValueError(f"counts have shape {counts.shape}, least is {least!r}; need ({n}, {n}) and 1 or more")
        candidates = self.candidates & (counts[np.ix_(self.rows, self.columns)] >= least)
        return replace(self, labels=self.labels & candidates, candidates=candidates)

    def restricted(self, rows: Bools, columns: Bools | None = None) -> EdgeLabels:
        """Return the question of some rows (r,) and columns (t,) only; all columns if None.

        Without a direction both sides are the same genes, so ``columns`` is None and ``rows`` cuts both.

        Raises
        ------
        ValueError
            If no edge, or nothing but edges, is left.
        """
        if not self.directed:
            columns = rows
        elif columns is None:
            columns = np.ones(len(self.columns), dtype=bool)
        place = np.ix_(rows, columns)
        return replace(
            self,
            rows=self.rows[rows],
            columns=self.columns[columns],
            labels=self.labels[place],
            candidates=self.candidates[place],
        )


def _index(names: Sequence[str]) -> Ints:
    return np.unique(np.array(names), return_inverse=True)[1].astype(np.int64)


def own_families(genes: Sequence[str], families: Sequence[str] | None) -> tuple[str, ...]:
    """Return the family of each gene; each is a family of its own where none are given.

    Raises
    ------
    ValueError
        If names repeat or there is not one family a gene.
    """
    if len(set(genes)) != len(genes):
        raise ValueError(f"{len(genes) - len(set(genes))} gene names repeat; a score has one row a gene")
    if families is None:
        return tuple(genes)
    if len(families) != len(genes):
        raise ValueError(f"{len(families)} families for {len(genes)} genes; name one of each gene")
    return tuple(families)


def edge_labels(
    reference: Reference | Iterable[Pair],
    genes: Sequence[str],
    *,
    families: Sequence[str] | None = None,
    directed: bool | None = None,
    name: str | None = None,
) -> EdgeLabels:
    """Hold a reference to the genes of a score.

    A regulon asks about pairs of its regulators that have a target here, against all genes. A list of pairs, and a set
    as all pairs of its members, asks about all pairs of genes. Pairs inside a family are left out: paralogues score
    alike whatever the reference says.

    Parameters
    ----------
    reference
        A :class:`~theodolite.data.Reference`, or plain (first, second) pairs.
    genes
        Names along either side of the score.
    families
        Homology family of each gene; every gene is a family of its own if None.
    directed
        Whether pairs are (regulator, target). A reference knows; plain pairs must say.
    name
        Name in tables; the reference's id by default.

    Raises
    ------
    ValueError
        If the direction of plain pairs is not said, or fewer than one edge lies among the genes.
    """
    if isinstance(reference, Reference):
        if directed is not None and directed != (reference.kind == "regulon"):
            raise ValueError(f"reference {reference.id!r} is of kind {reference.kind!r}, which settles its direction")
        directed, name = reference.kind == "regulon", name or reference.id
        members = (
            reference.edges if directed else (member_pairs(reference) if reference.kind == "set" else reference).pairs
        )
    else:
        if directed is None:
            raise ValueError("plain pairs do not say whether they have a direction; pass directed=True or False")
        members, name = frozenset(reference), name or "edges"
    kinds = own_families(genes, families)
    position = {gene: index for index, gene in enumerate(genes)}
    family = _index(kinds)
    labels = np.zeros((len(genes), len(genes)), dtype=bool)
    for first, second in members:
        if first in position and second in position:
            labels[position[first], position[second]] = True
    candidates = family[:, None] != family[None, :]
    labels &= candidates
    columns = np.arange(len(genes), dtype=np.int64)
    if directed:
        rows = np.flatnonzero(labels.any(axis=1)).astype(np.int64)
        labels, candidates = labels[rows], candidates[rows]
    else:
        rows, labels, candidates = columns, np.triu(labels | labels.T), np.triu(candidates)
    return EdgeLabels(name, tuple(genes), kinds, rows, columns, labels, candidates, directed)
