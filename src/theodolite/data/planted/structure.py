"""The fixed part of a planted world: graph, cells, split, and what edges can show there beyond hubs and modules."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from theodolite.data.cells import CellSet
from theodolite.data.families import GeneFamilies
from theodolite.data.planted.counts import PlantedCounts, plant_counts
from theodolite.data.planted.graph import PlantedGraph, plant_graph
from theodolite.data.planted.kinds import WorldKind, WorldKnobs
from theodolite.data.planted.noise import ParalogousNoise
from theodolite.data.planted.spread import swap_spreads
from theodolite.data.references import Reference
from theodolite.data.splits import DEFAULT_SPLIT_SEED, Split, UnitTable, make_split
from theodolite.data.testable import choose_k

__all__ = ["PlantedStructure", "plant_structure"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

_SWEEPS = 4


@dataclass(frozen=True, eq=False)
class PlantedStructure:
    """What the models of a world have in common; expensive parts are computed once.

    Attributes
    ----------
    kind, seed, knobs
        What made it.
    graph
        Genes, families, modules and edges.
    counts
        Cells and the co-expression behind them.
    drawn, shared_parts
        What models of the structure have drawn last, so that none draws it again; see :class:`PlantedActivations`.
    """

    kind: WorldKind
    seed: int
    knobs: WorldKnobs
    graph: PlantedGraph
    counts: PlantedCounts
    drawn: OrderedDict[tuple[int, str, int, int | None], Singles] = field(default_factory=OrderedDict, repr=False)
    shared_parts: dict[tuple[int, str], tuple[Floats, Floats, Singles]] = field(default_factory=dict, repr=False)

    @property
    def cells(self) -> CellSet:
        """The cells that a campaign sees."""
        return self.counts.cells

    @property
    def families(self) -> GeneFamilies:
        """The homology families."""
        return self.graph.families

    @property
    def references(self) -> tuple[Reference, ...]:
        """The references, of kind ``regulon``."""
        return self.graph.references

    @cached_property
    def split(self) -> Split:
        """The default split of families and donors, in as many blocks as the references admit."""
        units = UnitTable.of(self.cells, self.families)
        return make_split(units, DEFAULT_SPLIT_SEED, k=choose_k(self.references, units, DEFAULT_SPLIT_SEED))

    @cached_property
    def block_spread(self) -> Floats:
        """Shape (references, blocks): null standard deviation of AUROC - 0.5 in every block.

        Families are swapped in random scores of the world's class: hubs taken out, noise shared by paralogues.
        """
        position = {gene: index for index, gene in enumerate(self.graph.genes)}
        spreads = []
        for number, block in enumerate(self.split.blocks):
            inside = np.array(sorted(position[gene] for gene in self.split.genes(block)))
            rows = inside[inside < self.graph.n_regulators]
            seeds = np.random.SeedSequence([self.seed, 3, number])
            spreads.append(swap_spreads(self.graph.edges[:, rows][:, :, inside], self.noise(rows, inside), seeds))
        return np.column_stack(spreads)

    def noise(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> ParalogousNoise:
        """Return the noise of the world's scores between regulators and genes that are given by their indices."""
        family, knobs = self.graph.family, self.knobs
        return ParalogousNoise(family[rows], family[columns], knobs.row_sharing, knobs.column_sharing)

    def residual(self, matrix: Floats) -> Floats:
        """Return a matrix (r, n) without hubs and without what its modules have in common.

        Means of rows, of columns and of pairs of modules over candidates are taken out in turn (backfitting); pairs
        inside a family become 0.
        """
        return self._centred(matrix, modules=True)

    def double_centred(self, matrix: Floats) -> Floats:
        """Return a matrix (r, n) without hubs; pairs inside a family become 0."""
        return self._centred(matrix, modules=False)

    def _centred(self, matrix: Floats, *, modules: bool) -> Floats:
        graph, candidates = self.graph, self.graph.candidates
        n_modules = int(graph.module.max()) + 2
        cell = ((graph.module[: graph.n_regulators, None] + 1) * n_modules + graph.module[None, :] + 1).ravel()
        in_cell = np.maximum(np.bincount(cell, candidates.ravel(), n_modules**2), 1.0)
        left = np.where(candidates, matrix, 0.0)
        for _ in range(_SWEEPS):
            left -= (left.sum(axis=1) / candidates.sum(axis=1))[:, None] * candidates
            left -= left.sum(axis=0) / candidates.sum(axis=0) * candidates
            if modules:
                means = np.bincount(cell, left.ravel(), n_modules**2) / in_cell
                left -= means[cell].reshape(left.shape) * candidates
        return left

    def contrasts(self, matrix: NDArray[np.floating]) -> Floats:
        """Return of every reference the mean over its edges minus the mean over the other candidates."""
        total, n = float(matrix[self.graph.candidates].sum(dtype=np.float64)), int(self.graph.candidates.sum())
        sums = np.array([matrix[edges].sum(dtype=np.float64) for edges in self.graph.edges])
        sizes = self.graph.edges.sum(axis=(1, 2))
        return np.asarray(sums / sizes - (total - sums) / (n - sizes))

    @cached_property
    def edge_signals(self) -> Singles:
        """Shape (references, r, n): a signal for each reference that moves its own contrast by 1 and no other's.

        Each is a mixture of the references' residual edges: where edges of two references overlap by more or less
        than chance, a signal of one would be a weak claim about the other.
        """
        residuals = np.stack([self.residual(edges.astype(np.float64)) for edges in self.graph.edges])
        moved = np.stack([self.contrasts(residual) for residual in residuals], axis=1)
        return np.tensordot(np.linalg.inv(moved).T, residuals, axes=1).astype(np.float32)

    @cached_property
    def module_signal(self) -> Singles:
        """Shape (r, n): expected co-expression of regulators and genes, scaled to mean 1 within modules."""
        graph = self.graph
        of_regulators = self.counts.coexpression[: graph.n_regulators]
        mine = graph.module[: graph.n_regulators, None]
        inside = (mine == graph.module[None, :]) & (mine >= 0) & graph.candidates
        return np.where(graph.candidates, of_regulators / of_regulators[inside].mean(), 0.0).astype(np.float32)

    @cached_property
    def module_contrasts(self) -> Floats:
        """Shape (references,): the contrasts of :attr:`module_signal` without hubs."""
        return self.contrasts(self.double_centred(self.module_signal.astype(np.float64)))


def plant_structure(
    seed: int, kind: WorldKind = WorldKind.STANDARD, knobs: WorldKnobs | None = None
) -> PlantedStructure:
    """Draw graph and cells of a world.

    Parameters
    ----------
    seed
        Seed of everything in it.
    kind
        Kind of world.
    knobs
        Other numbers than the kind's own.
    """
    numbers = knobs or kind.knobs
    graph = plant_graph(seed, numbers)
    return PlantedStructure(kind, seed, numbers, graph, plant_counts(graph, seed, numbers))
