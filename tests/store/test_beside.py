"""What campaigns of other splits and other streams write at the same time changes nothing for one another."""

from __future__ import annotations

import pytest

from theodolite.canonical import digest
from theodolite.claims import Verdict
from theodolite.store import (
    EntryKind,
    Ledger,
    agent_view,
    beside,
    entry_id,
    open_block_observed,
    trial_tallies,
)

OTHER = "other-11111111"


def open_campaign(ledger: Ledger, campaign: str, stream: str, split: str, block: str) -> None:
    named = {"name": "planted", "sha256": digest("model")}
    ledger.append(
        EntryKind.CAMPAIGN,
        entry_id(campaign, EntryKind.CAMPAIGN),
        campaign,
        {
            "name": campaign,
            "spec": {"error": {"stream": stream}},
            "model": named,
            "cells": named,
            "references": [],
            "catalogue": "1",
            "decision": "1",
            "seed": 1,
        },
    )
    ledger.append(
        EntryKind.SPLIT,
        entry_id(campaign, EntryKind.SPLIT),
        campaign,
        {
            "split_sha256": digest(split),
            "block_id": block,
            "k": 1,
            "discovery_genes": 4,
            "confirmation_genes": 4,
            "artefact": ledger.artefacts.put(split.encode()),
        },
    )


def known(ledger: Ledger, campaign: str) -> frozenset[str]:
    with ledger.read() as connection:
        return beside(connection, campaign).campaigns


@pytest.mark.parametrize(("stream", "split", "apart"), [("s", "x", True), ("s", "split", False), ("main", "x", False)])
def test_campaigns_run_beside_each_other_if_they_share_neither_split_nor_stream(ledger, told, stream, split, apart):
    told.Story(ledger).begin()
    open_campaign(ledger, OTHER, stream, split, told.BLOCK if split == "split" else "x/block-1")
    assert known(ledger, OTHER) == (frozenset({told.CAMPAIGN}) if apart else frozenset())
    assert known(ledger, told.CAMPAIGN) == (frozenset({OTHER}) if apart else frozenset())
    assert known(ledger, "not-open") == frozenset()


def test_agents_are_told_the_same_whatever_a_campaign_beside_theirs_has_found(ledger, told):
    story = told.Story(ledger).begin()
    open_campaign(ledger, OTHER, "s", "x", "x/block-1")
    before = agent_view(ledger, OTHER)
    story.round(1, [told.Outcome(locus=2)])
    assert open_block_observed(ledger, told.CAMPAIGN) and not open_block_observed(ledger, OTHER)
    story.round(2, [told.Outcome(verdict=Verdict.SUPPORTED, p=0.0001, effect=0.4)])
    assert agent_view(ledger, OTHER) == before
    mine = agent_view(ledger, told.CAMPAIGN)
    assert len(mine.bits) == 2 and mine.retired_blocks == (told.BLOCK,)


def test_trials_beside_a_campaign_count_only_from_before_it_was_opened(ledger, told):
    story = told.Story(ledger).begin()
    story.trial(name="t1", trial="t1")
    open_campaign(ledger, OTHER, "s", "x", "x/block-1")
    story.trial(name="t2", trial="t2")

    def counted(campaign: str | None) -> int:
        return sum(tally.trials for tally in trial_tallies(ledger, "somebody", campaign))

    assert counted(OTHER) == 1
    assert counted(told.CAMPAIGN) == counted(None) == 2
