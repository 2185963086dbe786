"""Appending, reading back, and what an append refuses."""

from __future__ import annotations

import math
import sqlite3
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.canonical import digest
from theodolite.store import (
    Entry,
    EntryKind,
    Head,
    Ledger,
    LedgerConflict,
    LedgerExists,
    LedgerFormatError,
    LedgerNotFound,
    LedgerPayloadError,
    LedgerReadOnly,
    LedgerRefused,
    entry_id,
    slot_id,
    verify,
)
from theodolite.store.chain import GENESIS

STOP = {"reason": "budget", "detail": "40 of 40 slots used"}


def test_an_entry_continues_the_chain_and_reads_back_as_it_was_returned(ledger):
    assert ledger.head() == Head(0, GENESIS, GENESIS)
    first = ledger.append("stream", "c/stream/main", "c", {"stream": "main", "rule": "r-lond", "q": 0.1, "n_max": 400})
    second = ledger.append(EntryKind.STOP, "c/stop", "c", STOP)
    assert (first.seq, first.prev_hash) == (1, GENESIS)
    assert (second.seq, second.prev_hash) == (2, first.hash)
    assert ledger.head() == Head(2, second.hash, second.seal)
    assert list(ledger.entries()) == [first, second]
    assert ledger.get("c/stop") == second
    assert ledger.get("c/absent") is None
    assert (ledger.has("c/stop"), ledger.has("c/absent")) == (True, False)
    assert first.payload["q"] == "0.1", "a number with a fraction is the decimal string that was hashed"


def test_the_hash_is_that_of_the_documented_record(ledger):
    entry = ledger.append("stop", "c/stop", "c", STOP)
    documented = {"seq": 1, "id": "c/stop", "kind": "stop", "subject": "c", "payload": STOP, "prev_hash": GENESIS}
    assert entry.hash == digest(documented)
    assert entry.seal == digest([GENESIS, entry.hash, entry.at])
    assert entry.at == "2026-01-01T00:00:00.000000+00:00"


def test_the_hash_does_not_depend_on_the_clock_but_the_seal_does(told):
    early, late = Ledger.in_memory(clock=told.ticking_clock()), Ledger.in_memory()
    for ledger in (early, late):
        told.whole(ledger)
    assert early.head().hash == late.head().hash
    assert early.head().seal != late.head().seal
    early.close()
    late.close()


def test_reopening_continues_the_chain(tmp_path, told):
    path = tmp_path / "campaign" / "ledger.sqlite"
    with Ledger.create(path) as ledger:
        story = told.Story(ledger).begin()
        head = ledger.head()
    with Ledger.open(path) as ledger:
        assert ledger.head() == head
        story.ledger = ledger
        story.stop()
        assert ledger.head().seq == head.seq + 1
        assert ledger.artefacts.get(story.axes) == b"axes fitted on discovery cells"
    assert verify(path).ok


def test_append_writes_an_id_once(ledger):
    ledger.append("stop", "c/stop", "c", STOP)
    with pytest.raises(LedgerConflict, match="'c/stop' exists as row 1"):
        ledger.append("stop", "c/stop", "c", STOP)


def test_append_once_returns_what_is_recorded_and_names_the_first_difference(ledger):
    payload = {"stream": "main", "rule": "r-lond", "q": 0.1, "n_max": 400, "note": {"by": ["a", "b"]}}
    recorded = ledger.append_once("stream", "c/stream/main", "c", payload)
    assert ledger.append_once("stream", "c/stream/main", "c", payload) == recorded
    assert ledger.count() == 1
    with pytest.raises(LedgerConflict, match=r"payload\.note\.by\[1\] is 'b', not 'c'"):
        ledger.append_once("stream", "c/stream/main", "c", {**payload, "note": {"by": ["a", "c"]}, "q": 0.2})
    with pytest.raises(LedgerConflict, match="subject is 'c', not 'd'"):
        ledger.append_once("stream", "c/stream/main", "d", payload)


