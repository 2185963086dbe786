"""G14, causal: the intervention does more than directions of equal size, more at a larger dose, and on target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.evidence import exceedances, monte_carlo_p
from theodolite.judgements import GateResult
from theodolite.measurements import UnitEffects

__all__ = ["LEAST_DIRECTIONS", "LEAST_RELATIVE_EFFECT", "causal_gate"]

LEAST_DIRECTIONS: Final = 999
"""Matched directions that an intervention is compared with."""
LEAST_RELATIVE_EFFECT: Final = 0.10
"""Least change, as a share of the unablated value."""


def causal_gate(
    effects: UnitEffects, alpha: float, *, doses: Sequence[float] = (), off_target: NDArray[np.float64] | None = None
) -> GateResult:
    """Return G14 for a claim that the model uses a direction or a component.

    Parameters
    ----------
    effects
        Relative effect of each unit (n,) and those of random and norm-matched directions (n, draws).
    alpha
        Level that the p over matched directions must meet.
    doses
        Mean effects at rising doses; where given they must rise.
    off_target
        Effects (n,) of the same intervention on a read-out that it should not move; where given its mean must be at
        most half of the effect.

    Returns
    -------
    GateResult
        The number is the mean relative effect. A failure words the claim down to "encodes", which is another key.
    """
    mean = float(effects.effect.mean())
    matched = effects.control.mean(axis=0)
    p = monte_carlo_p(exceedances(matched, mean), len(matched))
    defects = []
    if len(matched) < LEAST_DIRECTIONS:
        defects.append(f"only {len(matched)} matched directions, {LEAST_DIRECTIONS} are asked for")
    if mean < LEAST_RELATIVE_EFFECT:
        defects.append(f"the effect is {100 * mean:.0f} %, below {100 * LEAST_RELATIVE_EFFECT:.0f} %")
    if p > alpha:
        defects.append(f"directions of equal size do as much (p = {p:.2g})")
    if any(later < earlier for earlier, later in zip(doses[:-1], doses[1:], strict=True)):
        defects.append("a larger dose does less")
    if off_target is not None and abs(float(off_target.mean())) > 0.5 * mean:
        defects.append("a read-out that it should not move moves too")
    return GateResult(
        gate="G14",
        title="causal",
        number=mean,
        threshold=LEAST_RELATIVE_EFFECT,
        passed=not defects,
        sentence=f"The model encodes this, but its use is not shown: {'; '.join(defects)}."
        if defects
        else f"The intervention changes the read-out by {100 * mean:.0f} %, more than {len(matched):,} directions of "
        f"equal size (p = {p:.2g}).",
    )
