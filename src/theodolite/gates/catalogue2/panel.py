"""The null panel: sequential Monte-Carlo evidence against every null (G3's numbers), and what it can resolve (G6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.contrasts import AnyContrast, Drawable, Reach
from theodolite.gates.evidence import (
    B_MAX,
    Drawn,
    Stopping,
    draws_for,
    draws_to_reach,
    equivalent_p_level,
    sequential_evidence,
    wealth_at_zero,
)
from theodolite.gates.kernels import derive_seed
from theodolite.gates.shifts import both_raised
from theodolite.gates.stream import harmonic
from theodolite.judgements import GateResult, NullEvidence
from theodolite.plans import EvidenceKind, LevelRule, NullName, Plan

__all__ = [
    "LEAST_MOVED",
    "QUICK_DRAWS",
    "Draws",
    "Prefix",
    "Side",
    "b_max",
    "draw_panel",
    "held",
    "p_level",
    "quick_p",
    "reaches",
    "resolution",
    "sides",
    "stopping",
    "stuck",
]

LEAST_MOVED = 0.2
"""A null whose draws replace a smaller share of the reference is stuck."""
_SPREAD_DRAWS = 500
_CHECKED_DRAWS = 50
QUICK_DRAWS = 999
"""Draws of each null where no verdict needs more."""
_KEPT_DRAWS = 6_400
_BETTING_ROOM = 4
"""Draws of a bettor, as a multiple of what an unbroken run of wins needs: one exceedance then costs no verdict."""


def p_level(kind: EvidenceKind, level: LevelRule, draws: int) -> float:
    """Return the p that a test must reach at its provisional level: power and reach are reckoned with it.

    For p-values it is the level over ``H_t``, which is where the grid calibrator gives the required e. A bettor has no
    such p; the p that makes one exceedance as likely as not by the time that the required wealth is reached is used.
    """
    if kind == "p":
        return level.provisional_alpha / harmonic(level.provisional_t)
    return equivalent_p_level(level.provisional_alpha, draws)


def b_max(kind: EvidenceKind, level: LevelRule) -> int:
    """Return the most draws of each null that a plan locks."""
    if kind == "p":
        return draws_for(level.provisional_alpha / harmonic(level.provisional_t))
    wanted = _BETTING_ROOM * draws_to_reach(1.0 / level.provisional_alpha)
    steps = (step * 10**decade for decade in range(2, 5) for step in (1, 2, 5))
    return next((draws for draws in steps if draws >= wanted), B_MAX)


def stopping(plan: Plan) -> Stopping:
    """Return when the drawing of a plan's nulls ends."""
    if (plan.evidence or "p") == "p":
        return Stopping(kind="besag_clifford", b_max=plan.draws)
    return Stopping(kind="betting", b_max=plan.draws, threshold=1.0 / plan.null_alpha)


def reaches(contrast: AnyContrast, plan: Plan) -> dict[NullName, Reach]:
    """Return how far every null of the plan gets from the labels, without any score."""
    return {null: contrast.reach(null, contrast.seed(null, plan.seed)) for null in plan.null_panel}


def held(contrast: AnyContrast, plan: Plan) -> dict[NullName, bool | None]:
    """Return by null whether its draws kept what it must hold fixed; None where nothing needs a check."""
    return {null: contrast.margins(null, _CHECKED_DRAWS, contrast.seed(null, plan.seed)) for null in plan.null_panel}


def stuck(found: Mapping[NullName, Reach], margins: Mapping[NullName, bool | None]) -> list[str]:
    """Return which nulls do not move or do not keep what they must, in words."""
    defects = [
        f"the null {null} is stuck: its draws replace {100 * far.moved:.0f} % of the reference, "
        f"{100 * LEAST_MOVED:.0f} % are asked for"
        for null, far in found.items()
        if far.moved < LEAST_MOVED
    ]
    return defects + [
        f"the null {null} does not keep the margins that it must keep"
        for null, kept in margins.items()
        if kept is False
    ]


def resolution(plan: Plan, log10_arrangements: float | None = None) -> GateResult:
    """Return G6: zero exceedances in all draws reach the level, and so do the distinct arrangements of labels.

    Without ``log10_arrangements`` (before any measurement) only the draws count.
    """
    kind = plan.evidence or "p"
    alpha = plan.null_alpha
    required = 1.0 / alpha if kind == "e" else harmonic(plan.level.provisional_t) / alpha
    by_draws = wealth_at_zero(plan.draws) if kind == "e" else float(plan.draws + 1)
    by_labels = 10.0 ** min(log10_arrangements, 300.0) if log10_arrangements is not None else float("inf")
    most = min(by_draws, by_labels)
    what = f"{plan.draws:,} draws" if by_draws <= by_labels else f"the {by_labels:,.0f} arrangements of labels"
    return GateResult(
        gate="G6",
        title="resolution",
        number=most,
        threshold=required,
        passed=most >= required,
        sentence=f"With {what} the evidence can reach {most:,.3g}; the level asks for {required:,.3g}.",
    )


