"""Rows of descriptions: what they must say, and what they leave alone."""

from __future__ import annotations

import pytest

from theodolite.canonical import digest
from theodolite.store import Ledger, LedgerPayloadError, agent_view, entry_counts, stream_rows, verify


def test_a_description_names_artefacts_that_are_verified(ledger, told):
    told.Story(ledger).begin().describe()
    assert verify(ledger).ok
    (entry,) = ledger.entries(kind="description")
    for field in ("measurement", "artefact"):
        path = ledger.artefacts.path(entry.payload[field])
        kept = path.read_bytes()
        path.write_bytes(b"another")
        (problem,) = verify(ledger).problems
        assert (problem.seq, field in problem.what) == (entry.seq, True)
        path.write_bytes(kept)


def test_a_description_spends_nothing_and_is_no_look(tmp_path, told):
    with Ledger.create(tmp_path / "a.sqlite") as without, Ledger.create(tmp_path / "b.sqlite") as described:
        told.Story(without).begin()
        told.Story(described).begin().describe()
        assert [(row.stream, row.t) for row in stream_rows(described)] == [
            (r.stream, r.t) for r in stream_rows(without)
        ]
        assert agent_view(described, told.CAMPAIGN) == agent_view(without, told.CAMPAIGN)
        counted = entry_counts(described, told.CAMPAIGN)
        assert {kind: n for kind, n in counted.items() if kind != "description"} == entry_counts(without, told.CAMPAIGN)


FAILED = {"status": "timeout", "reason": "60 s", "measurement": None, "facts": {}, "sentence": None}


def test_a_description_that_failed_says_why(ledger, told):
    told.Story(ledger).begin().describe(**FAILED)
    (entry,) = ledger.entries(kind="description")
    assert (entry.payload["status"], entry.payload["reason"]) == ("timeout", "60 s")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"split": "block-1"}, "split: Input should be 'discovery'"),
        ({"standing": "a claim"}, "standing: Input should be 'description: makes no claim"),
        ({"status": "crash"}, "exactly those that are done"),
        ({"sentence": None}, "exactly those that are done"),
        ({"measurement": None}, "exactly those that are done"),
        ({**FAILED, "facts": {"rank": 1}}, "exactly those that are done"),
        ({"artefact": None}, "names the part of them that its job was given"),
        ({"references": {}}, "names the part of them that its job was given"),
        ({"references": {"myeloid": "x"}}, "references.myeloid"),
        ({"source_sha256": digest("source")[:10]}, "source_sha256"),
    ],
)
def test_what_is_no_description_is_refused(ledger, told, changes, said):
    story = told.Story(ledger).begin()
    head = ledger.head()
    with pytest.raises(LedgerPayloadError, match=said):
        story.describe(**changes)
    assert ledger.head() == head
