"""Do the tests of a manifold reject as often as they say, and what do the published gates let pass? In planted worlds.

Four kinds of worlds with the same donors and noise: a tree, a line without branches, clusters without order, and
neither. First, permutation tests of three latent spaces in many worlds: where a test is about what a world lacks, its
rejection rate at 0.05 may not be shown to be above 0.05 (exact binomial bound, corrected for the number of rates);
where the world has it, 95 % must be found. Then the gates of arXiv 2603.10261 (trustworthiness, hold-outs of rows,
donors and branches, blocked permutation) beside two nulls of held-out donors: swapped within a branch, and within a
depth. The gates are only counted; the two nulls together must find every tree and nothing else, of Isomap and of LET.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
from lib.record import write_evidence
from scipy.stats import beta

from theodolite.analysis.manifold import (
    Anchors,
    Fitter,
    anchors,
    blocked_permutation,
    branch_structure,
    diffusion_map,
    graph_ruler,
    held_out,
    label_holdouts,
    landmark_isomap,
    latent_distances,
    let,
    principal_components,
    random_holdouts,
    random_projection,
    stage_shuffle,
    trustworthiness,
    unsupervised,
)
from theodolite.data.tree_world import TreeWorld, WorldShape, tree_world

WORLDS, DRAWS, ALPHA, LEAST_POWER = 200, 199, 0.05, 0.95
GATE_WORLDS, GATE_DRAWS, LEAST_TRUST, LEAST_RHO, GATE_ALPHA = 6, 1_999, 0.80, 0.20, 0.001
DIMENSION, NEIGHBOURS = 3, 15
SHAPES: tuple[WorldShape, ...] = ("tree", "line", "clusters", "none")
LACKING: dict[WorldShape, tuple[str, ...]] = {
    "tree": (),
    "line": ("branches",),
    "clusters": ("stages",),
    "none": ("blocks", "stages", "branches"),
}
SPACES: dict[str, Callable[..., Any]] = {
    "principal components": partial(principal_components, dimension=DIMENSION),
    "landmark Isomap": partial(landmark_isomap, dimension=DIMENSION, neighbours=NEIGHBOURS),
    "diffusion map": partial(diffusion_map, dimension=DIMENSION, neighbours=NEIGHBOURS),
}
FITTERS: dict[str, Fitter] = {
    "random projection": unsupervised(random_projection, dimension=DIMENSION),
    "principal components": unsupervised(principal_components, dimension=DIMENSION),
    "landmark Isomap": unsupervised(landmark_isomap, dimension=DIMENSION, neighbours=NEIGHBOURS),
    "LET": partial(let, dimension=DIMENSION),
    "LET, 20 components": partial(let, dimension=DIMENSION, components=20),
}
MUST_FIND = ("landmark Isomap", "LET, 20 components")


def points(world: TreeWorld) -> Anchors:
    """Return centroids of log counts over donor and node."""
    cells = world.cells
    features = np.log1p(cells.counts.toarray() * np.asarray(cells.scale)[:, None])
    return anchors(features, {name: cells.labels[name] for name in ("donor", "branch", "node")})


def p_values(world: TreeWorld, seed: int) -> dict[tuple[str, str], float]:
    """Return the p-value of each test in each latent space; none where the space is refused."""
    found = points(world)
    graph, nodes, donors = graph_ruler(world.edges), found.labels["node"], found.labels["donor"]
    ruler, depth, branches = graph.between(nodes), graph.depth("trunk_1", nodes), found.labels["branch"]
    p = {}
    for space, fit in SPACES.items():
        try:
            distance = latent_distances(fit(found.rows).latent)
        except ValueError:
            continue
        stages = stage_shuffle(distance, ruler, branches, donors=donors, draws=DRAWS, seed=seed)
        structure = branch_structure(distance, ruler, depth, blocks=donors, draws=DRAWS, seed=seed)
        p[space, "blocks"] = blocked_permutation(distance, ruler, donors, draws=DRAWS, seed=seed).p
        p[space, "stages"], p[space, "branches"] = stages.within.p, structure.null.p
    return p


def rates() -> tuple[list[dict[str, Any]], list[str]]:
    """Return rejection rates by world, space and test, and what is not as it must be."""
    counted = []
    for shape in SHAPES:
        drawn: dict[tuple[str, str], list[float]] = {}
        for seed in range(WORLDS):
            for key, p in p_values(tree_world(10_000 + seed, shape=shape, tissues=1), seed).items():
                drawn.setdefault(key, []).append(p)
        for (space, test), values in drawn.items():
            rejected = sum(p <= ALPHA for p in values)
            null = test in LACKING[shape]
            counted.append({"world": shape, "space": space, "test": test, "null": null, "rejected": rejected,
                            "worlds": len(values)})  # fmt: skip
            print(
                f"{shape:9} {space:21} {test:9} {'null' if null else '    '} {rejected:4} of {len(values)}", flush=True
            )
    nulls = sum(row["null"] for row in counted)
    wrong = []
    for row in counted:
        rejected, count = row["rejected"], row["worlds"]
        bound = float(beta.ppf(0.05 / nulls, rejected, count - rejected + 1)) if rejected else 0.0
        if bound > ALPHA if row["null"] else rejected < LEAST_POWER * count:
            wrong.append(f"{row['world']}, {row['space']}, {row['test']}: {rejected} of {count}")
    return counted, wrong


def mean(values: Iterable[float | None]) -> float:
    """Return the mean of those that are defined."""
    return float(np.mean([value for value in values if value is not None]))


def gates(world: TreeWorld, fitter: Fitter, seed: int) -> tuple[bool, bool]:
    """Return whether a world passes the published gates, and whether the two nulls of held-out donors find a tree."""
    found = points(world)
    graph, nodes = graph_ruler(world.edges), found.labels["node"]
    ruler, donors, branches = graph.between(nodes), found.labels["donor"], found.labels["branch"]
    depth = [str(world.depth[node]) for node in nodes]
    try:
        latent = fitter(found.rows, ruler).latent
        scores = held_out(
            found.rows,
            ruler,
            fitter,
            (
                *random_holdouts(len(ruler), repeats=3, seed=seed),
                *label_holdouts(donors, "donor", names=sorted(set(donors))[:5]),
                *label_holdouts(branches, "branch", names=[name for name in sorted(set(branches)) if name != "trunk"]),
            ),
            swaps={"branch": branches, "depth": depth},
            seed=seed,
        )
    except ValueError:
        return False, False
    blocked = blocked_permutation(latent_distances(latent), ruler, donors, draws=GATE_DRAWS, seed=seed)
    kinds = ("random", "donor", "branch")
    rho = [mean(score.both for score in scores if score.kind == kind) for kind in kinds]
    trust = trustworthiness(found.rows, latent)
    published = trust >= LEAST_TRUST and min(rho) >= LEAST_RHO and blocked.p <= GATE_ALPHA
    held = [score for score in scores if score.kind == "donor"]
    p = [np.median([null.p for score in held if (null := score.nulls[swap])]) for swap in ("branch", "depth")]
    return published, bool(max(p) <= ALPHA)


def gate_counts() -> tuple[list[dict[str, Any]], list[str]]:
    """Return how many worlds of each kind pass, by fitter, and what is not as it must be."""
    counted, wrong = [], []
    for name, fitter in FITTERS.items():
        for shape in SHAPES:
            passed = [
                gates(tree_world(20_000 + seed, shape=shape, tissues=1), fitter, seed) for seed in range(GATE_WORLDS)
            ]
            published, nulls = (sum(each) for each in zip(*passed, strict=True))
            counted.append({"fitter": name, "world": shape, "worlds": GATE_WORLDS, "published_gates": published,
                            "held_out_nulls": nulls})  # fmt: skip
            print(f"{name:21} {shape:9} published gates {published}, nulls {nulls} of {GATE_WORLDS}", flush=True)
            if name in MUST_FIND and nulls != (GATE_WORLDS if shape == "tree" else 0):
                wrong.append(f"{name}, {shape}: a tree in {nulls} of {GATE_WORLDS}")
    return counted, wrong


def main() -> None:
    """Run both parts, print their rows, and write the evidence."""
    started = time.monotonic()
    rejections, wrong = rates()
    passes, missed = gate_counts()
    wrong += missed
    for line in wrong:
        print(line)
    result = {
        "draws": DRAWS,
        "alpha": ALPHA,
        "rejections": rejections,
        "gates": passes,
        "wrong": wrong,
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    write_evidence("manifold", "tests of manifolds on trees and on worlds without one", result, not wrong)
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
