"""The triggers that make ``entry`` append-only, as SQL text that ``verify`` compares letter by letter.

They stop accidents. A process that owns the file can drop them; then the chain tells what it changed. A changed
trigger is a new constant and a migration, never an edit of one that ledgers already carry.
"""

from __future__ import annotations

__all__ = ["TRIGGERS", "TRIGGERS_0001"]

TRIGGERS_0001 = {
    "entry_no_update": """CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: an entry is never updated; append a new one'); END""",
    "entry_no_delete": """CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: an entry is never deleted; append a new one'); END""",
    # SQLite fires no delete trigger for the row that INSERT OR REPLACE removes unless recursive_triggers is on.
    "entry_no_replace": """CREATE TRIGGER entry_no_replace BEFORE INSERT ON entry
WHEN EXISTS (SELECT 1 FROM entry WHERE seq = NEW.seq OR id = NEW.id OR hash = NEW.hash)
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: an entry with this seq, id or hash exists'); END""",
    "entry_chain": """CREATE TRIGGER entry_chain BEFORE INSERT ON entry
WHEN NEW.seq IS NOT (SELECT COALESCE(MAX(seq), 0) + 1 FROM entry)
  OR NEW.prev_hash IS NOT COALESCE((SELECT hash FROM entry ORDER BY seq DESC LIMIT 1),
                                   (SELECT value FROM meta WHERE key = 'genesis'))
BEGIN SELECT RAISE(ABORT, 'the chain would break: seq and prev_hash must continue the last entry'); END""",
    "entry_hypothesis_first": """CREATE TRIGGER entry_hypothesis_first BEFORE INSERT ON entry
WHEN NEW.kind = 'registration'
  AND NOT EXISTS (SELECT 1 FROM entry WHERE subject = NEW.subject AND kind = 'hypothesis')
BEGIN SELECT RAISE(ABORT, 'a registration needs a hypothesis entry with the same subject; append that first'); END""",
    "entry_lock_first": """CREATE TRIGGER entry_lock_first BEFORE INSERT ON entry
WHEN NEW.kind IN ('result', 'failure', 'judgement', 'verdict')
  AND NOT EXISTS (SELECT 1 FROM entry WHERE subject = NEW.subject AND kind = 'registration'
                  AND json_extract(payload, '$.prereg_sha256') = json_extract(NEW.payload, '$.prereg_sha256'))
BEGIN SELECT RAISE(ABORT, 'a result, failure, judgement or verdict needs a registration entry with the same subject and prereg_sha256; register first'); END""",  # noqa: E501
}

TRIGGERS = TRIGGERS_0001
"""What a ledger of the current schema carries."""
