"""Whoever changes a ledger from outside, verification names the row."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.canonical import canonical_json
from theodolite.store import EntryKind, Ledger, verify
from theodolite.store.chain import GENESIS, entry_hash, entry_seal
from theodolite.store.triggers import TRIGGERS


@pytest.fixture
def copy(campaign_file, tmp_path):
    shutil.copytree(campaign_file.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / campaign_file.name


def outside(path):
    """A connection of somebody who drops the triggers, and puts them back afterwards."""
    connection = sqlite3.connect(path, isolation_level=None)
    for name in TRIGGERS:
        connection.execute(f"DROP TRIGGER {name}")
    return closing(connection)


def restore(connection):
    for statement in TRIGGERS.values():
        connection.execute(statement)


def payloads(path):
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT seq, CAST(payload AS BLOB) FROM entry ORDER BY seq"))


def rows_named(path, **options):
    return {problem.seq for problem in verify(path, **options).problems}


def test_an_untouched_ledger_verifies(campaign_file):
    report = verify(campaign_file)
    assert report.ok, str(report)
    with Ledger.open(campaign_file, read_only=True) as ledger:
        assert (report.entries, report.head) == (ledger.count(), ledger.head())
        assert verify(ledger) == report
    assert verify(campaign_file, expected_head=report.head.hash).ok
    assert verify(str(campaign_file)).ok
    assert report.head.hash in str(report)


@settings(max_examples=40)
@given(data=st.data())
def test_one_changed_byte_of_any_payload_names_its_row(campaign_file, tmp_path_factory, data):
    known = payloads(campaign_file)
    seq = data.draw(st.sampled_from(sorted(known)))
    position = data.draw(st.integers(0, len(known[seq]) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != known[seq][position]))
    changed = known[seq][:position] + bytes([byte]) + known[seq][position + 1 :]
    path = tmp_path_factory.mktemp("changed") / "ledger.sqlite"
    shutil.copy(campaign_file, path)
    with outside(path) as connection:
        connection.execute("UPDATE entry SET payload = CAST(? AS TEXT) WHERE seq = ?", (changed, seq))
        restore(connection)
    assert rows_named(path, artefacts=campaign_file.parent / "artefacts") == {seq}


def test_one_byte_changed_in_the_file_itself_names_its_row(copy):
    content = copy.read_bytes()
    assert content.count(b"40 of 40 slots used") == 2, "once in the entry, once in its projection"
    last = max(payloads(copy))
    for start in (content.find(b"40 of 40 slots used"), content.rfind(b"40 of 40 slots used")):
        copy.write_bytes(content[:start] + b"41" + content[start + 2 :])
        report = verify(copy)
        assert not report.ok
        assert {problem.seq for problem in report.problems} <= {1, last}, str(report)


def test_a_deleted_row_is_named_wherever_it_stood(copy):
    content = copy.read_bytes()
    with Ledger.open(copy, read_only=True) as ledger:
        one_of_each_kind = {entry.kind: entry.seq for entry in ledger.entries()}
    assert set(one_of_each_kind) == set(EntryKind)
    for seq in [1, *one_of_each_kind.values()]:
        copy.write_bytes(content)
        with outside(copy) as connection:
            connection.execute("DELETE FROM entry WHERE seq = ?", (seq,))
            restore(connection)
        named = rows_named(copy)
        assert seq in named
        assert named <= {seq, seq + 1}, "the row after it no longer continues the chain; nothing else is wrong"


def test_a_deleted_tail_is_named(copy):
    last = max(payloads(copy))
    head = verify(copy).head
    with outside(copy) as connection:
        connection.execute("DELETE FROM entry WHERE seq > ?", (last - 3,))
        restore(connection)
    assert last in rows_named(copy)
    with outside(copy) as connection:
        connection.execute("DELETE FROM counter")
        restore(connection)
    assert any("noted as the head" in problem.what for problem in verify(copy, expected_head=head.hash).problems)


def rewrite(path, seq, *, rest):
    """Replace a row by another with a right hash and seal; with ``rest``, all rows after it as well."""
    with Ledger.open(path, read_only=True) as ledger:
        entries = list(ledger.entries())
    with outside(path) as connection:
        before = (GENESIS, GENESIS) if seq == 1 else (entries[seq - 2].hash, entries[seq - 2].seal)
        for entry in entries[seq - 1 :] if rest else entries[seq - 1 : seq]:
            payload = {**entry.payload, "forged": "yes"} if entry.seq == seq else entry.payload
            text = connection.execute("SELECT payload FROM entry WHERE seq = ?", (entry.seq,)).fetchone()[0]
            if entry.seq == seq:
                text = canonical_json(payload)
            hash = entry_hash(entry.seq, entry.id, entry.kind, entry.subject, payload, before[0])
            seal = entry_seal(before[1], hash, entry.at)
            connection.execute(
                "REPLACE INTO entry (seq, id, kind, subject, payload, prev_hash, hash, at, seal) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (entry.seq, entry.id, entry.kind, entry.subject, text, before[0], hash, entry.at, seal),
            )
            before = (hash, seal)
        restore(connection)


def test_a_replaced_row_breaks_the_chain_after_it(copy):
    last = max(payloads(copy))
    content = copy.read_bytes()
    for seq in (1, 8, last - 1):
        copy.write_bytes(content)
        rewrite(copy, seq, rest=False)
        assert rows_named(copy) == {seq + 1}, "the row after a forged one names another hash before it"
    copy.write_bytes(content)
    rewrite(copy, last, rest=False)
    assert rows_named(copy) == {last}, "no row follows the last one, but its projection knows its hash"


def test_a_chain_rewritten_from_a_row_on_contradicts_its_projections_and_a_noted_head(copy):
    head = verify(copy).head
    rewrite(copy, 8, rest=True)
    assert rows_named(copy), "the projections remember the hashes of the rows they were made with"
    with Ledger.open(copy) as ledger, ledger.write() as connection:
        connection.exec_driver_sql("UPDATE meta SET value = '0' WHERE key = 'projection_version'")
    with Ledger.open(copy):
        pass
    assert verify(copy).ok, "projections included, nothing inside the file tells"
    assert not verify(copy, expected_head=head.hash).ok


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", "2020-01-01T00:00:00.000000+00:00"),
        ("seal", "0" * 64),
        ("hash", "0" * 64),
        ("prev_hash", "0" * 64),
        ("subject", "another"),
        ("kind", "gossip"),
        ("kind", "stop"),
        ("id", "another"),
        ("payload", b"{}"),
        ("payload", "[" * 100_000),
        ("payload", '{"a":1e999}'),
        ("payload", "[]"),
    ],
)
def test_any_changed_column_names_its_row(copy, column, value):
    with outside(copy) as connection:
        connection.execute(f"UPDATE entry SET {column} = ? WHERE seq = 8", (value,))
        restore(connection)
    named = rows_named(copy)
    assert 8 in named
    assert named <= {8, 9}


def test_a_missing_a_changed_and_a_foreign_trigger_are_named(copy):
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER entry_no_delete")
        connection.execute("DROP TRIGGER entry_no_update")
        connection.execute("CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry BEGIN SELECT 1; END")
        connection.execute("CREATE TRIGGER sneak AFTER INSERT ON entry BEGIN SELECT 1; END")
    found = str(verify(copy))
    assert "trigger 'entry_no_delete' is missing" in found
    assert "trigger 'entry_no_update' is not as it was made" in found
    assert "trigger 'sneak' does not belong" in found


def test_a_changed_projection_names_the_entry_it_was_made_from(copy):
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("UPDATE gate SET number = 0.0001 WHERE subject LIKE '%r01.s001'")
        seq = connection.execute("SELECT seq FROM gate WHERE subject LIKE '%r01.s001'").fetchone()[0]
    (problem,) = verify(copy).problems
    assert (problem.seq, "number is 0.0001, the entries say 0.31" in problem.what) == (seq, True)
    assert "/r01.s001/verdict" in str(problem)


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("DELETE FROM stream", "projection 'stream' lacks the row ('main',)"),
        ("INSERT INTO stream VALUES ('mine', 1, NULL, NULL, NULL, 0, 0)", "has a row ('mine',) that no entry made"),
        ("DROP TABLE round_bit", "projection 'round_bit' cannot be read"),
        ("DROP TABLE counter", "projection 'counter' cannot be read"),
        ("UPDATE meta SET value = '0' WHERE key = 'projection_version'", "the projections have version '0'"),
        ("UPDATE meta SET value = 'x' WHERE key = 'genesis'", "meta says that the chain starts from 'x'"),
        ("DROP TABLE entry", "cannot be read as a ledger"),
        ("DROP TABLE meta", "cannot be read as a ledger"),
    ],
)
def test_whatever_else_was_done_is_reported_and_never_raises(copy, statement, what):
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute(statement)
    assert what in str(verify(copy))


def test_artefacts_are_checked_and_named_with_their_row(copy):
    with Ledger.open(copy, read_only=True) as ledger:
        look = next(ledger.entries("look"))
        fit = next(ledger.entries("fit"))
        registrations = [entry.seq for entry in ledger.entries("registration")]
        result = next(ledger.entries("result"))
        store = ledger.artefacts
        store.path(look.payload["measurement"]).write_bytes(b"other numbers")
        store.path(result.payload["measurements"]["main"]).unlink()
        store.path(fit.payload["artefact"]).unlink()
    found = {(problem.seq, problem.what.split(":")[0]) for problem in verify(copy).problems}
    assert found == {
        (look.seq, "measurement"),
        (result.seq, "measurements.main"),
        (fit.seq, "artefact"),
        *((seq, "plan.fitted.main") for seq in registrations),
    }


def test_a_file_that_is_no_ledger_is_reported(tmp_path):
    (tmp_path / "text.sqlite").write_text("not a database " * 100)
    (tmp_path / "empty.sqlite").touch()
    for path in (tmp_path / "text.sqlite", tmp_path / "empty.sqlite", tmp_path / "absent.sqlite", tmp_path):
        assert "cannot be read as a ledger" in str(verify(path))


@settings(max_examples=30)
@given(st.integers(0, 10**9), st.integers(1, 255))
def test_damage_anywhere_in_the_file_never_raises(campaign_file, tmp_path_factory, position, change):
    content = bytearray(campaign_file.read_bytes())
    content[position % len(content)] ^= change
    path = tmp_path_factory.mktemp("damaged") / "ledger.sqlite"
    path.write_bytes(content)
    verify(path, artefacts=campaign_file.parent / "artefacts")
