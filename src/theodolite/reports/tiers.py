"""Tiers beside the verdict: what other error rules would say of each test of a stream. None of them binds."""

from __future__ import annotations

from dataclasses import dataclass

from theodolite.gates.stream import grid_calibrated_e, lord_plus_plus, online_e_bh, p_from_e, spending_level
from theodolite.store import HypothesisRow, Ledger, hypothesis_rows, stream_rows

__all__ = ["TierLine", "audit"]


@dataclass(frozen=True)
class TierLine:
    """One test of a stream.

    Attributes
    ----------
    headline
        Passes alpha-spending: at the stream's rate none of the headline claims is false.
    candidate
        LORD++ accepts it (Ramdas and others 2017); valid under weaker assumptions than the verdict's, so only a hint.
    retro
        Online e-BH rejects it over the whole stream as it stands (Fischer, Xu and Ramdas 2024); a test that this
        promotes is worth registering anew, and is never turned into a support.
    """

    stream: str
    t: int
    subject: str
    claim: str
    verdict: str
    headline: bool
    candidate: bool
    retro: bool


def _e_value(row: HypothesisRow, q: float, n_max: int) -> float:
    if row.e is not None:
        return row.e
    return grid_calibrated_e(row.p if row.p is not None else 1.0, row.t or 1, q, n_max)


def audit(ledger: Ledger, only: str | None = None) -> list[TierLine]:
    """Return the tiers of every test of every stream, in the order of the streams and of their levels.

    Parameters
    ----------
    only
        The name of one stream; it is read whole.
    """
    lines: list[TierLine] = []
    for stream in stream_rows(ledger):
        if only not in (None, stream.stream):
            continue
        tests = sorted(
            (row for row in hypothesis_rows(ledger, stream=stream.stream) if row.t is not None),
            key=lambda row: row.t or 0,
        )
        if not tests or stream.q is None or stream.n_max is None:
            continue
        q, n_max = stream.q, stream.n_max
        e_values = [_e_value(row, q, n_max) for row in tests]
        p_values = [
            p_from_e(e) if row.evidence == "e" else row.p if row.p is not None else 1.0
            for row, e in zip(tests, e_values, strict=True)
        ]
        candidates = lord_plus_plus(p_values, q, n_max)
        retro = online_e_bh(e_values, q, n_max)
        for index, row in enumerate(tests, start=1):
            lines.append(
                TierLine(
                    stream=stream.stream,
                    t=index,
                    subject=row.subject,
                    claim=row.claim_text,
                    verdict=row.verdict.value if row.verdict is not None else "pending",
                    headline=p_values[index - 1] <= spending_level(index, q, n_max),
                    candidate=candidates[index - 1].rejected,
                    retro=index in retro,
                )
            )
    return lines
