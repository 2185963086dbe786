"""The journal of a campaign: rows under derived ids, written once, and jobs made from the campaign's hashes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from theodolite.data.rulers import Ruler
from theodolite.experiments.jobs import JobOutcome, JobSpec, StepError
from theodolite.experiments.registration import Power
from theodolite.experiments.runner import Runner
from theodolite.experiments.setting import Setting
from theodolite.gates import CATALOGUE_VERSION
from theodolite.gates.memo import Memo
from theodolite.measurements import (
    AnchorLatents,
    BipartiteScores,
    GeneScores,
    Measurement,
    PairScores,
    Variant,
    VariantKind,
)
from theodolite.plans import Plan
from theodolite.store import Entry, EntryKind, Ledger, entry_id, slot_id
from theodolite.tools import Tool, get_tool

__all__ = ["Event", "Journal", "Labelled", "Members", "StepError", "judged_shape", "labelled", "with_labels"]

_PARSED = 512
"""Records kept: those of a round of a hundred slots, of any campaign."""

Parsed = TypeVar("Parsed", bound=BaseModel)

Members = frozenset[str] | frozenset[tuple[str, str]] | Ruler
"""Genes of a set, or pairs or edges; or a ruler of anchors."""

Labelled = GeneScores | PairScores | BipartiteScores | AnchorLatents
"""Shapes that a reference can be attached to."""


@dataclass(frozen=True)
class Event:
    """Progress for people.

    Attributes
    ----------
    phase
        What is being done.
    done, total
        How far.
    detail
        The item in words.
    """

    phase: str
    done: int
    total: int
    detail: str = ""


class Journal:
    """A campaign's setting and ledger with what every step needs of them."""

    def __init__(
        self, setting: Setting, ledger: Ledger, runner: Runner, notify: Callable[[Event], None] | None = None
    ) -> None:
        self.setting = setting
        self.ledger = ledger
        self.power = Power(setting)
        self._runner = runner
        self.notify = notify or (lambda event: None)
        self._parsed: Memo[BaseModel] = Memo(_PARSED)

    def subject(self, round_number: int, slot: int) -> str:
        """Return the subject under which a slot's rows stand."""
        return slot_id(self.setting.campaign_id, round_number, slot)

    def _put(
        self, kind: EntryKind, subject: str, payload: dict[str, Any], round_number: int | None = None,
        slot: int | None = None, name: str | None = None,
    ) -> None:  # fmt: skip
        identifier = entry_id(self.setting.campaign_id, kind, round=round_number, slot=slot, name=name)
        self.ledger.append_once(kind, identifier, subject, payload)

    def _entry(self, kind: EntryKind, round_number: int, slot: int) -> Entry | None:
        return self.ledger.get(entry_id(self.setting.campaign_id, kind, round=round_number, slot=slot))

    def _has(self, kind: EntryKind, round_number: int, slot: int) -> bool:
        return self.ledger.has(entry_id(self.setting.campaign_id, kind, round=round_number, slot=slot))

    def _parse(self, kind: type[Parsed], entry: Entry, field: str | None = None) -> Parsed:
        """Return the record in an entry's payload, or under one field of it; what was checked lately is not again."""
        found = self._parsed.get(
            (entry.hash, field or ""),
            lambda: kind.model_validate(entry.payload if field is None else entry.payload[field]),
        )
        assert isinstance(found, kind)
        return found

    @staticmethod
    def _content(outcome: JobOutcome) -> bytes:
        return Path(str(outcome.content_file)).read_bytes()

    @staticmethod
    def _replaced(plan: Plan) -> JobOutcome | None:
        """Return how jobs of a plan end where the instrument here is not the one that it locks, else None."""
        name, _, version = plan.hypothesis.tool.partition("@")
        try:
            tool = get_tool(name)
        except KeyError as error:
            return JobOutcome(job_sha256="", status="tool_error", reason=str(error.args[0]))
        source = plan.tool_sha256 or tool.source_sha256
        if (tool.version, tool.source_sha256) == (version, source):
            return None
        reason = (
            f"the plan locks {plan.hypothesis.tool} of source {source[:12]}, and the instrument here is "
            f"{tool.name}@{tool.version} of source {tool.source_sha256[:12]}; put the locked one back, or start a new "
            "campaign with this one"
        )
        return JobOutcome(job_sha256="", status="tool_error", reason=reason)

    def _tool_job(self, tool: Tool, params: dict[str, Any], split: str, variant: str) -> JobSpec:
        fitted = self.setting.fitted_of(tool)[variant] if tool.fits else None
        return self._job(tool.name, tool.version, tool.source_sha256, params, split, variant, fitted)

    def _job(
        self, tool: str, version: str, source: str, params: Mapping[str, Any], split: str, variant: str,
        fitted: str | None = None, references: str | None = None, about: str | None = None,
    ) -> JobSpec:  # fmt: skip
        setting = self.setting
        return JobSpec(
            tool=tool,
            version=version,
            source_sha256=source,
            params=params,
            model_sha256=setting.model.sha256,
            cells_sha256=setting.cells.sha256,
            split_sha256=setting.split.sha256,
            split=split,
            variant=variant,
            seed=setting.seed("job", tool),
            fitted=fitted,
            references=references,
            about=about,
            runs_on=setting.runs_on,
        )


def judged_shape(measurement: Measurement) -> Labelled:
    """Return a measurement whose shape this catalogue judges.

    Raises
    ------
    StepError
        If it judges no claims on the shape.
    """
    if not isinstance(measurement, (GeneScores, PairScores, BipartiteScores, AnchorLatents)):
        raise StepError(f"catalogue {CATALOGUE_VERSION} judges no claims on {measurement.shape}")
    return measurement


def with_labels(measurement: Measurement, members: Members) -> Labelled:
    """Attach a reference's members, genes or pairs, to a measurement as its shape wants it."""
    shown = judged_shape(measurement)
    if isinstance(members, Ruler) or isinstance(shown, AnchorLatents):
        if not (isinstance(members, Ruler) and isinstance(shown, AnchorLatents)):
            raise StepError(f"a ruler is laid on anchors, and this is {shown.shape} with {type(members).__name__}")
        return shown.with_ruler(members.between(shown.anchors), members.depths(shown.anchors))
    # A shape that the reference is not of gets no label, and the gates say so.
    of_genes = isinstance(next(iter(members), None), str)
    listed: Any = members if of_genes == isinstance(shown, GeneScores) else frozenset()
    return shown.with_members(listed) if isinstance(shown, GeneScores) else shown.with_edges(listed)


def labelled(measurements: Mapping[Variant, Measurement], members: Members) -> dict[Variant, Measurement]:
    """Attach a reference's members to the model's own measurement; baselines are judged against the same labels.

    A ruler is attached to all: anchors of a panel are others.
    """
    every = isinstance(members, Ruler)
    return {
        variant: with_labels(measurement, members) if every or variant.kind is VariantKind.MAIN else measurement
        for variant, measurement in measurements.items()
    }
