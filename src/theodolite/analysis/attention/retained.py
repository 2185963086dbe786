"""How much of a signal gene statistics and co-expression leave, beside its rivals (arXiv 2602.17532)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from theodolite.analysis.attention.edges import EdgeLabels
from theodolite.analysis.attention.nulls import null_summary
from theodolite.analysis.attention.residual import Learner, residualised
from theodolite.data.cells import GeneStatistics
from theodolite.gates.confounds import retention
from theodolite.gates.effects import auroc, effect_with_interval
from theodolite.judgements import Effect

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["DEGREE_Z", "KEPT", "Retained", "RetainedSignals", "retained_signals"]

Floats = NDArray[np.float64]

KEPT = 0.80
"""Share of the raw AUROC beyond chance that a signal of its own keeps."""
DEGREE_Z = 3.0
"""Standard deviations of the degree-preserving null that it lies beyond."""


@dataclass(frozen=True)
class Retained:
    """What one signal keeps under one adjustment.

    Attributes
    ----------
    signal, reference, learner
        Which score, held against what, adjusted how.
    adjusted_for
        ``genes``, or ``genes`` and ``coexpression``.
    r2, disjoint
        As of :class:`~theodolite.analysis.attention.Residual`.
    raw, residual
        AUROC - 0.5 before and after, with intervals over families.
    retention
        (residual AUROC - 0.5) / (raw AUROC - 0.5), with an interval over the same resamples of families of regulators
        and of targets.
    degree_z
        The raw AUROC against graphs with the degrees of the reference, in standard deviations; NaN if none were drawn.
    """

    signal: str
    reference: str
    learner: Learner
    adjusted_for: tuple[str, ...]
    r2: float
    disjoint: bool
    raw: Effect
    residual: Effect
    retention: Effect
    degree_z: float

    @property
    def accepted(self) -> bool:
        """Whether the rule of the paper is met: retention 0.80 or more, and a degree-preserving z above 3."""
        return self.retention.estimate >= KEPT and self.degree_z > DEGREE_Z


@dataclass(frozen=True)
class RetainedSignals:
    """What signals keep under every learner and adjustment that was tried.

    Attributes
    ----------
    rows
        Signal after signal.
    """

    rows: tuple[Retained, ...]

    def of(self, signal: str) -> tuple[Retained, ...]:
        """Return what one signal keeps.

        Raises
        ------
        KeyError
            If there is none of this name.
        """
        found = tuple(row for row in self.rows if row.signal == signal)
        if not found:
            raise KeyError(f"{signal!r} was not tried; tried: {sorted({row.signal for row in self.rows})}")
        return found

    def accepted(self, signal: str) -> bool:
        """Return whether a signal meets the rule under every learner and adjustment.

        A learner that foretells nothing of held-out genes takes nothing out, so that everything is retained under it:
        one learner alone proves nothing.
        """
        return all(row.accepted for row in self.of(signal))

    def frame(self) -> DataFrame:
        """Return a tidy table, one row a signal, learner and adjustment."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "signal": row.signal,
                    "reference": row.reference,
                    "learner": row.learner,
                    "adjusted_for": "+".join(row.adjusted_for),
                    "r2": row.r2,
                    "raw_auroc": 0.5 + row.raw.estimate,
                    "residual_auroc": 0.5 + row.residual.estimate,
                    "retention": row.retention.estimate,
                    "retention_low": row.retention.low,
                    "retention_high": row.retention.high,
                    "degree_z": row.degree_z,
                    "accepted": row.accepted,
                }
                for row in self.rows
            ]
        )


def retained_signals(
    edges: EdgeLabels,
    signals: Mapping[str, NDArray[np.floating]],
    statistics: GeneStatistics | Floats,
    *,
    coexpression: NDArray[np.floating] | None = None,
    learners: Sequence[Learner] = ("ols", "boosting"),
    folds: int = 5,
    training_pairs: int = 200_000,
    resamples: int = 2_000,
    rewirings: int = 200,
    seed: int = 0,
) -> RetainedSignals:
    """Say what signals keep of their AUROC when gene statistics, and then co-expression as well, are taken out.

    Parameters
    ----------
    edges
        A reference, or the effects of perturbations.
    signals
        Scores (n, n) by name, such as one layer of attention, and the absolute co-expression as rival. The layer is one
        that was chosen elsewhere (``choosing``).
    statistics, coexpression, learners, folds, training_pairs
        See :func:`residualised`. Without ``coexpression`` only gene statistics are taken out, and with it both
        adjustments are reported.
    resamples
        Bootstrap resamples of families.
    rewirings
        Draws of the degree-preserving null; 0 leaves it out, and then nothing is accepted.
    seed
        Seed of everything drawn.

    Returns
    -------
    RetainedSignals
        Signal after signal, learner after learner. A signal is not adjusted for co-expression where it is a function
        of it alone: that would leave nothing, by construction.

    Raises
    ------
    ValueError
        As :func:`residualised`.
    """
    found = []
    for name, score in signals.items():
        matrix = edges.matrix(score)
        raw = edges.items(matrix)
        z = float("nan")
        if rewirings:
            z = null_summary(edges, matrix, auroc(raw), "degree_preserving", rewirings, seed).z
        for learner in learners:
            for related in _adjustments(learner, score, coexpression):
                left = residualised(
                    edges,
                    score,
                    statistics,
                    coexpression=related,
                    learner=learner,
                    folds=folds,
                    training_pairs=training_pairs,
                    seed=seed,
                )
                items = edges.items(left.matrix)
                found.append(
                    Retained(
                        signal=name,
                        reference=edges.name,
                        learner=learner,
                        adjusted_for=("genes",) if related is None else ("genes", "coexpression"),
                        r2=left.r2,
                        disjoint=left.disjoint,
                        raw=effect_with_interval(raw, seed, resamples),
                        residual=effect_with_interval(items, seed, resamples),
                        retention=retention(raw, items, seed, resamples),
                        degree_z=z,
                    )
                )
    return RetainedSignals(tuple(found))


def _adjustments(
    learner: Learner, score: NDArray[np.floating], coexpression: NDArray[np.floating] | None
) -> list[NDArray[np.floating] | None]:
    if coexpression is None:
        return [None]
    itself = np.array_equal(np.abs(score), np.abs(coexpression))
    adjusted: list[NDArray[np.floating] | None] = [] if itself else [coexpression]
    return adjusted if learner == "splines" else [None, *adjusted]
