"""Replaying a campaign offline: recorded answers and time marks, everything else done again, to the same head."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from theodolite.agents.halting import CampaignPaused
from theodolite.agents.llm.replies import Paid, Reply
from theodolite.agents.llm.settings import ModelPrice, ModelSettings
from theodolite.agents.llm.wire import CallsForbidden, scrubbed
from theodolite.agents.loop import Trials, run_campaign
from theodolite.agents.team import assemble
from theodolite.canonical import canonical_json, sha256_bytes
from theodolite.claims import Author
from theodolite.experiments import Event, Runner, Setting, campaign_run
from theodolite.experiments.handed import PERSONS_CONVERSATION
from theodolite.store import (
    CallStatus,
    Difference,
    Entry,
    EntryKind,
    Ledger,
    ModelCallRecord,
    Payload,
    diff,
    entry_id,
)

__all__ = ["RecordedWire", "ReplayError", "Replayed", "replay_campaign"]


class ReplayError(RuntimeError):
    """A replay that left the path of the recorded campaign; names the first entry that differs."""


@dataclass(frozen=True)
class Replayed:
    """What came of a replay.

    Attributes
    ----------
    entries, head
        Of the chain that the replay wrote.
    calls
        Recorded calls that it used.
    differences
        Where the chains differ; empty if the replay wrote the same.
    same_head
        Whether it reached the recorded hash of the campaign's last entry.
    """

    entries: int
    head: str
    calls: int
    differences: tuple[Difference, ...]
    same_head: bool


class RecordedWire:
    """Answers with what a ledger recorded, and with nothing else."""

    def __init__(self, original: Ledger) -> None:
        self._original = original
        self.used = 0

    def send(self, call_id: str, body: dict[str, Any]) -> Reply:
        """Return the recorded end of a call.

        Raises
        ------
        CallsForbidden
            If there is no such call: a replay asks nobody.
        ReplayError
            If another request is recorded under this id.
        """
        entry = self._original.get(call_id)
        if entry is None:
            raise CallsForbidden(f"the ledger holds no call {call_id!r}, and a replay sends none")
        recorded = ModelCallRecord.model_validate(entry.payload)
        asked = sha256_bytes(scrubbed(canonical_json(body), None).encode())
        if recorded.request_sha256 != asked:
            raise ReplayError(
                f"{call_id} was recorded with the request {recorded.request_sha256[:16]}, the replay makes "
                f"{asked[:16]}: prompts, context or code are not those of the recorded campaign"
            )
        self.used += 1
        paid = Paid(recorded.cost, recorded.priced)
        if recorded.response is None:
            return Reply(recorded.status, recorded.http_status, None, recorded.detail, paid=paid)
        text = self._original.artefacts.get(recorded.response).decode("utf-8")
        return Reply(CallStatus.OK, recorded.http_status, text, paid=paid)


_NOT_REDONE = frozenset({EntryKind.REJUDGEMENT, EntryKind.APPROVAL, EntryKind.INVALIDATED})
_CONVERSING = frozenset({EntryKind.MODEL_CALL, EntryKind.MALFORMED})
"""Rows that may be of a conversation that was held for a person."""


class _Following(Ledger):
    """A ledger that takes over from another what the campaign itself did not write, as soon as it is due.

    That is what stood before the campaign (its streams too, whose locks it only compares), what was written between two
    sessions of it (trials, checks, judgements under a newer catalogue), what campaigns beside it wrote meanwhile, on
    which nothing of it depends, and what people handed in.
    """

    original: Ledger
    campaign: str
    first: int
    last: int

    def follow(self) -> None:
        """Append whatever comes next in the other chain and is not the campaign's own doing."""
        while True:
            following = next(iter(self.original.entries(after=self.head().seq)), None)
            if following is None or following.seq > self.last or self._redone(following):
                return
            super()._append(following.kind, following.id, following.subject, following.payload, once=False)

    def _redone(self, entry: Entry) -> bool:
        if entry.seq < self.first or entry.kind in _NOT_REDONE:
            return False
        if entry.kind is EntryKind.HYPOTHESIS and entry.payload["hypothesis"]["author"] == Author.PERSON.value:
            return False
        held_for = str(entry.payload["conversation"]) if entry.kind in _CONVERSING else ""
        if held_for.endswith(PERSONS_CONVERSATION):
            return False
        # By id as well: steps look for their rows by id, whatever subject a row names.
        return _of(entry, self.campaign) or entry.id.startswith(f"{self.campaign}/")

    def _append(self, kind: EntryKind | str, id: str, subject: str, payload: Payload, *, once: bool) -> Entry:
        entry = super()._append(kind, id, subject, payload, once=once)
        self.follow()
        return entry


