"""G9, G5, G15 and G12: how strongly anchors follow the ruler, beyond what else does, and whether that is ruled out."""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.anchors.margin import donor_correlations
from theodolite.gates.anchors.pairs import pair_spearman
from theodolite.gates.catalogue1.judging import GAIN
from theodolite.gates.catalogue2.stability import LARGEST_VARIATION, LEAST_SEEDS, stability_gate
from theodolite.gates.catalogue_manifold.case import MAIN, AnchorCase
from theodolite.gates.kernels import derive_seed
from theodolite.judgements import Effect, GateResult
from theodolite.measurements import Variant

__all__ = ["UNIT", "UNKNOWN", "Sized"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

UNIT: Final = "Spearman's rho"
UNKNOWN: Final = Effect(estimate=0.0, low=-1.0, high=1.0, unit=UNIT)


def _effect(samples: Floats) -> Effect:
    """Return the full sample's correlation with its percentile interval over donors."""
    low, upper, high = np.nanquantile(samples[1:], [0.025, 0.95, 0.975])
    return Effect(estimate=float(samples[0]), low=float(low), high=float(high), unit=UNIT, upper=float(upper))


class Sized:
    """Pooled correlations over pairs of judged rows, of main and of what it is held against, over the same donors."""

    def __init__(self, case: AnchorCase) -> None:
        self.case = case
        self._seed = derive_seed(case.plan.seed, "bootstrap")

    def _samples(self, *variants: Variant, pairs: Bools | None = None, copies: bool = False) -> list[Floats]:
        rows, distances = self.case.rows, {str(variant): self.case.distance(variant) for variant in variants}
        return donor_correlations(distances, rows.ruler, rows.donor, pairs=pairs, seed=self._seed, copies=copies)

    @cached_property
    def effect(self) -> Effect:
        """Correlation of main over all pairs."""
        return _effect(self._samples(MAIN)[0])

    @cached_property
    def within(self) -> Effect:
        """Correlation of main over pairs of one branch."""
        return _effect(self._samples(MAIN, pairs=self.case.inside)[0])

    @cached_property
    def gains(self) -> dict[Variant, Effect]:
        """Main minus each baseline, paired over donors, as :func:`theodolite.gates.anchors.margin.margins` has it."""
        own, *others = self._samples(MAIN, *self.case.baselines, copies=True)
        return {variant: _effect(own - other) for variant, other in zip(self.case.baselines, others, strict=True)}

    @property
    def strongest(self) -> tuple[Effect, Effect]:
        """Effect of the baseline that follows the ruler best, and main's gain over it."""
        best = min(self.gains, key=lambda variant: self.gains[variant].estimate)
        return _effect(self._samples(best)[0]), self.gains[best]

    def size(self) -> GateResult:
        """Return G9: the correlation is at least the smallest of interest, and its interval is above zero."""
        effect, sesoi = self.effect, self.case.plan.sesoi
        return GateResult(
            gate="G9",
            title="effect size",
            number=effect.estimate,
            threshold=sesoi,
            passed=effect.estimate >= sesoi and effect.low > 0.0,
            sentence=f"Distances between {len(self.case.rows.donor)} anchors are in the ruler's order by "
            f"{effect.estimate:.2f} (Spearman; 95 % interval over donors {effect.low:.2f} to {effect.high:.2f}; "
            f"{sesoi:.2f} is the least that counts).",
        )

    def margin(self) -> GateResult:
        """Return G5: main follows the ruler better than every baseline, beyond donors and by 0.03 or more."""
        gains = self.gains
        nearest = min(gains, key=lambda variant: gains[variant].low)
        least = gains[nearest]
        beaten = [variant for variant, gain in gains.items() if gain.low > 0.0 and gain.estimate >= GAIN]
        unbeaten = [str(variant) for variant in gains if variant not in beaten]
        told = f"; not clear of {', '.join(unbeaten)}" if unbeaten else ""
        return GateResult(
            gate="G5",
            title="baseline margin",
            number=least.low,
            threshold=0.0,
            passed=not unbeaten,
            sentence=f"The model follows the ruler better than {len(beaten)} of {len(gains)} baselines by {GAIN:g} or "
            f"more and beyond donors{told}; nearest is {nearest}, with a gain of {least.estimate:.2f} "
            f"({least.low:.2f} to {least.high:.2f}).",
        )

    def stability(self) -> GateResult:
        """Return G15: anchors from cells drawn anew show the same."""
        rows = self.case.rows
        effects = [pair_spearman(self.case.distance(variant), rows.ruler) or 0.0 for variant in self.case.refits]
        gate = stability_gate(effects)
        varies = "an unknown share" if gate.number is None else f"{100 * gate.number:.0f} %"
        sentence = (
            f"Over {len(effects)} draws of the cells that anchors are made of the correlation is {min(effects):.2f} to "
            f"{max(effects):.2f} and varies by {varies} of its mean; one sign in {LEAST_SEEDS} of {LEAST_SEEDS} and "
            f"{100 * LARGEST_VARIATION:.0f} % are asked for."
        )
        return gate.model_copy(update={"sentence": sentence})

    def equivalence(self, *, sensitive: bool | None) -> GateResult:
        """Return G12: a correlation that counts is ruled out over all pairs or within branches, which a support needs.

        ``sensitive`` says whether the planted order was found (G7+); without that an absence says nothing.
        """
        sesoi = self.case.plan.sesoi
        bounds = {"over all pairs": self.effect, "within branches": self.within}
        where = min(bounds, key=lambda name: _upper(bounds[name]))
        upper = _upper(bounds[where])
        excluded = upper < sesoi
        sentence = (
            f"With 95 % confidence the correlation {where} is below {upper:.2f}, "
            f"{'under' if excluded else 'not under'} the {sesoi:.2f} that would count"
        )
        if excluded and sensitive is not True:
            sentence += ", but no planted order shows that it would have been seen"
        return GateResult(
            gate="G12",
            title="equivalence",
            number=upper,
            threshold=sesoi,
            passed=excluded and sensitive is True,
            sentence=f"{sentence}.",
        )


def _upper(effect: Effect) -> float:
    return effect.high if effect.upper is None else effect.upper
