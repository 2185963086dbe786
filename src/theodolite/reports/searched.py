"""What a search tried, best first, as lines for people."""

from __future__ import annotations

from dataclasses import dataclass

from theodolite.experiments.manifolds.candidates import recorded_candidates
from theodolite.store import Ledger

__all__ = ["CandidateLine", "candidate_lines"]


@dataclass(frozen=True)
class CandidateLine:
    """One candidate, and one ruler that it was held against.

    Attributes
    ----------
    id
        Its row.
    ruler
        The ruler; None where the fit was refused.
    place, features, fitter
        Where it reads, what, and who fitted it, with its neighbours or components.
    score, gain, trust
        The least mean correlation of the hold-outs, how far held-out donors are beyond the best baseline, and
        trustworthiness; None where nothing was measured.
    fit
        Whether the gates may be met.
    reason
        Why the fit was refused; empty where it was not.
    """

    id: str
    ruler: str | None
    place: str
    features: str
    fitter: str
    score: float | None
    gain: float | None
    trust: float | None
    fit: bool
    reason: str


def candidate_lines(
    ledger: Ledger, campaign: str | None = None, *, ruler: str | None = None, limit: int | None = None
) -> list[CandidateLine]:
    """Return every candidate of a ledger's searches, in the order in which the search puts them.

    Parameters
    ----------
    campaign, ruler
        Only those of a campaign, or about a ruler.
    limit
        At most so many.
    """
    lines = []
    for found in recorded_candidates(ledger, campaign):
        if ruler is not None and found.ruler != ruler:
            continue
        params, measured = found.params, found.ruler is not None
        lines.append(
            CandidateLine(
                id=found.id,
                ruler=found.ruler,
                place=str(params.locus()),
                features=params.features,
                fitter=f"{params.fitter} ({params.size})",
                score=found.score,
                gain=found.gain,
                trust=found.trust if measured else None,
                fit=measured and found.fit,
                reason=found.reason,
            )
        )
    return lines[:limit]
