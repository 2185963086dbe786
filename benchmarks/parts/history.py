"""Earlier campaigns for a ledger: what a real one wrote, told again about other references, until there are enough.

Entries go through the code that appends every entry, projections included, many to a transaction. The levels of the
copies are those of their place in the stream, but nothing is judged again: ``verify`` accepts such a ledger, and a
replay of its verdicts would not.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from theodolite.agents import LintReviewer, run_campaign
from theodolite.calibration.plants import seal_round
from theodolite.calibration.proposers import GreedyProposer
from theodolite.canonical import canonical_json, digest
from theodolite.claims import Hypothesis, Named, Verdict
from theodolite.experiments import CampaignRun, Runner, Setting
from theodolite.gates.stream import e_lond_level
from theodolite.judgements import Settlement
from theodolite.plans import Plan
from theodolite.store import EntryKind, Ledger, entry_id, slot_id
from theodolite.store.appending import append_entry

__all__ = ["Line", "lines", "tell"]

CAMPAIGNS, SLOTS, AT_ONCE = 5, 20, 1_000
REFUSED_EVERY, FAILED_EVERY, SUPPORTED_EVERY = 20, 50, 12
"""One hypothesis of so many is refused, breaks before its statistic, or is supported."""
LOCI_PER_REFERENCE = 40
_OPENING = (EntryKind.CAMPAIGN, EntryKind.SPLIT, EntryKind.FIT, EntryKind.LOOK)


@dataclass
class _Words:
    """What the real campaign wrote: a payload of each kind, those of a supported and of another test, the opening."""

    opening: list[tuple[EntryKind, str, dict[str, Any]]]
    trial: dict[str, Any]
    tests: dict[bool, dict[EntryKind, dict[str, Any]]]
    loci: list[Any]


@dataclass
class _Stream:
    """How far the error streams have come."""

    n_max: int
    spent: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    supports: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))


Line = tuple[EntryKind, str, str, dict[str, Any]]


def tell(setting: Setting, runner: Runner, hypotheses: int) -> int:
    """Write earlier campaigns into a new ledger of the setting's workspace; return how many levels they spent.

    Parameters
    ----------
    setting
        A campaign of the world that the ledger is about; it decides split and error stream.
    runner
        Measures for the real campaign that is told again.
    hypotheses
        How many slots the campaigns fill together.
    """
    stream = _Stream(setting.spec.n_max)
    told = _lines(setting, _listen(setting, runner), stream, hypotheses)
    with Ledger.create(setting.workspace.ledger, artefacts=setting.workspace.artefacts) as ledger:
        for batch in _batches(told):
            with ledger.write() as connection:
                for kind, identifier, subject, payload in batch:
                    append_entry(
                        connection, kind, identifier, subject, canonical_json(payload), ledger.now(), once=False
                    )
    return sum(stream.spent.values())


def lines(setting: Setting, runner: Runner, hypotheses: int) -> Iterator[Line]:
    """Yield what :func:`tell` writes: kind, id, subject and payload of each entry, in order."""
    yield from _lines(setting, _listen(setting, runner), _Stream(setting.spec.n_max), hypotheses)


def _listen(setting: Setting, runner: Runner) -> _Words:
    """Run a real campaign and keep what it wrote; its artefacts go where the told ledger will look for them."""
    with tempfile.TemporaryDirectory() as folder:
        with Ledger.create(Path(folder) / "ledger.sqlite", artefacts=setting.workspace.artefacts) as ledger:
            run_campaign(CampaignRun(setting, ledger, runner), GreedyProposer(1), LintReviewer(), trials=seal_round)
            entries = list(ledger.entries())
    slots: defaultdict[str, dict[EntryKind, dict[str, Any]]] = defaultdict(dict)
    opening, trial = [], None
    for entry in entries:
        if entry.kind in _OPENING:
            opening.append((entry.kind, entry.id.removeprefix(entry.subject), entry.payload))
        elif entry.kind is EntryKind.REVIEW_TRIAL:
            trial = entry.payload
        else:
            slots[entry.subject][entry.kind] = entry.payload
    done = [slot for slot in slots.values() if EntryKind.VERDICT in slot]
    tests = {slot[EntryKind.VERDICT]["settlement"]["verdict"] == Verdict.SUPPORTED: slot for slot in done}
    looks = [Plan.model_validate(slot[EntryKind.REGISTRATION]["plan"]).hypothesis.locus for slot in done]
    assert trial is not None
    return _Words(opening, trial, tests, looks)


def _batches(lines: Iterator[Line]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    for line in lines:
        batch.append(line)
        if len(batch) == AT_ONCE:
            yield batch
            batch = []
    yield batch


def _lines(setting: Setting, words: _Words, stream: _Stream, hypotheses: int) -> Iterator[Line]:
    name = setting.spec.error.stream
    for kept in (name, f"{name}/reused"):
        payload = {"stream": kept, "rule": "e-lond", "q": setting.spec.error.q, "n_max": stream.n_max}
        yield EntryKind.STREAM, f"stream/{kept}", kept, payload
    each = -(-hypotheses // CAMPAIGNS)
    told = 0
    for number in range(1, CAMPAIGNS + 1):
        campaign = f"earlier-{digest(number)[:8]}"
        for kind, rest, payload in words.opening:
            yield kind, campaign + rest, campaign, payload
        for round_number in range(1, -(-each // SLOTS) + 1):
            slots = min(SLOTS, each - (round_number - 1) * SLOTS, hypotheses - told)
            if slots > 0:
                yield from _round(setting, words, stream, campaign, round_number, range(told, told + slots))
                told += slots
        payload = {"reason": "budget", "detail": f"all {each} experiments are registered"}
        yield EntryKind.STOP, entry_id(campaign, EntryKind.STOP), campaign, payload


def _hypothesis(words: _Words, number: int) -> Hypothesis:
    """Return the hypothesis of that number: another reference, or another place, than any before it."""
    reference = f"earlier_{number // LOCI_PER_REFERENCE}"
    first = Hypothesis.model_validate(words.tests[False][EntryKind.HYPOTHESIS]["hypothesis"])
    named = Named(name=reference, sha256=digest(reference))
    place = number % LOCI_PER_REFERENCE
    locus = first.locus.model_copy(update={"layer": 1 + place // 8, "index": (1 + place % 8,)})
    return first.model_copy(update={"claim": first.claim.model_copy(update={"reference": named}), "locus": locus})


def _round(setting: Setting, words: _Words, stream: _Stream, campaign: str, number: int, told: range) -> Iterator[Line]:
    """Yield the entries of a round in the order in which the loop writes them."""
    blocks = setting.split.blocks
    reused = told.start // SLOTS >= len(blocks)
    block = setting.split.block_id(blocks[min(told.start // SLOTS, len(blocks) - 1)])
    error = setting.spec.error.stream + ("/reused" if reused else "")
    phases: defaultdict[EntryKind, list[Line]] = defaultdict(list)
    bits: dict[str, bool] = {}

    def say(kind: EntryKind, slot: int, payload: dict[str, Any]) -> None:
        phases[kind].append((kind, entry_id(campaign, kind, number, slot), slot_id(campaign, number, slot), payload))

    for slot, item in enumerate(told, start=1):
        supported, failed = item % SUPPORTED_EVERY == 0, item % FAILED_EVERY == 1
        test = words.tests[supported]
        hypothesis = _hypothesis(words, item)
        identity = {"hypothesis_id": hypothesis.id, "claim_key": hypothesis.claim.key}
        say(
            EntryKind.HYPOTHESIS,
            slot,
            test[EntryKind.HYPOTHESIS]
            | {**identity, "hypothesis": hypothesis.model_dump(mode="json"), "round": number, "slot": slot},
        )
        if item % REFUSED_EVERY == 2:
            refusal = {**identity, "code": "underpowered", "reason": "the block cannot show an effect of interest"}
            say(EntryKind.REFUSAL, slot, refusal)
            continue
        locked = Plan.model_validate(test[EntryKind.REGISTRATION]["plan"])
        level = locked.level.model_copy(update={"stream": error, "n_max": stream.n_max})
        plan = locked.model_copy(
            update={
                "hypothesis": hypothesis,
                "campaign": campaign,
                "round": number,
                "slot": slot,
                "block": locked.block.model_copy(update={"id": block, "reused": reused}),
                "level": level,
            }
        )
        prereg = {"prereg_sha256": plan.sha256}
        say(EntryKind.REGISTRATION, slot, {"plan": plan.model_dump(mode="json"), **prereg})
        say(EntryKind.PLAN_REVIEW, slot, test[EntryKind.PLAN_REVIEW])
        if failed:
            broke = {"phase": "measure", "code": "timeout", "reason": "the job took too long", "observed": False}
            say(EntryKind.FAILURE, slot, test[EntryKind.RESULT] | prereg | broke)
        else:
            for kind in (EntryKind.RESULT, EntryKind.JUDGEMENT):
                say(kind, slot, test[kind] | prereg)
            say(EntryKind.RECORD_REVIEW, slot, test[EntryKind.RECORD_REVIEW])
        settled = _settled(test, setting, stream, error, spends=not failed)
        bits[hypothesis.id] = settled.verdict is Verdict.SUPPORTED
        say(EntryKind.VERDICT, slot, {**prereg, **identity, "settlement": settled.model_dump(mode="json")})
    for kind, lines in phases.items():
        yield from lines
        if kind is EntryKind.RECORD_REVIEW:
            for trial in (f"{campaign}/r{number:02d}/{place}" for place in range(1, 7)):
                named = entry_id(campaign, EntryKind.REVIEW_TRIAL, name=digest(trial)[:16])
                yield EntryKind.REVIEW_TRIAL, named, campaign, words.trial | {"trial": trial}
    closing = {
        "round": number,
        "bits": bits,
        "block_id": block,
        "retired": any(bits.values()),
        "stream_t": stream.spent[error],
        "supports": stream.supports[error],
    }
    yield EntryKind.ROUND, entry_id(campaign, EntryKind.ROUND, name=f"r{number:02d}"), campaign, closing


def _settled(
    test: dict[EntryKind, dict[str, Any]], setting: Setting, stream: _Stream, error: str, *, spends: bool
) -> Settlement:
    found = Settlement.model_validate(test[EntryKind.VERDICT]["settlement"])
    if not spends:
        nothing = dict.fromkeys(("t", "supports_before", "gamma", "harmonic", "alpha", "e", "first_unmet"))
        verdict = {"machine_verdict": Verdict.ERROR, "verdict": Verdict.ERROR, "gates": (), "tags": ()}
        return found.model_copy(update={**nothing, **verdict, "stream": error})
    before = stream.supports[error]
    stream.spent[error] += 1
    stream.supports[error] += found.verdict is Verdict.SUPPORTED
    level = e_lond_level(stream.spent[error], before, setting.spec.error.q, stream.n_max)
    return found.model_copy(
        update={
            "stream": error,
            "t": stream.spent[error],
            "supports_before": before,
            "gamma": level.gamma,
            "harmonic": level.harmonic,
            "alpha": level.alpha,
        }
    )
