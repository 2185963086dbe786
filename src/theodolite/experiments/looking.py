"""Looks at the discovery split: what every reference shows at a place, and what that adds to the best baseline."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.canonical import sha256_bytes
from theodolite.data import DISCOVERY, Reference
from theodolite.experiments.jobs import JobOutcome, JobSpec
from theodolite.experiments.journal import Event, Journal, StepError, judged_shape
from theodolite.experiments.runner import Runner
from theodolite.experiments.setting import Setting, adjustment_of
from theodolite.gates import baselines_for, refits_for
from theodolite.gates.exploration import Margin, Shown, shown
from theodolite.gates.memo import Memo
from theodolite.measurements import load_measurement
from theodolite.store import Entry, EntryKind, Ledger, entry_id
from theodolite.tools import Tool, ToolParams

__all__ = ["Look", "Looking"]


_MARGIN = tuple(item.name for item in fields(Margin))
_seen: Memo[dict[str, tuple[float, int]]] = Memo(8192)
_added: Memo[dict[str, Margin]] = Memo(8192)
_ranked: Memo[Shown] = Memo(512, lambda ranked: ranked.nbytes)


def _look_name(job: JobSpec) -> str:
    return f"{job.tool}-{job.sha256[:12]}"


@dataclass(frozen=True)
class Look:
    """One look at the discovery split, as agents see it.

    Attributes
    ----------
    id, tool, params
        Its row, and the place.
    effects
        By reference: AUROC - 0.5 and the number of genes. Where what is fitted hangs on a seed, it is the least of what
        the model's own fit and the others show, and 0 where they disagree about the sign.
    margins
        By reference: what the effect adds to the best baseline, with errors. A reference of one family has none, and
        so has a look that an earlier version recorded.
    """

    id: str
    tool: Tool
    params: ToolParams
    effects: dict[str, tuple[float, int]]
    margins: dict[str, Margin] = dataclasses.field(default_factory=dict)


class Looking(Journal):
    """Looks at the discovery split; a look is recorded before it is seen, and taken once."""

    def __init__(
        self, setting: Setting, ledger: Ledger, runner: Runner, notify: Callable[[Event], None] | None = None
    ) -> None:
        super().__init__(setting, ledger, runner, notify)
        self._looks: dict[tuple[str, str], Look] = {}
        self._beside: dict[str, bytes] = {}

    def look(self, tool: Tool, params: ToolParams) -> Look:
        """Look at one place on the discovery split; recorded before it is seen, and taken once."""
        place = (tool.name, str(params.locus()))
        if place not in self._looks:
            self._looks[place] = self._look_at(tool, params)
        return self._looks[place]

    def explore(self) -> Iterator[Look]:
        """Look at every admissible locus on the discovery split; yields one look each, recorded before it is seen."""
        wanted = [
            (tool, params) for tool in self.setting.tools for params in tool.params.enumerate(self.setting.model_shape)
        ]
        self._begin_looks(wanted)
        for done, (tool, params) in enumerate(wanted):
            self.notify(Event("explore", done, len(wanted), f"{tool.name} {params.locus()}"))
            yield self.look(tool, params)
        self.notify(Event("explore", len(wanted), len(wanted)))

    def _begin_looks(self, wanted: Sequence[tuple[Tool, ToolParams]]) -> None:
        """Let workers take every look that is not recorded yet; each is asked for again, in order, and waits there."""
        jobs = {
            self._look_id(job): job
            for job in (
                self._tool_job(tool, params.model_dump(mode="json"), DISCOVERY, variant)
                for tool, params in wanted
                for variant in ("main", *refits_for(tool.fits))
            )
        }
        self._runner.submit([job for identifier, job in jobs.items() if not self.ledger.has(identifier)])

    def _look_id(self, job: JobSpec) -> str:
        return entry_id(self.setting.campaign_id, EntryKind.LOOK, name=_look_name(job))

    def _look_at(self, tool: Tool, params: ToolParams) -> Look:
        """Return the recorded look at a place, taken now if there is none."""
        plain = params.model_dump(mode="json")
        job = self._tool_job(tool, plain, DISCOVERY, "main")
        identifier = self._look_id(job)
        if not self.ledger.has(identifier):
            self._look(tool, plain, job, _look_name(job))
        found = self._known(identifier).payload["effects"]
        effects = {key: (float(item["effect"]), int(item["n"])) for key, item in found.items()}
        margins = {
            key: Margin(**{name: float(item[name]) for name in _MARGIN})
            for key, item in found.items()
            if _MARGIN[0] in item
        }
        return Look(identifier, tool, params, effects, margins)

    def _look(self, tool: Tool, params: dict[str, Any], job: JobSpec, name: str) -> None:
        outcome = next(iter(self._runner.submit([job])))
        self.ledger.ops.record_timings(job.sha256, {"look": outcome.seconds})
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
        others = self._refits(tool, params) if outcome.status == "done" else []
        if (failed := next((other for other in others if other.status != "done"), None)) is not None:
            payload |= {"status": failed.status, "reason": f"with what another seed fitted: {failed.reason}"}
        elif outcome.status == "done":
            content = self._content(outcome)
            payload["measurement"] = self.ledger.artefacts.put(content)
            fits = [content, *map(self._content, others)]
            shows = [self._discovery_effects(tool, each) for each in fits]
            for reference, (_, n) in shows[0].items():
                effects = [each[reference][0] for each in shows]
                least = min(range(len(fits)), key=lambda place: abs(effects[place]))
                payload["effects"][reference] = {"effect": effects[least], "n": n}
                if min(effects) < 0 < max(effects):
                    payload["effects"][reference] = {"effect": 0.0, "n": n}
                elif (margin := self._margins(tool, fits[least], shows[least]).get(reference)) is not None:
                    # Sums of floats differ in their last digits between processors; a hashed row must not.
                    payload["effects"][reference] |= {name: round(value, 9) for name, value in asdict(margin).items()}
        self._put(EntryKind.LOOK, self.setting.campaign_id, payload, name=name)

    def _refits(self, tool: Tool, params: dict[str, Any]) -> list[JobOutcome]:
        """Return how it went to read a place with what hangs on a seed fitted from others; empty for most tools."""
        jobs = [self._tool_job(tool, params, DISCOVERY, variant) for variant in refits_for(tool.fits)]
        return list(self._runner.submit(jobs))

    def _effects_of(self, tool: Tool, job: JobSpec, outcome: JobOutcome) -> dict[str, tuple[float, int]]:
        """Return what a job shows of every reference, nothing if it failed."""
        if outcome.status == "tool_error" and not outcome.broken:
            return {}  # the tool cannot read this place on this baseline, and never will
        if outcome.status != "done":
            raise StepError(f"{job.tool} could not be read on baseline {job.variant}: {outcome.reason}")
        return self._discovery_effects(tool, self._content(outcome))

    def _discovery_effects(self, tool: Tool, content: bytes) -> dict[str, tuple[float, int]]:
        """Return what a measurement shows of every reference; equal measurements are looked at once."""

        def look() -> dict[str, tuple[float, int]]:
            ranked = self._ranked(tool, content)
            found = {item.id: ranked.effect(labels) for item, labels in self._labelled(tool)}
            return {name: effect for name, effect in found.items() if effect is not None}

        given = self.setting.contents["references"], self.setting.contents["families"]
        return _seen.get((*self._key(tool, content), *given), look)

    def _labelled(self, tool: Tool) -> Iterator[tuple[Reference, NDArray[np.bool_]]]:
        for item in self.setting.references_for(tool):
            yield item, self.setting.labels(item.id, DISCOVERY)

    def _key(self, tool: Tool, content: bytes) -> tuple[str, ...]:
        beside = "" if tool.shape.shape == "GeneScores" else self.setting.coexpression(DISCOVERY).sha256
        return sha256_bytes(content), tool.name, beside

    def _ranked(self, tool: Tool, content: bytes) -> Shown:
        shape = tool.shape.shape
        coexpression = self.setting.coexpression(DISCOVERY) if shape != "GeneScores" else None
        return _ranked.get(
            self._key(tool, content),
            lambda: shown(judged_shape(load_measurement(content)), adjustment_of(shape), coexpression),
        )

    def _margins(self, tool: Tool, content: bytes, effects: Collection[str]) -> dict[str, Margin]:
        """Return what every reference adds here to the best baseline at its own best place; remembered by content."""
        either = tool.relation.two_sided

        def compare() -> dict[str, Margin]:
            ranked, found = self._ranked(tool, content), {}
            for item, labels in self._labelled(tool):
                if item.id in effects:
                    baseline = self._best_baseline(tool, item.id, either=either)
                    found[item.id] = ranked.margin(labels, baseline, either=either)
            return {name: margin for name, margin in found.items() if margin is not None}

        setting = self.setting
        given = *setting.contents.values(), setting.split.sha256, *sorted(setting.fitted_for(tool).values())
        return _added.get((*self._key(tool, content), *given), compare)

    def _best_baseline(self, tool: Tool, reference: str, *, either: bool) -> Shown | None:
        places = {variant: self.setting.loci[variant, tool.name] for variant in baselines_for(tool.relation)}
        sizes = {
            variant: abs(place.effects[reference]) if either else place.effects[reference]
            for variant, place in places.items()
            if reference in place.effects
        }
        if not sizes:
            return None
        best = max(sizes, key=lambda variant: sizes[variant])
        job = self._tool_job(tool, places[best].params[reference], DISCOVERY, best)
        if job.sha256 not in self._beside:
            self._beside[job.sha256] = self._content(next(iter(self._runner.submit([job]))))
        return self._ranked(tool, self._beside[job.sha256])

    def _known(self, identifier: str) -> Entry:
        entry = self.ledger.get(identifier)
        if entry is None:
            raise StepError(f"the ledger has no {identifier}, which was just written")
        return entry
