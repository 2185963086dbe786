"""Sealed items in the course of a campaign: some of what a reviewer is given each round was made to test it."""

from __future__ import annotations

from math import ceil
from typing import Final

import numpy as np
from numpy.random import Generator, SeedSequence

from theodolite.agents import Reviewer
from theodolite.agents.lints import plan_lints, record_lints
from theodolite.calibration.plants.clean import clean_item
from theodolite.calibration.plants.defects import DEFECTS, NotPlantable, plant
from theodolite.calibration.plants.items import Item
from theodolite.calibration.plants.trials import SealedItem, Trial, give
from theodolite.canonical import digest
from theodolite.experiments import CampaignRun
from theodolite.judgements import ObjectionCode
from theodolite.store import EntryKind, Ledger, entry_id, trials_given

__all__ = ["SHARE", "put_trial", "seal_round", "trial_id", "trial_items"]

SHARE: Final = 0.10
"""Least share of plants among all that a reviewer is given in a round; there are as many shams."""


def _plants(real: int) -> int:
    """Return the least k with k of real + 2 k items being the share, at least 1."""
    return max(1, ceil(real * SHARE / (1.0 - 2.0 * SHARE)))


def trial_items(run: CampaignRun, round_number: int) -> list[SealedItem]:
    """Return the sealed items of a round; they follow from the campaign, the round and what was judged in it.

    They are made of the round's own plans and records, so that names, versions and numbers are those of the campaign,
    in slots that the round does not have. Where nothing of the round was tested they are made of small worlds.

    Returns
    -------
    list of SealedItem
        Plants and as many shams, mixed; empty if the round locked no plan.
    """
    plans = run.plans(round_number)
    if not plans:
        return []
    campaign = run.setting.campaign_id
    root = SeedSequence([int(digest(campaign)[:16], 16), round_number])
    rng = np.random.default_rng(root)
    clean = _clean_items(run, round_number)
    seeds = root.spawn(2 * _plants(len(plans)))
    slots = max(plans) + 1 + rng.permutation(len(seeds))
    sealed = {}
    for number, (slot, seed) in enumerate(zip(map(int, slots), seeds, strict=True)):
        item = clean[int(rng.integers(len(clean)))] if clean else clean_item(seed)
        item = item.with_plan(slot=slot)
        planted, defect = _planted(item, rng) if number % 2 == 0 else (item, None)
        sealed[slot] = SealedItem(f"{campaign}/r{round_number:02d}/{slot}", planted, defect)
    return [sealed[slot] for slot in sorted(sealed)]


def _clean_items(run: CampaignRun, round_number: int) -> list[Item]:
    """Return what was tested in the round and no lint objects to: nothing else can be said to be clean."""
    found = []
    for slot, plan in run.plans(round_number).items():
        judgement = run.judgement(round_number, slot)
        if judgement is None or not judgement.evidence:
            continue
        if not plan_lints(plan) and not record_lints(plan, judgement, plan.sha256):
            found.append(Item.of(plan, judgement))
    return found


def _planted(item: Item, rng: Generator) -> tuple[Item, ObjectionCode]:
    classes = list(DEFECTS)
    for index in rng.permutation(len(classes)):
        defect = classes[int(index)]
        try:
            return plant(item, defect, int(rng.integers(12)), rng), defect
        except NotPlantable:
            continue
    raise NotPlantable(f"no defect can be worked into {item.plan.claim_text!r}")


def trial_id(subject: str, trial: str, reviewer: str) -> str:
    """Return the id of the row of a trial: one for each item and reviewer."""
    return entry_id(subject, EntryKind.REVIEW_TRIAL, name=digest([trial, reviewer])[:16])


def put_trial(ledger: Ledger, subject: str, trial: Trial) -> None:
    """Write a trial as a row; one that is there already is left as it is.

    Parameters
    ----------
    subject
        The campaign in whose course it was given, or a name for what was outside of any.
    """
    identifier = trial_id(subject, trial.trial, trial.reviewer)
    if not ledger.has(identifier):
        ledger.append(EntryKind.REVIEW_TRIAL, identifier, subject, trial.model_dump(mode="json"))


def seal_round(run: CampaignRun, round_number: int, reviewer: Reviewer) -> None:
    """Give a reviewer the sealed items of a round and write what it made of them.

    To be called once the records of the round are reviewed. Nothing is given twice: an item whose row is there is left
    out, whoever reviewed it, so that a campaign that is taken up again pays for nothing twice.
    """
    campaign = run.setting.campaign_id
    items = trial_items(run, round_number)
    done = trials_given(run.ledger, campaign, [sealed.name for sealed in items])
    for sealed in items:
        if sealed.name not in done:
            put_trial(run.ledger, campaign, give(reviewer, sealed))
