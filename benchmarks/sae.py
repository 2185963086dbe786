"""How fast a sparse autoencoder is trained: the sparse step, its dense oracle and SAELens' own step, in one run.

Run ``python benchmarks/sae.py``: width 512, 4,608 features, 32 active, batches of 4,096 rows, two threads unless others
are asked for. All ways read the same rows, of a world of superposed features; no feature is dead so early, so that none
has an auxiliary loss to compute. SAELens is stepped by its trainer, as it is configured where nothing is asked for (its
sparse activations have no backward pass on a processor). A round takes each way once, in another order, some steps
each; the first does not count. Medians and quartiles over rounds are printed of the time of a step and of its ratio to
the sparse step of the same round; then one line of JSON. Ends with 1 where SAELens takes less than three times as long.
Without SAELens its row is left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from itertools import cycle
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from theodolite.data.superposed import superposed_world
from theodolite.saes import SAESettings
from theodolite.saes.dense_step import DenseStep
from theodolite.saes.sparse_step import SparseStep
from theodolite.saes.state import TrainingState

_SETTINGS = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "17179869184"}
"""What the launcher of workers sets; the C library reads it as a process starts."""
SEED, BATCHES, ROUNDS, STEPS, THREADS, LEAST_RATIO = 1, 4, 5, 2, 2, 3.0
SPARSE, DENSE, LENS = "sparse step", "dense step", "SAELens"

Batches = list[NDArray[np.float32]]
Step = Callable[[NDArray[np.float32]], object]


@dataclass(frozen=True)
class Size:
    """What is trained."""

    width: int
    features: int
    k: int
    rows: int


FULL, QUICK = Size(512, 4_608, 32, 4_096), Size(64, 256, 8, 256)


def batches_of(size: Size) -> Batches:
    """Return centred rows of unit mean square."""
    world = superposed_world(
        SEED, rows=BATCHES * size.rows, width=size.width, features=size.features, active=float(size.k),
        least_rate=0.5 * size.k / size.features,
    )  # fmt: skip
    values = world.values - world.values.mean(axis=0)
    values /= np.sqrt(np.square(values).mean())
    return [np.ascontiguousarray(part) for part in np.split(values, BATCHES)]


def lens_step(size: Size, batches: Batches) -> Step:
    """Return a step of SAELens' trainer: forward, backward, clipping, Adam, and its counts of active features."""
    from sae_lens import TopKTrainingSAE, TopKTrainingSAEConfig
    from sae_lens.config import SAETrainerConfig
    from sae_lens.training.sae_trainer import SAETrainer

    configuration = TopKTrainingSAEConfig(d_in=size.width, d_sae=size.features, k=size.k)
    recipe = SAETrainerConfig(total_training_samples=10**9, train_batch_size_samples=size.rows, lr=2e-4, lr_end=2e-5)
    trainer = SAETrainer(recipe, TopKTrainingSAE(configuration), cycle(torch.from_numpy(part) for part in batches))
    return lambda batch: trainer.step(torch.from_numpy(batch))


def ways(size: Size, threads: int, batches: Batches, stack: ExitStack) -> dict[str, Step]:
    """Return a step of each way, by name."""
    # So long a run that no feature is dead within the steps that are timed.
    settings = SAESettings(features=size.features, k=size.k, steps=10_000, rows=size.rows, seed=SEED, threads=threads)
    found: dict[str, Step] = {}
    for name, kind in ((SPARSE, SparseStep), (DENSE, DenseStep)):
        way = kind(settings, TrainingState.begin(settings, size.width))
        found[name] = stack.enter_context(way.running()).step
    if importlib.util.find_spec("sae_lens") is None:
        print("SAELens is not installed (pip install 'sae-lens>=6.54,<7'): its row is left out")
        return found
    return found | {LENS: lens_step(size, batches)}


def timed(found: dict[str, Step], batches: Batches, rounds: int, steps: int) -> dict[str, NDArray[np.float64]]:
    """Return the seconds of a step for each way, a round."""
    draw, taken = np.random.default_rng(SEED), {name: np.zeros(rounds + 1) for name in found}
    for number in range(rounds + 1):
        for name in draw.permutation(list(found)):
            start = time.perf_counter()
            for step in range(steps):
                found[name](batches[(number * steps + step) % BATCHES])
            taken[name][number] = (time.perf_counter() - start) / steps
    return {name: each[1:] for name, each in taken.items()}


def report(name: str, size: Size, seconds: NDArray[np.float64], sparse: NDArray[np.float64]) -> dict[str, Any]:
    """Print a row, and return it as plain data."""
    low, middle, high = (float(value) for value in 1e3 * np.quantile(seconds, [0.25, 0.5, 0.75]))
    least, ratio, most = (float(value) for value in np.quantile(seconds / sparse, [0.25, 0.5, 0.75]))
    print(
        f"{name:12} {middle:9.1f} ms a step ({low:.1f} to {high:.1f})  {1e3 * size.rows / middle:9,.0f} tokens/s  "
        f"{ratio:6.2f} x the sparse step ({least:.2f} to {most:.2f})"
    )
    return {"milliseconds": [low, middle, high], "ratio": [least, ratio, most]}


def main() -> None:
    """Time all ways and print them."""
    if any(os.environ.get(name) != value for name, value in _SETTINGS.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **_SETTINGS})
    reader = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    reader.add_argument("--threads", type=int, default=THREADS)
    reader.add_argument("--rounds", type=int, default=ROUNDS)
    reader.add_argument("--steps", type=int, default=STEPS, help="steps of a way in a round")
    reader.add_argument("--quick", action="store_true", help="small sizes, to try it; no target")
    asked = reader.parse_args()
    size = QUICK if asked.quick else FULL
    packages = ["torch", "numpy", "numba", *(["sae-lens"] if importlib.util.find_spec("sae_lens") else [])]
    versions = {"python": platform.python_version()} | {name: version(name) for name in packages}
    print(
        f"width {size.width}, {size.features:,} features, {size.k} active, batches of {size.rows:,}; {asked.threads} "
        f"threads, {asked.rounds} rounds of {asked.steps} steps; "
        + ", ".join(f"{name} {number}" for name, number in versions.items())
    )
    torch.manual_seed(SEED)
    batches = batches_of(size)
    with ExitStack() as stack:
        torch.set_num_threads(asked.threads)
        taken = timed(ways(size, asked.threads, batches, stack), batches, asked.rounds, asked.steps)
    rows = {name: report(name, size, seconds, taken[SPARSE]) for name, seconds in taken.items()}
    print(json.dumps({"size": vars(size), "threads": asked.threads, "versions": versions, "ways": rows}))
    if LENS not in rows:
        return
    ratio = rows[LENS]["ratio"][1]
    print(f"SAELens takes {ratio:.2f} times as long; at least {LEAST_RATIO:.0f} is wanted")
    if ratio < LEAST_RATIO and not asked.quick:
        raise SystemExit(f"missed: {ratio:.2f} times SAELens, less than {LEAST_RATIO:.0f}")


if __name__ == "__main__":
    main()
