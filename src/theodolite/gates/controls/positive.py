"""The planted positive (G7+): what this reference, these nulls and this level would show if there were an effect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.contrasts import AnyContrast
from theodolite.gates.controls.grid import floor_125
from theodolite.gates.controls.replicas import StandIns, covariance_class, design_key, planted
from theodolite.gates.evidence import Stopping, exceeding, reaching_level, resolves
from theodolite.gates.kernels import derive_seed
from theodolite.gates.memo import Memo
from theodolite.gates.shifts import both_raised
from theodolite.plans import EvidenceKind, NullName

__all__ = [
    "NEEDED",
    "REPLICATES",
    "SIGNAL",
    "Detection",
    "detections",
    "forget_detections",
    "planted_positive",
    "rounded_level",
]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SIGNAL: Final = 1.5
"""Planted effect, in smallest effects of interest."""
REPLICATES: Final = 30
NEEDED: Final = 24
_PROBE: Final = 200
_MARGIN: Final = 1_000.0

_Draw = Callable[[Ints, int, int], Floats]


@dataclass(frozen=True)
class Detection:
    """How often a planted signal was found.

    Attributes
    ----------
    detected, replicates
        Replicates in which every null of the panel reached the level, of those that were tried: no more are tried
        once ``needed`` is certain or out of reach.
    needed
        Detections asked for.
    share
        Covariance class of the stand-in scores.
    level
        Level, rounded down on the 1-2-5 grid, or as it was if the draws do not resolve the rounded one.
    """

    detected: int
    replicates: int
    needed: int
    share: float
    level: float

    @property
    def passed(self) -> bool:
        """Whether the test is sensitive enough."""
        return self.detected >= self.needed


detections: Memo[Detection] = Memo(4_096)
"""What planted effects showed, at one place and at the best of several; the second part of their keys differs."""
# What is planted does not hang on the level: a claim at another level finds the stand-ins and their first draws.
_stand_ins: Memo[tuple[StandIns, ...]] = Memo(256, lambda sides: sum(map(StandIns.weigh, sides)))


def forget_detections() -> None:
    """Empty the memory of detections; the next ones are computed anew and are equal."""
    detections.clear()
    _stand_ins.clear()


def planted_positive(
    contrast: AnyContrast,
    *,
    sesoi: float,
    alpha: float,
    stopping_for: Callable[[float], Stopping],
    panel: Sequence[NullName],
    seed: int,
    replicates: int = REPLICATES,
    needed: int = NEEDED,
    within: bool = False,
) -> Detection:
    """Plant an effect of 1.5 times the smallest of interest in stand-in scores, and count how often the panel finds it.

    For a claim of no effect nothing is planted, and it is counted how often effects of interest are ruled out.

    Depends on the scores through their covariance class only, so claims on one reference and block share the result.

    Parameters
    ----------
    contrast
        The claim's.
    sesoi
        Smallest effect of interest, AUROC - 0.5.
    alpha
        What every null of the panel must reach at the provisional level: ``p <= alpha``, or ``e >= 1 / alpha``.
    stopping_for
        Returns the rule that ends the draws at a level; a bettor's threshold is ``1 / level``.
    panel
        Nulls to beat, all of them.
    seed
        Of the reference and block, not of the test: what two tests share is found again by it.
    replicates, needed
        Replicates at most, and detections asked for.
    within
        Whether the claim is that there is no effect: every stand-in, raised from either bound, must then stand out.

    Raises
    ------
    ValueError
        If 1.5 times ``sesoi`` is not between 0 and 0.5, the panel is empty, or a number is out of range.
    TypeError
        If the contrast is neither of genes, pairs nor regulators.
    """
    effect = SIGNAL * sesoi
    if not 0.0 < effect < 0.5:
        raise ValueError(f"sesoi is {sesoi!r}; {SIGNAL} times it must lie between 0 and 0.5, the range of AUROC - 0.5")
    if not panel or not 1 <= needed <= replicates:
        raise ValueError(f"{needed!r} of {replicates!r} replicates under {len(panel)} nulls cannot be asked for")
    level = rounded_level(alpha, stopping_for)
    stopping = stopping_for(level)
    share = covariance_class(contrast)
    nulls = tuple(panel)
    key = (design_key(contrast), nulls, share, level, stopping, sesoi, seed, replicates, needed, within)

    def count() -> Detection:
        detected = tried = 0
        for size in (needed, replicates - needed):
            if detected >= needed or detected + replicates - tried < needed:
                break
            root = derive_seed(seed, "planted", str(tried))
            sides = _stand_ins.get(
                (design_key(contrast), share, sesoi, within, size, root),
                partial(_level_ones, contrast, sesoi, share, size, root)
                if within
                else partial(_planted_ones, contrast, effect, share, size, root),
            )
            found = np.ones(size, dtype=bool)
            for stand_ins in sides:
                found = _found(stand_ins, found, nulls, stopping, level, seed)
            detected += int(found.sum())
            tried += size
        return Detection(detected, tried, needed, share, level)

    return detections.get(key, count)


def _planted_ones(contrast: AnyContrast, effect: float, share: float, size: int, seed: int) -> tuple[StandIns, ...]:
    return (StandIns(planted(contrast, effect, share, size, seed)),)


def _level_ones(contrast: AnyContrast, sesoi: float, share: float, size: int, seed: int) -> tuple[StandIns, ...]:
    """Return stand-ins without an effect, raised from either bound."""
    both = [both_raised(stand_in, sesoi) for stand_in in planted(contrast, 0.0, share, size, seed)]
    return tuple(StandIns(side) for side in zip(*both, strict=True))


def _kind(stopping: Stopping) -> EvidenceKind:
    return "e" if stopping.kind == "betting" else "p"


def rounded_level(alpha: float, stopping_for: Callable[[float], Stopping]) -> float:
    """Return the level on the grid, or as it is where the locked draws reach it but not the rounded one."""
    level = floor_125(alpha)
    stopping = stopping_for(level)
    return level if resolves(stopping.b_max, level, _kind(stopping)) else alpha


def _found(
    stand_ins: StandIns, tried: Bools, panel: Sequence[NullName], stopping: Stopping, level: float, seed: int
) -> Bools:
    """Return which of the tried stand-ins beat every null; one that a null stops is not tried under the next."""
    found = tried.copy()
    root = derive_seed(seed, "planted draws")
    for null in panel:
        kept = np.flatnonzero(found)
        if not len(kept):
            break

        def draw(rows: Ints, start: int, count: int, null: NullName = null, kept: Ints = kept) -> Floats:
            return stand_ins.draw(kept[rows], null, root, start, count)

        found[kept] = _reaching(draw, stand_ins.observed[kept], stopping, level)
    return found


def _reaching(draw: _Draw, observed: Floats, stopping: Stopping, level: float) -> Bools:
    """Return which statistics reach the level; those far out are not drawn to the end.

    One that exceeds all of its first draws, and their mean by so many standard deviations that the normal tail is a
    thousandth of the level, reaches it: the tail would have to be a hundred times the normal one to spoil that.
    """
    from scipy.stats import norm

    if not resolves(stopping.b_max, level, _kind(stopping)):
        return np.zeros(len(observed), dtype=bool)
    every = np.arange(len(observed))
    probe = draw(every, 0, min(_PROBE, stopping.b_max))
    far = probe.mean(axis=1) + float(norm.isf(level / _MARGIN)) * probe.std(axis=1)
    reached = np.asarray(~exceeding(probe, observed[:, None]).any(axis=1) & (observed >= far))
    near = every[~reached]
    if len(near):
        reached[near] = reaching_level(
            lambda rows, start, count: draw(near[rows], start, count), observed[near], stopping, level
        )
    return reached
