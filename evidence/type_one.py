"""How often does each null of pair scores reject where there is nothing? Six worlds without a signal, and two with one.

Graphs are fixed and scores drawn anew. Every replicate is tested as a claim is: hubs are taken out, the panel is drawn,
and the largest p counts. Beside it stand the pair shuffle on the raw scores, which moves single pairs as if they were
independent, and the panel without its family null.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import numpy as np
from lib.record import write_evidence

from theodolite.data.pair_worlds import NULL_WORLDS, PairGraph, PairWorld, pair_graph, pair_scores
from theodolite.gates.bipartite import BipartiteContrast, contrast_bipartite
from theodolite.gates.evidence import exceedances, monte_carlo_p
from theodolite.gates.kernels import strata_statistics
from theodolite.measurements.centring import double_centred_bipartite
from theodolite.plans import NullName

NULLS: tuple[NullName, ...] = ("family_block_swap", "curveball", "stratified_labels", "coexpression_strata")
COLUMNS = ("pair_shuffle", *NULLS, "panel", "panel_without_family_block")
GRAPHS = 4
REPLICATES, DRAWS, ALPHA = 4_000, 199, 0.05
FINE_REPLICATES, FINE_DRAWS, FINE_ALPHAS = 1_000, 9_999, (0.01, 0.001)
STARS, WINDOWS = 10, 10
"""The pool of Curveball draws of a graph: stars, and runs of draws within each, taken in turn by the replicates."""
MOST, LEAST_POWER = 0.065, 0.90
"""What the panel's rejection rate may be without a signal and must be with one."""
SHUFFLE_FAILS = {PairWorld.HUB_INDEP: 0.15, PairWorld.HUB_DEGREE_CONF: 0.90, PairWorld.LOWRANK_HUB_CONF: 0.90}
"""Rejection rates that the pair shuffle exceeds, which is why it is not in the panel."""


def labelled(graph: PairGraph) -> BipartiteContrast:
    """Return the contrast of a graph's reference in scores that are all 0."""
    return contrast_bipartite(
        np.zeros(graph.edges.shape),
        graph.edges,
        graph.regulator_families,
        graph.target_families,
        graph.target_mean,
        graph.target_dropout,
        graph.coexpression,
    )


def p_values(raw: BipartiteContrast, draws: int, windows: int, replicate: int) -> list[float]:
    """Return p in the order of :data:`COLUMNS` for one draw of scores."""
    everywhere = np.array([0, raw.candidates])
    shuffled = strata_statistics(raw.rank[raw.pairs], everywhere, np.array([raw.size]), draws, replicate)
    p = [monte_carlo_p(exceedances(shuffled, raw.observed()), draws)]
    centred = raw.replaced(double_centred_bipartite(raw.score, raw.pairs))
    for null in NULLS:
        pooled = null == "curveball"
        seed, start = (replicate % STARS, replicate // STARS % windows * draws) if pooled else (replicate, 0)
        p.append(monte_carlo_p(exceedances(centred.draw(null, draws, seed, start), centred.observed()), draws))
    return [*p, max(p[1:]), max(p[2:])]


def replicates(
    worlds: Iterable[PairWorld], count: int, draws: int, windows: int = WINDOWS
) -> dict[PairWorld, np.ndarray]:
    """Return the p-values of each world, shape (count, columns), a quarter of them on each of four graphs."""
    kept: dict[PairWorld, list[list[float]]] = {world: [] for world in worlds}
    for paralogues in (False, True):
        for graph_seed in range(GRAPHS):
            graph = pair_graph(graph_seed, paralogues=paralogues)
            contrast = labelled(graph)
            for number, world in enumerate(PairWorld):
                if world not in kept or (world is PairWorld.PARALOG) != paralogues:
                    continue
                for replicate in range(count // GRAPHS):
                    rng = np.random.default_rng(np.random.SeedSequence([number, graph_seed, replicate]))
                    raw = contrast.replaced(pair_scores(world, graph, rng))
                    kept[world].append(p_values(raw, draws, windows, replicate))
    return {world: np.array(p) for world, p in kept.items()}


def rates(p: np.ndarray, alpha: float) -> dict[str, float]:
    """Return the share of replicates in which each test rejects."""
    return dict(zip(COLUMNS, np.round((p <= alpha).mean(axis=0), 4).tolist(), strict=True))


def table(found: dict[PairWorld, np.ndarray], alpha: float) -> str:
    """Return the rejection rates as text, a world a line."""
    lines = [f"rejection rate at {alpha}".ljust(20) + "".join(name.rjust(1 + max(9, len(name))) for name in COLUMNS)]
    for world, p in found.items():
        values = rates(p, alpha)
        lines.append(world.ljust(20) + "".join(f"{values[name]:.3f}".rjust(1 + max(9, len(name))) for name in COLUMNS))
    return "\n".join(lines)


def failures(found: dict[PairWorld, np.ndarray]) -> list[str]:
    """Return what is not as it must be at 0.05, in words."""
    wrong = []
    for world, p in found.items():
        rate = rates(p, ALPHA)
        if world in NULL_WORLDS and rate["panel"] > MOST:
            wrong.append(f"{world}: the panel rejects {rate['panel']:.3f}, more than {MOST}")
        if world not in NULL_WORLDS and rate["panel"] < LEAST_POWER:
            wrong.append(f"{world}: the panel finds {rate['panel']:.3f}, less than {LEAST_POWER}")
        if rate["pair_shuffle"] <= SHUFFLE_FAILS.get(world, -1.0):
            wrong.append(f"{world}: the pair shuffle rejects {rate['pair_shuffle']:.3f}, too seldom to be a warning")
    return wrong


def _result(found: dict[PairWorld, np.ndarray], draws: int, alphas: Sequence[float]) -> dict[str, object]:
    return {
        "replicates": {str(world): len(p) for world, p in found.items()},
        "draws": draws,
        "rejection_rates": {str(a): {str(world): rates(p, a) for world, p in found.items()} for a in alphas},
    }


def main() -> None:
    """Run both resolutions, print their tables, and write the evidence."""
    started = time.monotonic()
    found = replicates(PairWorld, REPLICATES, DRAWS)
    print(table(found, ALPHA), flush=True)
    fine = replicates(NULL_WORLDS, FINE_REPLICATES, FINE_DRAWS, windows=1)
    for alpha in FINE_ALPHAS:
        print(table(fine, alpha), flush=True)
    wrong = failures(found)
    for line in wrong:
        print(line)
    result = {
        "graphs": GRAPHS,
        "coarse": _result(found, DRAWS, (ALPHA,)),
        "fine": _result(fine, FINE_DRAWS, FINE_ALPHAS),
        "most_allowed": MOST,
        "least_power": LEAST_POWER,
        "wrong": wrong,
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    write_evidence("type_one", "rejection rates of the nulls of pair scores", result, not wrong)
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
