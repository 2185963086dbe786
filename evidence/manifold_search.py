"""Does a manifold search find trees where there are some, and nothing where there are none? In planted worlds.

The criteria were written before the first run: a candidate that a search on six donors chose passes every gate on six
others in at least 9 of 10 trees, and in at most 9 of 50 worlds without a tree (lines, clusters and neither).

What is searched are the layers of an untrained residual network that reads the expression of each cell: it has the
shape of a model's residual stream and adds nothing to what is in the cells. The panel that must fail is the world of
the same seed that has neither stages nor branches.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from lib.record import write_evidence

from theodolite.analysis.manifold import (
    Confirmation,
    ManifoldGates,
    ManifoldSearch,
    PanelSplit,
    anchors,
    candidates,
    confirm,
    graph_ruler,
    panel,
    search,
    split_by_donor,
    static_features,
)
from theodolite.data.tree_world import WorldShape, tree_world

TREES, LEAST_FOUND, MOST_WRONG = 10, 9, 9
OTHERS: dict[WorldShape, int] = {"line": 17, "clusters": 17, "none": 16}
GATES = ManifoldGates(panel_required=True)
WIDTH, BLOCKS, BUDGET = 64, 2, 24


def split_world(shape: WorldShape, seed: int) -> PanelSplit:
    """Return the anchors of a world, six donors to search and six to judge by."""
    world = tree_world(seed, shape=shape, tissues=1)
    cells = world.cells
    expression = np.log1p(cells.counts.toarray() * np.asarray(cells.scale)[:, None])
    draw = np.random.default_rng([seed, 1])
    table = draw.standard_normal((expression.shape[1], WIDTH)) / np.sqrt(expression.shape[1])
    stream = {"layer_0": expression @ table}
    for block in range(BLOCKS):
        before = stream[f"layer_{block}"]
        weights = draw.standard_normal((WIDTH, WIDTH)) / np.sqrt(WIDTH)
        stream[f"layer_{block + 1}"] = before + np.tanh(before @ weights)
    labels = {name: cells.labels[name] for name in ("donor", "branch", "node")}
    found = {name: anchors(values, labels) for name, values in {"expression": expression, **stream}.items()}
    points = found.pop("expression")
    nodes = points.labels["node"]
    whole = panel(
        {name: layer.rows for name, layer in found.items()},
        {"tree": graph_ruler(world.edges).between(nodes)},
        points.rows,
        static=static_features(points.rows, table),
        donors=points.labels["donor"],
        branches=points.labels["branch"],
        depths=[world.depth[node] for node in nodes],
        tips=[name for name in sorted(set(world.branch.values())) if name != "trunk"],
    )
    return split_by_donor(whole, seed=seed)


def find(shape: WorldShape, seed: int, journal: Path) -> tuple[ManifoldSearch, Confirmation | None]:
    """Search the discovery donors of a world, and confirm what was chosen."""
    split = split_world(shape, seed)
    found = search(split.discovery, candidates(split.whole), GATES, journal=journal, budget=BUDGET, seed=seed)
    if found.chosen is None:
        return found, None
    return found, confirm(found, split, GATES, panel=split_world("none", seed), seed=seed)


def counts(shape: WorldShape, first: int, worlds: int) -> dict[str, Any]:
    """Return how often worlds of a shape pass, which gates fail how often, and what was chosen."""
    passed, failed, chosen, lowest = 0, Counter[str](), Counter[str](), []
    for seed in range(first, first + worlds):
        with tempfile.TemporaryDirectory() as folder:
            found, confirmed = find(shape, seed, Path(folder) / "search.jsonl")
        if confirmed is None or found.chosen is None:
            failed["every fit was refused"] += 1
            continue
        verdict = confirmed.verdict
        passed += verdict.passed
        failed.update(verdict.failed)
        chosen[found.chosen.choice.name] += 1
        lowest.append((confirmed.evidence.both or {}).get("branch"))
        print(f"{shape:9} {seed} {'passed' if verdict.passed else '; '.join(verdict.failed)}", flush=True)
    known = [value for value in lowest if value is not None]
    return {
        "world": shape,
        "worlds": worlds,
        "passed": passed,
        "failed_gates": dict(failed.most_common()),
        "chosen_fitters": dict(chosen.most_common()),
        "branch_holdout": [round(min(known), 3), round(max(known), 3)] if known else None,
    }


def main() -> None:
    """Search trees and other worlds, print their counts, and write the evidence."""
    started = time.monotonic()
    rows = [counts("tree", 30_000, TREES)]
    first = 31_000
    for shape, worlds in OTHERS.items():
        rows.append(counts(shape, first, worlds))
        first += worlds
    for row in rows:
        print(row)
    found, wrong = rows[0]["passed"], sum(row["passed"] for row in rows[1:])
    result = {
        "gates": asdict(GATES),
        "gates_sha256": GATES.sha256,
        "budget": BUDGET,
        "rows": rows,
        "trees_found": f"{found} of {TREES}, at least {LEAST_FOUND}",
        "others_passed": f"{wrong} of {sum(OTHERS.values())}, at most {MOST_WRONG}",
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    passed = found >= LEAST_FOUND and wrong <= MOST_WRONG
    write_evidence("manifold_search", "a search for manifolds on trees and on worlds without one", result, passed)
    raise SystemExit(not passed)


if __name__ == "__main__":
    main()
