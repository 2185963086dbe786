"""Running jobs in this process, on a model whose attention holds a planted regulon."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from theodolite.data import Reference
from theodolite.experiments import JobOutcome, JobSpec, Materials
from theodolite.experiments.bench import Bench
from theodolite.files import write_atomically
from theodolite.models.capture import Capture
from theodolite.tools import ToolError

__all__ = ["InProcessRunner", "PlantedBench", "PlantedRunner", "planted"]


def planted(taken: Capture, regulon: Reference, strength: float) -> Capture:
    """Return a capture in which every target of a regulon attends more to its regulator, in every head.

    Parameters
    ----------
    taken
        Of the model without signal.
    regulon
        The edges.
    strength
        What is added to the logarithm of an edge's attention, in standard deviations over all pairs of that head, hubs
        taken out.
    """
    position = {gene: row for row, gene in enumerate(taken.genes)}
    known = [edge for edge in sorted(regulon.edges) if edge[0] in position and edge[1] in position]
    regulators, targets = (np.array([position[edge[side]] for edge in known]) for side in (0, 1))
    attention = taken.attention.copy()
    for head in attention.reshape(-1, *attention.shape[2:]):
        logarithm = np.log(np.maximum(head, np.finfo(np.float32).tiny))
        spread = (logarithm - logarithm.mean(axis=0) - logarithm.mean(axis=1)[:, None] + logarithm.mean()).std()
        head[targets, regulators] *= np.exp(strength * spread)
    return replace(taken, attention=attention)


class PlantedBench(Bench):
    """The worker's own bench; a regulon is planted into what it reads of the model itself, and into no baseline."""

    def __init__(self, materials: Materials, regulon: Reference, strength: float) -> None:
        super().__init__(materials)
        self._regulon, self._strength = regulon, strength
        self._signal: Capture | None = None

    def _capture(self, variant_text: str) -> Any:
        if variant_text != "main":
            return super()._capture(variant_text)
        self._signal = self._signal or planted(super()._capture("main"), self._regulon, self._strength)
        return self._signal


class InProcessRunner:
    """Implements :class:`theodolite.experiments.Runner` in this process.

    Parameters
    ----------
    bench
        The worker's own.
    results
        Folder of result files.
    """

    def __init__(self, bench: Bench, results: Path) -> None:
        self._bench, self._results = bench, results

    def submit(self, jobs: Iterable[JobSpec]) -> Iterator[JobOutcome]:
        """Run jobs, each once."""
        for job in jobs:
            result = self._folder(job) / job.sha256
            if not result.is_file():
                try:
                    write_atomically(result, self._measured(job))
                except ToolError as error:
                    yield JobOutcome(job_sha256=job.sha256, status="tool_error", reason=str(error))
                    continue
            yield JobOutcome(job_sha256=job.sha256, status="done", content_file=str(result))

    def _folder(self, job: JobSpec) -> Path:
        return self._results

    def _measured(self, job: JobSpec) -> bytes:
        return self._bench.run(job)

    def close(self) -> None:
        """Nothing runs after a job."""


class PlantedRunner(InProcessRunner):
    """Runs jobs on a model whose attention holds a planted regulon."""

    def __init__(self, materials: Materials, regulon: Reference, strength: float) -> None:
        super().__init__(PlantedBench(materials, regulon, strength), Path(materials.results))
