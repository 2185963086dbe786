"""G5, baseline margin: models that learned nothing of this, and the counts themselves, must do clearly worse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from theodolite.judgements import Effect, GateResult
from theodolite.measurements import Variant, VariantKind

__all__ = ["GAIN", "baseline_margin", "hardest"]

GAIN: Final = 0.03
"""Least gain over the best baseline, in AUROC."""

_WORDS: Final[Mapping[VariantKind, str]] = {
    VariantKind.UNTRAINED: "an untrained model",
    VariantKind.RANDOM_EMBEDDING: "the model with random gene vectors",
    VariantKind.SHUFFLED_INPUT: "the model on shuffled cells",
    VariantKind.COUNTS: "the counts alone, without a model",
}


def hardest(effects: Mapping[Variant, float]) -> Variant:
    """Return the best of the baselines by the size of its effect; either end of an axis will do."""
    return max(sorted(effects), key=lambda variant: abs(effects[variant]))


def baseline_margin(effect: Effect, best: Variant, baseline: Effect, gain: Effect, others: int) -> GateResult:
    """Return G5: over the best baseline, at its own best place, the gain is at least 0.03 and its interval above zero.

    Parameters
    ----------
    effect
        Of the model.
    best, baseline, gain
        The best baseline, its effect, and the paired gain over it.
    others
        Baselines that did less.
    """
    return GateResult(
        gate="G5",
        title="baseline margin",
        number=gain.estimate,
        threshold=GAIN,
        passed=gain.low > 0 and gain.estimate >= GAIN,
        sentence=f"The best of {others + 1} baselines, {_WORDS[best.kind]}, gives "
        f"{100 * (baseline.estimate + 0.5):.0f} % at its own best place where the model gives "
        f"{100 * (effect.estimate + 0.5):.0f} %: a gain of {100 * gain.estimate:.0f} points (95 % interval "
        f"{100 * gain.low:.0f} to {100 * gain.high:.0f}).",
    )
