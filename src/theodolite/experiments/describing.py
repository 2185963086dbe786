"""Descriptions of a campaign: whole-model analyses on discovery genes, recorded as rows that make no claim.

They run as jobs like any other when the campaign opens. What they are held against is cut to discovery genes before a
job names it, so that no worker that describes is told of a gene that is kept for tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from theodolite.data import DISCOVERY
from theodolite.descriptions import ABOUT, load_described
from theodolite.experiments.described_with import references_to_bytes
from theodolite.experiments.jobs import JobOutcome, JobSpec
from theodolite.experiments.journal import Event
from theodolite.experiments.looking import Looking
from theodolite.experiments.wanted_descriptions import Wanted, wanted_descriptions
from theodolite.store import DESCRIPTION_STANDING, EntryKind, entry_id

__all__ = ["DECIMALS", "Describing"]

DECIMALS = 9
"""Places to which the facts of a row are rounded: sums of floats differ in their last digits between processors."""


class Describing(Looking):
    """Describes the model on discovery genes; each description is recorded once, whether it succeeds or not."""

    def describe(self) -> None:
        """Write a row for every description that the campaign's file asks for, in its order.

        All jobs that are not on record are begun at once, but for those of a baseline whose sentence is to be about
        what that of the model picks: these wait for it. One that fails, is killed or needs more memory than it may hold
        leaves a row that says so, and the campaign goes on.

        Raises
        ------
        StepError, OSError
            Where a worker meets what says nothing of the description: an input that changed, a disk that is full.
        """
        described = wanted_descriptions(self.setting)
        at_once = [self._description_job(wanted) for wanted in described if not _waits(wanted)]
        self._runner.submit([job for job in at_once if not self.ledger.has(self._description_id(job))])
        for done, wanted in enumerate(described):
            job = self._description_job(wanted)
            self.notify(Event("describe", done, len(described), f"{job.tool} on {job.variant}"))
            if not self.ledger.has(self._description_id(job)):
                outcome = next(iter(self._runner.submit([job])))
                self.ledger.ops.record_timings(job.sha256, {"describe": outcome.seconds})
                payload = self._described(wanted, job, outcome)
                self._put(EntryKind.DESCRIPTION, self.setting.campaign_id, payload, name=_name(job))
        if described:
            self.notify(Event("describe", len(described), len(described)))

    def _description_id(self, job: JobSpec) -> str:
        return entry_id(self.setting.campaign_id, EntryKind.DESCRIPTION, name=_name(job))

    def _description_job(self, wanted: Wanted) -> JobSpec:
        known = wanted.description
        given = None
        if known.references != "none":
            part = references_to_bytes(wanted.references, self.setting.genes(DISCOVERY))
            given = self.ledger.artefacts.put(part)
        what = (known.name, known.version, known.source_sha256, wanted.params, DISCOVERY)
        about = None
        if _waits(wanted):
            beside = self.ledger.get(self._description_id(self._job(*what, "main", references=given)))
            about = None if beside is None else beside.payload["facts"].get(ABOUT)
        return self._job(*what, wanted.variant, references=given, about=about)

    def _described(self, wanted: Wanted, job: JobSpec, outcome: JobOutcome) -> dict[str, Any]:
        """Return the payload of a description's row."""
        known = wanted.description
        payload: dict[str, Any] = {
            "description": known.name,
            "version": known.version,
            "source_sha256": known.source_sha256,
            "params": dict(job.params),
            "references": {reference.id: reference.sha256 for reference in wanted.references},
            "variant": job.variant,
            "split": DISCOVERY,
            "job_sha256": job.sha256,
            "artefact": job.references,
            "measurement": None,
            "shape": known.shape.shape,
            "unit": known.unit,
            "facts": {},
            "sentence": None,
            "status": outcome.status,
            "reason": outcome.reason,
            "standing": DESCRIPTION_STANDING,
        }
        if job.about is not None:
            payload["about"] = job.about
        if outcome.status == "done":
            found = load_described(self._content(outcome))
            payload["measurement"] = self.ledger.artefacts.put(found.measurement.to_bytes())
            payload["facts"] = _rounded(found.facts)
            payload["sentence"] = found.sentence
        return payload


def _waits(wanted: Wanted) -> bool:
    """Return whether a job can be told only once the model's own is on record: what its sentence is to be about."""
    return wanted.variant != "main" and wanted.description.references != "none"


def _name(job: JobSpec) -> str:
    return f"{job.tool}-{job.sha256[:12]}"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DECIMALS)
    if isinstance(value, Mapping):
        return {name: _rounded(item) for name, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value
