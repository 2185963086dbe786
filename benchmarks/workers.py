"""What a pool of workers costs: its speed-up against bare processes with the same kernel, and empty jobs a second.

Run ``python benchmarks/workers.py [--repeats N]``. Twenty jobs of two seconds and one thread each are run by one and by
two workers, and the same kernel as often by one and by two processes without any runner, one after the other in each
repeat; workers have loaded their model before, as they have in a campaign. Then jobs that compute nothing, with
attempts and heartbeats kept in a ledger and every result file on disk. Medians over the repeats.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

# Set before NumPy is imported: one thread a process, here and in everything that is started.
os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

from theodolite.experiments import CampaignSpec, JobSpec, LocalRunner, Setting, Workspace, prepare
from theodolite.plugins import find_tool
from theodolite.store import Ledger

JOBS, SECONDS, EMPTY = 20, 2.0, 500
LEAST_SHARE, LEAST_EMPTY = 0.9, 50
STEPS = "BURNING_STEPS"
PLUGIN = Path(__file__).parent / "parts" / "burning.py"


def a_job(setting: Setting, seed: int, percent: int) -> JobSpec:
    """Return a job that does a percentage of the kernel's steps; the seed makes it one of its own."""
    instrument = find_tool("bench.burns")
    return JobSpec(
        tool=instrument.name,
        version=instrument.version,
        source_sha256=instrument.source_sha256,
        params={"layer": 0, "percent": percent},
        model_sha256=setting.model.sha256,
        cells_sha256=setting.cells.sha256,
        split_sha256=setting.split.sha256,
        split="discovery",
        variant="main",
        seed=seed,
    )


@contextmanager
def warm(setting: Setting, workers: int, seeds: Iterator[int]) -> Iterator[LocalRunner]:
    """Yield a runner all of whose workers have run a job."""
    with (
        Ledger.open(setting.workspace.ledger, create=True) as ledger,
        LocalRunner.for_campaign(setting, ledger.ops, workers=workers) as runner,
    ):
        list(runner.submit([a_job(setting, next(seeds), 50) for _ in range(4 * workers)]))
        yield runner


def timed(work: Callable[[], object]) -> float:
    """Return the wall time of some work."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def by_workers(setting: Setting, workers: int, seeds: Iterator[int]) -> float:
    """Return how long the jobs take in a warm pool."""
    with warm(setting, workers, seeds) as runner:
        jobs = [a_job(setting, next(seeds), 100) for _ in range(JOBS)]
        return timed(lambda: list(runner.submit(jobs)))


def by_processes(number: int) -> float:
    """Return how long the kernel takes as often in bare processes."""

    def work() -> None:
        command = [sys.executable, str(PLUGIN), str(JOBS // number)]
        processes = [subprocess.Popen(command) for _ in range(number)]
        if any(process.wait() for process in processes):
            raise SystemExit("a bare process failed")

    return timed(work)


def empty_jobs(setting: Setting, seeds: Iterator[int]) -> float:
    """Return how many jobs a second one warm worker ends that computes nothing."""
    with warm(setting, 1, seeds) as runner:
        jobs = [a_job(setting, next(seeds), 0) for _ in range(EMPTY)]
        return EMPTY / timed(lambda: list(runner.submit(jobs)))


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="how often each is timed")
    repeats = parser.parse_args().repeats
    calibrate = [sys.executable, str(PLUGIN), "calibrate", str(SECONDS)]
    os.environ[STEPS] = subprocess.run(calibrate, check=True, capture_output=True, text=True).stdout.strip()
    seeds = iter(range(10**9))
    with tempfile.TemporaryDirectory(prefix="theodolite-workers-") as folder:
        spec = CampaignSpec(name="workers", plugins=(str(PLUGIN),), tools=("bench.burns",), threads=1)
        setting = prepare(spec, Workspace.at(Path(folder)))
        pools, bare, shares = [], [], []
        for _ in range(repeats):
            one, two = by_workers(setting, 1, seeds), by_workers(setting, 2, seeds)
            alone, together = by_processes(1), by_processes(2)
            pools.append(one / two)
            bare.append(alone / together)
            shares.append(pools[-1] / bare[-1])
            print(
                f"{JOBS} jobs of {SECONDS:g} s: one worker {one:6.1f} s, two {two:6.1f} s, speed-up {pools[-1]:.2f};   "
                f"one process {alone:6.1f} s, two {together:6.1f} s, speed-up {bare[-1]:.2f}",
                flush=True,
            )
        share = median(shares)
        print(f"speed-up of two workers over that of two bare processes: {share:.2f} (at least {LEAST_SHARE})")
        rate = median(empty_jobs(setting, seeds) for _ in range(repeats))
        print(f"empty jobs: {rate:.0f} a second (at least {LEAST_EMPTY})")
    if share < LEAST_SHARE or rate < LEAST_EMPTY:
        raise SystemExit("missed")


if __name__ == "__main__":
    main()
