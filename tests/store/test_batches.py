"""A batch is recorded whole or not at all."""

from __future__ import annotations

import threading

import pytest

from theodolite.store import EntryKind, Ledger, LedgerConflict, verify


def stop(ledger, name, **changes):
    payload = {"reason": "budget", "detail": "all of it", **changes}
    return ledger.append(EntryKind.STOP, f"{name}/stop", name, payload)


def test_entries_of_a_batch_follow_one_another(ledger):
    with ledger.batch():
        entries = [stop(ledger, name) for name in ("a", "b", "c")]
    assert [entry.seq for entry in entries] == [1, 2, 3]
    assert list(ledger.entries()) == entries
    assert verify(ledger).ok


def test_a_batch_sees_what_it_has_written_and_others_do_not(ledger):
    seen = []
    with ledger.batch():
        stop(ledger, "a")
        assert ledger.count() == 1
        assert ledger.has("a/stop")
        ledger.ops.record_timings("a", {"phase": 1.0})
        other = threading.Thread(target=lambda: seen.append((ledger.count(), ledger.get("a/stop"))))
        other.start()
        other.join()
    assert seen == [(0, None)]
    assert ledger.count() == 1
    assert len(ledger.ops.timings("a")) == 1


def test_an_error_undoes_all_of_it(ledger):
    stop(ledger, "before")
    with pytest.raises(ValueError, match="on the way"), ledger.batch():
        stop(ledger, "a")
        assert ledger.get("a/stop") is not None
        raise ValueError("something on the way")
    assert ledger.get("a/stop") is None
    assert [entry.id for entry in ledger.entries()] == ["before/stop"]
    assert stop(ledger, "a").seq == 2
    assert verify(ledger).ok


def test_an_error_that_is_swallowed_undoes_it_too(ledger):
    stop(ledger, "a")
    with pytest.raises(LedgerConflict, match="nothing of the batch was recorded"), ledger.batch():
        stop(ledger, "b")
        with pytest.raises(LedgerConflict):
            stop(ledger, "a", detail="something else")
    assert ledger.count() == 1


def test_a_batch_inside_a_batch_is_part_of_it(ledger):
    with pytest.raises(ValueError, match="late"), ledger.batch():
        with ledger.batch():
            stop(ledger, "a")
        raise ValueError("late")
    assert ledger.count() == 0


def test_it_works_in_memory():
    with Ledger.in_memory() as ledger:
        with ledger.batch():
            stop(ledger, "a")
            stop(ledger, "b")
        assert ledger.count() == 2
