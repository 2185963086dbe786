"""Ids derive from where an entry belongs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.store import EntryKind, LedgerPayloadError, campaign_of, entry_id, slot_id


def test_ids_say_where_an_entry_belongs():
    assert slot_id("pbmc-1a2b3c4d", 1, 3) == "pbmc-1a2b3c4d/r01.s003"
    assert entry_id("pbmc-1a2b3c4d", EntryKind.VERDICT, 1, 3) == "pbmc-1a2b3c4d/r01.s003/verdict"
    assert entry_id("pbmc-1a2b3c4d", "round", 12) == "pbmc-1a2b3c4d/r12/round"
    assert entry_id("pbmc-1a2b3c4d", "campaign") == "pbmc-1a2b3c4d/campaign"
    assert (
        entry_id("pbmc-1a2b3c4d", "look", name="attention.edges-0a1b2c3d")
        == "pbmc-1a2b3c4d/look/attention.edges-0a1b2c3d"
    )


@given(st.text(min_size=1), st.integers(1, 5000), st.integers(1, 5000))
def test_a_slot_leads_back_to_its_campaign(campaign, round, slot):
    if "\n" not in campaign:
        assert campaign_of(slot_id(campaign, round, slot)) == campaign


def test_what_is_no_place_is_refused():
    for campaign, round, slot in (("", 1, 1), ("c", 0, 1), ("c", 1, 0)):
        with pytest.raises(LedgerPayloadError, match="count both from 1"):
            slot_id(campaign, round, slot)
    with pytest.raises(LedgerPayloadError, match="without its round"):
        entry_id("c", "verdict", slot=1)
    with pytest.raises(LedgerPayloadError, match="name of an entry is empty"):
        entry_id("c", "look", name="")
    with pytest.raises(LedgerPayloadError, match="'c' is not a slot"):
        campaign_of("c")
