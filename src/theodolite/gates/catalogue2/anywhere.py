"""A case of a claim about "any" place: its statistic is the largest over a closed list, chosen again in every draw.

*Evidence.* The place that is found is the one that stands out most against the null that explains it best. Under every
null its statistic, in standard deviations of that place, is held against the maximum over all places in each draw
(max-T). One place must so beat all nulls: with a maximum of its own under every null, a place that one null explains
and another place that the other explains would together look like a finding. What is held against the maximum is never
larger than the observed maximum, so p is never smaller, and no bettor richer, than with the maximum itself. Different
places may still have different explanations, each of which can be beaten by chance; so the nulls of the panel share the
level (:func:`shared`).

*Effect.* It is reported at the place found, with bounds that hold for all places together, and an upper bound that the
effect of no place exceeds (:mod:`theodolite.gates.simultaneous`). Every baseline is measured at every place and given
its maximum as the model is. Confounds are those of the place found; what selects on its residual effect is allowed for.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from theodolite.claims import Locus
from theodolite.gates.catalogue2.case import RESAMPLES, Case, remembered
from theodolite.gates.catalogue2.confounds import Allowed
from theodolite.gates.catalogue2.controls import level_key, planted_effect, planted_nothing
from theodolite.gates.catalogue2.halves import halves_gate
from theodolite.gates.catalogue2.inputs import input_defects, largest_tie
from theodolite.gates.catalogue2.panel import LEAST_MOVED, QUICK_DRAWS, Draws, Prefix
from theodolite.gates.catalogue2.views import beside, corrected, view
from theodolite.gates.contrasts import AnyContrast
from theodolite.gates.dossier import Dossier
from theodolite.gates.effects import effect_with_gains
from theodolite.gates.evidence import (
    Moments,
    Stopping,
    maximum_draws,
    null_moments,
    observed_places,
    sequential_evidence,
)
from theodolite.gates.halves import Scored, restricted
from theodolite.gates.kernels import derive_seed
from theodolite.gates.simultaneous import Bounds, effect_somewhere, gain_somewhere, retention_somewhere
from theodolite.judgements import Effect, GateResult, NullEvidence
from theodolite.measurements import BipartiteScores, Coexpression, GeneScores, PairScores, Variant, VariantKind
from theodolite.plans import NullName, Plan

__all__ = ["AnywhereCase", "Maximum", "bounded", "found_place", "quick_p_anywhere", "shared"]

Floats = NDArray[np.float64]

_ROUNDING: Final = 1e-12
_MAIN: Final = Variant(VariantKind.MAIN)


class Maximum:
    """The maximum over places under one null, counted from where one of the places stands: 0 is a tie with it.

    Parameters
    ----------
    contrasts
        One a place.
    moments
        Their first-stage moments under the null.
    place
        Index of the place that the draws are held against.
    """

    def __init__(self, contrasts: list[AnyContrast], moments: Moments, place: int) -> None:
        self._contrasts = contrasts
        self._moments = moments
        self._place = place
        self._stands = float(observed_places(contrasts, moments)[place])

    def draw(self, null: NullName, draws: int, seed: int, start: int = 0) -> Floats:
        """Return how far the maximum of each draw is above the observed statistic of the place."""
        return maximum_draws(self._contrasts, null, draws, seed, self._moments, start) - self._stands

    def to_effect(self, rank_sum: Floats) -> Floats:
        """Turn such distances into AUROC - 0.5 at the place."""
        standing = (rank_sum + self._stands) * self._moments.spread[self._place] + self._moments.mean[self._place]
        return self._contrasts[self._place].to_effect(standing)


def found_place(standing: Floats) -> int:
    """Return the place, of k, that stands out most against its hardest null; ``standing`` has shape (nulls, k)."""
    return int(standing.min(axis=0).argmax())


def bounded(evidence: tuple[NullEvidence, ...], plan: Plan) -> tuple[NullEvidence, ...]:
    """Return evidence whose wealth ends at the threshold at which its bettor stops.

    The statistic that the proof is about, the observed maximum or that of a reference raised no less, would have made
    the bettor rich no later than what is drawn against did. What either has above the threshold is luck of the last
    bet, and could differ in favour of the latter; so it does not count.
    """
    most = (1.0 + _ROUNDING) / plan.null_alpha
    return tuple(item if item.e is None or item.e <= most else item.model_copy(update={"e": most}) for item in evidence)


def shared(plan: Plan, p: float, e: float | None) -> tuple[float, float | None]:
    """Return the panel's p and e with the level shared among its nulls.

    Let every place have a null that is true there, not all the same. On the event that null j is true at the place
    found, p is at least that of the maximum over the places at which j is true, and e at most that of it. Summed over
    the nulls: P(p <= u) is at most u times their number, and the mean of e at most their number.
    """
    return min(1.0, plan.explanations * p), None if e is None else e / plan.explanations


def _counted(maximum: Maximum, null: NullName, seed: int) -> Draws:
    return Draws(lambda: maximum, null, seed, Prefix())


def quick_p_anywhere(contrasts: list[AnyContrast], place: int, plan: Plan, *purpose: str) -> float | None:
    """Return the p of a place against the maximum over all, the nulls sharing the level; None if a null is stuck.

    At most 999 draws of each null, as :func:`~theodolite.gates.catalogue2.panel.quick_p` of one place.
    """
    largest = 0.0
    for null in plan.null_panel:
        seed = contrasts[0].seed(null, derive_seed(plan.seed, *purpose))
        if contrasts[0].reach(null, seed).moved < LEAST_MOVED:
            return None
        draws = _counted(Maximum(contrasts, null_moments(contrasts, null, seed), place), null, seed)
        rule = Stopping(kind="besag_clifford", b_max=QUICK_DRAWS)
        largest = max(largest, sequential_evidence(draws, 0.0, rule).p)
    return shared(plan, largest, None)[0]


class AnywhereCase(Case):
    """What the gates find in the measurements of a claim about "any" place.

    Parameters
    ----------
    plan, dossier
        As for a case, with every variant of the plan at every place of its list.
    """

    def __init__(self, plan: Plan, dossier: Dossier) -> None:
        assert plan.places is not None
        variants = [Variant.parse(text) for text in plan.variants]
        places = [{variant: measured[variant] for variant in variants} for measured in dossier.places]
        super().__init__(plan, replace(dossier, measurements=places[0]))
        self._listed = [place.locus for place in plan.places.listed]
        self._places = places
        read = {
            f"{variant}@{index}": measurement.sha256
            for index, measured in enumerate(places)
            for variant, measurement in measured.items()
        }
        self._found = remembered(plan, read, dossier.coexpression)

    @property
    def defects(self) -> list[str]:
        """What is wrong with the input at any place, in words, before any null is asked."""
        return list(self._once("defects", lambda: [*self._coexpression_defects(), *self._defects_of_places()]))

    def _defects_of_places(self) -> list[str]:
        defects = []
        for locus, measured in zip(self._listed, self._places, strict=True):
            defects += [f"at {locus}: {defect}" for defect in input_defects(self.plan, measured)]
            if not defects and _units(_scored(measured[_MAIN])) != _units(self._main):
                defects.append(f"at {locus}: other genes or families than at {self._listed[0]}")
        return defects

    def _mains(self) -> list[Scored]:
        return [_scored(measured[_MAIN]) for measured in self._places]

    @cached_property
    def _contrasts(self) -> list[AnyContrast]:
        """The claim at each place; labels, families and nulls are those of the first."""
        first = self._seen.main
        rest = self._mains()[1:]
        return [first, *(beside(self.plan, first, main, self._coexpression) for main in rest)]

    def _moments(self, null: NullName) -> Moments:
        seed = self._seen.main.seed(null, self.plan.seed)
        return self._once(("moments", null), lambda: null_moments(self._contrasts, null, seed))

    @property
    def _place(self) -> int:
        return self._once("place", self._find)

    def _find(self) -> int:
        panel = self.plan.null_panel
        return found_place(np.stack([observed_places(self._contrasts, self._moments(null)) for null in panel]))

    @property
    def place(self) -> Locus:
        """The place that was found."""
        return self._listed[self._place]

    def controls(self) -> list[GateResult]:
        """Return both planted controls, through the maximum over places."""
        return [
            self._once("planted null", lambda: planted_nothing(self.plan, *self._contrasts)),
            self._once(level_key(self.plan), lambda: planted_effect(self.plan, *self._contrasts)),
        ]

    @property
    def observed(self) -> float:
        """0: draws are counted from where the place found stands."""
        return 0.0

    def _draws(self, null: NullName) -> Draws:
        seed = self._seen.main.seed(null, self.plan.seed)
        return Draws(
            lambda: Maximum(self._contrasts, self._moments(null), self._place),
            null,
            seed,
            self._once(("draws", null), Prefix),
        )

    @property
    def evidence(self) -> tuple[NullEvidence, ...]:
        """What the draws of every null show of the place found, no more than the maximum would."""
        return bounded(super().evidence, self.plan)

    @property
    def _bounds(self) -> tuple[Effect, Bounds]:
        return self._once(
            "bounds",
            lambda: effect_somewhere([item.items for item in self._contrasts], self._place, self._seed, RESAMPLES),
        )

    def _bounded_effect(self) -> Effect:
        return self._bounds[0]

    def _compare(self) -> tuple[Variant, Effect, Effect] | None:
        others = [
            (variant, beside(self.plan, self._seen.main, measured[variant], self._coexpression).items)
            for measured in self._places
            for variant in sorted(measured)
            if variant.baseline
        ]
        if not others:
            return None
        own = [item.items for item in self._contrasts]
        gained = gain_somewhere(own, self._place, [items for _, items in others], self._seed, RESAMPLES)
        return others[gained.hardest][0], gained.baseline, gained.gain

    @cached_property
    def _raw(self) -> AnyContrast:
        return view(self.plan, self._mains()[self._place], self._coexpression).raw

    @property
    def raw(self) -> Effect:
        """The effect at the place found before what the claim holds fixed is taken out."""
        return self._once("raw", lambda: effect_with_gains(self._raw.items, (), self._seed, RESAMPLES)[0])

    def _retain(self) -> Effect:
        residual = self._contrasts[self._place].items
        return retention_somewhere(self._raw.items, residual, self._bounds[1], self._place, self._seed, RESAMPLES)

    def _allow(self) -> Allowed | None:
        if self._coexpression is None:
            return None
        without = [corrected(self.plan, main, self._seen, self._coexpression) for main in self._mains()]
        here = without[self._place]
        p = quick_p_anywhere(without, self._place, self.plan, "measurement error")
        return Allowed(float(here.to_effect(np.array([here.observed()]))[0]), 1.0 if p is None else p)

    @property
    def halves(self) -> GateResult:
        """The claim at the place found in two family-disjoint halves, against the maximum over places in each (G10)."""
        return self._once("halves", lambda: halves_gate(self.plan, self._main, self._coexpression, self._tested_half))

    def _tested_half(
        self, plan: Plan, half: Scored, coexpression: Coexpression | None, number: int
    ) -> tuple[float, float] | None:
        families = frozenset(_families(half))
        first, *rest = (restricted(main, families) for main in self._mains())
        seen = view(plan, first, coexpression).main
        contrasts = [seen, *(beside(plan, seen, main, coexpression) for main in rest)]
        p = quick_p_anywhere(contrasts, self._place, plan, "half", str(number))
        here = contrasts[self._place]
        return None if p is None else (float(here.to_effect(np.array([here.observed()]))[0]), p)

    @property
    def largest_tie(self) -> float:
        """The largest share of candidates with one and the same score, over all measurements at all places."""
        return self._once("largest tie", lambda: max(largest_tie(measured) for measured in self._places))


def _scored(measurement: object) -> Scored:
    assert isinstance(measurement, (GeneScores, PairScores, BipartiteScores))
    return measurement


def _units(measurement: Scored) -> tuple[tuple[str, ...], ...]:
    if isinstance(measurement, BipartiteScores):
        return (
            measurement.regulators, measurement.targets, measurement.regulator_families, measurement.target_families,
        )  # fmt: skip
    return measurement.genes, measurement.families


def _families(measurement: Scored) -> set[str]:
    if isinstance(measurement, BipartiteScores):
        return {*measurement.regulator_families, *measurement.target_families}
    return set(measurement.families)