def test_entries_are_filtered_and_paged(ledger, told, monkeypatch):
    monkeypatch.setattr("theodolite.store.entries._PAGE", 3)
    told.whole(ledger)
    everything = list(ledger.entries())
    assert [entry.seq for entry in everything] == list(range(1, len(everything) + 1))
    place = slot_id(told.CAMPAIGN, 1, 1)
    assert list(ledger.entries("verdict")) == [entry for entry in everything if entry.kind is EntryKind.VERDICT]
    assert list(ledger.entries(subject=place)) == [entry for entry in everything if entry.subject == place]
    assert list(ledger.entries(after=10)) == everything[10:]
    prefix = f"{told.CAMPAIGN}/r02"
    assert list(ledger.entries(prefix=prefix)) == [entry for entry in everything if entry.id.startswith(prefix)]
    assert list(ledger.entries(prefix=prefix.upper())) == []


def test_counts_are_kept(ledger, told):
    told.whole(ledger)
    for kind in EntryKind:
        assert ledger.count(kind) == len(list(ledger.entries(kind)))
    assert ledger.count() == ledger.head().seq


@pytest.mark.parametrize(
    ("kind", "payload", "message"),
    [
        ("stop", {"reason": "budget"}, "detail: Field required"),
        ("stop", {**STOP, "seconds": math.nan}, "finite numbers"),
        ("stop", {**STOP, "when": {1, 2}}, "is a set"),
        ("stop", {"reason": "a lone surrogate \ud800", "detail": ""}, "surrogates not allowed"),
        ("gossip", STOP, "kind 'gossip' of entry 'c/x' is unknown"),
        ("verdict", STOP, "registration"),
    ],
)
def test_a_wrong_payload_leaves_no_trace(ledger, kind, payload, message):
    with pytest.raises((LedgerPayloadError, LedgerRefused), match=message):
        ledger.append(kind, "c/x", "c", payload)
    assert ledger.head().seq == 0
    assert verify(ledger).ok


def test_a_projection_that_fails_takes_the_entry_with_it(ledger, told):
    story = told.Story(ledger).begin()
    before = ledger.head()
    with pytest.raises(LedgerConflict, match="locked to rule, q, n_max"):
        story.campaign_level(
            EntryKind.STREAM, {"stream": told.STREAM, "rule": "r-lond", "q": 0.2, "n_max": 400}, name="again"
        )
    assert ledger.head() == before
    assert verify(ledger).ok


def test_nothing_runs_before_it_is_registered(ledger, told):
    story = told.Story(ledger).begin()
    outcome = told.Outcome()
    with pytest.raises(LedgerRefused, match="a registration needs a hypothesis entry"):
        story.register(1, 1, outcome)
    story.propose(1, 1, outcome)
    for phase in (story.run, story.judge, story.record):
        with pytest.raises(LedgerRefused, match="needs a registration entry with the same subject and prereg_sha256"):
            phase(1, 1, outcome)
    story.register(1, 1, outcome)
    other_plan = {"prereg_sha256": digest("another plan"), "jobs": {}, "measurements": {}}
    with pytest.raises(LedgerRefused, match="prereg_sha256"):
        story.add(EntryKind.RESULT, 1, 1, other_plan)
    story.run(1, 1, outcome)


def test_what_names_a_hash_must_have_it(ledger, told):
    story = told.Story(ledger).begin()
    outcome = told.Outcome()
    hypothesis = story.hypothesis(outcome)
    payload = {
        "hypothesis": hypothesis,
        "hypothesis_id": digest("another"),
        "claim_key": hypothesis.claim.key,
        "family": "geometry",
        "claim_text": "",
        "round": 1,
        "slot": 1,
    }
    with pytest.raises(LedgerPayloadError, match="is not that of the hypothesis"):
        story.add(EntryKind.HYPOTHESIS, 1, 1, payload)
    story.propose(1, 1, outcome)
    with pytest.raises(LedgerPayloadError, match="is not the hash of the plan"):
        story.add(
            EntryKind.REGISTRATION, 1, 1, {"plan": story.plan(outcome, 1, 1), "prereg_sha256": digest("another plan")}
        )
    moved = story.plan(outcome, 1, 2)
    with pytest.raises(LedgerPayloadError, match="register it for its own slot"):
        story.add(EntryKind.REGISTRATION, 1, 1, {"plan": moved, "prereg_sha256": moved.sha256})
    swapped = story.plan(told.Outcome(locus=9), 1, 1)
    with pytest.raises(LedgerConflict, match="is for hypothesis"):
        story.add(EntryKind.REGISTRATION, 1, 1, {"plan": swapped, "prereg_sha256": swapped.sha256})


