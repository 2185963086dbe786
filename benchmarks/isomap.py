"""How fast landmark Isomap is beside scikit-learn's Isomap, at equal recovered coordinates, in one run.

Run ``python benchmarks/isomap.py``: 4,000 points of a Swiss roll, of which the place along the roll and across it are
known. Both ways join ten nearest neighbours and keep two dimensions; ours computes paths from 300 landmarks, theirs
from all points, and theirs is called as it is configured where nothing is asked for. Both have one thread. A round
takes each way once, in another order; the first does not count. Medians and quartiles over five rounds are printed of
the seconds, and of the ratio of the two in the same round, beside each way's Spearman correlation of its coordinates
with the truth; then one line of JSON. Ends with 1 where scikit-learn takes less than eight times as long, or ours
recovers a coordinate worse by more than 0.001.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import sklearn.manifold
from numpy.typing import NDArray
from scipy.stats import spearmanr

from theodolite.analysis.manifold import landmark_isomap

POINTS, QUICK_POINTS, NEIGHBOURS, LANDMARKS, ROUNDS, SEED = 4_000, 800, 10, 300, 5, 1
_SETTINGS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
LEAST_RATIO, WORSE = 8.0, 0.001
OURS, THEIRS = "landmark Isomap", "scikit-learn"

Floats = NDArray[np.float64]


def swiss_roll(points: int) -> tuple[Floats, Floats]:
    """Return points (n, 3) of a roll, and their places (n, 2) along it, by arc length, and across it."""
    draw = np.random.default_rng(SEED)
    angle = 1.5 * np.pi * (1.0 + 2.0 * draw.random(points))
    across = 20.0 * draw.random(points)
    # Arc length of the spiral r = angle.
    along = 0.5 * (angle * np.sqrt(1.0 + angle**2) + np.arcsinh(angle))
    return np.column_stack([angle * np.cos(angle), across, angle * np.sin(angle)]), np.column_stack([along, across])


def recovered(latent: Floats, truth: Floats) -> list[float]:
    """Return the Spearman correlation of each axis with the coordinate of its place, whatever its sign."""
    return [abs(float(spearmanr(latent[:, axis], truth[:, axis]).statistic)) for axis in range(2)]


def timed(ways: dict[str, Callable[[], Floats]], rounds: int) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return the seconds of each way, a round, and the coordinates that it found last."""
    draw, found = np.random.default_rng(SEED), {}
    seconds = {name: np.zeros(rounds + 1) for name in ways}
    for number in range(rounds + 1):
        for name in draw.permutation(list(ways)):
            start = time.perf_counter()
            found[name] = ways[name]()
            seconds[name][number] = time.perf_counter() - start
    return {name: each[1:] for name, each in seconds.items()}, found


def main() -> None:
    """Time both ways and print them."""
    # Libraries of linear algebra read these as they are loaded; on a busy machine their threads wait for one another.
    if any(os.environ.get(name) != value for name, value in _SETTINGS.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **_SETTINGS})
    reader = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    reader.add_argument("--points", type=int, default=POINTS)
    reader.add_argument("--landmarks", type=int, default=LANDMARKS)
    reader.add_argument("--rounds", type=int, default=ROUNDS)
    reader.add_argument("--quick", action="store_true", help="few points, to try it; no target")
    asked = reader.parse_args()
    points = QUICK_POINTS if asked.quick else asked.points
    rows, truth = swiss_roll(points)

    def ours() -> Floats:
        return landmark_isomap(rows, dimension=2, neighbours=NEIGHBOURS, landmarks=asked.landmarks, seed=SEED).latent

    def theirs() -> Floats:
        return np.asarray(sklearn.manifold.Isomap(n_neighbors=NEIGHBOURS, n_components=2).fit_transform(rows))

    versions = {"python": platform.python_version()}
    versions |= {name: version(name) for name in ("numpy", "scipy", "scikit-learn")}
    print(
        f"Swiss roll, {points:,} points, {NEIGHBOURS} neighbours, {asked.landmarks} landmarks, {asked.rounds} rounds; "
        "one thread; " + ", ".join(f"{name} {number}" for name, number in versions.items())
    )
    seconds, found = timed({OURS: ours, THEIRS: theirs}, asked.rounds)
    rows_of = {}
    for name, each in seconds.items():
        rho = recovered(found[name], truth)
        low, middle, high = (float(value) for value in np.quantile(each, [0.25, 0.5, 0.75]))
        print(
            f"{name:16} {middle:8.3f} s ({low:.3f} to {high:.3f})   Spearman with the truth: along {rho[0]:.4f}, "
            f"across {rho[1]:.4f}"
        )
        rows_of[name] = {"seconds": [low, middle, high], "spearman": rho}
    least, ratio, most = (float(value) for value in np.quantile(seconds[THEIRS] / seconds[OURS], [0.25, 0.5, 0.75]))
    print(json.dumps({"points": points, "versions": versions, "ways": rows_of, "ratio": [least, ratio, most]}))
    print(f"scikit-learn takes {ratio:.1f} times as long ({least:.1f} to {most:.1f}); {LEAST_RATIO:.0f} are wanted")
    if asked.quick:
        return
    worse = np.subtract(rows_of[THEIRS]["spearman"], rows_of[OURS]["spearman"])
    if (worse > WORSE).any():
        raise SystemExit(f"missed: a coordinate is recovered worse than by scikit-learn, by {worse.max():.4f}")
    if ratio < LEAST_RATIO:
        raise SystemExit(f"missed: {ratio:.1f} times scikit-learn, less than {LEAST_RATIO:.0f}")


if __name__ == "__main__":
    main()
