"""G15, stability: the effect does not hang on one training seed or one dictionary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from theodolite.judgements import GateResult

__all__ = ["LARGEST_VARIATION", "LEAST_SEEDS", "stability_gate"]

LEAST_SEEDS: Final = 5
LARGEST_VARIATION: Final = 0.5
"""Largest standard deviation over seeds, as a share of the mean effect."""


def stability_gate(effects: Sequence[float]) -> GateResult:
    """Return G15 from the effects of the same claim over training seeds or bootstrap dictionaries.

    Passes with at least five, all of one sign, and a coefficient of variation of at most 0.5.
    """
    values = np.asarray(effects, dtype=np.float64)
    mean = float(values.mean()) if len(values) else 0.0
    variation = float(values.std(ddof=1) / abs(mean)) if len(values) > 1 and mean != 0 else float("inf")
    agree = int((np.sign(values) == np.sign(mean)).sum())
    passed = len(values) >= LEAST_SEEDS and agree == len(values) and variation <= LARGEST_VARIATION
    return GateResult(
        gate="G15",
        title="stability",
        number=variation if np.isfinite(variation) else None,
        threshold=LARGEST_VARIATION,
        passed=passed,
        sentence=f"Over {len(values)} seeds the effect keeps its sign in {agree} and varies by "
        f"{'an unknown share' if not np.isfinite(variation) else f'{100 * variation:.0f} %'} of its mean; "
        f"{LEAST_SEEDS} of {LEAST_SEEDS} and {100 * LARGEST_VARIATION:.0f} % are asked for.",
    )
