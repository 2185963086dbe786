"""Drawing until the evidence is settled: draws come in chunks, the decision to stop is taken draw by draw."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from math import floor
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.evidence.besag_clifford import H, besag_clifford_p
from theodolite.gates.evidence.betting import wealth
from theodolite.gates.evidence.monte_carlo import exceeding, monte_carlo_p

__all__ = ["FUTILITY", "Drawn", "Stopped", "Stopping", "reaching_level", "sequential_evidence"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Stopped = Literal["success", "futility", "exceedances", "exhausted"]
"""Why the drawing ended: wealth reached, wealth lost or out of reach, enough exceedances, or no draws left."""

FUTILITY: Final = 0.05
"""Wealth at which a bettor gives up."""
HOPELESS: Final = 10.0
"""A bettor also gives up once the wealth could not come within this factor of the threshold, were no exceedance left.

The threshold is the provisional one. The level at record may be larger, by supports of the same round and by earlier
claims of it that spend nothing; that is seldom ten times, and where it is, a claim that might have held is given up.
"""
_FIRST_CHUNK: Final = 50
_LARGEST_CHUNK: Final = 8_192


@dataclass(frozen=True)
class Stopping:
    """When the drawing of a null ends, locked before the first draw.

    Attributes
    ----------
    kind
        ``betting`` gives an e-value, ``besag_clifford`` a p-value.
    b_max
        Draws at most.
    threshold
        Betting: the wealth that ends it, 1 / level.
    futility
        Betting: the wealth at which it is given up, as it is when the threshold is out of reach.
    h
        Besag and Clifford: the exceedances that end it.

    Raises
    ------
    ValueError
        If a number is out of range, or betting has no threshold.
    """

    kind: Literal["betting", "besag_clifford"]
    b_max: int
    threshold: float | None = None
    futility: float = FUTILITY
    h: int = H

    def __post_init__(self) -> None:
        if self.kind == "betting" and (self.threshold is None or not 1.0 < self.threshold < float("inf")):
            raise ValueError(f"threshold is {self.threshold!r}; a bettor stops at a wealth above 1, such as 1 / level")
        if not 0.0 <= self.futility < 1.0:
            raise ValueError(f"futility is {self.futility!r}; a bettor gives up at a wealth from 0 to below 1")
        if self.b_max < 1 or self.h < 1:
            raise ValueError(f"b_max is {self.b_max!r} and h is {self.h!r}; both must be 1 or more")


@dataclass(frozen=True)
class Drawn:
    """What the draws of one null showed.

    Attributes
    ----------
    exceedances, draws
        Counts when the drawing stopped.
    p
        Besag and Clifford's p-value. Under betting ``(b + 1) / (B + 1)``, which describes and decides nothing: it is no
        p-value, because the number of draws depended on them.
    e
        The wealth when the drawing stopped. It is 0 for a bettor who gave up: what is left is thrown away, which keeps
        the mean at most 1 also where giving up against one null ends the drawing of others. None under Besag and
        Clifford.
    stopped
        Why it stopped.
    """

    exceedances: int
    draws: int
    p: float
    e: float | None
    stopped: Stopped


def _chunks(most: int) -> Iterator[tuple[int, int]]:
    """Yield (start, size) of chunks: 50, 50, 100, 200, ..., at most 8,192 each and ``most`` together."""
    start = 0
    while start < most:
        size = min(max(start, _FIRST_CHUNK), _LARGEST_CHUNK, most - start)
        yield start, size
        start += size


def sequential_evidence(draw: Callable[[int, int], Floats], observed: float, stopping: Stopping) -> Drawn:
    """Draw a null until the evidence is settled; large statistics are evidence, and a tie counts as an exceedance.

    Parameters
    ----------
    draw
        ``draw(start, count)`` returns the statistics of draws ``start`` to ``start + count - 1``. Draw k must not
        depend on how the draws are divided into calls; then nothing does.
    observed
        The observed statistic.
    stopping
        The locked rule.
    """
    before = 0
    for start, size in _chunks(stopping.b_max):
        lost = before + np.cumsum(exceeding(draw(start, size), observed))
        drawn = np.arange(start + 1, start + size + 1)
        ends = np.flatnonzero(_ends(lost, drawn, stopping))
        if len(ends):
            return _settled(int(lost[ends[0]]), int(drawn[ends[0]]), stopping)
        before = int(lost[-1])
    return _settled(before, stopping.b_max, stopping)


def _ends(lost: Ints, drawn: Ints, stopping: Stopping) -> Bools:
    if stopping.threshold is None or stopping.kind == "besag_clifford":
        return np.asarray(lost >= stopping.h)
    held = wealth(lost, drawn)
    at_best = wealth(lost, np.full_like(lost, stopping.b_max))
    given_up = (held <= stopping.futility) | (at_best < stopping.threshold / HOPELESS)
    return np.asarray((held >= stopping.threshold) | given_up)


def _settled(lost: int, drawn: int, stopping: Stopping) -> Drawn:
    if stopping.threshold is None or stopping.kind == "besag_clifford":
        p = besag_clifford_p(lost, drawn, stopping.h)
        return Drawn(lost, drawn, p, None, "exceedances" if lost == stopping.h else "exhausted")
    e = float(wealth(lost, drawn))
    stopped: Stopped = "success" if e >= stopping.threshold else "exhausted" if drawn == stopping.b_max else "futility"
    return Drawn(lost, drawn, monte_carlo_p(lost, drawn), 0.0 if stopped == "futility" else e, stopped)


def reaching_level(
    draw: Callable[[Ints, int, int], Floats], observed: Floats, stopping: Stopping, alpha: float
) -> Bools:
    """Return for each of several statistics whether its evidence reaches a level, without drawing further than that.

    Equals, row by row, ``e >= 1 / alpha`` or ``p <= alpha`` of :func:`sequential_evidence`.

    Parameters
    ----------
    draw
        ``draw(rows, start, count)`` returns the draws of these rows, shape (len(rows), count).
    observed
        Shape (k,).
    stopping
        The locked rule; the threshold of a bettor is ``1 / alpha``.
    alpha
        The level.

    Returns
    -------
    numpy.ndarray
        Shape (k,).

    Raises
    ------
    ValueError
        If a bettor's threshold is not ``1 / alpha``.
    """
    if stopping.kind == "betting" and stopping.threshold != 1.0 / alpha:
        raise ValueError(f"the bettor stops at {stopping.threshold!r}, the level asks for {1.0 / alpha!r}")
    most, allowed = _needed(stopping, alpha)
    reached = np.zeros(len(observed), dtype=bool)
    if stopping.kind == "besag_clifford" and allowed < 0:
        return reached
    open_rows = np.arange(len(observed))
    before = np.zeros(len(observed), dtype=np.int64)
    for start, size in _chunks(most):
        hits = exceeding(draw(open_rows, start, size), observed[open_rows, None])
        lost = before[open_rows, None] + np.cumsum(hits, axis=1)
        before[open_rows] = lost[:, -1]
        if stopping.kind == "besag_clifford":
            open_rows = open_rows[lost[:, -1] <= allowed]
        else:
            ended = _ends(lost, np.arange(start + 1, start + size + 1), stopping)
            first = np.argmax(ended, axis=1)
            stops = ended.any(axis=1)
            at = lost[np.arange(len(first)), first]
            reached[open_rows] = stops & (wealth(at, start + 1 + first) >= 1.0 / alpha)
            open_rows = open_rows[~stops]
        if not len(open_rows):
            break
    if stopping.kind == "besag_clifford":
        reached[open_rows] = True
    return reached


def _needed(stopping: Stopping, alpha: float) -> tuple[int, int]:
    """Return how many draws decide whether the level is reached, and how many exceedances among them allow it.

    Besag and Clifford's p is at most alpha if the h-th exceedance comes with draw h / alpha or later, so the draws
    before that decide; where there are fewer, their plain p does.
    """
    if stopping.kind == "betting":
        return stopping.b_max, stopping.b_max
    # one less or more than the quotient, so that rounding decides as it does in the p-value itself
    late = next(draw for draw in count(max(1, floor(stopping.h / alpha) - 1)) if stopping.h / draw <= alpha)
    most = min(stopping.b_max, late - 1)
    bound = min(stopping.h, floor(alpha * (most + 1)) + 1)
    return most, next((b for b in range(bound - 1, -1, -1) if monte_carlo_p(b, most) <= alpha), -1)
