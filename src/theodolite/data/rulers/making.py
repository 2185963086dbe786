"""Rulers from what a campaign file says: graphs, ranks, mixtures, places, cycles, programs, ligands and receptors."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from theodolite.canonical import sha256_bytes
from theodolite.data.cells import CellSet
from theodolite.data.rulers.anchors import AnchorTable
from theodolite.data.rulers.distances import graph_ruler, mixture_ruler
from theodolite.data.rulers.items import RulerItem
from theodolite.data.rulers.ruler import DECIMALS, Ruler
from theodolite.data.stage_graphs import StageGraph, load_stage_graphs
from theodolite.sources import Source

__all__ = ["RulerError", "branches_on", "make_ruler", "stage_graph_of"]

Floats = NDArray[np.float64]

EXPRESSED = 0.1
"""Mean log1p CP10K from which a ligand or a receptor counts as expressed in a stage."""


class RulerError(ValueError):
    """A ruler that cannot be laid on these anchors."""


def stage_graph_of(item: RulerItem, folder: Path = Path()) -> StageGraph | None:
    """Return the stage graph that an item names, None where it names none.

    Raises
    ------
    RulerError, StageGraphError, OSError
        If there is no such graph, or its table cannot be read.
    """
    if item.graph is None:
        return None
    packaged = {graph.id: graph for graph in load_stage_graphs()}
    if item.graph in packaged:
        return packaged[item.graph]
    path = folder / item.graph
    if not path.is_file():
        raise RulerError(
            f"ruler {item.id!r}: {item.graph!r} is neither a packaged stage graph ({', '.join(packaged)}) nor a file"
        )
    found = load_stage_graphs(path)
    if len(found) != 1:
        raise RulerError(f"ruler {item.id!r}: {item.graph!r} holds {len(found)} graphs; give a table of one")
    return found[0]


def branches_on(item: RulerItem, graph: StageGraph, stages: Iterable[str]) -> dict[str, str]:
    """Return the branch of each stage that has a node in a graph, by the name that the item maps it to."""
    nodes = {stage: item.stages.get(stage, stage) for stage in stages}
    return {stage: graph.branch[node] for stage, node in nodes.items() if node in graph.branch}


def make_ruler(
    item: RulerItem, table: AnchorTable, cells: CellSet, folder: Path = Path(), graph: StageGraph | None = None
) -> Ruler:
    """Lay a ruler on anchors.

    Parameters
    ----------
    item
        How it is measured.
    table
        Every anchor, those of a panel that must fail among them.
    cells
        The cells, for their labels and, of what is computed from counts, for these.
    folder
        Which paths are relative to.
    graph
        The stage graph that the item names, where it is at hand; looked up by that name where not.

    Raises
    ------
    RulerError
        If a stage has no node or number, a column holds no numbers, or all anchors lie at one place.
    OSError
        If a table cannot be read.
    """
    places: Sequence[str]
    depth: dict[str, str] = {}
    origins: tuple[Source, ...] = ()
    try:
        if item.graph is not None:
            nodes, places, matrix, depth, origins = _on_graph(item, table, graph or stage_graph_of(item, folder))
        elif item.rank is not None:
            places = _stages(item, table, item.rank)
            # By name where ranks are equal: the order of a set changes from one process to the next.
            nodes = sorted(set(places), key=lambda name: ((item.rank or {})[name], name))
            matrix = _apart(np.array([[item.rank[name]] for name in nodes]))
            # Twelve digits: dates written as numbers differ in their eighth.
            depth = {name: f"{item.rank[name]:.12g}" for name in nodes}
        elif item.cycle is not None:
            nodes = list(item.cycle)
            places = _stages(item, table, dict.fromkeys(nodes, 0.0))
            steps = np.abs(np.subtract.outer(np.arange(len(nodes)), np.arange(len(nodes))))
            matrix = np.minimum(steps, len(nodes) - steps).astype(np.float64)
        elif item.ligand_receptor is not None:
            nodes, places, matrix, origins = _by_signals(item, table, cells, folder)
        else:
            values, origins = _values(item, table, cells)
            nodes, places, matrix, depth = _by_values(item, values)
    except (ValueError, csv.Error) as error:
        raise RulerError(f"ruler {item.id!r}: {str(error).removeprefix(f'ruler {item.id!r}: ')}") from error
    rounded = np.round(matrix, DECIMALS)
    used = [place for place, name in enumerate(nodes) if name in set(places)]
    if not rounded[np.ix_(used, used)].any():
        raise RulerError(f"ruler {item.id!r}: all anchors lie at one place of it; a ruler needs two places or more")
    return Ruler(
        id=item.id,
        title=item.title or item.id.replace("_", " "),
        kind="ruler",
        members=tuple(zip(table.anchors, places, strict=True)),
        definition=_definition(item),
        origins=origins,
        nodes=tuple(nodes),
        distances=tuple(tuple(row) for row in np.maximum(rounded, rounded.T).tolist()),
        depth=tuple(depth.get(name, "") for name in nodes),
    )


def _definition(item: RulerItem) -> str:
    said = {
        "graph": f"steps in the stage graph {item.graph}",
        "rank": "differences of a number that each stage is given",
        "column": f"differences of {item.column}, mean of an anchor's cells",
        "mixture": "total variation distance of proportions, mean of an anchor's cells",
        "spatial": "Euclidean distance of coordinates, mean of an anchor's cells",
        "cycle": "steps round a cycle of stages",
        "program": "differences of a program's mean z-score, from the counts of the cells",
        "ligand_receptor": "paths over stages, each step 1 over the square root of the pairs expressed in both",
    }
    return next(words for way, words in said.items() if getattr(item, way) is not None)


def _stages(item: RulerItem, table: AnchorTable, known: Mapping[str, object]) -> tuple[str, ...]:
    if missing := sorted(set(table.stage) - set(known)):
        raise RulerError(
            f"ruler {item.id!r}: no place for the stages {', '.join(map(repr, missing[:5]))}; it has "
            f"{', '.join(map(repr, list(known)[:8]))}: name one for each, or leave their cells out"
        )
    return table.stage


def _on_graph(
    item: RulerItem, table: AnchorTable, graph: StageGraph | None
) -> tuple[list[str], tuple[str, ...], Floats, dict[str, str], tuple[Source, ...]]:
    assert graph is not None
    measured = graph_ruler(graph.edges)
    places = tuple(item.stages.get(stage, stage) for stage in table.stage)
    if missing := sorted({place for place in places if place not in measured.nodes}):
        raise RulerError(
            f"ruler {item.id!r}: {', '.join(map(repr, missing[:5]))}: no such node in {graph.id}; map stages to its "
            f"nodes by `stages:` ({', '.join(graph.stages[:6])}, ...), or leave their cells out"
        )
    nodes = sorted(set(places))
    matrix = measured.between(nodes)
    steps = measured.depth(graph.root, nodes)
    if item.lengths == "sqrt_hops":
        matrix = np.sqrt(matrix)
    depth = {name: f"{step:g}" for name, step in zip(nodes, steps, strict=True)}
    return nodes, places, matrix, depth, (Source(name=f"stage graph:{graph.id}", sha256=graph.sha256),)


def _values(item: RulerItem, table: AnchorTable, cells: CellSet) -> tuple[Floats, tuple[Source, ...]]:
    """Return numbers (n, k) of anchors, and what they were made from."""
    if item.program is not None:
        if missing := [gene for gene in item.program if gene not in set(cells.genes)]:
            raise RulerError(f"ruler {item.id!r}: the cells have no gene {missing[0]!r}; give genes of theirs")
        values = cells.log1p_cp10k(item.program).astype(np.float64)
        spread = values.std(axis=0)
        scored = ((values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)).mean(axis=1, keepdims=True)
        return table.means(scored), (cells.source,)
    columns = (item.column,) if item.column is not None else item.mixture or item.spatial or ()
    numbers = np.column_stack([_numbers(item, cells, name) for name in columns if name is not None])
    return table.means(numbers), ()


def _numbers(item: RulerItem, cells: CellSet, column: str) -> Floats:
    texts = cells.label(column)
    found = np.empty(len(texts))
    for row, text in enumerate(texts):
        try:
            # Python reads 2_1 as twenty-one; a name of a cluster is no number.
            found[row] = float("no number" if "_" in text else text)
        except ValueError:
            raise RulerError(
                f"ruler {item.id!r}: column {column!r} holds {text!r}, which is no number; name a column of numbers"
            ) from None
    if not np.isfinite(found).all():
        raise RulerError(f"ruler {item.id!r}: column {column!r} holds NaN or infinity; leave those cells out")
    return found


def _apart(values: Floats) -> Floats:
    """Return Euclidean distances (n, n)."""
    return np.asarray(np.sqrt(np.square(values[:, None] - values[None]).sum(axis=2)))


def _by_values(item: RulerItem, values: Floats) -> tuple[list[str], tuple[str, ...], Floats, dict[str, str]]:
    """Return nodes that anchors of equal numbers share."""
    if item.mixture is not None:
        total = values.sum(axis=1, keepdims=True)
        if (values < 0).any():
            raise RulerError(f"ruler {item.id!r}: an anchor has the proportion {float(values.min()):g}; none is "
                             "negative")  # fmt: skip
        if (np.abs(total - 1.0) > 0.02).any():
            raise RulerError(f"ruler {item.id!r}: proportions of an anchor add up to "
                             f"{float(total[np.abs(total - 1.0).argmax(), 0]):g}; they must to 1: name the columns of "
                             "all components, and divide them by their sum")  # fmt: skip
        values = values / total
    values = np.round(values, DECIMALS) + 0.0  # no -0.0, which would be another name for the same place
    distinct, at = np.unique(values, axis=0, return_inverse=True)
    nodes = [", ".join(f"{number:.6g}" for number in row) + f" #{place}" for place, row in enumerate(distinct)]
    places = tuple(nodes[place] for place in np.asarray(at).reshape(-1))
    matrix = mixture_ruler(distinct) if item.mixture is not None else _apart(distinct)
    # Quintiles: rows of like depth must be several, or none could change places.
    depth: dict[str, str] = {}
    if distinct.shape[1] == 1:
        cuts = np.quantile(values[:, 0], [0.2, 0.4, 0.6, 0.8])
        depth = {node: str(int(np.searchsorted(cuts, row[0]))) for node, row in zip(nodes, distinct, strict=True)}
    return nodes, places, matrix, depth


def _by_signals(
    item: RulerItem, table: AnchorTable, cells: CellSet, folder: Path
) -> tuple[list[str], tuple[str, ...], Floats, tuple[Source, ...]]:
    path = folder / str(item.ligand_receptor)
    content = path.read_bytes()
    pairs = _signal_pairs(item, content.decode("utf-8-sig"))
    # A complex is written with its genes between underscores, and is there where all of them are.
    complexes = [(tuple(ligand.split("_")), tuple(receptor.split("_"))) for ligand, receptor in pairs]
    measured = set(cells.genes)
    # Databases list a pair more than once, also the other way round; it counts once.
    found = {(min(pair), max(pair)) for pair in complexes}
    known = sorted(pair for pair in found if measured.issuperset((*pair[0], *pair[1])))
    if not known:
        raise RulerError(
            f"ruler {item.id!r}: the cells have both genes of none of {len(pairs)} pairs; give their names"
        )
    genes = sorted({gene for pair in known for end in pair for gene in end})
    place = {gene: column for column, gene in enumerate(genes)}
    values = cells.log1p_cp10k(genes).astype(np.float64)
    nodes = sorted(set(table.stage))
    rows = {
        name: [row for at, own in enumerate(table.rows) if table.stage[at] == name for row in own] for name in nodes
    }
    on = {name: values[rows[name]].mean(axis=0) >= EXPRESSED for name in nodes}

    def has(stage: str, genes: tuple[str, ...]) -> bool:
        return all(bool(on[stage][place[gene]]) for gene in genes)

    edges, lengths = [], []
    for first, one in enumerate(nodes):
        for other in nodes[first + 1 :]:
            shared = sum(
                (has(one, ligand) and has(other, receptor)) or (has(other, ligand) and has(one, receptor))
                for ligand, receptor in known
            )
            if shared:
                edges.append((one, other))
                lengths.append(1.0 / np.sqrt(shared))
    if lost := sorted(set(nodes) - {stage for edge in edges for stage in edge}):
        raise RulerError(
            f"ruler {item.id!r}: the stage {lost[0]!r} shares no expressed pair with another; leave its cells out"
        )
    matrix = graph_ruler(edges, weights=lengths).between(nodes)
    return nodes, table.stage, matrix, (cells.source, Source(name=path.name, sha256=sha256_bytes(content)))


_LIGANDS = ("ligand", "source_genesymbol", "ligand_gene_symbol")
_RECEPTORS = ("receptor", "target_genesymbol", "receptor_gene_symbol")


def _signal_pairs(item: RulerItem, text: str) -> list[tuple[str, str]]:
    first = text.splitlines()[0] if text.strip() else ""
    reader = csv.DictReader(text.splitlines(), delimiter="\t" if "\t" in first else ",")
    names = {str(name).strip().lower(): name for name in reader.fieldnames or ()}
    ends = [next((names[name] for name in known if name in names), None) for known in (_LIGANDS, _RECEPTORS)]
    if None in ends:
        raise RulerError(
            f"ruler {item.id!r}: its table has the columns {', '.join(map(repr, reader.fieldnames or ()))}; it needs "
            f"{_LIGANDS[0]} (or {', '.join(_LIGANDS[1:])}) and {_RECEPTORS[0]} (or {', '.join(_RECEPTORS[1:])})"
        )
    return [(row[ends[0]], row[ends[1]]) for row in reader if row[ends[0]] and row[ends[1]]]
