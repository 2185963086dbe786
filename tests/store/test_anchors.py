"""An anchored head tells a ledger that grew from one that was rewritten, cut off or exchanged."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing

import pytest

from theodolite.store import Ledger, UpkeepError, anchor_of, check_anchors, rebuild, write_anchor
from theodolite.store.chain import entry_hash, entry_seal

NOW = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def written(tmp_path, told):
    path = tmp_path / "workspace" / "ledger.sqlite"
    with Ledger.create(path, clock=told.ticking_clock()) as ledger:
        told.Story(ledger).begin()
    return path


@pytest.fixture
def anchors(written, tmp_path, told):
    """The file with the anchors of two moments; a row follows the second one."""
    file = tmp_path / "anchors"
    write_anchor(anchor_of(written, NOW), file)
    for name, anchored in (("geometry.axis-22222222", True), ("geometry.axis-33333333", False)):
        with Ledger.open(written) as ledger:
            told.Story(ledger).look(name)
        if anchored:
            write_anchor(anchor_of(written, NOW), file)
    return file


def checked(ledger, file):
    return check_anchors(ledger, file.read_text().split("\n"))


def rewrite(path, seq, *, at=None):
    """Change the payload, or the time, of a row, and make all later hashes and projections fit."""
    with closing(sqlite3.connect(path)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        rows = connection.execute("SELECT seq, id, kind, subject, payload, at FROM entry ORDER BY seq").fetchall()
        before = connection.execute("SELECT prev_hash FROM entry WHERE seq = 1").fetchone() * 2
        for number, id, kind, subject, text, when in rows:
            payload = json.loads(text)
            if number == seq:
                when = at or when
                if at is None:
                    payload = {**payload, "effects": {}} if kind == "look" else {**payload, "name": "forged"}
            hash = entry_hash(number, id, kind, subject, payload, before[0])
            seal = entry_seal(before[1], hash, when)
            connection.execute(
                "UPDATE entry SET payload = ?, prev_hash = ?, hash = ?, seal = ?, at = ? WHERE seq = ?",
                (json.dumps(payload, sort_keys=True, separators=(",", ":")), before[0], hash, seal, when, number),
            )
            before = hash, seal
        connection.commit()


def test_a_ledger_that_grew_extends_its_anchors(written, anchors):
    found = checked(written, anchors)
    assert (found.held, found.last, found.others, found.problems) == (2, 6, 0, ())


def test_a_copy_at_another_place_extends_them_too(written, anchors, tmp_path):
    shutil.copytree(written.parent, tmp_path / "moved")
    assert checked(tmp_path / "moved" / "ledger.sqlite", anchors).held == 2


def test_a_row_that_was_rewritten_is_named(written, anchors):
    rewrite(written, 5)
    found = checked(written, anchors)
    assert [problem.seq for problem in found.problems] == [5, 6]
    assert "was rewritten" in str(found.problems[0])


def test_a_row_after_the_last_anchor_is_not_vouched_for(written, anchors):
    rewrite(written, 7)
    assert checked(written, anchors).problems == ()


def test_a_ledger_that_was_cut_off_is_named(written, anchors):
    with closing(sqlite3.connect(written)) as connection:
        connection.execute("DROP TRIGGER entry_no_delete")
        connection.execute("DELETE FROM entry WHERE seq > 5")
        connection.commit()
    (problem,) = checked(written, anchors).problems
    assert problem.seq == 6
    assert "is gone" in str(problem)


def test_times_are_anchored_as_well(written, anchors):
    rewrite(written, 5, at="2027-01-01T00:00:00.000000+00:00")
    assert "times were changed" in str(checked(written, anchors).problems[0])


def test_another_ledger_in_its_place_is_told(written, anchors, told):
    shutil.rmtree(written.parent)
    with Ledger.create(written) as ledger:
        told.Story(ledger, "other-12345678").begin()
    found = checked(written, anchors)
    assert len(found.problems) == 2
    assert found.held == 0


def test_another_ledger_elsewhere_is_told(anchors, tmp_path, told):
    other = tmp_path / "other" / "ledger.sqlite"
    with Ledger.create(other) as ledger:
        told.Story(ledger, "other-12345678").begin()
    (problem,) = checked(other, anchors).problems
    assert "none of the 2 anchors" in str(problem)
    write_anchor(anchor_of(other, NOW), anchors)
    found = checked(other, anchors)
    assert (found.held, found.others, found.problems) == (1, 2, ())


def test_a_file_only_grows_and_a_torn_line_costs_no_other(written, anchors):
    before = anchors.read_text()
    anchors.write_text(before + '{"at": "2026')
    write_anchor(anchor_of(written, NOW), anchors)
    assert anchors.read_text().startswith(before)
    found = checked(written, anchors)
    assert found.held == 3
    assert "line 3 of the anchors cannot be read" in str(found.problems[0])


def test_a_place_that_is_no_anchor_is_refused(written, tmp_path):
    found = anchor_of(written, NOW)
    with pytest.raises(UpkeepError, match="is inside the workspace"):
        write_anchor(found, written.parent / "anchors")
    (tmp_path / "link").symlink_to(written.parent)
    with pytest.raises(UpkeepError, match="is inside the workspace"):
        write_anchor(found, tmp_path / "link" / "anchors")
    with pytest.raises(UpkeepError, match="is a folder"):
        write_anchor(found, tmp_path)


def test_an_empty_ledger_has_no_head(tmp_path):
    with Ledger.create(tmp_path / "ledger.sqlite"), pytest.raises(UpkeepError, match="no entry yet"):
        anchor_of(tmp_path / "ledger.sqlite", NOW)


def test_tables_made_again_change_no_anchor(written, anchors):
    with Ledger.open(written) as ledger:
        rebuild(ledger)
    assert checked(written, anchors).held == 2
