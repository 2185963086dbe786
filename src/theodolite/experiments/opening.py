"""Opening a campaign: what it stands on, and looks at the discovery split."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from theodolite.data import CONFIRMATION, DISCOVERY
from theodolite.experiments.jobs import FIT_AXES, JobSpec
from theodolite.experiments.journal import Event, Journal, StepError, judged_shape
from theodolite.experiments.workbench import fit_source_sha256
from theodolite.gates import CATALOGUE_VERSION, DECISION_VERSION
from theodolite.gates.exploration import exploratory_effects
from theodolite.measurements import load_measurement
from theodolite.store import EntryKind, entry_id
from theodolite.tools import Tool, ToolParams

__all__ = ["Look", "Opening"]


@dataclass(frozen=True)
class Look:
    """One look at the discovery split, as agents see it: the effect of each reference at a locus."""

    id: str
    tool: Tool
    params: ToolParams
    effects: dict[str, tuple[float, int]]


class Opening(Journal):
    """Writes the setting of a campaign and looks at the discovery split; every method may be repeated."""

    def open(self) -> None:
        """Write what the campaign stands on: its file, its stream, its split, and the fits on discovery genes."""
        setting, spec = self.setting, self.setting.spec
        campaign = setting.campaign_id
        testable = setting.testability(setting.split.blocks[0])
        self._lock_split()
        self._lock_stream()
        self._put(
            EntryKind.CAMPAIGN,
            campaign,
            {
                "name": spec.name,
                "spec": spec.words,
                "contents": setting.contents,
                "model": {"name": setting.model.name, "sha256": setting.model.sha256},
                "cells": {"name": setting.cells.name, "sha256": setting.cells.sha256},
                "references": [
                    {
                        "name": reference.id,
                        "sha256": reference.sha256,
                        "title": reference.title,
                        "kind": reference.kind,
                        "genes_in_block": testable[reference.id].in_block,
                        "families_in_block": testable[reference.id].families,
                        "testable": testable[reference.id].testable,
                    }
                    for reference in setting.references.values()
                ],
                "artefact": self.ledger.artefacts.put(setting.references_document),
                "catalogue": CATALOGUE_VERSION,
                "decision": DECISION_VERSION,
                "seed": spec.seed,
            },
        )
        self._put(
            EntryKind.SPLIT,
            campaign,
            {
                "split_sha256": setting.split.sha256,
                "block_id": setting.split.block_id(setting.split.blocks[0]),
                "blocks": [setting.split.block_id(block) for block in setting.split.blocks],
                "k": setting.split.k,
                "seed": spec.split.seed,
                "discovery_genes": len(setting.genes(DISCOVERY)),
                "confirmation_genes": len(setting.genes(CONFIRMATION)),
                "artefact": self.ledger.artefacts.put(setting.split_document),
            },
        )
        self.setting = replace(setting, fitted=self._fit())

    def _lock_split(self) -> None:
        """Refuse a split that would make hold-out genes of this ledger fresh, or test genes that were explored.

        Raises
        ------
        StepError
            If the ledger holds another split over any of the same genes.
        """
        mine = set(self.setting.genes(DISCOVERY)) | set(self.setting.genes(CONFIRMATION))
        for entry in self.ledger.entries(kind=EntryKind.SPLIT):
            if entry.payload["split_sha256"] == self.setting.split.sha256:
                continue
            parts = json.loads(self.ledger.artefacts.get(str(entry.payload["artefact"])))["parts"]
            shared = mine.intersection(gene for genes in parts.values() for gene in genes)
            if shared:
                raise StepError(
                    f"this ledger's genes were split with seed {entry.payload['seed']} for {entry.subject}, and "
                    f"{len(shared)} of them would change sides; use the same cells and `split: {{seed: "
                    f"{entry.payload['seed']}}}`, or another workspace"
                )

    def _lock_stream(self) -> None:
        spec = self.setting.spec
        locked = {"rule": "r-lond", "q": spec.error.q, "n_max": spec.n_max}
        for stream in (spec.error.stream, f"{spec.error.stream}/reused"):
            recorded = next(iter(self.ledger.entries(kind=EntryKind.STREAM, subject=stream)), None)
            if recorded is None:
                self.ledger.append(EntryKind.STREAM, f"stream/{stream}", stream, {"stream": stream, **locked})
                continue
            for field, value in locked.items():
                if str(recorded.payload[field]) != str(value):
                    raise StepError(
                        f"error stream {stream!r} was locked with {field} = {recorded.payload[field]}, this campaign "
                        f"asks for {value}; set error.{field} to the locked value or name another stream"
                    )

    def _fit(self) -> dict[str, str]:
        campaign = self.setting.campaign_id
        fitted: dict[str, str] = {}
        variants = ("main", self.setting.untrained)
        for done, variant in enumerate(variants):
            entry = self.ledger.get(entry_id(campaign, EntryKind.FIT, name=variant))
            if entry is None:
                self.notify(Event("read the model", done, len(variants), variant))
                job = self._job(FIT_AXES, "1", fit_source_sha256(), {}, DISCOVERY, variant)
                outcome = next(iter(self._runner.submit([job])))
                self._time(job.sha256, "fit", outcome.seconds)
                if outcome.status != "done":
                    raise StepError(f"axes of variant {variant} could not be fitted: {outcome.reason}")
                artefact = self.ledger.artefacts.put(self._content(outcome))
                self._put(
                    EntryKind.FIT,
                    campaign,
                    {"variant": variant, "what": "axes", "job_sha256": job.sha256, "artefact": artefact},
                    name=variant,
                )
                entry = self.ledger.get(entry_id(campaign, EntryKind.FIT, name=variant))
            if entry is not None:
                fitted[variant] = str(entry.payload["artefact"])
        self.notify(Event("read the model", len(variants), len(variants)))
        return fitted

    def explore(self) -> Iterator[Look]:
        """Look at every admissible locus on the discovery split; yields one look each, recorded before it is seen."""
        campaign = self.setting.campaign_id
        wanted = [
            (tool, params) for tool in self.setting.tools for params in tool.params.enumerate(self.setting.model_shape)
        ]
        for done, (tool, params) in enumerate(wanted):
            plain = params.model_dump(mode="json")
            job = self._tool_job(tool, plain, DISCOVERY, "main")
            name = f"{tool.name}-{job.sha256[:12]}"
            identifier = entry_id(campaign, EntryKind.LOOK, name=name)
            self.notify(Event("explore", done, len(wanted), f"{tool.name} {params.locus()}"))
            if not self.ledger.has(identifier):
                self._look(tool, plain, job, name)
            entry = self.ledger.get(identifier)
            if entry is not None:
                effects = {
                    key: (float(item["effect"]), int(item["n"])) for key, item in entry.payload["effects"].items()
                }
                yield Look(identifier, tool, params, effects)
        self.notify(Event("explore", len(wanted), len(wanted)))

    def _look(self, tool: Tool, params: dict[str, Any], job: JobSpec, name: str) -> None:
        outcome = next(iter(self._runner.submit([job])))
        self._time(job.sha256, "look", outcome.seconds)
        payload: dict[str, Any] = {
            "job_sha256": job.sha256,
            "tool": f"{tool.name}@{tool.version}",
            "params": params,
            "split": DISCOVERY,
            "measurement": None,
            "effects": {},
            "status": outcome.status,
            "reason": outcome.reason,
        }
        if outcome.status == "done":
            content = self._content(outcome)
            shown = judged_shape(load_measurement(content))
            payload["measurement"] = self.ledger.artefacts.put(content)
            labels = {
                reference.id: self.setting.labels(reference.id, DISCOVERY)
                for reference in self.setting.references_for(tool)
            }
            effects = exploratory_effects(shown, labels)
            payload["effects"] = {name: {"effect": effect, "n": n} for name, (effect, n) in effects.items()}
        self._put(EntryKind.LOOK, self.setting.campaign_id, payload, name=name)
