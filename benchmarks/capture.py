"""What it costs to look inside a model: capture, attention sums and resumed passes against bare ones, in one run.

Run ``python benchmarks/capture.py``. Geneformer V1-10M with random weights reads cells of
1,000 to 2,048 genes, one at a time, on one thread. Each way runs between two runs of what it is compared with, whose
mean it is divided by; rounds take the ways in another order. Medians and quartiles of the ratios of wall time are
printed, as a machine that others use too is noisy, and the median ratio of processor time, which does not count
waiting. Peak memory is that of processes of their own with few and with four times as many cells. Prints a table, then
one line of JSON; ends with 1 where a target is missed by wall time.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from parts.rank_cells import random_geneformer, rank_tokens

from theodolite.models.activations import attention_sums, gene_means, write_activations
from theodolite.models.batches import batch_of
from theodolite.models.geneformer.model import GeneformerModel
from theodolite.models.running import Resumption, run
from theodolite.models.sites import OUTPUT, residual
from theodolite.models.tokens import Tokens

_SETTINGS = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
"""What the launcher of workers sets; the C library and thread pools read it as a process starts."""
SEED, CELLS, ROUNDS, GENES = 1, 4, 7, 1_000
FEW, MANY = 4, 16
LEAST_SAME_MEMORY = 1.02
"""Peak of many cells over that of few; the allocator's noise is about 1 %."""


def chosen_genes(tokens: Tokens, model: GeneformerModel, n_genes: int) -> NDArray[np.integer]:
    """Return the genes that most cells have."""
    return np.sort(np.argsort(-tokens.presence(len(model.genes)), kind="stable")[:n_genes])


@dataclass(frozen=True)
class Way:
    """One thing that is timed.

    Attributes
    ----------
    run
        Goes through the cells.
    beside
        The way that it is compared with.
    faster
        Whether it is to be faster than that; else it may be slower by so much.
    target
        Ratio that is wanted, if any.
    """

    run: Callable[[], object]
    beside: str
    faster: bool = False
    target: float | None = None


def ways(model: GeneformerModel, tokens: Tokens, genes: NDArray[np.integer], scratch: Path) -> dict[str, Way]:
    """Return what is timed, by name: trunks, captures and sums on all cells, resumed passes on the first."""
    batches = [batch_of(model, tokens, np.array([cell])) for cell in range(len(tokens))]
    first, last = batches[0], model.n_layers
    cached = run(model, first, read=[residual(layer) for layer in range(1, last)]).read
    names, bert, stores = [str(cell) for cell in range(len(tokens))], model.network.bert, count()

    def capture() -> None:
        folder = scratch / str(next(stores))
        write_activations(model, tokens, names, folder, cells_sha256="0" * 64, tokeniser={}, batch_size=1)

    def transformers_trunk() -> None:
        with torch.inference_mode():
            for batch in batches:
                bert(input_ids=batch.ids)

    def resumed(layer: int) -> Way:
        start = Resumption(layer, cached[residual(layer)])
        target = {1: 2.0, last - 1: 8.0}.get(layer)
        return Way(lambda: run(model, first, resume=start, until=last), "full, one cell", faster=True, target=target)

    return {
        "trunk": Way(lambda: [run(model, batch, until=last) for batch in batches], "trunk"),
        "transformers' trunk": Way(transformers_trunk, "trunk"),
        "full, with head": Way(lambda: [run(model, batch, read=[OUTPUT]) for batch in batches], "trunk"),
        "capture": Way(capture, "trunk", target=1.10),
        "means": Way(lambda: gene_means(model, tokens, genes=genes, batch_size=1), "trunk"),
        "attention": Way(lambda: attention_sums(model, tokens, genes, batch_size=1), "trunk", target=1.35),
        "full, one cell": Way(lambda: run(model, first, read=[OUTPUT]), "full, one cell"),
        **{f"resume at {layer}": resumed(layer) for layer in range(1, last)},
    }


def seconds(function: Callable[[], object]) -> NDArray[np.float64]:
    """Return wall time and processor time of one call."""
    start = np.array([time.perf_counter(), time.process_time()])
    function()
    return np.array([time.perf_counter(), time.process_time()]) - start


def timed(all_ways: dict[str, Way], rounds: int, scratch: Path) -> dict[str, NDArray[np.float64]]:
    """Return for each way, a round: wall time, its ratio to what is beside it, and the ratio of processor time.

    A first round does not count.
    """
    draw, found = np.random.default_rng(SEED), {name: np.zeros((rounds + 1, 3)) for name in all_ways}
    for number in range(rounds + 1):
        for beside in ("trunk", "full, one cell"):
            names = draw.permutation([name for name, way in all_ways.items() if way.beside == beside])
            before = seconds(all_ways[beside].run)
            for name in names:
                taken = seconds(all_ways[name].run)
                after = seconds(all_ways[beside].run)
                found[name][number] = taken[0], *(2 * taken / (before + after))
                before = after
        shutil.rmtree(scratch, ignore_errors=True)
    return {name: taken[1:] for name, taken in found.items()}


