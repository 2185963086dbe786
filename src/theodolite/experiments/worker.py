"""The worker process: reads jobs on standard input, writes result files, answers on standard output.

It never sees the ledger. A result file appears whole or not at all, under the hash of its job, so that a job is done
once however often its worker or its coordinator dies.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theodolite.experiments.jobs import FIT_AXES, JobSpec, Materials
from theodolite.files import is_disk_trouble, write_atomically

if TYPE_CHECKING:
    from theodolite.measurements import Variant
    from theodolite.models.capture import Capture

__all__ = ["Bench", "main"]


class Bench:
    """Rebuilds workbenches from hashes and runs jobs on them; one model and one cell set a process."""

    def __init__(self, materials: Materials) -> None:
        from theodolite.experiments.inputs import load_cells
        from theodolite.plugins import find_model, load_plugins

        load_plugins(materials.plugins)
        self._materials = materials
        self._cells = load_cells(materials.cells)
        self._statistics = self._cells.gene_statistics()
        self._model_sha256, self._model = find_model(materials.model)
        self._split: dict[str, Any] = json.loads(Path(materials.split_file).read_text(encoding="utf-8"))
        self._captures: dict[str, Any] = {}

    def run(self, job: JobSpec) -> bytes:
        """Run one job and return the bytes of its result.

        Raises
        ------
        ToolError
            If what the job names is not what this worker has, or the tool cannot measure.
        """
        from theodolite.experiments.workbench import axes_to_bytes, fit_layer_axes
        from theodolite.plugins import find_tool
        from theodolite.tools import ToolError

        for what, wanted, found in (
            ("model", job.model_sha256, self._model_sha256),
            ("cells", job.cells_sha256, self._cells.sha256),
            ("split", job.split_sha256, self._split["sha256"]),
        ):
            if wanted != found:
                raise ToolError(f"the {what} changed: the job names {wanted[:12]}, this worker has {found[:12]}")
        bench = self._workbench(job)
        if job.tool == FIT_AXES:
            return axes_to_bytes(fit_layer_axes(bench))
        instrument = find_tool(job.tool)
        if (instrument.version, instrument.source_sha256) != (job.version, job.source_sha256):
            raise ToolError(f"{job.tool} changed since the job was made; start a new campaign")
        return instrument.measure(bench, instrument.params(**job.params)).to_bytes()

    def _workbench(self, job: JobSpec) -> Any:
        from theodolite.experiments.workbench import COVARIATES, GeneWorkbench, axes_from_bytes
        from theodolite.store import ArtefactStore

        taken = self._capture(job.variant)
        genes = tuple(self._split["parts"][job.split])
        position = {gene: column for column, gene in enumerate(self._cells.genes)}
        covariates = self._statistics.matrix(COVARIATES)[[position[gene] for gene in genes]]
        families = tuple(self._split["families"][gene] for gene in genes)
        fitted = axes_from_bytes(ArtefactStore(Path(self._materials.artefacts)).get(job.fitted)) if job.fitted else ()
        regulators = tuple(self._split.get("regulators", {}).get(job.split, ()))
        return GeneWorkbench(genes, families, covariates, taken, fitted, regulators)

    def _capture(self, variant_text: str) -> Any:
        from theodolite.measurements import Variant
        from theodolite.models.capture import capture_name, load_capture, save_capture

        if variant_text not in self._captures:
            name = capture_name(self._model_sha256, self._cells.sha256, variant_text)
            path = Path(self._materials.cache) / name
            if not path.is_file():
                save_capture(path, self._take(Variant.parse(variant_text)))
            self._captures[variant_text] = load_capture(path)
        return self._captures[variant_text]

    def _take(self, variant: Variant) -> Capture:
        from theodolite.measurements import VariantKind
        from theodolite.models.capture import capture
        from theodolite.models.counts import capture_counts

        shuffled = variant.kind is VariantKind.SHUFFLED_INPUT
        cells = self._cells.shuffled_within_gene(variant.seed) if shuffled else self._cells
        model = self._model.variant(variant)
        position = {gene: column for column, gene in enumerate(cells.genes)}
        values = cells.log1p_cp10k()[:, [position[gene] for gene in model.genes]]
        if variant.kind is not VariantKind.COUNTS:
            return capture(model, values)
        return capture_counts(
            values,
            model.genes,
            n_layers=model.n_layers,
            n_heads=model.n_heads,
            width=model.width,
            read_out=model.read_out is not None,
        )


def _exit_with_parent() -> None:
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def _of_the_disk(error: OSError) -> dict[str, Any]:
    """Return the answer that says nothing of the job: the campaign stops, and measures it once it can be written."""
    return {"status": "disk", "errno": error.errno, "said": error.strerror, "file": error.filename}


def main() -> None:
    """Serve jobs, one JSON line each, until standard input closes."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    _exit_with_parent()
    materials = Materials.model_validate_json(sys.stdin.readline())
    import torch

    torch.set_num_threads(materials.threads)
    bench: Bench | None = None
    for line in sys.stdin:
        job = JobSpec.model_validate_json(line)
        answer: dict[str, Any]
        try:
            bench = bench or Bench(materials)
            content = bench.run(job)
        except Exception as error:  # noqa: BLE001  a worker reports whatever a tool raises and lives on
            with suppress(OSError):
                traceback.print_exc()
            if isinstance(error, OSError) and is_disk_trouble(error):
                answer = _of_the_disk(error)
            else:
                answer = {"status": "tool_error", "reason": f"{type(error).__name__}: {error}"[:2000]}
        else:
            try:
                write_atomically(Path(materials.results) / job.sha256, content)
                answer = {"status": "done"}
            except OSError as error:
                answer = _of_the_disk(error)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