@dataclass
class Prefix:
    """The first draws of a null, and the standard deviation of AUROC - 0.5 over some of them."""

    values: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    spread: float | None = None


class Draws:
    """The draws of one null of a contrast, from the first on; what was drawn once is not drawn again.

    Parameters
    ----------
    contrast
        Returns the contrast, if draws are asked for that are not at hand.
    null, seed
        Which null, and the seed of its draws.
    known
        What was drawn before of the same contrast, null and seed; draws are added to it.
    """

    def __init__(self, contrast: Callable[[], Drawable], null: NullName, seed: int, known: Prefix) -> None:
        self.seed = seed
        self._contrast = contrast
        self._null = null
        self._known = known

    def __call__(self, start: int, count: int) -> NDArray[np.float64]:
        """Return draws ``start`` to ``start + count - 1``."""
        if start + count > _KEPT_DRAWS:
            return self._contrast().draw(self._null, count, self.seed, start)
        have = len(self._known.values)
        if start + count > have:
            more = self._contrast().draw(self._null, start + count - have, self.seed, have)
            self._known.values = np.concatenate([self._known.values, more])
        return self._known.values[start : start + count]

    @property
    def spread(self) -> float:
        """Standard deviation of AUROC - 0.5 over the first 500 draws."""
        if self._known.spread is None:
            self._known.spread = float(self._contrast().to_effect(self(0, _SPREAD_DRAWS)).std())
        return self._known.spread


def _evidence(null: NullName, drawn: Drawn, far: Reach, kept: bool | None, draws: Draws) -> NullEvidence:
    return NullEvidence(
        null=null,
        exceedances=drawn.exceedances,
        draws=drawn.draws,
        p=drawn.p,
        seed=draws.seed,
        moved=far.moved,
        log10_arrangements=far.log10_arrangements,
        spread=draws.spread,
        e=drawn.e,
        stopped=drawn.stopped,
        margins=kept,
    )


@dataclass(frozen=True)
class Side:
    """One of the one-sided tests that a claim takes: its observed statistic, and the draws of every null."""

    observed: float
    draws: Mapping[NullName, Draws]


def sides(contrast: AnyContrast, plan: Plan) -> tuple[AnyContrast, ...]:
    """Return in what scores a claim is tested: its own, or for a claim of no effect those raised from either bound.

    All must stand out, each at the full level: what is claimed is the intersection (Berger 1982).
    """
    if plan.hypothesis.claim.relation.of_no_effect:
        return both_raised(contrast, plan.sesoi)
    return (contrast,)


def draw_panel(
    tests: Sequence[Side],
    plan: Plan,
    found: Mapping[NullName, Reach],
    margins: Mapping[NullName, bool | None],
) -> tuple[NullEvidence, ...]:
    """Draw every null of the plan until its evidence is settled; large statistics are evidence.

    A claim must beat every null on every side, and the side that shows least against a null is on record. Once a bettor
    has given up, the others show how they stand in 999 draws at most. The null that costs most is drawn last.
    """
    rule = stopping(plan)
    least: dict[NullName, NullEvidence] = {}
    for null in sorted(plan.null_panel, key=lambda null: null == "curveball"):
        for test in tests:
            drawn = sequential_evidence(test.draws[null], test.observed, rule)
            if drawn.stopped == "futility":
                rule = replace(rule, b_max=min(rule.b_max, QUICK_DRAWS))
            shown = _evidence(null, drawn, found[null], margins[null], test.draws[null])
            if null not in least or _weight(shown) < _weight(least[null]):
                least[null] = shown
    return tuple(least[null] for null in plan.null_panel)


def _weight(evidence: NullEvidence) -> tuple[float, float]:
    """Return what larger is more evidence."""
    return evidence.e or 0.0, -evidence.p


def quick_p(contrast: AnyContrast, plan: Plan, *purpose: str) -> float | None:
    """Return the largest p of panel and sides from at most 999 draws of each null, None if a null is stuck."""
    largest, tests = 0.0, sides(contrast, plan)
    for null in plan.null_panel:
        seed = contrast.seed(null, derive_seed(plan.seed, *purpose))
        if contrast.reach(null, seed).moved < LEAST_MOVED:
            return None
        for side in tests:

            def draw(
                start: int, count: int, side: AnyContrast = side, null: NullName = null, seed: int = seed
            ) -> NDArray[np.float64]:
                return side.draw(null, count, seed, start)

            drawn = sequential_evidence(draw, side.observed(), Stopping(kind="besag_clifford", b_max=QUICK_DRAWS))
            largest = max(largest, drawn.p)
    return largest