class _TimeMarks:
    """Says how much of its time a campaign had used, by the marks that the recorded chain holds next."""

    def __init__(self, original: Ledger, replayed: Ledger) -> None:
        self._original = original
        self._replayed = replayed
        self._passed = 0

    def __call__(self) -> int:
        following = next(iter(self._original.entries(after=self._replayed.head().seq)), None)
        if following is not None and following.kind is EntryKind.BUDGET and following.payload["budget"] == "wall_time":
            self._passed = int(following.payload["percent"])
        return self._passed


def replay_campaign(
    setting: Setting,
    original: Ledger,
    folder: Path,
    runner: Runner,
    *,
    trials: Trials | None,
    notify: Callable[[Event], None] | None = None,
) -> Replayed:
    """Run a recorded campaign again on a fresh ledger, offline, and compare the two chains.

    Entries that stand before the campaign are copied; everything of the campaign itself is done again: looks, plans,
    jobs (by their result files where these are still there), judging, levels. Calls of language models and the passing
    of time are taken from the record.

    Parameters
    ----------
    setting
        The campaign, its workspace at ``folder``.
    original
        The recorded ledger.
    folder
        An empty folder for the fresh ledger.
    runner
        Runs jobs.
    trials
        Sealed trials, if the campaign had them.
    notify
        Told of progress.

    Raises
    ------
    ReplayError
        If the ledger holds no such campaign, or the replay leaves its path.
    """
    campaign = setting.campaign_id
    mine = [entry for entry in original.entries() if _of(entry, campaign)]
    if not mine:
        raise ReplayError(
            f"the ledger holds no entry of campaign {campaign}: the file, the model, the cells, the references, the "
            "tools or the prompts are not those that it was run with"
        )
    # Which matrix it came in is no part of a campaign, and any file of it will do.
    opened = original.get(entry_id(campaign, EntryKind.CAMPAIGN))
    setting = replace(setting, matrix=None if opened is None else opened.payload.get("matrix"))
    copy_artefacts(original.artefacts.folder, folder / "artefacts")
    wire = RecordedWire(original)
    with _Following.create(folder / "ledger.sqlite") as replayed:
        replayed.original, replayed.campaign = original, campaign
        replayed.first, replayed.last = mine[0].seq, mine[-1].seq
        replayed.follow()
        run = campaign_run(setting, replayed, runner, notify)
        team = assemble(
            run, settings=_settings(original, setting), wire=wire, time_marks=_TimeMarks(original, replayed)
        )
        while run.stopped() is None and replayed.head().seq < replayed.last:
            before = replayed.head().seq
            try:
                run_campaign(run, team.executor, team.reviewer, trials=trials, meter=team.meter)
            except CampaignPaused:
                if replayed.head().seq == before:
                    break  # it waits for what was never recorded
            except CallsForbidden:
                break  # the recorded campaign is not finished either
        head = replayed.head()
        found = tuple(
            item for item in diff(replayed, original) if (item.second_seq or item.first_seq or 0) <= mine[-1].seq
        )
        return Replayed(head.seq, head.hash, wire.used, found, head.hash == mine[-1].hash)


def copy_artefacts(source: Path, target: Path) -> None:
    """Copy an artefact store; files are linked where the disk allows it, for they never change."""

    def link(one: str, other: str) -> None:
        try:
            os.link(one, other)
        except OSError:
            shutil.copy2(one, other)

    shutil.copytree(source, target, copy_function=link, dirs_exist_ok=True)


def _of(entry: Entry, campaign: str) -> bool:
    return entry.subject == campaign or entry.subject.startswith(f"{campaign}/")


def _settings(original: Ledger, setting: Setting) -> ModelSettings:
    """Return settings under which requests are those that were recorded, nobody waits, and no circuit stays open."""
    call = next(iter(original.entries(kind=EntryKind.MODEL_CALL, subject=setting.campaign_id)), None)
    request = {} if call is None else json.loads(original.artefacts.get(str(call.payload["request"])))
    agents = setting.spec.agents
    free = ModelPrice(input=0, output=0)
    return ModelSettings(
        # Own servers and the hosted one know the limit of an answer under two names.
        base_url="http://localhost" if "max_tokens" in request else None,
        backoff_s=0,
        cool_down_s=0,
        probes=1_000_000_000,
        prices={} if agents is None else dict.fromkeys(agents.models.values(), free),
    )
