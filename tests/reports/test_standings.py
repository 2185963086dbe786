"""Standing counts what the ledger holds."""

from __future__ import annotations

from theodolite.reports import standing
from theodolite.store import Ledger


def test_a_finished_campaign(ledger):
    found = standing(ledger, last=3)
    (campaign,) = found.campaigns
    assert (campaign.name, campaign.rounds_closed, campaign.registered, campaign.budget) == ("finished", 3, 6, 6)
    assert campaign.slots == {"verdict": 6} and sum(campaign.outcomes.values()) == 6
    assert campaign.stopped is not None and campaign.stopped.startswith("budget")
    assert found.coordinators == ()
    assert found.entries == ledger.head().seq and found.head == ledger.head().hash
    assert [entry.seq for entry in found.last] == [found.entries - 2, found.entries - 1, found.entries]
    assert found.last[-1].kind == "stop"


def test_levels_and_blocks_are_those_of_the_ledger(ledger):
    found = standing(ledger)
    assert sum(stream.t for stream in found.streams) == 6
    assert found.blocks_in_split == 1
    assert [block.retired_in_round for block in found.blocks] == [1]


def test_an_empty_ledger():
    with Ledger.in_memory() as empty:
        found = standing(empty)
    assert (found.entries, found.campaigns, found.last) == (0, (), ())
