"""What a manifold search found, and what became of its first candidate: tables, numbers and one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from theodolite.analysis.manifold import (
    Candidate,
    Confirmation,
    Drift,
    Layer,
    ManifoldGates,
    ManifoldSearch,
    Mixture,
    PanelSplit,
    SearchRow,
    confirm,
)
from theodolite.manifolds.placing import Placement, place_all
from theodolite.tl.anchoring import Anchored

__all__ = ["Searched"]

_SHOWN: Final = 3
"""Coordinates of an anchor that are stored."""


@dataclass(frozen=True, eq=False)
class Searched:
    """A search by each ruler, and the first of all candidates.

    Attributes
    ----------
    grouped
        The anchors.
    splits, found
        By ruler what was searched, and what came of it.
    thresholds
        Gates that were fixed before.
    seed
        Of every draw.
    confirmation
        What the other donors say of the first candidate; None where they were not asked.
    """

    grouped: Anchored
    splits: Mapping[str, PanelSplit]
    found: Mapping[str, ManifoldSearch]
    thresholds: ManifoldGates
    seed: int
    confirmation: Confirmation | None = None

    @cached_property
    def rows(self) -> tuple[tuple[SearchRow, Candidate], ...]:
        """Every row with its candidate, best first over all rulers."""
        every = [(row, search.candidates[row.candidate]) for search in self.found.values() for row in search.rows]
        return tuple(sorted(every, key=lambda pair: pair[0].rank(self.thresholds)))

    @property
    def first(self) -> tuple[SearchRow, Candidate] | None:
        """The row and the candidate that come first; None where nothing could be fitted and scored."""
        row, candidate = self.rows[0]
        return None if row.score is None else (row, candidate)

    def confirmed(self) -> Searched:
        """Return the same with what donors that did not search say of the first candidate, if there is one."""
        if self.first is None:
            return self
        ruler = self.first[1].ruler
        said = confirm(self.found[ruler], self.splits[ruler], self.thresholds, seed=self.seed)
        return replace(self, confirmation=said)

    @property
    def candidates(self) -> Any:
        """A table (pandas.DataFrame) with a row a candidate, best first; NaN where nothing was measured."""
        import pandas as pd

        return pd.DataFrame([self._line(row, candidate) for row, candidate in self.rows])

    def _line(self, row: SearchRow, candidate: Candidate) -> dict[str, Any]:
        settings = dict(candidate.choice.settings)
        numbers = {f"{kind} hold-out": value for kind, value in row.both.items()}
        numbers |= {f"{kind} hold-out, within branches": value for kind, value in row.within.items()}
        numbers |= {f"gain over {name}": value for name, value in row.gains.items()}
        return {
            "ruler": candidate.ruler,
            "features": _features(candidate),
            "fitter": candidate.choice.name,
            "size": settings.get("neighbours", settings.get("components")),
            "score": _number(row.score),
            "fit for gates": row.fit_for(self.thresholds),
            "trustworthiness": _number(row.trust),
            **{name: _number(value) for name, value in numbers.items()},
            "refused": row.refused or "",
            "sha256": row.candidate,
        }

    @property
    def gates(self) -> Any:
        """A table (pandas.DataFrame) with a row a gate; empty where the other donors were not asked."""
        import pandas as pd

        judged = () if self.confirmation is None else self.confirmation.verdict.gates
        return pd.DataFrame(
            {
                "name": np.array([gate.name for gate in judged], dtype=object),
                "value": np.array([_number(gate.number) for gate in judged], dtype=np.float64),
                "threshold": np.array([_number(gate.threshold) for gate in judged], dtype=np.float64),
                "passed": np.array([gate.passed for gate in judged], dtype=bool),
                "says": np.array([gate.says for gate in judged], dtype=object),
            }
        )

    @property
    def anchors(self) -> Any:
        """A table (pandas.DataFrame) with a row an anchor, indexed by name."""
        import pandas as pd

        table = self.grouped.table
        where = self._coordinates()
        return pd.DataFrame(
            {
                "donor": list(table.donor),
                "tissue": [block.partition("|")[2] for block in table.block],
                "stage": list(table.stage),
                "branch": list(table.branch),
                "cells": [len(rows) for rows in table.rows],
                "half": np.where(self.grouped.seen, "search", "judge").astype(object),
                **{axis: where[:, place] for place, axis in enumerate("xyz")},
            },
            index=pd.Index(list(table.anchors), name="anchor", dtype=object),
        )

    def _coordinates(self) -> NDArray[np.float64]:
        """Return where the first candidate, fitted on donors that search, puts anchors, (n, 3); NaN elsewhere."""
        seen = self.grouped.seen
        where = np.full((len(seen), _SHOWN), np.nan)
        if self.first is None:
            return where
        candidate = self.first[1]
        whole = self.splits[candidate.ruler].whole
        # To see where the other donors lie is to look at them.
        judged = self.confirmation is not None and self.confirmation.evidence.refused is None
        laid = Placement("fit", seen, ~seen if judged else np.zeros_like(seen))
        rows, ruler = candidate.rows(whole, seen), candidate.distances(whole)
        latent = place_all(rows, candidate.choice.fitter(), ruler, [laid]).latent
        shown = laid.read | laid.held
        where[shown, : latent.shape[1]] = latent[shown, :_SHOWN]
        return where

    @property
    def facts(self) -> dict[str, Any]:
        """Numbers by name."""
        seen, table = self.grouped.seen, self.grouped.table
        donors = np.asarray(table.donor)
        found: dict[str, Any] = {
            "anchors": len(seen),
            "anchors_that_search": int(seen.sum()),
            "combinations_with_too_few_cells": table.dropped,
            "units": table.unit,
            "donors_that_search": sorted(set(donors[seen].tolist())),
            "donors_that_judge": sorted(set(donors[~seen].tolist())),
            "branches_left_out": list(self.grouped.tips),
            "candidates": len(self.rows),
            "candidates_refused": sum(row.refused is not None for row, _ in self.rows),
            "candidates_beyond_the_most": sum(search.left for search in self.found.values()),
            "confirmed": self.confirmation is not None,
        }
        if self.confirmation is not None:
            verdict = self.confirmation.verdict
            found |= {"passed": verdict.passed, "gates_not_met": list(verdict.failed)}
        if self.first is not None:
            found["first"] = self._line(*self.first)
        return found

    @property
    def sentence(self) -> str:
        """What was seen, beside which baseline and which control."""
        if self.first is None:
            reason = self.rows[0][0].refused or "no correlation is defined"
            return f"None of {len(self.rows)} candidates could be fitted and scored, the first because {reason}."
        row, candidate = self.first
        ruler = self.grouped.rulers[candidate.ruler]
        seen = self.grouped.seen
        what = f"{_features(candidate)} by {candidate.choice.name}"
        if self.confirmation is None:
            return (
                f"In {what}, the first of {len(self.rows)} candidates, distances between {int(seen.sum())} anchors of "
                f"{self._units(searching=True)} follow ruler {ruler.id!r} with a correlation of "
                f"{_text(row.both['donor'])} where donors are held out, {_beside(row)}; the lowest of six means over "
                f"hold-outs is {_text(row.score)}, and no other donor was asked."
            )
        evidence, verdict = self.confirmation.evidence, self.confirmation.verdict
        if evidence.refused is not None:
            return f"The fit of {what} on all donors that searched was refused: {evidence.refused}."
        both, within, margins = evidence.both or {}, evidence.within or {}, evidence.margins or {}
        name = min(margins, key=lambda each: margins[each])
        null = next(gate.number for gate in verdict.gates if gate.name == "paired null branch fails")
        every = len(verdict.gates)
        met = f"meets all {every} gates" if verdict.passed else f"misses {len(verdict.failed)} of {every} gates"
        return (
            f"In {what}, distances between {int((~seen).sum())} anchors of {self._units(searching=False)} follow ruler "
            f"{ruler.id!r} with a correlation of {_text(both.get('donor'))} over held-out donors and "
            f"{_text(within.get('donor'))} within branches, beside {_text(null)} within branches of the paired null "
            f"branch; the margin over {name}, the lowest of {len(margins)} baselines, has the lower bound "
            f"{_text(margins[name])}, and it {met}."
        )

    def _units(self, *, searching: bool) -> str:
        """Return how many donors there are on a side, in words."""
        donors = np.asarray(self.grouped.table.donor)[self.grouped.seen == searching]
        unit = "donors" if self.grouped.table.unit == "donor" else "groups of cells in place of donors"
        which = "that searched" if searching else "that neither search nor fit saw"
        return f"{len(set(donors.tolist()))} {unit} {which}"


def _features(candidate: Candidate) -> str:
    match candidate.features:
        case Layer(layer):
            return f"residual stream {layer}"
        case Drift(before, after):
            return f"drift {before} to {after}"
        case Mixture(parts):
            ends = [part for part in parts if isinstance(part, Drift)]
            return f"mixture of {ends[0].before} and its drift to {ends[0].after}"


def _beside(row: SearchRow) -> str:
    """Return how far the best baseline is from it."""
    known = {name: gain for name, gain in row.gains.items() if gain is not None}
    if not known:
        return "and no baseline could be scored"
    name = min(known, key=lambda each: known[each])
    return f"{_text(abs(known[name]))} {'less' if known[name] < 0 else 'more'} than the best baseline, {name}"


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


def _text(value: float | None) -> str:
    return "an undefined number" if value is None else f"{value:.2f}"
