"""Verification of figures: each names the measurement of its result, and is what that measurement gives."""

from __future__ import annotations

import json
from collections.abc import Iterator

from theodolite.experiments.dossiers import members_of
from theodolite.experiments.journal import StepError, with_labels
from theodolite.experiments.manifolds.figures import figure_of
from theodolite.measurements import AnchorLatents, MeasurementError, load_measurement
from theodolite.plans import Plan
from theodolite.store import ArtefactError, Entry, EntryKind, Ledger

__all__ = ["DrawnRows"]


class DrawnRows:
    """Says of each row of a chain, in order, what of a figure does not follow from the rows before.

    Parameters
    ----------
    ledger
        Whose artefacts are read.
    deep
        Whether they are, and figures are drawn again.
    """

    def __init__(self, ledger: Ledger, *, deep: bool) -> None:
        self._artefacts, self._deep = ledger.artefacts, deep
        self._references: dict[str, str] = {}
        self._locked: dict[str, Plan] = {}
        self._measured: dict[str, str] = {}

    def defects(self, entry: Entry) -> Iterator[str]:
        """Yield what is wrong with the next row of the chain."""
        match entry.kind:
            case EntryKind.CAMPAIGN:
                self._references[entry.subject] = str(entry.payload["artefact"])
            case EntryKind.REGISTRATION if entry.payload["plan"]["shape"] == "AnchorLatents":
                self._locked[entry.subject] = Plan.model_validate(entry.payload["plan"])
            case EntryKind.RESULT:
                self._measured[entry.subject] = str(entry.payload["measurements"].get("main"))
            case EntryKind.FIGURE:
                yield from self._drawn(entry)

    def _drawn(self, entry: Entry) -> Iterator[str]:
        plan = self._locked.get(entry.subject)
        if plan is None or entry.payload["measurement"] != self._measured.get(entry.subject):
            yield "it was drawn of another measurement than that of a result of anchors"
            return
        if entry.payload["prereg_sha256"] != plan.sha256 or entry.payload["title"] != plan.claim_text:
            yield "it names another plan than the one that was locked"
        if not self._deep:
            return
        try:
            name = plan.hypothesis.claim.reference.name
            listed = json.loads(self._artefacts.get(self._references[plan.campaign]))[name]
            laid = with_labels(
                load_measurement(self._artefacts.get(entry.payload["measurement"])), members_of(name, listed)
            )
            assert isinstance(laid, AnchorLatents)
            again = figure_of(laid, entry.payload["view"], plan.claim_text)
            if self._artefacts.get(entry.payload["artefact"]) != again:
                yield "it is not the figure of its measurement"
        except (ArtefactError, MeasurementError, StepError, ValueError, LookupError) as error:
            yield f"it cannot be drawn again: {error}"
