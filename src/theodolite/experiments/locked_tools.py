"""The instrument that a plan locks: it alone measures, by exactly its source, and a plug-in was checked before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from theodolite.experiments.control_variants import VARIANT_OF
from theodolite.experiments.jobs import FITS
from theodolite.experiments.planned_jobs import planned_job, planned_jobs
from theodolite.plans import Plan
from theodolite.store import Entry, EntryKind
from theodolite.tools import tools

__all__ = ["LockedTools"]


class LockedTools:
    """Says of each row of a chain, in order, where an instrument is not the one that was locked, or was not checked."""

    def __init__(self) -> None:
        # By name, for a built-in instrument's source changes with the version of this package.
        self._built_in = {tool.name for tool in tools() if tool.built_in}
        self._checked: dict[tuple[str, str, str], bool] = {}
        self._files: dict[str, tuple[str, int]] = {}
        # By campaign, what was fitted and of which variant; and by campaign and artefact, what it is.
        self._fitted: dict[tuple[str, str, str], str] = {}
        self._what: dict[tuple[str, str], str] = {}
        self._plans: dict[str, Plan] = {}

    def defects(self, entry: Entry) -> Iterator[str]:
        """Yield what is wrong with the next row of the chain."""
        payload = entry.payload
        match entry.kind:
            case EntryKind.CAMPAIGN:
                self._files[entry.subject] = str(payload["name"]), int(payload["seed"])
            case EntryKind.FIT if (what := payload.get("what")) in FITS:
                artefact = str(payload["artefact"])
                self._fitted[entry.subject, what, str(payload["variant"])] = artefact
                self._what[entry.subject, artefact] = what
            case EntryKind.TOOL_CHECK:
                of = str(payload["tool"]), str(payload["version"]), str(payload["source_sha256"])
                self._checked[of] = bool(payload["fit"])
            case EntryKind.REGISTRATION:
                plan = self._plans[entry.subject] = Plan.model_validate(payload["plan"])
                yield from self._unchecked(plan)
            case EntryKind.RESULT | EntryKind.FAILURE if entry.subject in self._plans:
                yield from self._others_jobs(self._plans[entry.subject], payload.get("jobs") or {})
            case EntryKind.CONTROL if entry.subject in self._plans:
                yield from self._others_control(self._plans[entry.subject], payload)

    def _unchecked(self, plan: Plan) -> Iterator[str]:
        name, _, version = plan.hypothesis.tool.partition("@")
        if plan.tool_sha256 is None or name in self._built_in:
            return
        source = f"{plan.hypothesis.tool} of source {plan.tool_sha256[:12]}"
        fit = self._checked.get((name, version, plan.tool_sha256))
        if fit is None:
            yield f"{source} is a plug-in, and no check of it by `tools check` stands before this registration"
        elif not fit:
            yield f"{source} is a plug-in, and its last check before this registration found it above its level"

    def _others_jobs(self, plan: Plan, jobs: dict[str, Any]) -> Iterator[str]:
        if not jobs or plan.campaign not in self._files:
            return
        name, seed = self._files[plan.campaign]
        planned = planned_jobs(plan, name=name, seed=seed)
        if not planned:
            return
        differ = sorted(
            reading
            for reading in planned.keys() | jobs.keys()
            if reading not in planned or planned[reading].sha256 != jobs.get(reading)
        )
        if differ:
            yield (
                f"its jobs are not those of {plan.hypothesis.tool} by the source {str(plan.tool_sha256)[:12]} that was "
                f"locked: {', '.join(differ)}"
            )

    def _others_control(self, plan: Plan, payload: dict[str, Any]) -> Iterator[str]:
        variant = VARIANT_OF.get(payload["control"], "")
        job = (payload.get("jobs") or {}).get(variant)
        if job is None or plan.campaign not in self._files:
            return
        name, seed = self._files[plan.campaign]
        # The plan names fits only where its instrument reads any; those of a control are fitted when it is ordered.
        what = self._what.get((plan.campaign, plan.fitted.get("main", "")), "")
        fitted = self._fitted.get((plan.campaign, what, variant))
        planned = planned_job(plan, variant, plan.params, name=name, seed=seed, fitted=fitted)
        if planned is not None and planned.sha256 != job:
            yield f"the job of the control is not one of the locked source {str(plan.tool_sha256)[:12]}"
