"""Whatever a row names, of whatever kind, is found; and whatever that names."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.canonical import digest
from theodolite.store import EntryKind, Ledger, named_hashes
from theodolite.store.naming import hashes_in
from theodolite.store.records import artefacts_of

HASHES = st.integers(0, 40).map(digest)
WORDS = st.sampled_from(["artefact", "of a kind to come", "x"])
PLAIN = st.recursive(
    HASHES | HASHES.map(lambda sha256: f"model {sha256}") | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(HASHES | WORDS, inner, max_size=3),
    max_leaves=8,
)


def hashes_of(value):
    """Walk through plain data, as a check of what searches its text."""
    if isinstance(value, dict):
        return {sha256 for item in value.items() for part in item for sha256 in hashes_of(part)}
    if isinstance(value, list):
        return {sha256 for item in value for sha256 in hashes_of(item)}
    return {value[-64:]} if isinstance(value, str) and len(value) >= 64 else set()


@given(payloads=st.lists(PLAIN, min_size=1, max_size=5), documents=st.lists(PLAIN, max_size=4))
@settings(max_examples=40)
def test_everything_that_rows_name_is_found(payloads, documents):
    with Ledger.in_memory() as ledger:
        expected = set()
        # Each document names the one before it, and a row the last: a chain of artefacts.
        for content in documents:
            last = ledger.artefacts.put(json.dumps([content, sorted(expected)]).encode())
            expected = expected | {last} | hashes_of(content)
        payloads = [*payloads, sorted(expected)]
        for number, payload in enumerate(payloads):
            stop = {"reason": "other", "detail": json.dumps(payload)}
            ledger.append(EntryKind.STOP, f"c-{number}/stop", f"c-{number}", stop)
            expected |= hashes_of(payload)
        assert expected <= named_hashes(ledger)


def test_a_whole_campaign_names_its_artefacts(ledger, told):
    told.whole(ledger)
    listed = {sha256 for entry in ledger.entries() for sha256 in artefacts_of(entry.kind, entry.payload).values()}
    assert listed <= named_hashes(ledger)
    assert set(ledger.artefacts.names()) <= named_hashes(ledger)


def test_what_people_handed_in_counts(ledger, told):
    told.Story(ledger).begin()
    waiting = digest("of a claim that waits")
    ledger.ops.hand_in(told.CAMPAIGN, "proposal", "Ada", json.dumps({"artefact": waiting}))
    assert waiting in named_hashes(ledger)


def test_a_hash_inside_a_longer_run_of_digits_counts():
    sha256 = digest(1)
    assert sha256 in hashes_in(f"0{sha256}f".encode())
    assert hashes_in(b"no hash") == set()
