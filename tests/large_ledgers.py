"""Ledgers of a million hypotheses in minutes, for benchmarks of what reads them.

The chain is a true one, which ``verify_chain`` accepts, of a campaign, hypothesis, registration, verdict or refusal
each. Their payloads are short, so that the tables are not made from them: rows are written beside them, as the
triggers of the ledger take entries in, and counters, marks and the index of texts are made in one pass at the end.
``rebuild`` and ``verify`` therefore refuse such a ledger; :class:`Ledger` opens it as any other.
"""

from __future__ import annotations

import math
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex

from theodolite.canonical import canonical_json, digest
from theodolite.claims import Tag, Verdict
from theodolite.store import Ledger, slot_id
from theodolite.store.chain import GENESIS, entry_hash_of_text, entry_seal
from theodolite.store.derived import COUNTED, DERIVING, KINDS
from theodolite.store.tables import hypothesis

__all__ = ["COMMON", "HALF", "NOWHERE", "RARE", "make_large_ledger"]

COMMON, HALF, RARE, NOWHERE = "genes", "attention", "quokka", "theodolitic"
"""Words in the texts of every hypothesis, of half of them, of one in 50,000 (at least one), and of none."""
A_CAMPAIGN, CAMPAIGNS, A_ROUND, AT_ONCE = 5_000, 6, 20, 20_000
"""Hypotheses of a campaign at most, campaigns at least, and hypotheses of a round and of a statement."""
IN_STREAM = 10_000
"""Tests of an error stream, the most that one may hold."""
BEGAN, DAYS = datetime(2024, 1, 1, tzinfo=UTC), 870
"""When the first hypothesis was proposed, and how many days before the last one that was."""

FAMILIES = ("attention", "geometry", "ablation", "depth", "saes", "manifold", "pairs", "gradients")
RELATIONS = ("separates", "changes_with_depth", "ranks_above", "follows")
MODELS = tuple(f"model-{name}" for name in ("small", "medium", "large", "tuned", "old", "other"))
CELLS = tuple(f"cells-{name}" for name in ("pbmc", "marrow", "lung", "liver", "gut", "skin", "brain", "heart"))
REFERENCES = tuple(f"reference_{number:02d}" for number in range(60))
GATES = ("G2", "G3", "G4", "G5", "G7", "G9", "G11")
LAYERS, PLACES = 12, 25
OUTCOMES = {
    Verdict.SUPPORTED.value: 6,
    Verdict.REFUTED.value: 14,
    Verdict.INCONCLUSIVE.value: 55,
    Verdict.INVALID.value: 12,
    Verdict.ERROR.value: 3,
    "refused": 8,
    "pending": 2,
}
NEXT = (
    "Test more families, or the same claim on another block.",
    "Register the same claim in another model or other cells to learn how far it carries.",
    "Look at the control that explains it before proposing it again.",
    "Raise the number of draws: the null cannot show so small a p.",
)
_BEGINNINGS = "ba ce di fo gu ha je ki lo mu na pe ri so tu va we zi".split()
_ENDINGS = [f"{one}{two}" for one in "ral men tis dor sun pek".split() for two in "a ic on um er ist".split()]
_ENTRY = "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_COLUMNS = tuple(column.name for column in hypothesis.columns)
_ROW = f"INSERT INTO hypothesis ({', '.join(_COLUMNS)}) VALUES ({', '.join(':' + name for name in _COLUMNS)})"
_ASIDE = [index for index in hypothesis.indexes if str(index.name).startswith(("hypothesis_by_", "hypothesis_charged"))]
_GATE = "INSERT INTO gate VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)"


def make_large_ledger(path: Path, hypotheses: int, seed: int) -> int:
    """Make a ledger of so many hypotheses, six campaigns or more; return how many entries it has."""
    Ledger.create(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1500000", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN IMMEDIATE")
        for name in DERIVING:
            connection.execute(f"DROP TRIGGER {name}")
        for index in _ASIDE:
            connection.execute(f"DROP INDEX {index.name}")
        writer = _Writer(connection)
        told = _told(hypotheses, random.Random(seed), writer)
        while rows := list(islice(told, AT_ONCE)):
            connection.executemany(_ROW, rows)
            writer.flush()
        writer.finish()
        _derive(connection)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode=WAL")
    return writer.seq


