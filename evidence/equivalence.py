"""How often is an effect that just counts called none? Pairs of genes at either bound, and with no effect.

The test of a claim of no effect supposes that a reference differs from other pairs by a shift. Worlds keep that, or
give the reference another spread, or scores heavy tails or a lean to one side. In each the AUROC is 0.4 or 0.6 in the
long run. The panel is that of pair claims; the fine levels are asked of one null alone, which errs more often than a
panel does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from lib.record import write_evidence
from numpy.typing import NDArray
from scipy.optimize import brentq

from theodolite.gates.evidence import Stopping, sequential_evidence
from theodolite.gates.nulls import Contrast, contrast_pairs
from theodolite.gates.shifts import both_raised
from theodolite.gates.standins import random_pairs
from theodolite.measurements.centring import double_centred
from theodolite.plans import NullName

Floats = NDArray[np.float64]
Transform = Callable[[Floats], Floats]

SESOI: Final = 0.10
GENES, FAMILIES, EDGES, SHARE = 60, 40, 150, 0.25
REPLICATES, DRAWS = 400, 999
FINE_REPLICATES, FINE_DRAWS, FINE_NULL = 4_000, 9_999, "coexpression_strata"
ALPHAS: Final = (0.05, 0.01, 0.001)
MOST: Final = 0.075
"""Rate at 0.05 that a test at its level exceeds about once in a hundred times."""


def _plain(score: Floats) -> Floats:
    return score


def _heavy(score: Floats) -> Floats:
    return np.asarray(np.sign(score) * np.abs(score) ** 1.7)


def _leaning(score: Floats) -> Floats:
    return np.asarray(np.exp(0.6 * score))


WORLDS: Final[Mapping[str, tuple[float, Transform]]] = {
    "a shift": (1.0, _plain),
    "reference varies by 0.4": (0.4, _plain),
    "reference varies by 1.25": (1.25, _plain),
    "reference varies by 2.5": (2.5, _plain),
    "heavy tails": (1.0, _heavy),
    "scores that lean": (1.0, _leaning),
}
"""Spread of the reference in that of the others, and what is made of normal scores."""


def away(varies: float, made: Transform, effect: float) -> float:
    """Return how far off the reference lies where its AUROC is 0.5 + effect in the long run, from many draws."""
    rng = np.random.default_rng(0)
    others, reference = np.sort(made(rng.standard_normal(200_000))), made(varies * rng.standard_normal(20_000))

    def beyond(by: float) -> float:
        return float(np.searchsorted(others, reference + by).mean()) / len(others) - 0.5 - effect

    return float(brentq(beyond, -20.0, 20.0))


def world(rng: np.random.Generator, varies: float, made: Transform, by: float) -> Contrast:
    """Return one world: scores of pairs without hubs, and a reference that was drawn without them."""
    family = np.concatenate([np.arange(FAMILIES), rng.integers(FAMILIES, size=GENES - FAMILIES)])
    candidates = np.triu(family[:, None] != family[None, :])
    chosen = rng.choice(np.flatnonzero(candidates), EDGES, replace=False)
    edges = np.zeros((GENES, GENES), dtype=bool)
    edges.ravel()[chosen] = True
    edges |= edges.T
    shared = rng.standard_normal((GENES, GENES))
    statistics = rng.lognormal(size=(2, GENES))
    names = [f"F{number}" for number in family]
    score = double_centred(random_pairs(family, SHARE, rng))
    score /= score[candidates].std()
    blank = contrast_pairs(score, edges, names, *statistics, coexpression=shared + shared.T)
    return blank.replaced(np.where(edges, made(varies * score) + by, made(score)))


def p_value(contrast: Contrast, nulls: Sequence[NullName], draws: int, seed: int) -> float:
    """Return the largest p of both sides and of all nulls."""
    largest, rule = 0.0, Stopping(kind="besag_clifford", b_max=draws)
    for side in both_raised(contrast, SESOI):
        for null in nulls:
            own = side.seed(null, seed)
            drawn = sequential_evidence(
                lambda start, count, side=side, null=null, own=own: side.draw(null, count, own, start),
                side.observed(),
                rule,
            )
            largest = max(largest, drawn.p)
    return largest


def rates(
    name: str, effect: float, replicates: int, draws: int, nulls: Sequence[NullName] | None = None
) -> dict[str, float]:
    """Return how often an effect, of either sign in turn, is called none, by level."""
    varies, made = WORLDS[name]
    by = {sign: away(varies, made, sign * effect) for sign in (-1, 1)}
    found = []
    for number in range(replicates):
        rng = np.random.default_rng([list(WORLDS).index(name), round(100 * effect), number])
        contrast = world(rng, varies, made, by[1 if number % 2 else -1])
        found.append(p_value(contrast, nulls or contrast.names, draws, number))
    return {str(alpha): float(np.mean(np.array(found) <= alpha)) for alpha in ALPHAS}


def main() -> None:
    """Print the rates, and write the evidence."""
    started = time.monotonic()
    panel: dict[str, dict[str, float]] = {}
    print("| world | called none at the bound, 0.05 | with no effect, 0.05 |\n|---|---:|---:|")
    for name in WORLDS:
        at_the_bound = rates(name, SESOI, REPLICATES, DRAWS)["0.05"]
        panel[name] = {"bound": at_the_bound, "none": rates(name, 0.0, REPLICATES // 4, DRAWS)["0.05"]}
        print(f"| {name} | {at_the_bound:.3f} | {panel[name]['none']:.2f} |", flush=True)
    fine = rates("a shift", SESOI, FINE_REPLICATES, FINE_DRAWS, (FINE_NULL,))
    print(f"one null, a shift, {FINE_REPLICATES} replicates: {fine}")
    wrong = [f"{name}: {rate['bound']:.3f} at 0.05" for name, rate in panel.items() if rate["bound"] > MOST]
    result = {
        "sesoi": SESOI,
        "replicates": {"bound": REPLICATES, "none": REPLICATES // 4, "fine": FINE_REPLICATES},
        "panel": panel,
        "one null": fine,
        "wrong": wrong,
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    write_evidence("equivalence", "how often an effect that just counts is called none", result, not wrong)
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
