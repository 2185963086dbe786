"""The graph of a planted world: families of regulators that share targets, modules, and references drawn from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from theodolite.data.families import GeneFamilies
from theodolite.data.planted.kinds import WorldKnobs
from theodolite.data.references import Reference
from theodolite.data.splits import DEFAULT_SPLIT_SEED, MOST_BLOCKS, UnitTable, make_split
from theodolite.sources import Source

__all__ = ["PlantedGraph", "plant_graph"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_OUT_SPREAD, _IN_SPREAD, _REFERENCE_SPREAD = 0.5, 0.6, 0.2
"""Log-normal spreads of families: of out-degree, of in-degree, and of either from one reference to another."""
_ACTIVATING = 0.7


@dataclass(frozen=True, eq=False)
class PlantedGraph:
    """Who regulates whom, and who else is alike.

    Attributes
    ----------
    genes
        Symbols, n of them; the first r are the regulators, which may be targets too.
    family
        Shape (n,): index of each gene's family; those of regulators come first.
    family_names
        Name of each family. Names are dealt so that the parts of the default split are alike in number, size and
        degree of regulator families.
    module
        Shape (n,): index of the module, -1 for none. A family is in one module.
    edges
        Shape (references, r, n): the edges of each reference, none inside a family.
    sign
        Shape (r, n): 1 where an edge there would activate, -1 where it would repress; the same for paralogues.
    confounded
        Shape (references,): whose edges are enriched within modules.
    seed
        Seed of the graph.
    """

    genes: tuple[str, ...]
    family: Ints
    family_names: tuple[str, ...]
    module: Ints
    edges: Bools
    sign: NDArray[np.int8]
    confounded: Bools
    seed: int

    @property
    def n_regulators(self) -> int:
        """Number of regulators."""
        return int(self.edges.shape[1])

    @property
    def regulators(self) -> tuple[str, ...]:
        """Symbols of the regulators."""
        return self.genes[: self.n_regulators]

    @cached_property
    def candidates(self) -> Bools:
        """Shape (r, n): pairs of two families."""
        return np.asarray(self.family[: self.n_regulators, None] != self.family[None, :])

    @cached_property
    def out_degree(self) -> Floats:
        """Shape (r,): mean number of targets over references."""
        return np.asarray(self.edges.sum(axis=2).mean(axis=0))

    @cached_property
    def in_degree(self) -> Floats:
        """Shape (n,): mean number of regulators over references."""
        return np.asarray(self.edges.sum(axis=1).mean(axis=0))

    @cached_property
    def out_bias(self) -> Floats:
        """Shape (r,): standardised log of the number of targets."""
        return _standardised(np.log1p(self.out_degree))

    @cached_property
    def in_bias(self) -> Floats:
        """Shape (n,): standardised log of the number of regulators."""
        return _standardised(np.log1p(self.in_degree))

    @cached_property
    def study_bias(self) -> Floats:
        """Shape (n,): standardised log of the number of edges of either direction.

        Regulators and other genes are standardised apart, for regulators have many more edges.
        """
        r = self.n_regulators
        degree = np.log1p(self.in_degree + np.pad(self.out_degree, (0, len(self.genes) - r)))
        return np.concatenate([_standardised(degree[:r]), _standardised(degree[r:])])

    @cached_property
    def families(self) -> GeneFamilies:
        """The homology families."""
        names = [self.family_names[index] for index in self.family.tolist()]
        return GeneFamilies(dict(zip(self.genes, names, strict=True)), f"planted-{self.seed}")

    @cached_property
    def references(self) -> tuple[Reference, ...]:
        """The references, of kind ``regulon``."""
        return tuple(self._reference(index) for index in range(len(self.edges)))

    def _reference(self, index: int) -> Reference:
        rows, columns = np.nonzero(self.edges[index])
        return Reference(
            id=f"regulon_{index + 1}",
            title=f"planted regulon {index + 1}",
            kind="regulon",
            members=tuple((self.genes[r], self.genes[t]) for r, t in zip(rows.tolist(), columns.tolist(), strict=True)),
            definition="edges drawn for this reference" + (", more within modules" if self.confounded[index] else ""),
            origins=(Source(name=f"planted world, seed {self.seed}"),),
        )


def _standardised(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / values.std())


def plant_graph(seed: int, knobs: WorldKnobs) -> PlantedGraph:
    """Draw a graph.

    Families of regulators have log-normal out-degrees, families of targets log-normal in-degrees, which the references
    share up to a jitter (study bias). Targets are drawn without replacement with these weights (Gumbel top-k): most of
    a regulator's targets once a family, the rest for itself. Paralogous targets are mostly taken together.

    Parameters
    ----------
    seed
        Seed of the graph.
    knobs
        Sizes and shares.
    """
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence([seed, 1]).spawn(4)]
    sizes = np.resize(knobs.family_sizes, knobs.regulator_families)
    others = np.resize(knobs.target_sizes, knobs.target_families)
    family = np.repeat(np.arange(len(sizes) + len(others)), np.concatenate([sizes, others])).astype(np.int64)
    n_regulators, n = int(sizes.sum()), len(family)
    n_families = len(sizes) + len(others)
    module_of = np.where(
        streams[0].random(n_families) < knobs.in_module, streams[0].integers(knobs.modules, size=n_families), -1
    )
    module = module_of[family].astype(np.int64)
    confounded = np.zeros(knobs.references, dtype=bool)
    confounded[(2 * np.arange(knobs.confounded_references) + 1) % knobs.references] = True
    confounded[: knobs.confounded_references - int(confounded.sum())] = True
    out_rate = streams[1].lognormal(0.0, _OUT_SPREAD, len(sizes))
    in_rate = streams[1].lognormal(0.0, _IN_SPREAD, n_families)[family]
    edges = np.stack(
        [
            _draw_edges(streams[2], knobs, sizes, family, module if marked else None, out_rate, in_rate)
            for marked in confounded
        ]
    )
    sign = np.where(streams[3].random((len(sizes), n)) < _ACTIVATING, 1, -1).astype(np.int8)[family[:n_regulators]]
    degree = np.bincount(family[:n_regulators], edges.sum(axis=(0, 2)), n_families).astype(np.float64)
    degree[len(sizes) :] = np.bincount(family, edges.sum(axis=(0, 1)), n_families)[len(sizes) :]
    names = _deal_names(np.concatenate([sizes, others]), degree, len(sizes), streams[3])
    genes = tuple(
        f"{'R' if index < n_regulators else 'T'}{index + 1 - (index >= n_regulators) * n_regulators:04d}"
        for index in range(n)
    )
    return PlantedGraph(genes, family, names, module, edges, sign, confounded, seed)


def _draw_edges(
    rng: np.random.Generator,
    knobs: WorldKnobs,
    sizes: Ints,
    family: Ints,
    module: Ints | None,
    out_rate: Floats,
    in_rate: Floats,
) -> Bools:
    """Return the edges (r, n) of one reference, enriched within modules where these are given."""
    n_regulators, n = int(sizes.sum()), len(family)
    rate = out_rate * rng.lognormal(0.0, _REFERENCE_SPREAD, len(sizes))
    degree = rate * knobs.edges / (rate * sizes).sum()
    weight = np.tile(np.log(in_rate * rng.lognormal(0.0, _REFERENCE_SPREAD, n)), (len(sizes), 1))
    first = np.cumsum(sizes) - sizes
    if module is not None:
        mine = module[first]
        weight += np.log(knobs.enrichment) * ((mine[:, None] == module[None, :]) & (mine[:, None] >= 0))
    weight[family[None, :] == np.arange(len(sizes))[:, None]] = -np.inf
    common = np.round(knobs.shared_targets * degree).astype(int)
    own = np.round((1.0 - knobs.shared_targets) * degree).astype(int)
    edges = np.zeros((n_regulators, n), dtype=bool)
    shared = np.argsort(-(weight + _gumbel(rng, len(sizes), family, knobs.shared_regulators)), axis=1)
    for index in range(len(sizes)):
        rows = slice(first[index], first[index] + sizes[index])
        weight[index, shared[index, : common[index]]] = -np.inf
        keys = weight[index] + _gumbel(rng, sizes[index], family, knobs.shared_regulators)
        np.put_along_axis(edges[rows], np.argsort(-keys, axis=1)[:, : own[index]], True, axis=1)
        edges[rows, shared[index, : common[index]]] = True
    return edges


def _gumbel(rng: np.random.Generator, rows: int, family: Ints, sharing: float) -> Floats:
    """Return Gumbel keys (rows, n); with chance ``sharing`` a gene has the key of its family in place of its own."""
    own = rng.gumbel(size=(rows, len(family)))
    common = rng.gumbel(size=(rows, int(family.max()) + 1))[:, family]
    return np.where(rng.random(own.shape) < sharing, common, own)


def _deal_names(sizes: Ints, degree: Floats, n_regulating: int, rng: np.random.Generator) -> tuple[str, ...]:
    """Name the families so that the default split of their names deals regulators and others evenly.

    A split draws parts from the sorted names alone. Families are dealt in order of size and degree, each to the part
    that is furthest behind its share, ties by lot; a family then gets a free name of its part, by lot.
    """
    labels = tuple(f"F{index + 1:04d}" for index in range(len(sizes)))
    units = UnitTable(tuple((label, label) for label in labels), (), "cell")
    free = [list(rng.permutation(part)) for part in make_split(units, DEFAULT_SPLIT_SEED, k=MOST_BLOCKS).family_parts]
    names = [""] * len(sizes)
    regulating = np.arange(len(sizes)) < n_regulating
    for group in (regulating, ~regulating):
        room = np.array([len(part) for part in free], dtype=float)
        # The first group gets its share of every part, the last whatever is left.
        quota = room * group.sum() / room.sum()
        dealt = np.zeros(len(free))
        for index in np.flatnonzero(group)[np.lexsort((degree[group], sizes[group]))].tolist():
            behind = np.where(dealt < room, (dealt + 0.5) / quota, np.inf) + 1e-9 * rng.random(len(free))
            part = int(behind.argmin())
            dealt[part] += 1
            names[index] = str(free[part].pop())
    return tuple(names)
