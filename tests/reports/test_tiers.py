"""Tiers say what other error rules make of the recorded evidence; they are computed from rows and bind nothing."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest

from theodolite.canonical import digest
from theodolite.gates.stream import gamma, lord_plus_plus, online_e_bh, settle_level
from theodolite.judgements import Settlement
from theodolite.reports import audit
from theodolite.store import EntryKind, HypothesisRow, Ledger, hypothesis_rows, stream_rows

Q, N_MAX = 0.10, 12
KEPT = Path(__file__).parents[1] / "ledgers" / "pbmc-demo-0.1.0"


def spent(ledger: Ledger, stream: str) -> list[HypothesisRow]:
    return sorted((row for row in hypothesis_rows(ledger, stream=stream) if row.t), key=lambda row: row.t or 0)


@pytest.mark.parametrize("blocks", [1, 2])
def test_a_finished_campaign_is_audited_stream_by_stream(small_world: Any, blocks: int) -> None:
    with Ledger.open(small_world.finished(blocks) / "ledger.sqlite", read_only=True) as ledger:
        recorded = {
            entry.subject: Settlement.model_validate(entry.payload["settlement"])
            for entry in ledger.entries(kind=EntryKind.VERDICT)
        }
        lines = audit(ledger)
        seen = 0
        for stream in ("main", "main/reused"):
            rows = spent(ledger, stream)
            told = [line for line in lines if line.stream == stream]
            assert [(line.t, line.subject, line.verdict) for line in told] == [
                (row.t, row.subject, row.verdict) for row in rows
            ]
            p = [row.p for row in rows]
            e = [recorded[row.subject].e for row in rows]
            candidates = lord_plus_plus(p, Q, N_MAX)
            retro = online_e_bh(e, Q, N_MAX)
            assert [line.candidate for line in told] == [item.rejected for item in candidates]
            assert [line.retro for line in told] == [row.t in retro for row in rows]
            assert [line.headline for line in told] == [row.p <= Q * gamma(row.t, N_MAX) for row in rows]
            seen += len(rows)
        assert len(lines) == seen == 6
        assert [line.claim for line in lines] == [
            row.claim_text for stream in ("main", "main/reused") for row in spent(ledger, stream)
        ]


def test_the_re_audit_keeps_every_support_and_the_tiers_tell_something_apart(small_world: Any) -> None:
    with Ledger.open(small_world.finished(2) / "ledger.sqlite", read_only=True) as ledger:
        lines = audit(ledger)
    supported = [line for line in lines if line.verdict == "supported"]
    assert supported
    assert all(line.retro for line in supported)
    assert {(line.headline, line.candidate, line.retro) for line in lines} >= {
        (True, True, True),
        (False, False, False),
    }


def retold(original: Path, folder: Path, e_values: dict[int, float]) -> Ledger:
    """Write a ledger anew whose tools bet: with such an e-value at each index of ``main``."""
    shutil.copytree(original / "artefacts", folder / "artefacts")
    written, names = Ledger.create(folder / "ledger.sqlite"), {}
    with Ledger.open(original / "ledger.sqlite", read_only=True) as ledger:
        for entry in ledger.entries():
            payload = copy.deepcopy(entry.payload)
            if entry.kind is EntryKind.REGISTRATION:
                payload["plan"]["evidence"] = "e"
                names[payload["prereg_sha256"]] = digest(payload["plan"])
            if "prereg_sha256" in payload:
                payload["prereg_sha256"] = names[payload["prereg_sha256"]]
            if entry.kind is EntryKind.VERDICT and payload["settlement"]["stream"] == "main":
                payload["settlement"]["e"] = repr(e_values[payload["settlement"]["t"]])
            written.append(entry.kind, entry.id, entry.subject, payload)
    return written


def test_what_a_bettor_won_counts_as_one_over_a_p(small_world: Any, tmp_path: Path) -> None:
    # Gamma falls: the first test misses its own bar, which later supports lower.
    bars = {t: 1 / (Q * gamma(t, N_MAX)) for t in range(1, 5)}
    e_values = {1: 0.6 * bars[1], 2: 1.1 * bars[2], 3: 0.2, 4: 2.0 * bars[4]}
    with retold(small_world.finished(2), tmp_path / "bets", e_values) as ledger:
        main = [line for line in audit(ledger) if line.stream == "main"]
    assert [line.headline for line in main] == [False, True, False, True]
    assert [line.retro for line in main] == [True, True, False, True]
    p = [min(1.0, 1 / e_values[t]) for t in range(1, 5)]
    assert [line.candidate for line in main] == [item.rejected for item in lord_plus_plus(p, Q, N_MAX)]


def test_tests_of_the_first_catalogue_are_laid_on_the_grid(tmp_path: Path) -> None:
    shutil.copytree(KEPT, tmp_path / "kept")
    Ledger.open(tmp_path / "kept" / "ledger.sqlite").close()
    with Ledger.open(tmp_path / "kept" / "ledger.sqlite", read_only=True) as ledger:
        (stream,) = [row for row in stream_rows(ledger) if row.t]
        rows, lines = spent(ledger, stream.stream), audit(ledger)
    assert [line.subject for line in lines] == [row.subject for row in rows]
    assert any(line.verdict == "supported" for line in lines)

    def smallest_need(row: HypothesisRow) -> int:
        """Return how many rejections r-LOND would have to count, this one included, to let p through."""
        allowed = (settle_level(row.t, before, stream.q, stream.n_max).alpha for before in range(row.t))
        return next((count for count, alpha in enumerate(allowed, start=1) if row.p <= alpha), len(rows) + 1)

    needs = [smallest_need(row) for row in rows]
    largest = max(
        (count for count in range(1, len(rows) + 1) if sum(need <= count for need in needs) >= count), default=0
    )
    assert [line.retro for line in lines] == [need <= largest for need in needs]
    assert all(line.retro for line in lines if line.verdict == "supported")


def test_a_ledger_without_tests_has_no_tiers(small_world: Any, tmp_path: Path) -> None:
    with Ledger.in_memory() as empty:
        assert audit(empty) == []
    with small_world.opened(tmp_path, small_world.spec()) as run:
        run.open()
        assert audit(run.ledger) == []