def test_a_level_is_spent_once(ledger, told):
    story = told.Story(ledger).begin()
    story.round(1, [told.Outcome()])
    story.t = 0
    with pytest.raises(LedgerConflict, match="level 1 of stream 'main' was spent by"):
        story.round(2, [told.Outcome(locus=2)])


def test_a_look_is_at_discovery_units_only(ledger, told):
    story = told.Story(ledger).begin()
    look = next(ledger.entries("look")).payload
    with pytest.raises(LedgerPayloadError, match="split: Input should be 'discovery'"):
        story.campaign_level(EntryKind.LOOK, {**look, "split": "confirmation"}, name="peek")


def test_a_reader_sees_whole_entries_while_a_writer_appends(tmp_path):
    path = tmp_path / "ledger.sqlite"
    seen: list[int] = []
    with Ledger.create(path) as writer, Ledger.open(path, read_only=True) as reader:
        done = threading.Event()

        def read() -> None:
            while not done.is_set():
                head, number = reader.head(), len(list(reader.entries()))
                assert number >= head.seq >= (seen[-1] if seen else 0)
                seen.append(head.seq)
                assert verify(reader).ok

        thread = threading.Thread(target=read)
        thread.start()
        for number in range(60):
            writer.append("stop", f"c{number}/stop", f"c{number}", STOP)
        done.set()
        thread.join()
        assert reader.head() == writer.head()
    assert seen


def test_threads_share_one_ledger(tmp_path):
    with Ledger.create(tmp_path / "ledger.sqlite") as ledger:
        threads = [
            threading.Thread(
                target=lambda part=part: [
                    ledger.append("stop", f"{part}.{number}/stop", f"{part}.{number}", STOP) for number in range(15)
                ]
            )
            for part in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ledger.count() == 45
        assert verify(ledger).ok


def test_a_ledger_opened_for_reading_writes_nothing(campaign_file):
    content = campaign_file.read_bytes()
    with Ledger.open(campaign_file, read_only=True) as ledger:
        with pytest.raises(LedgerReadOnly, match="opened for reading"):
            ledger.append("stop", "c/stop", "c", STOP)
        assert ledger.count() > 0
    assert campaign_file.read_bytes() == content


def test_a_path_that_holds_no_ledger_is_named(tmp_path):
    missing = tmp_path / "ledger.sqlite"
    with pytest.raises(LedgerNotFound, match="there is no ledger at"):
        Ledger.open(missing)
    with pytest.raises(LedgerNotFound):
        Ledger.open(missing, read_only=True, create=True)
    (tmp_path / "empty.sqlite").touch()
    with pytest.raises(LedgerFormatError, match="empty file"):
        Ledger.open(tmp_path / "empty.sqlite")
    (tmp_path / "text.sqlite").write_text("not a database " * 100)
    with pytest.raises(LedgerFormatError, match="no SQLite database"):
        Ledger.open(tmp_path / "text.sqlite")
    with sqlite3.connect(tmp_path / "other.sqlite") as other:
        other.execute("CREATE TABLE cells (name TEXT)")
    other.close()
    with pytest.raises(LedgerFormatError, match=r"no ledger: it holds \['cells'\]"):
        Ledger.open(tmp_path / "other.sqlite")
    with pytest.raises(LedgerExists):
        Ledger.create(tmp_path / "text.sqlite")


def test_the_connection_is_set_up_for_a_ledger(ledger):
    with ledger.write() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "recursive_triggers")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 1, "recursive_triggers": 1}


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), children, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=30)
@given(st.lists(st.tuples(plain, st.booleans()), max_size=8))
def test_any_sequence_of_appends_verifies_and_repeats_itself(steps):
    with Ledger.in_memory() as ledger:
        written: list[Entry] = []
        for number, (extra, again) in enumerate(steps):
            campaign = f"c{number}"
            payload = {**STOP, "extra": extra}
            written.append(ledger.append("stop", entry_id(campaign, "stop"), campaign, payload))
            if again:
                assert ledger.append_once("stop", entry_id(campaign, "stop"), campaign, payload) == written[-1]
        assert list(ledger.entries()) == written
        report = verify(ledger)
        assert report.ok, str(report)
        assert (report.entries, report.head) == (len(steps), ledger.head())