def peak(what: str, cells: int) -> int:
    """Return the largest resident size, in bytes, of a process that measures so many cells."""
    said = subprocess.run(
        [sys.executable, __file__, "--peak", what, "--cells", str(cells)], capture_output=True, text=True, check=True
    )
    return int(said.stdout)


def measure_peak(what: str, cells: int) -> None:
    """Measure cells once and print the largest resident size of this process."""
    model = random_geneformer(SEED)
    tokens = rank_tokens(model, MANY, SEED)
    genes = chosen_genes(tokens, model, GENES)
    # The longest cell first: the buffers of a batch are then the same for few cells and many.
    order = np.argsort(-tokens.lengths, kind="stable")
    some = tokens.take(np.concatenate([order[:1], order[1:][np.arange(cells - 1)]]))
    if what == "attention":
        attention_sums(model, some, genes, batch_size=1)
    else:
        with tempfile.TemporaryDirectory() as folder:
            names, place = [str(cell) for cell in range(cells)], Path(folder) / "activations"
            write_activations(
                model, some, names, place, cells_sha256="0" * 64, tokeniser={}, batch_size=1, cells_a_shard=2
            )
    # Not ru_maxrss, which a process inherits from the one that started it.
    status = Path("/proc/self/status").read_text()
    print(next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")))


def report(name: str, way: Way, found: NDArray[np.float64]) -> tuple[dict[str, Any], bool]:
    """Print a way's row; return it as plain data, and whether its target holds."""
    ratios = 1 / found[:, 1:] if way.faster else found[:, 1:]
    low, middle, high = (float(value) for value in np.quantile(ratios[:, 0], [0.25, 0.5, 0.75]))
    wall, processor = float(np.median(found[:, 0])), float(np.median(ratios[:, 1]))
    held = way.target is None or (middle >= way.target if way.faster else middle <= way.target)
    wanted = "" if way.target is None else f"{'>=' if way.faster else '<='} {way.target:.2f}{'' if held else ' MISSED'}"
    what = f"{way.beside} / it" if way.faster else f"it / {way.beside}"
    spread = f"{middle:6.2f} ({low:.2f} to {high:.2f})"
    print(f"{name:20} {wall:7.3f} s  {spread}  processor {processor:6.2f}  {what:20} {wanted}")
    return {"seconds": wall, "quartiles": [low, middle, high], "processor": processor, "target": way.target}, held


def main() -> None:
    """Time all ways, measure peaks, print both."""
    if any(os.environ.get(name) != value for name, value in _SETTINGS.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **_SETTINGS})
    reader = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    reader.add_argument("--rounds", type=int, default=ROUNDS)
    reader.add_argument("--cells", type=int, default=CELLS)
    reader.add_argument("--genes", type=int, default=GENES, help="genes between which attention is added up")
    reader.add_argument("--peak", choices=["attention", "capture"], help=argparse.SUPPRESS)
    asked = reader.parse_args()
    torch.set_num_threads(1)
    if asked.peak:
        measure_peak(asked.peak, asked.cells)
        return
    model = random_geneformer(SEED)
    tokens = rank_tokens(model, asked.cells, SEED)
    genes = chosen_genes(tokens, model, asked.genes)
    print(
        f"{asked.cells} cells of {tokens.lengths.min():,} to {tokens.lengths.max():,} tokens, "
        f"{np.mean(np.isin(tokens.genes, genes)):.0%} of them of the {len(genes):,} chosen genes; {asked.rounds} rounds"
    )
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder) / "activations"
        all_ways = ways(model, tokens, genes, scratch)
        found = timed(all_ways, asked.rounds, scratch)
    rows, missed = {}, []
    for name, way in all_ways.items():
        rows[name], held = report(name, way, found[name])
        missed += [] if held else [name]
    peaks = {}
    for what in ("attention", "capture"):
        few, many = peak(what, FEW), peak(what, MANY)
        peaks[what] = {str(FEW): few, str(MANY): many}
        print(f"{what:20} peak {few / 2**20:,.0f} MB with {FEW} cells, {many / 2**20:,.0f} MB with {MANY}")
        missed += [f"peak of {what}"] if many > few * LEAST_SAME_MEMORY else []
    print(json.dumps({"cells": asked.cells, "genes": len(genes), "rounds": asked.rounds, "ways": rows, "peaks": peaks}))
    if missed:
        raise SystemExit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