class _Writer:
    """Goes on with the chain, and keeps what stands beside hypotheses until it is written."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.seq = 0
        self._hash = self._seal = GENESIS
        self._entries: list[tuple[Any, ...]] = []
        self._last: dict[str, list[Any]] = {}
        self.gates: list[tuple[Any, ...]] = []
        self.refusals: list[tuple[Any, ...]] = []

    def entry(self, kind: str, id: str, subject: str, payload: dict[str, Any], at: str) -> int:
        self.seq += 1
        text, before = canonical_json(payload), self._hash
        self._hash = entry_hash_of_text(self.seq, id, kind, subject, text, before)
        self._seal = entry_seal(self._seal, self._hash, at)
        self._entries.append((self.seq, id, kind, subject, text, before, self._hash, at, self._seal))
        self._last[kind] = [kind, self._last.get(kind, [kind, 0])[1] + 1, self.seq, id, self._hash]
        return self.seq

    def campaign(self, name: str, model: str, cells: str, at: str) -> None:
        seq = self.entry("campaign", f"{name}/campaign", name, {"name": name, "spec": {}}, at)
        row = (name, seq, name, model, digest(model), cells, digest(cells), "2", "1", "7", "{}", "budget", "all used")
        self._connection.execute(f"INSERT INTO campaign VALUES ({', '.join('?' * len(row))})", row)

    def flush(self) -> None:
        for statement, rows in (
            (_ENTRY, self._entries),
            (_GATE, self.gates),
            ("INSERT INTO refusal VALUES (?, ?, ?, ?, ?, ?, ?)", self.refusals),
        ):
            self._connection.executemany(statement, rows)
            rows.clear()

    def finish(self) -> None:
        self._connection.executemany("INSERT INTO counter VALUES (?, ?, ?, ?, ?)", self._last.values())


@dataclass(frozen=True)
class _Campaign:
    name: str
    model: str
    cells: str
    asks_models: bool


def _told(hypotheses: int, chance: random.Random, writer: _Writer) -> Iterator[dict[str, Any]]:
    """Yield the rows of hypotheses; their entries go to the writer."""
    words = [f"{first}{last}" for first in _BEGINNINGS for last in _ENDINGS]
    outcomes = chance.choices(list(OUTCOMES), list(OUTCOMES.values()), k=9973)
    hashes = {name: digest(name) for name in (*REFERENCES, *MODELS, *CELLS)}
    tags = [canonical_json(list(some)) for some in ((), (Tag.ONE_BLOCK,), (Tag.ONE_BLOCK, Tag.THESE_CELLS))]
    reused = canonical_json([Tag.ONE_BLOCK, Tag.REUSED_HOLD_OUT])
    campaign, t = None, 0
    each = max(1, min(A_CAMPAIGN, hypotheses // CAMPAIGNS))
    step = timedelta(days=DAYS) / hypotheses
    for number in range(hypotheses):
        at = (BEGAN + step * number).isoformat(timespec="microseconds")
        of, inside = divmod(number, each)
        if inside == 0:
            name = f"large-{digest(of)[:8]}"
            campaign = _Campaign(name, chance.choice(MODELS), chance.choice(CELLS), of % 5 < 2)
            writer.campaign(name, campaign.model, campaign.cells, at)
        assert campaign is not None
        round_number, slot = inside // A_ROUND + 1, inside % A_ROUND + 1
        subject = slot_id(campaign.name, round_number, slot)
        family = FAMILIES[int(chance.random() ** 2 * len(FAMILIES))]
        layer, place = chance.randrange(LAYERS), chance.randrange(PLACES)
        reference = REFERENCES[int(chance.random() ** 1.5 * len(REFERENCES))]
        outcome = "pending" if number >= hypotheses - A_ROUND else chance.choice(outcomes)
        identity = [subject, number]
        tool = f"{family}.{'edges' if place % 2 else 'nodes'}@1"
        author = "person" if chance.random() < 0.002 else "executor" if campaign.asks_models else "planner"
        relation = RELATIONS[FAMILIES.index(family) % len(RELATIONS)]
        rationale = chance.choices(words, k=9)
        if number % 2:
            rationale.append(HALF)
        if number % 50_000 == min(7, hypotheses - 1):
            rationale.insert(3, RARE)
        claim = f"{tool} at layer {layer} place {place} {relation.replace('_', ' ')} {reference} {COMMON}"
        row: dict[str, Any] = dict.fromkeys(_COLUMNS)
        ids = {"hypothesis_id": digest(identity), "claim_key": digest([identity, "claim"])}
        row |= ids
        row |= {
            "subject": subject,
            "proposed_at": at,
            "campaign": campaign.name,
            "round": round_number,
            "slot": slot,
            "object": tool.partition("@")[0],
            "relation": relation,
            "reference": reference,
            "reference_sha256": hashes[reference],
            "model": campaign.model,
            "model_sha256": hashes[campaign.model],
            "context": campaign.cells,
            "context_sha256": hashes[campaign.cells],
            "adjustment": "[]",
            "locus": f"layer {layer} {'edge' if place % 2 else 'node'} {place}",
            "locus_kind": "axis",
            "layer": None if family == "depth" else layer,
            "direction": "greater",
            "tool": tool,
            "family": family,
            "claim_text": claim,
            "rationale": " ".join(rationale),
            "parents": "[]",
            "author": author,
            "status": "registered",
            "observed": False,
            "outcome": outcome,
            "tags": "[]",
        }
        if author == "executor":
            row["cost"], row["tokens"] = round(chance.lognormvariate(-4.0, 1.0), 6), chance.randrange(500, 90_000)
        place_id = f"{subject}/"
        row["seq"] = row["last_seq"] = writer.entry(
            "hypothesis", place_id + "hypothesis", subject, {**ids, "claim_text": claim}, at
        )
        if outcome == "refused":
            reason = f"{chance.randrange(2, 30)} {COMMON} in {chance.randrange(1, 9)} families; needs 10 in 8"
            seq = writer.entry("refusal", place_id + "refusal", subject, {**ids, "reason": reason}, at)
            row |= {"status": outcome, "refusal_reason": reason, "decided_at": at, "last_seq": seq}
            writer.refusals.append((subject, seq, campaign.name, *ids.values(), "underpowered", reason))
            yield row
            continue
        prereg = {"prereg_sha256": digest([identity, "plan"])}
        row["last_seq"] = writer.entry("registration", place_id + "registration", subject, prereg, at)
        row |= {**prereg, "block_id": f"split/block-{1 + of % 6}", "reused": of % 6 == 0}
        row["stream"] = f"budget {1 + t // IN_STREAM}"
        if outcome == "pending":
            yield row
            continue
        waited = timedelta(seconds=chance.randrange(60, 90_000))
        late = (BEGAN + step * number + waited).isoformat(timespec="microseconds")
        seq = writer.entry("verdict", place_id + "verdict", subject, {**prereg, "verdict": outcome}, late)
        t += 1
        row |= {
            "last_seq": seq,
            "status": "verdict",
            "decided_at": late,
            "t": 1 + (t - 1) % IN_STREAM,
            "alpha": 0.001,
            "evidence": "e",
        }
        row |= dict.fromkeys(("machine_verdict", "verdict", "recorded_verdict"), outcome)
        row |= {"cap": "none", "next_step": chance.choice(NEXT)}
        if outcome == "error":
            row |= {"failure_phase": "run", "failure_code": "timeout", "failure_reason": "the job took too long"}
            yield row
            continue
        effect = chance.gauss(0.3 if outcome == "supported" else 0.02, 0.08)
        p = max(10 ** -(3 + chance.expovariate(0.5)), 1e-9) if outcome == "supported" else chance.random()
        row |= {"observed": True, "effect": effect, "low": effect - 0.1, "high": effect + 0.1, "unit": "AUROC - 0.5"}
        row |= {"p": p, "e": 0.5 / math.sqrt(p), "tags": reused if row["reused"] else tags[number % 3]}
        if outcome != "supported":
            unmet = sorted(chance.sample(GATES, 1 + number % 3))
            row["first_unmet"] = unmet[0]
            writer.gates += [(subject, n, seq, name, "gate", 0.1, 0.05, "no") for n, name in enumerate(unmet, 1)]
        yield row


def _derive(connection: sqlite3.Connection) -> None:
    """Make in one pass what triggers make row by row, and put these and the indexes back."""
    for within, kinds in KINDS.items():
        for kind in kinds:
            a, b = [*(COUNTED[name] for name in kind), "''", "''"][:2]
            level = "campaign" if within else "''"
            connection.execute(
                f"INSERT INTO tally SELECT '{' '.join(kind)}', {level}, {a}, {b}, outcome, count(*) "
                "FROM hypothesis GROUP BY 2, 3, 4, 5"
            )
    connection.execute(
        "INSERT INTO mark SELECT 'unmet', gate, hypothesis.seq FROM gate JOIN hypothesis USING (subject) ORDER BY 2, 3"
    )
    connection.execute(
        "INSERT INTO mark SELECT 'tag', value, seq FROM hypothesis, json_each(hypothesis.tags) ORDER BY 2, 3"
    )
    connection.execute("INSERT INTO tally SELECT kind, '', value, '', '', count(*) FROM mark GROUP BY kind, value")
    connection.execute(
        "INSERT INTO day SELECT substr(proposed_at, 1, 10), count(*), min(seq), max(seq) FROM hypothesis GROUP BY 1"
    )
    connection.execute(
        f"INSERT INTO stream SELECT stream, min(seq), 'e-lond', 0.1, {IN_STREAM}, coalesce(max(t), 0), "
        "count(DISTINCT CASE verdict WHEN 'supported' THEN claim_key END) FROM hypothesis "
        "WHERE stream IS NOT NULL GROUP BY stream"
    )
    # The newest round of a campaign is under way.
    connection.execute(
        "INSERT INTO round SELECT campaign, round, max(last_seq), coalesce(min(block_id), 'split/block-1'), 0, "
        "coalesce(max(t), 0), 0 FROM hypothesis AS slot GROUP BY campaign, round "
        "HAVING round < (SELECT max(round) FROM hypothesis WHERE campaign = slot.campaign)"
    )
    connection.execute("INSERT INTO hypothesis_text (hypothesis_text) VALUES ('rebuild')")
    for index in _ASIDE:
        connection.execute(str(CreateIndex(index).compile(dialect=sqlite.dialect())))
    for statement in DERIVING.values():
        connection.execute(statement)
