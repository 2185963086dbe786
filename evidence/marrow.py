"""Do anchors of mouse bone-marrow cells lie along their lineage in a compact model? With everything a gate asks for.

2,660 cells of seven types (Paul et al. 2015, as tradeSeq ships them, 240 genes) have no donors: cells of a type are
dealt at random into twelve replicates, six to search by and six to judge by. Replicates of one data set differ by the
draw of cells alone, so that every interval and p-value is within one data set, and says nothing of another.

Two rulers, each with a search and a verdict of its own: the rank of a type in its lineage (0, 1, 2), and hops in the
tree of types. Types are single nodes, so that there is no order inside one. Baselines come first in the table, then
what the same search chooses in expression and in the untrained model, the candidate that is chosen in the trained model
on the untrained one, and at last on the trained one. Two controls say what the gates are worth here: other deals of the
same cells, and trees in which types have swapped places, searched in the same way.

Needs the folder that ``THEODOLITE_SHARED_DATA`` names; without it the script says so and ends. A folder named by
``THEODOLITE_COMPACT`` keeps the model between runs.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from lib.marrow_gates import EDGES, PUBLISHED, REPLICATES, baselines, marrow_panel, only, searched, told
from lib.real_cells import layer_rows, marrow, trained
from lib.record import write_evidence
from lib.regulons import shared_data
from numpy.typing import NDArray

from theodolite.analysis.manifold import Candidate, ManifoldGates, PanelSplit, graph_ruler, pair_spearman
from theodolite.gates.kernels import derive_seed
from theodolite.measurements import Variant, VariantKind
from theodolite.models.training import TrainSettings

SETTINGS = TrainSettings(steps=1500, genes_per_step=240)
GATES = ManifoldGates()
BUDGET = 200
RULERS = ("lineage rank", "lineage graph")
DEALS = 2
"""The first is the table; the others tell how much hangs on the deal."""
WRONG_TREES = 8


Rows = list[dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Source:
    """Cells by type, with what a panel is made of."""

    types: tuple[str, ...]
    expression: NDArray[np.float64]
    layers: dict[str, NDArray[np.float64]]
    untrained: dict[str, NDArray[np.float64]]
    table: NDArray[np.float64]

    def panels(
        self, seed: int, swap: Mapping[str, str] | None = None
    ) -> tuple[PanelSplit, PanelSplit, tuple[str, ...]]:
        """Return the panel of one deal in the trained and the untrained model, and the type of each anchor."""
        own, anchored = marrow_panel(self.types, self.layers, self.expression, self.table, seed=seed, swap=swap)
        other, _ = marrow_panel(self.types, self.untrained, self.expression, self.table, seed=seed, swap=swap)
        return own, other, anchored


def rows_of(source: Source, ruler: str, seed: int) -> Rows:
    """Return the rows of one ruler in one deal, what must be beaten first."""
    own, other, types = source.panels(seed)
    own, other = only(own, ruler), only(other, ruler)
    plain = only(own, ruler, {"expression": own.whole.expression})
    rows: Rows = [{"row": name, **told(each, own, types, GATES)} for name, each in baselines(own.whole, ruler).items()]
    for name, part in (("expression", plain), ("the untrained model", other)):
        rows.append({"row": f"search in {name}", **fresh_search(part, types)[1]})
    chosen, found = fresh_search(own, types)
    if chosen is not None:
        rows.append({"row": "the choice below, on the untrained model", **told(chosen, other, types, GATES)})
    return [*rows, {"row": "search in the trained model", **found}]


def fresh_search(split: PanelSplit, types: Sequence[str]) -> tuple[Candidate | None, dict[str, Any]]:
    """Search with a journal of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return searched(split, types, GATES, Path(folder) / "search.jsonl", budget=BUDGET)


def wrong_trees(source: Source, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Search the trained model for trees in which types have swapped places: none of these is the lineage."""
    graph = graph_ruler(EDGES)
    names = sorted(set(source.types))
    right = graph.between(names)
    draw = np.random.default_rng(derive_seed(seed, "wrong trees"))
    taken = {right.tobytes()}
    while len(taken) <= WRONG_TREES:
        places = [names[place] for place in draw.permutation(len(names))]
        ruler = graph.between(places)
        if ruler.tobytes() in taken:
            continue
        taken.add(ruler.tobytes())
        own, _, types = source.panels(seed, dict(zip(names, places, strict=True)))
        found = fresh_search(only(own, "lineage graph"), types)[1]
        row = {
            "places": places,
            "rho_with_right_tree": round(pair_spearman(ruler, right) or 0.0, 4),
            "passed": found.get("passed", False),
            "published_passed": found.get("published_passed", False),
            "not_met": not_met(found),
        }
        print("wrong tree", row, flush=True)
        yield row


def not_met(row: dict[str, Any]) -> list[str]:
    """Return the gates that a row does not meet."""
    return [name for name, gate in row.get("gates", {}).items() if not gate["passed"]]


def main() -> None:
    """Train, deal, search, confirm, and write the tables."""
    data = shared_data()
    if data is None:
        print("SKIPPED: no real data; name their folder by THEODOLITE_SHARED_DATA")
        return
    started = time.monotonic()
    cells = marrow(data)
    with tempfile.TemporaryDirectory() as folder:
        made = trained("marrow", cells, cells.genes, SETTINGS, Path(folder))
    print(made.record, flush=True)
    layers, table = layer_rows(made.model, cells)
    untrained, _ = layer_rows(made.model.variant(Variant(VariantKind.UNTRAINED)), cells)
    source = Source(cells.labels["cell_type"], cells.log1p_cp10k().astype(np.float64), layers, untrained, table)
    split, _, _ = source.panels(0)
    result: dict[str, Any] = {
        "cells": dict(Counter(source.types).most_common()),
        "replicates": REPLICATES,
        "anchors": len(split.whole.donors),
        "discovery": sorted(set(split.discovery.donors)),
        "intervals": "within one data set: replicates are random draws of cells, no donors",
        "model": {"trained_on": "the same marrow cells", **made.record},
        "gates": asdict(GATES),
        "gates_sha256": GATES.sha256,
        "published_gates": list(PUBLISHED),
        "tables": one_deal(source, 0),
        "other_deals": [],
        "wrong_trees": [],
    }

    def keep() -> None:
        """Write what there is: a run that is stopped leaves the parts that it finished, and how many."""
        measured = all("gates" in row for rows in result["tables"].values() for row in rows)
        result["minutes"] = round((time.monotonic() - started) / 60, 1)
        write_evidence("marrow", "anchors of mouse bone marrow against their lineage", result, measured)

    keep()
    for row in wrong_trees(source):
        result["wrong_trees"].append(row)
        keep()
    for seed in range(1, DEALS):
        deal = one_deal(source, seed)
        result["other_deals"].append({ruler: [brief(row) for row in rows] for ruler, rows in deal.items()})
        keep()


def one_deal(source: Source, seed: int) -> dict[str, Rows]:
    """Return the rows of every ruler in one deal."""
    deal = {ruler: rows_of(source, ruler, seed) for ruler in RULERS}
    for ruler, rows in deal.items():
        for row in rows:
            print(f"{seed} {ruler:14} {row['row']:42} not met: {'; '.join(not_met(row))}", flush=True)
    return deal


def brief(row: dict[str, Any]) -> dict[str, Any]:
    """Return what the table of deals needs of a row."""
    kept = ("row", "passed", "published_passed", "arrangement")
    of_all = row.get("arrangement_of_all")
    return {**{key: row[key] for key in kept}, "arrangement_of_all": of_all, "not_met": not_met(row)}


if __name__ == "__main__":
    main()
