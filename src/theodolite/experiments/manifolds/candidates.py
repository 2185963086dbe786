"""Rows of a search, and the order in which it puts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from theodolite.gates.catalogue2.baselines import GAIN
from theodolite.gates.catalogue_manifold.shape import LEAST_TRUST
from theodolite.manifolds.fitters import READS_RULER
from theodolite.store import EntryKind, Ledger
from theodolite.tools.manifold import Follows, follows

__all__ = ["Candidate", "candidates_in", "recorded_candidates"]


@dataclass(frozen=True)
class Candidate:
    """A row of the search, and one ruler that it speaks of.

    Attributes
    ----------
    id
        The row.
    ruler, params
        What was tried; the ruler is None where the fit was refused.
    score
        The least of the mean correlations that the gates ask for; None where one is not defined or the fit was refused.
    gain
        By how much the mean over held-out donors is above that of the best baseline.
    trust
        Trustworthiness.
    reason
        Why the fit was refused; empty where it was not.
    """

    id: str
    ruler: str | None
    params: Follows
    score: float | None
    gain: float | None
    trust: float
    reason: str = ""

    @property
    def fit(self) -> bool:
        """Whether trustworthiness and gain are such that the gates may be met."""
        return self.trust >= LEAST_TRUST and (self.gain or 0.0) > GAIN

    @property
    def rank(self) -> tuple[bool, bool, bool, float, str]:
        """What sorts candidates, best first; a fit that reads the ruler cannot tell its arrangement from another."""
        margin = None if self.score is None else min(self.score, (self.gain or 0.0) - GAIN)
        return self.score is None, self.params.fitter in READS_RULER, not self.fit, -(margin or 0.0), self.id


def candidates_in(identifier: str, payload: Mapping[str, Any]) -> list[Candidate]:
    """Return what a row of a search says: a candidate for each ruler, or one without a ruler that was refused."""
    params = Follows(**payload["params"])
    if not payload["scores"]:
        return [Candidate(identifier, None, params, None, None, 0.0, str(payload["reason"]))]
    return [
        Candidate(
            identifier, ruler, params, _number(said["score"]), _number(said["gain"]), _number(said["trust"]) or 0.0
        )
        for ruler, said in payload["scores"].items()
    ]


def recorded_candidates(ledger: Ledger, campaign: str | None = None) -> list[Candidate]:
    """Return every candidate that a ledger's searches tried, best first."""
    tried = f"{follows.name}@"
    found = [
        candidate
        for entry in ledger.entries(kind=EntryKind.LOOK, subject=campaign)
        if str(entry.payload["tool"]).startswith(tried)
        for candidate in candidates_in(entry.id, entry.payload)
    ]
    return sorted(found, key=lambda candidate: candidate.rank)


def _number(said: Any) -> float | None:
    # A ledger holds numbers as text of their shortest form.
    return None if said is None else float(said)
