"""Judging again: what today's catalogue of its kind says of a test that an older one settled. It adds, never edits."""

from __future__ import annotations

import json
from collections.abc import Iterator

from theodolite.experiments.dossiers import dossier_of, members_of
from theodolite.experiments.journal import Members
from theodolite.gates import Place, judge, panel_for, settle, spends, successor
from theodolite.judgements import Judgement, Settlement
from theodolite.plans import Plan
from theodolite.store import Entry, EntryKind, Ledger, RejudgementRow, campaign_of, entry_id, rejudgement_rows

__all__ = ["judged_again", "rejudge", "settled_again", "under_catalogue"]


def under_catalogue(plan: Plan) -> Plan:
    """Return a plan as today's catalogue would have locked it, from what it states and nothing else.

    What an older plan does not state (baselines at places of their own, co-expression, the part of the split on which
    it was selected) stays unstated, and the gates that need it fail by name: no test gets its controls afterwards.
    """
    newest = successor(plan)
    if plan.catalogue == newest:
        return plan
    return plan.model_copy(
        update={
            "catalogue": newest,
            "evidence": plan.evidence or "p",
            "unit": plan.unit or "homology family",
            "null_panel": panel_for(plan.shape, plan.ablation),
        }
    )


def judged_again(ledger: Ledger, plan: Plan, result: Entry, members: Members) -> Judgement:
    """Return the judgement of a test under today's catalogue.

    Raises
    ------
    ArtefactError, MeasurementError
        If a measurement cannot be read.
    """
    new, same = under_catalogue(plan), result.payload["prereg_sha256"] == plan.sha256
    return judge(new, dossier_of(ledger, new, result.payload["measurements"], members, provenance_ok=same))


def settled_again(plan: Plan, judgement: Judgement, verdict: Entry) -> Settlement:
    """Return the settlement of a judgement under today's catalogue, at the level that the first verdict had."""
    old = Settlement.model_validate(verdict.payload["settlement"])
    spent = old.t if old.t is not None else 1
    place = Place(t=spent if spends(judgement) else None, supports_before=old.supports_before or 0)
    new = settle(under_catalogue(plan), judgement, place, cap=old.cap, block_reused=plan.block.reused)
    if spends(judgement):
        return new
    step = f"Register it anew under catalogue {new.catalogue}, whose controls this test never had."
    return new.model_copy(update={"next_step": step})


def rejudge(ledger: Ledger) -> Iterator[RejudgementRow]:
    """Judge every test that an older catalogue settled under today's, and write a row for each that has none yet.

    Levels stay as they were drawn and streams as they were spent; a verdict of the newer catalogue gives no credit.

    Yields
    ------
    RejudgementRow
        One for each test of an older catalogue, in the order of their verdicts.
    """
    plans = {
        entry.subject: locked
        for entry in ledger.entries(kind=EntryKind.REGISTRATION)
        if (locked := Plan.model_validate(entry.payload["plan"])).catalogue != successor(locked)
    }
    references = {
        entry.subject: json.loads(ledger.artefacts.get(str(entry.payload["artefact"])))
        for entry in ledger.entries(kind=EntryKind.CAMPAIGN)
    }
    results = {entry.subject: entry for entry in ledger.entries(kind=EntryKind.RESULT)}
    for verdict in list(ledger.entries(kind=EntryKind.VERDICT)):
        plan, result = plans.get(verdict.subject), results.get(verdict.subject)
        if plan is None or result is None:
            continue
        newest = successor(plan)
        identifier = entry_id(
            campaign_of(verdict.subject),
            EntryKind.REJUDGEMENT,
            plan.round,
            plan.slot,
            name=f"catalogue-{newest}",
        )
        if not ledger.has(identifier):
            named = plan.hypothesis.claim.reference.name
            members = members_of(named, references[plan.campaign][named])
            judgement = judged_again(ledger, plan, result, members)
            settlement = settled_again(plan, judgement, verdict)
            ledger.append(
                EntryKind.REJUDGEMENT,
                identifier,
                verdict.subject,
                {
                    "prereg_sha256": plan.sha256,
                    "hypothesis_id": plan.hypothesis.id,
                    "catalogue": newest,
                    "judgement": judgement.model_dump(mode="json"),
                    "settlement": settlement.model_dump(mode="json"),
                },
            )
        yield next(row for row in rejudgement_rows(ledger, verdict.subject) if row.catalogue == newest)
