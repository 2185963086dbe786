"""A search over candidates on discovery anchors: bounded, resumable, and every candidate a row, refused ones too.

It is given the discovery part of a panel and nothing else, so that its choice cannot see a row that will judge it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from theodolite.analysis.manifold.candidates import Candidate
from theodolite.analysis.manifold.gates import ManifoldGates
from theodolite.analysis.manifold.holdouts import held_out, kind_means
from theodolite.analysis.manifold.journal import append_line, read_lines
from theodolite.analysis.manifold.panel import Panel
from theodolite.canonical import digest
from theodolite.manifolds.baselines import baseline_fitters
from theodolite.manifolds.holdouts import label_holdouts, random_holdouts
from theodolite.manifolds.trust import trustworthiness

__all__ = ["ManifoldSearch", "SearchRow", "search"]

Floats = NDArray[np.float64]

_VERSION: Final = 1
"""Of what a row holds; rows of another version are run again."""


@dataclass(frozen=True)
class SearchRow:
    """What a search measured of one candidate.

    Attributes
    ----------
    candidate
        Its content hash.
    refused
        Why it has no features or could not be fitted, or None.
    trust
        Trustworthiness of the fit of all rows.
    both, within
        Mean correlations of hold-outs with the ruler by kind, over all pairs and over those of one branch.
    gains
        By baseline: how far the mean ``both`` of held-out donors is above that of the baseline.
    """

    candidate: str
    refused: str | None
    trust: float | None
    both: Mapping[str, float | None]
    within: Mapping[str, float | None]
    gains: Mapping[str, float | None]

    @property
    def score(self) -> float | None:
        """The lowest of ``both`` and ``within`` over kinds of hold-outs; None where one is not defined."""
        values = [*self.both.values(), *self.within.values()]
        known = [value for value in values if value is not None]
        return min(known) if known and len(known) == len(values) else None

    def fit_for(self, gates: ManifoldGates) -> bool:
        """Return whether trustworthiness and gains over baselines are such that the gates may be met."""
        gains = [gain is not None and gain > gates.above_margin for gain in self.gains.values()]
        return self.trust is not None and self.trust >= gates.least_trust and all(gains)

    def rank(self, gates: ManifoldGates) -> tuple[bool, bool, float, str]:
        """Return what sorts rows, best first: those fit for the gates, then by score, refused ones last."""
        return self.score is None, not self.fit_for(gates), -(self.score or 0.0), self.candidate


@dataclass(frozen=True)
class ManifoldSearch:
    """The rows of a search, best first.

    Attributes
    ----------
    rows
        Those fit for the gates come first, then by score, refused ones last.
    candidates
        By content hash.
    data
        Content hash of the panel that was read.
    gates
        Content hash of the thresholds.
    left
        Candidates that the budget left out.
    """

    rows: tuple[SearchRow, ...]
    candidates: Mapping[str, Candidate]
    data: str
    gates: str
    left: int

    @property
    def chosen(self) -> Candidate | None:
        """The candidate to lock and confirm: the first row, or None where every fit was refused."""
        first = self.rows[0]
        return None if first.score is None else self.candidates[first.candidate]


def search(
    discovery: Panel,
    tried: Iterable[Candidate],
    gates: ManifoldGates,
    *,
    journal: Path,
    budget: int = 200,
    seed: int = 0,
) -> ManifoldSearch:
    """Measure candidates by cross-validation and rank them.

    Rows, donors and branches of the panel are held out in turn. The score is the lowest of the mean correlations over
    all pairs with a held-out row and over those of one branch, for the three kinds: the weakest of what the gates ask.
    Candidates come first whose trustworthiness reaches the gate and that are better than every baseline on average.

    Parameters
    ----------
    discovery
        Rows of discovery donors, such as :attr:`PanelSplit.discovery`.
    tried
        Candidates; where there are more than the budget, those whose content hash with the seed comes first, so that a
        larger budget goes on where a smaller one ended.
    gates
        Thresholds, fixed before.
    journal
        File of JSON lines, to which each row is added when it is measured. Rows of the same candidate, data and seed
        are read from it and not measured again.
    budget
        Most candidates.
    seed
        Of random hold-outs and projections, and of the order.

    Raises
    ------
    ValueError
        If there is no candidate or no budget, a candidate names a ruler that the panel lacks, or the journal is none.
    """
    known = {candidate.sha256: candidate for candidate in tried}
    if not known or budget < 1:
        raise ValueError(f"{len(known)} candidates and a budget of {budget!r}; give 1 or more of each")
    order = sorted(known, key=lambda key: digest([seed, key]))
    run = order[:budget]
    data = discovery.sha256
    protocol = {"data": data, "seed": seed, "version": _VERSION}
    done: dict[str, SearchRow] = {}
    for entry in read_lines(journal):
        if entry.get("protocol") == protocol:
            done[entry["row"]["candidate"]] = SearchRow(**entry["row"])
    bench = _Bench(discovery, seed)
    for key in run:
        if key not in done:
            done[key] = bench.row(known[key])
            append_line(journal, {"protocol": protocol, "candidate": known[key].record, "row": asdict(done[key])})
    rows = tuple(sorted((done[key] for key in run), key=lambda row: row.rank(gates)))
    return ManifoldSearch(rows, known, data, gates.sha256, len(order) - len(run))


class _Bench:
    """Hold-outs of a panel, and what baselines score in them."""

    def __init__(self, source: Panel, seed: int) -> None:
        self.source, self.seed = source, seed
        self.donors = label_holdouts(source.donors, "donor")
        self.holdouts = (
            *random_holdouts(len(source.donors), seed=seed),
            *self.donors,
            *label_holdouts(source.branches, "branch", names=source.tips),
        )
        self._scored: dict[tuple[str, int], dict[str, float | None]] = {}

    def row(self, candidate: Candidate) -> SearchRow:
        """Measure a candidate; features or a fit that are refused are told and not raised."""
        ruler, fitter = candidate.distances(self.source), candidate.choice.fitter()
        try:
            rows = candidate.rows(self.source)
            trust = trustworthiness(rows, fitter(rows, ruler).latent)
            # One draw: nulls are for confirmation.
            scores = held_out(rows, ruler, fitter, self.holdouts, branches=self.source.branches, draws=1)
            own = kind_means(scores, "both")["donor"]
            gains = {
                name: None if own is None or other is None else own - other
                for name, other in self._others(candidate, ruler).items()
            }
        except ValueError as error:
            return SearchRow(candidate.sha256, str(error), None, {}, {}, {})
        return SearchRow(
            candidate=candidate.sha256,
            refused=None,
            trust=trust,
            both=kind_means(scores, "both"),
            within=kind_means(scores, "within"),
            gains=gains,
        )

    def _others(self, candidate: Candidate, ruler: Floats) -> dict[str, float | None]:
        """Return what baselines of the candidate's dimension score when donors are held out; once for a ruler."""
        key = candidate.ruler, candidate.choice.dimension
        if key not in self._scored:
            source = self.source
            baselines = baseline_fitters(source.expression, source.static, dimension=key[1], seed=self.seed)
            self._scored[key] = {
                name: kind_means(held_out(rows, ruler, fitter, self.donors, draws=1), "both")["donor"]
                for name, (rows, fitter) in baselines.items()
            }
        return self._scored[key]
