"""The database itself refuses to forget, whoever connects to it."""

from __future__ import annotations

import shutil
import sqlite3

import pytest

from theodolite.canonical import digest
from theodolite.store import verify


@pytest.fixture
def outside(campaign_file, tmp_path):
    """A plain connection, as of another program: none of our pragmas."""
    shutil.copytree(campaign_file.parent, tmp_path, dirs_exist_ok=True)
    connection = sqlite3.connect(tmp_path / campaign_file.name, isolation_level=None)
    connection.execute("PRAGMA recursive_triggers=OFF")
    yield connection
    connection.close()


COLUMNS = "seq, id, kind, subject, payload, prev_hash, hash, at, seal"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET payload = '{}' WHERE seq = 5",
        "DELETE FROM entry WHERE seq = 5",
        "DELETE FROM entry",
        f"INSERT OR REPLACE INTO entry ({COLUMNS}) SELECT {COLUMNS} FROM entry WHERE seq = 5",
        f"REPLACE INTO entry ({COLUMNS}) SELECT 999, id, kind, subject, payload, prev_hash, 'x', at, seal "
        "FROM entry WHERE seq = 5",
        f"REPLACE INTO entry ({COLUMNS}) SELECT 999, 'x', kind, subject, payload, prev_hash, hash, at, seal "
        "FROM entry WHERE seq = 5",
        f"INSERT INTO entry ({COLUMNS}) SELECT {COLUMNS} FROM entry WHERE seq = 5 "
        "ON CONFLICT (seq) DO UPDATE SET payload = '{}'",
        f"INSERT INTO entry ({COLUMNS}) SELECT {COLUMNS} FROM entry WHERE seq = 5 ON CONFLICT DO NOTHING",
    ],
)
def test_an_entry_is_never_changed_removed_or_replaced(outside, statement):
    before = outside.execute("SELECT * FROM entry ORDER BY seq").fetchall()
    with pytest.raises(sqlite3.IntegrityError, match="append-only|chain would break"):
        outside.execute(statement)
    assert outside.execute("SELECT * FROM entry ORDER BY seq").fetchall() == before


def insert(connection, *, seq=None, prev_hash=None, kind="stop", subject="c", payload="{}"):
    last, head = connection.execute("SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1").fetchone()
    connection.execute(
        f"INSERT INTO entry ({COLUMNS}) VALUES (?, 'x', ?, ?, ?, ?, ?, 'now', 'seal')",
        (seq or last + 1, kind, subject, payload, prev_hash or head, digest("x")),
    )


def test_an_entry_continues_the_last_one(outside):
    last = outside.execute("SELECT MAX(seq) FROM entry").fetchone()[0]
    for wrong in ({"seq": last + 2}, {"prev_hash": digest("elsewhere")}):
        with pytest.raises(sqlite3.IntegrityError, match="the chain would break"):
            insert(outside, **wrong)
    insert(outside)


@pytest.mark.parametrize("kind", ["result", "failure", "judgement", "verdict"])
def test_nothing_runs_before_registration(outside, told, kind):
    registered = f"{told.CAMPAIGN}/r01.s001"
    prereg = outside.execute(
        "SELECT json_extract(payload, '$.prereg_sha256') FROM entry WHERE kind = 'registration' AND subject = ?",
        (registered,),
    ).fetchone()[0]
    for subject, payload in [
        ("c/r01.s001", f'{{"prereg_sha256":"{prereg}"}}'),
        (registered, f'{{"prereg_sha256":"{digest("another plan")}"}}'),
        (registered, "{}"),
    ]:
        with pytest.raises(sqlite3.IntegrityError, match="needs a registration"):
            insert(outside, kind=kind, subject=subject, payload=payload)
    insert(outside, kind=kind, subject=registered, payload=f'{{"prereg_sha256":"{prereg}"}}')


def test_a_row_that_gets_past_the_triggers_is_seen_by_verify(outside, tmp_path):
    insert(outside)
    report = verify(tmp_path / "ledger.sqlite")
    assert {problem.seq for problem in report.problems} == {outside.execute("SELECT MAX(seq) FROM entry").fetchone()[0]}
