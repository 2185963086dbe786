"""References for a model that was trained on a planted world: its graph, what left no trace, and confounded graphs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from theodolite.data import Reference
from theodolite.data.planted import PlantedGraph, PlantedStructure
from theodolite.sources import Source

__all__ = ["CONFOUNDED", "GENERATOR", "SHAM", "references_by_kind", "rewired", "sham_references", "sham_set", "swapped"]

Bools = NDArray[np.bool_]

GENERATOR, SHAM, CONFOUNDED = "generator", "sham", "confounded"
_SWAPS_PER_EDGE = 20
_STRONGLY = 1.2
"""Log-odds of a family's place in a sham set for one standard deviation of its genes' mean expression."""


def references_by_kind(structure: PlantedStructure, copies: int) -> dict[str, list[tuple[Reference, Bools]]]:
    """Return references with their edges (r, n), by what is true of them.

    ``generator``: the edges that shaped the counts, and those of either sign. ``sham``: edges that nothing in the
    counts follows beyond degrees: planted references without enrichment in modules, and ``copies`` each of the
    generator's graph rewired, and with the targets of its regulator families exchanged. ``confounded``: references that
    left no trace either, but whose edges join genes of one module, which are co-expressed.
    """
    graph = structure.graph
    first, activating = graph.edges[0], graph.sign > 0
    planted = list(zip(graph.references, graph.edges, graph.confounded.tolist(), strict=True))[1:]
    seeds = np.random.SeedSequence([structure.seed, 4]).spawn(2 * copies)
    altered = [
        (f"{name}_{number + 1}", make(graph, np.random.default_rng(seeds[2 * number + side])))
        for number in range(copies)
        for side, (name, make) in enumerate((("rewired", rewired), ("swapped", swapped)))
    ]
    return {
        GENERATOR: [
            (graph.references[0], first),
            (_regulon(graph, "activating", first & activating), first & activating),
            (_regulon(graph, "repressing", first & ~activating), first & ~activating),
        ],
        SHAM: [
            *((reference, edges) for reference, edges, confounded in planted if not confounded),
            *((_regulon(graph, name, edges), edges) for name, edges in altered),
        ],
        CONFOUNDED: [(reference, edges) for reference, edges, confounded in planted if confounded],
    }


def sham_references(structure: PlantedStructure, sets: int, members: int, regulons: int) -> list[Reference]:
    """Return sham sets of about ``members`` genes, and the generator's graph rewired and swapped in turn."""
    rngs = [np.random.default_rng(seed) for seed in np.random.SeedSequence([structure.seed, 5]).spawn(sets + regulons)]
    graph, kinds = structure.graph, (("rewired", rewired), ("swapped", swapped))
    return [
        *(sham_set(structure, f"sham_set_{number + 1}", members, rng) for number, rng in enumerate(rngs[:sets])),
        *(
            _regulon(graph, f"{kinds[number % 2][0]}_{number // 2 + 1}", kinds[number % 2][1](graph, rng))
            for number, rng in enumerate(rngs[sets:])
        ),
    ]


def sham_set(structure: PlantedStructure, name: str, members: int, rng: np.random.Generator) -> Reference:
    """Return a set of whole families drawn without a look at the graph, strongly expressed ones rather than others.

    Families are taken until there are ``members`` genes or a few more. The pairs inside such a set are a sham list of
    pairs: what genes have in common by family and expression alone.
    """
    graph = structure.graph
    mean = structure.cells.gene_statistics().mean_expression
    level = (mean - mean.mean()) / mean.std()
    size = np.bincount(graph.family)
    wish = _STRONGLY * np.bincount(graph.family, level) / size + rng.gumbel(size=len(size))
    order = np.argsort(-wish)
    chosen = order[: int(np.searchsorted(np.cumsum(size[order]), members)) + 1]
    rows = np.flatnonzero(np.isin(graph.family, chosen))
    return Reference(
        id=name,
        title=name.replace("_", " "),
        kind="set",
        members=tuple(graph.genes[row] for row in rows.tolist()),
        definition="whole families by lot, strongly expressed ones rather than others",
        origins=(Source(name=f"planted world, seed {structure.seed}"),),
    )


def rewired(graph: PlantedGraph, rng: np.random.Generator) -> Bools:
    """Return the generator's edges with both ends kept at their degrees and otherwise drawn at random.

    Two edges exchange their targets, twenty times as often as there are edges, wherever both results are new and join
    two families.
    """
    edges: Bools = graph.edges[0].copy()
    rows, columns = np.nonzero(edges)
    for one, other in rng.integers(len(rows), size=(_SWAPS_PER_EDGE * len(rows), 2)).tolist():
        first, second = (rows[one], columns[other]), (rows[other], columns[one])
        free = not (edges[first] or edges[second])
        if free and graph.candidates[first] and graph.candidates[second]:
            edges[rows[one], columns[one]] = edges[rows[other], columns[other]] = False
            edges[first] = edges[second] = True
            columns[one], columns[other] = columns[other], columns[one]
    return edges


def swapped(graph: PlantedGraph, rng: np.random.Generator) -> Bools:
    """Return the generator's edges with every regulator family at the place of another of its size.

    Families of one size pass their targets on in a ring drawn at random, so that none keeps its own. A target inside
    the family that it comes to is left out.
    """
    edges = graph.edges[0].copy()
    for ring in _rings(graph, rng):
        for giver, taker in zip(ring, [*ring[1:], ring[0]], strict=True):
            edges[taker] = graph.edges[0][giver]
    return np.asarray(edges & graph.candidates)


def _rings(graph: PlantedGraph, rng: np.random.Generator) -> Iterator[list[NDArray[np.intp]]]:
    """Yield the families of each size in random order, each as the rows of its regulators."""
    family = graph.family[: graph.n_regulators]
    members = [np.flatnonzero(family == name) for name in np.unique(family)]
    for size in sorted({len(rows) for rows in members}):
        alike = [rows for rows in members if len(rows) == size]
        yield [alike[place] for place in rng.permutation(len(alike))]


def _regulon(graph: PlantedGraph, name: str, edges: Bools) -> Reference:
    rows, columns = np.nonzero(edges)
    return Reference(
        id=name,
        title=f"{name.replace('_', ' ')} edges",
        kind="regulon",
        members=tuple((graph.genes[r], graph.genes[t]) for r, t in zip(rows.tolist(), columns.tolist(), strict=True)),
        definition=f"the generator's edges, {name.partition('_')[0]}",
        origins=(Source(name=f"planted world, seed {graph.seed}"),),
    )
