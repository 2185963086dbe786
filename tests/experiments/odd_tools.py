"""Instruments that misbehave once a file appears, for tests of the runner; registered on import.

The file, named by ``ODD_TOOLS``, is absent while a campaign explores, so that looks succeed and the test fails.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from pydantic import Field

from theodolite.claims import Locus, LocusKind, Relation
from theodolite.measurements import GeneScores
from theodolite.tools import ModelShape, ToolError, ToolParams, Workbench, tool


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
