"""Controls that a reviewer ordered on a plan: run as ordinary jobs, judged by code, written as rows."""

from __future__ import annotations

from typing import Any

from theodolite.claims import LocusKind
from theodolite.experiments.control_variants import VARIANT_OF
from theodolite.experiments.jobs import JobOutcome
from theodolite.experiments.journal import Event, with_labels
from theodolite.experiments.opening import Opening
from theodolite.gates.ordered import GAIN, OrderedControl, ordered_control
from theodolite.judgements import Review
from theodolite.measurements import Coexpression, load_measurement
from theodolite.plans import Plan
from theodolite.store import ControlName, ControlRecord, Entry, EntryKind, Ledger, entry_id
from theodolite.tools import get_tool

__all__ = ["Controls", "inapplicable", "measured_control"]


def inapplicable(plan: Plan) -> str | None:
    """Return why no control can be held against a claim, None where each can."""
    if plan.hypothesis.locus.kind is LocusKind.ANY:
        return "a claim about any place names no place at which a control could be read"
    if plan.hypothesis.claim.relation.of_cells:
        return "a claim about anchors is held against every control of its catalogue as it stands"
    if plan.hypothesis.claim.relation.of_no_effect:
        return "a claim of no effect has nothing that it would have to exceed"
    return None


class Controls(Opening):
    """The step that runs ordered controls."""

    def run_controls(self, round_number: int, plans: dict[int, Plan], reviews: dict[int, Review | None]) -> None:
        """Run every control that was ordered on the plans of a round, where the plan's own jobs gave a result."""
        for slot, plan in plans.items():
            review = reviews.get(slot)
            for name in (review.controls or ()) if review is not None else ():
                control: ControlName = name  # type: ignore[assignment]
                result = self._entry(EntryKind.RESULT, round_number, slot)
                known = self.ledger.has(
                    entry_id(self.setting.campaign_id, EntryKind.CONTROL, round_number, slot, name=control)
                )
                if result is not None and not known:
                    self.notify(Event("control", slot, len(plans), plan.claim_text))
                    self._run_control(round_number, slot, plan, control, result)

    def controls(self, round_number: int, slot: int) -> list[Entry]:
        """Return the rows of the controls of a slot."""
        found = (
            self.ledger.get(entry_id(self.setting.campaign_id, EntryKind.CONTROL, round_number, slot, name=name))
            for name in VARIANT_OF
        )
        return [entry for entry in found if entry is not None]

    def _run_control(self, round_number: int, slot: int, plan: Plan, control: ControlName, result: Entry) -> None:
        variant = VARIANT_OF[control]
        payload: dict[str, Any] = {
            "prereg_sha256": plan.sha256,
            "control": control,
            "variant": variant,
            "jobs": {},
            "measurements": {},
            "status": "not_applicable",
            "reason": inapplicable(plan) or "",
            "baseline": None,
            "gain": None,
            "low": None,
            "threshold": GAIN,
            "passed": None,
            "sentence": "This control does not apply.",
        }
        if inapplicable(plan) is None:
            outcome, jobs = self._measure(plan, variant)
            payload |= {"jobs": jobs, "status": outcome.status, "reason": outcome.reason}
            payload["sentence"] = f"The control could not be measured: {outcome.reason}"
            if outcome.status == "done":
                payload["measurements"] = {variant: self.ledger.artefacts.put(self._content(outcome))}
                found = measured_control(self.ledger, plan, payload, result.payload["measurements"], self._listed(plan))
                payload |= {
                    "baseline": found.baseline,
                    "gain": found.gain,
                    "low": found.low,
                    "passed": found.passed,
                    "sentence": found.sentence,
                }
        # Through the record, so that what is written is what is read.
        record = ControlRecord.model_validate(payload).model_dump(mode="json")
        self._put(EntryKind.CONTROL, self.subject(round_number, slot), record, round_number, slot, name=control)

    def _measure(self, plan: Plan, variant: str) -> tuple[JobOutcome, dict[str, str]]:
        replaced = self._replaced(plan)
        if replaced is not None:
            return replaced, {}
        tool = get_tool(plan.hypothesis.tool.partition("@")[0])
        fitted = next((self.fit_variant(what, variant) for what in tool.fits), None)
        block = plan.block.id.rpartition("/")[2]
        job = self._job(tool.name, tool.version, tool.source_sha256, plan.params, block, variant, fitted)
        return next(iter(self._runner.submit([job]))), {variant: job.sha256}

    def _listed(self, plan: Plan) -> Any:
        return self.setting.references[plan.hypothesis.claim.reference.name].member_set


def measured_control(
    ledger: Ledger, plan: Plan, payload: dict[str, Any], measured: dict[str, str], members: Any
) -> OrderedControl:
    """Return what a control's artefact shows beside the claim's own; used when it is run and when it is replayed.

    Parameters
    ----------
    ledger
        Holds the artefacts.
    plan
        The plan.
    payload
        Of the control's row: names the control's measurement.
    measured
        Artefacts of the plan's result by variant.
    members
        Of the reference.

    Raises
    ------
    ArtefactError, MeasurementError
        If a measurement cannot be read.
    """
    main = with_labels(load_measurement(ledger.artefacts.get(measured["main"])), members)
    control = load_measurement(ledger.artefacts.get(payload["measurements"][payload["variant"]]))
    named = plan.coexpression_sha256
    beside = None if named is None else load_measurement(ledger.artefacts.get(named))
    assert beside is None or isinstance(beside, Coexpression)
    return ordered_control(plan, main, control, beside)
