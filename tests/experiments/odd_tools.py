"""Instruments that misbehave once a file appears, for tests of the runner; registered on import.

The file, named by ``ODD_TOOLS``, is absent while a campaign explores, so that looks succeed and the test fails.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
import torch
from pydantic import Field

from theodolite.claims import Locus, LocusKind, Relation
from theodolite.measurements import GeneScores
from theodolite.tools import BenchSize, ModelShape, ToolError, ToolParams, Workbench, tool


class OddPlace(ToolParams):
    layer: int = Field(ge=0, description="residual stream after this many blocks")

    def locus(self) -> Locus:
        return Locus(kind=LocusKind.LAYER, layer=self.layer)

    @classmethod
    def enumerate(cls, shape: ModelShape) -> Iterator[Self]:
        for layer in range(shape.n_layers + 1):
            yield cls(layer=layer)


def trouble() -> Path | None:
    """Return the file that asks for trouble, if it exists."""
    path = Path(os.environ["ODD_TOOLS"])
    return path if path.is_file() else None


def norms(bench: Workbench, layer: int, unit: str) -> GeneScores:
    return GeneScores(
        bench.genes,
        (bench.hidden(layer) ** 2).sum(axis=1),
        bench.families,
        bench.covariate_names,
        bench.covariates,
        unit,
    )


@tool(family="odd", shape=GeneScores, object="odd_a", relation=Relation.SEPARATES, unit="squared norm", version="1")
def sleeps(bench: Workbench, params: OddPlace) -> GeneScores:
    """Start a child that sleeps, write both process ids, and sleep; the first time only."""
    if (path := trouble()) is not None and not path.with_name("pids").exists():
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        part = path.with_name("pids.part")
        part.write_text(f"{os.getpid()} {child.pid}")
        part.replace(path.with_name("pids"))
        time.sleep(600)
    return norms(bench, params.layer, sleeps.unit)


@tool(family="odd", shape=GeneScores, object="odd_b", relation=Relation.SEPARATES, unit="squared norm", version="1")
def dies(bench: Workbench, params: OddPlace) -> GeneScores:
    """Die as a process does that the kernel ends for want of memory."""
    if trouble() is not None:
        os.kill(os.getpid(), signal.SIGKILL)
    return norms(bench, params.layer, dies.unit)


@tool(family="odd", shape=GeneScores, object="odd_c", relation=Relation.SEPARATES, unit="squared norm", version="1")
def raises(bench: Workbench, params: OddPlace) -> GeneScores:
    """Say that there is nothing to measure."""
    if trouble() is not None:
        raise ToolError("there is nothing to measure here")
    return norms(bench, params.layer, raises.unit)


@tool(family="odd", shape=GeneScores, object="odd_d", relation=Relation.SEPARATES, unit="squared norm", version="1")
def prints(bench: Workbench, params: OddPlace) -> GeneScores:
    """Write to standard output, where answers travel."""
    print('{"status": "done", "reason": "printed by a tool"}', flush=True)
    os.write(1, b"not even a line")
    return norms(bench, params.layer, prints.unit)


@tool(family="odd", shape=GeneScores, object="odd_e", relation=Relation.SEPARATES, unit="squared norm", version="1")
def leaks(bench: Workbench, params: OddPlace) -> GeneScores:
    """Take memory, touch it and never give it back."""
    held = []
    while trouble() is not None:
        held.append(bytearray(b"x" * 2**24))
    return norms(bench, params.layer, leaks.unit)


@tool(family="odd", shape=GeneScores, object="odd_f", relation=Relation.SEPARATES, unit="squared norm", version="1")
def breeds(bench: Workbench, params: OddPlace) -> GeneScores:
    """Let a child take the memory, and wait for it."""
    if trouble() is not None:
        code = "held = []\nwhile True: held.append(bytearray(b'x' * 2**24))"
        subprocess.run([sys.executable, "-c", code], check=False)
    return norms(bench, params.layer, breeds.unit)


@tool(family="odd", shape=GeneScores, object="odd_g", relation=Relation.SEPARATES, unit="squared norm", version="1")
def segfaults(bench: Workbench, params: OddPlace) -> GeneScores:
    """Read where nothing may be read."""
    if trouble() is not None:
        ctypes.string_at(0)
    return norms(bench, params.layer, segfaults.unit)


class Garbage(GeneScores):
    """A measurement that passes for one until it is written."""

    def to_bytes(self) -> bytes:
        return os.urandom(1000) if trouble() is not None else super().to_bytes()


@tool(family="odd", shape=GeneScores, object="odd_h", relation=Relation.SEPARATES, unit="squared norm", version="1")
def garbles(bench: Workbench, params: OddPlace) -> GeneScores:
    """Return what is written as bytes that nobody can read."""
    found = norms(bench, params.layer, garbles.unit)
    return Garbage(found.genes, found.score, found.families, found.covariate_names, found.covariates, found.unit)


@tool(family="odd", shape=GeneScores, object="odd_i", relation=Relation.SEPARATES, unit="squared norm", version="1")
def talks(bench: Workbench, params: OddPlace) -> GeneScores:
    """Print a gigabyte, then a last word."""
    if trouble() is not None:
        page = b"all work and no play\n" * 50_000
        for _ in range(1024):
            os.write(1, page)
        print("the last word", flush=True)
    return norms(bench, params.layer, talks.unit)


@tool(family="odd", shape=GeneScores, object="odd_j", relation=Relation.SEPARATES, unit="squared norm", version="1")
def grips(bench: Workbench, params: OddPlace) -> GeneScores:
    """Sleep in compiled code that never lets the interpreter go, with a child beside it; the first time only."""
    if (path := trouble()) is not None and not path.with_name("pids").exists():
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        part = path.with_name("pids.part")
        part.write_text(f"{os.getpid()} {child.pid}")
        part.replace(path.with_name("pids"))
        ctypes.PyDLL(None).sleep(600)
    return norms(bench, params.layer, grips.unit)


def _too_much(size: BenchSize, params: OddPlace) -> int:
    return 2**50 * size.genes


@tool(
    family="odd", shape=GeneScores, object="odd_k", relation=Relation.SEPARATES, unit="squared norm", version="1",
    memory=_too_much,
)  # fmt: skip
def gapes(bench: Workbench, params: OddPlace) -> GeneScores:
    """Say beforehand that no machine has the memory."""
    raise AssertionError("this was never to be begun")


@tool(family="odd", shape=GeneScores, object="odd_l", relation=Relation.SEPARATES, unit="squared norm", version="1")
def dies_once(bench: Workbench, params: OddPlace) -> GeneScores:
    """Die the first time, as a worker does that somebody kills."""
    if (path := trouble()) is not None and not path.with_name("died").exists():
        path.with_name("died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return norms(bench, params.layer, dies_once.unit)


@tool(family="odd", shape=GeneScores, object="odd_m", relation=Relation.SEPARATES, unit="squared norm", version="1")
def fills(bench: Workbench, params: OddPlace) -> GeneScores:
    """Meet a full disk, as anything may that writes."""
    if trouble() is not None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "scratch")
    return norms(bench, params.layer, fills.unit)


@tool(family="odd", shape=GeneScores, object="odd_n", relation=Relation.SEPARATES, unit="squared norm", version="1")
def centres(bench: Workbench, params: OddPlace) -> GeneScores:
    """Write into what it was given, as a careless plug-in does."""
    bench.covariates[:] -= bench.covariates.mean(axis=0)
    return norms(bench, params.layer, centres.unit)


@tool(family="odd", shape=GeneScores, object="odd_o", relation=Relation.SEPARATES, unit="length", version="1")
def draws(bench: Workbench, params: OddPlace) -> GeneScores:
    """Project on a direction drawn from generators that nobody gave it."""
    hidden = bench.hidden(0)
    direction = np.random.standard_normal(hidden.shape[1]) + torch.randn(hidden.shape[1]).numpy() + random.random()
    return GeneScores(
        bench.genes, hidden @ direction, bench.families, bench.covariate_names, bench.covariates, draws.unit
    )


@tool(family="odd", shape=GeneScores, object="odd_p", relation=Relation.SEPARATES, unit="squared norm", version="1")
def strews(bench: Workbench, params: OddPlace) -> GeneScores:
    """Leave a helper behind, in a session of its own, whose parent is gone."""
    code = "import os, sys, time; print(os.getpid(), flush=True) if os.fork() == 0 else sys.exit(); time.sleep(600)"
    helper = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stdout=subprocess.PIPE, text=True)
    assert helper.stdout is not None
    Path(os.environ["ODD_TOOLS"]).with_name("strewn").write_text(helper.stdout.readline())
    return norms(bench, params.layer, strews.unit)


@tool(family="odd", shape=GeneScores, object="odd_q", relation=Relation.SEPARATES, unit="squared norm", version="1")
def escapes(bench: Workbench, params: OddPlace) -> GeneScores:
    """Hang, with a helper in a session of its own."""
    if trouble() is not None:
        code = "import time; time.sleep(600)"
        helper = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
        Path(os.environ["ODD_TOOLS"]).with_name("escaped").write_text(str(helper.pid))
        time.sleep(600)
    return norms(bench, params.layer, escapes.unit)


@tool(family="odd", shape=GeneScores, object="odd_r", relation=Relation.SEPARATES, unit="squared norm", version="1")
def rings(bench: Workbench, params: OddPlace) -> GeneScores:
    """Die of a signal that has a number and no name."""
    os.kill(os.getpid(), 40)
    time.sleep(60)
    return norms(bench, params.layer, rings.unit)


@tool(family="odd", shape=GeneScores, object="odd_s", relation=Relation.SEPARATES, unit="squared norm", version="1")
def scribbles(bench: Workbench, params: OddPlace) -> GeneScores:
    """Write on every descriptor there is what might pass for an answer."""
    for number in range(3, 12):
        for said in (b'{"status": "well"}\n', b'{"status": "done"}\n', b'{"status": "ready"}\n', b"half a line"):
            with contextlib.suppress(OSError):
                os.write(number, said)
    return norms(bench, params.layer, scribbles.unit)


@tool(family="odd", shape=GeneScores, object="odd_t", relation=Relation.SEPARATES, unit="squared norm", version="1")
def hoards(bench: Workbench, params: OddPlace) -> GeneScores:
    """Keep 400 MiB for ever, as a cache does; or, at layer 1, use as much for a moment."""
    held = np.ones(400 * 2**20, dtype=np.uint8)
    if params.layer != 1:
        _hoard.append(held)
    time.sleep(0.5)
    return norms(bench, params.layer, hoards.unit)


@tool(family="odd", shape=GeneScores, object="odd_u", relation=Relation.SEPARATES, unit="squared norm", version="1")
def stumbles(bench: Workbench, params: OddPlace) -> GeneScores:
    """Fail in a way that says nothing of what can be measured."""
    raise IndexError("a slip of its author")


_hoard: list[np.ndarray] = []
