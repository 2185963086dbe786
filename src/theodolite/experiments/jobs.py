"""Jobs: the only way a tool runs, as pure data of names and content hashes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import JsonValue

from theodolite.canonical import digest
from theodolite.claims import Sha256
from theodolite.experiments.campaign import CellsSpec
from theodolite.models.protocol import Device, Dtype
from theodolite.records import Closed, Record
from theodolite.tools.registry import FITTED

__all__ = [
    "FITS",
    "FIT_AXES",
    "FIT_FEATURES",
    "FIT_VERSION",
    "JobOutcome",
    "JobSpec",
    "Materials",
    "Mismatch",
    "Orders",
    "StepError",
]

FITS = {what: f"fit.{what}" for what in FITTED}
"""By what an instrument may need fitted on discovery genes: the built-in job that fits it."""
FIT_AXES, FIT_FEATURES = FITS["axes"], FITS["features"]
FIT_VERSION = "1"


class JobSpec(Record):
    """One run of one tool.

    Attributes
    ----------
    tool, version, source_sha256
        The instrument or description (or one of :data:`FITS`), its version and the hash of its source.
    params
        Its parameters.
    model_sha256, cells_sha256, split_sha256
        Hashes of what it reads.
    split
        The part whose genes it scores: ``discovery`` or a confirmation block.
    variant
        Which member of the evidence it is.
    seed
        Seed of whatever it draws.
    fitted
        Hash of the artefact with what was fitted on discovery genes.
    references
        Hash of the artefact with what a description is held against; None for an instrument, which sees no reference.
    about
        What the sentence of a description of a baseline is about: what that of the model picked, if it picked anything.
    runs_on
        Device and floating-point type that the model runs on, such as ``cuda float16``; None for ``cpu float32``.
    """

    later: ClassVar[frozenset[str]] = frozenset({"references", "about", "runs_on"})

    tool: str
    version: str
    source_sha256: str
    params: Mapping[str, JsonValue]
    model_sha256: Sha256
    cells_sha256: Sha256
    split_sha256: Sha256
    split: str
    variant: str
    seed: int
    fitted: Sha256 | None = None
    references: Sha256 | None = None
    about: str | None = None
    runs_on: str | None = None

    @cached_property
    def sha256(self) -> str:
        """Identity of the job: equal jobs run once."""
        return digest(self.model_dump(mode="json"))


class StepError(RuntimeError):
    """A step that every test depends on failed; the campaign cannot go on."""


class Mismatch(RuntimeError):
    """A job names an input or an instrument that is not what is there; no fault of the job."""


class JobOutcome(Closed):
    """How a job ended.

    Attributes
    ----------
    job_sha256
        The job.
    status
        ``done``; ``tool_error`` if the tool raised or its result cannot be read; ``unsound`` if an intervention failed
        the checks that it runs on itself; ``timeout`` if it was killed for outliving its time; ``memory`` if it was
        killed for what it held, or never begun for what it would need; ``crash`` if its worker died in every attempt.
    content_file
        File with the measurement's bytes, for ``done``.
    reason
        Why it did not end well; the same wherever and whenever it ends so.
    broken
        For ``tool_error``, whether the tool failed in another way than by saying that it cannot measure this.
    seconds, peak_bytes, attempts, output
        Wall time, largest resident memory of the worker, how often it was begun, and the end of what it printed; kept
        in the operations tables and the log, never in the chain.
    """

    job_sha256: str
    status: Literal["done", "tool_error", "timeout", "memory", "crash", "unsound"]
    content_file: str | None = None
    reason: str = ""
    broken: bool = False
    seconds: float = 0.0
    peak_bytes: int | None = None
    attempts: int = 0
    output: str = ""


class Materials(Closed):
    """Where a worker finds what the hashes of a job name; places, not identities.

    Attributes
    ----------
    model
        Packaged name or folder of the model.
    cells
        As in the campaign file.
    split_file
        JSON with the genes of every part of the split and their families.
    artefacts
        Folder of the artefact store.
    results
        Folder for result files, one a job.
    cache
        Folder for captures of model and cells.
    threads
        torch threads.
    plugins
        Paths of the campaign's plug-ins.
    device, dtype
        Where the model runs, and in which floating-point type.
    """

    model: str
    cells: CellsSpec
    split_file: str
    artefacts: str
    results: str
    cache: str
    threads: int
    plugins: tuple[str, ...] = ()
    device: Device = "cpu"
    dtype: Dtype = "float32"


class Orders(Closed):
    """What a worker is told before its first job.

    Attributes
    ----------
    materials
        Where its inputs are.
    memory_bytes
        Resident memory that it and what it starts may hold together, None for no limit.
    """

    materials: Materials
    memory_bytes: int | None = None

    def result(self, job: JobSpec) -> Path:
        """Return where the result of a job is, or will be."""
        return Path(self.materials.results) / job.sha256
