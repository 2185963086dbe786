"""A case: what the gates find in a plan's measurements that does not depend on the level.

Claims are often tested again at another level: in a study of proposers, or when a campaign is replayed. What was found
of the same plan, measurements and co-expression before is remembered by content, and equals what would be found anew.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cached_property
from typing import Any, Final, TypeVar, cast

import numpy as np

from theodolite.canonical import digest
from theodolite.claims import Covariate, Locus
from theodolite.gates.ablation import Ablation
from theodolite.gates.catalogue2.baselines import hardest
from theodolite.gates.catalogue2.confounds import Allowed
from theodolite.gates.catalogue2.controls import level_key, planted_effect, planted_nothing
from theodolite.gates.catalogue2.effect import effect_size, equivalence
from theodolite.gates.catalogue2.halves import halves_gate
from theodolite.gates.catalogue2.inputs import genes_of, input_defects, largest_tie
from theodolite.gates.catalogue2.panel import Draws, Prefix, Side, draw_panel, held, quick_p, reaches
from theodolite.gates.catalogue2.views import View, beside, corrected, view
from theodolite.gates.confounds import retention
from theodolite.gates.contrasts import AnyContrast, Reach
from theodolite.gates.dossier import Dossier
from theodolite.gates.effects import effect_with_gains
from theodolite.gates.kernels import derive_seed
from theodolite.gates.memo import Memo
from theodolite.judgements import Effect, GateResult, NullEvidence
from theodolite.measurements import (
    BipartiteScores,
    Coexpression,
    GeneScores,
    Measurement,
    PairScores,
    Variant,
    VariantKind,
)
from theodolite.plans import NullName, Plan

__all__ = ["RESAMPLES", "Case", "remembered"]

RESAMPLES: Final = 1_000
"""Bootstrap resamples of families for the intervals of this catalogue."""

Found = TypeVar("Found")

_MAIN: Final = Variant(VariantKind.MAIN)
_OF_THE_LEVEL: Final = {"campaign", "round", "slot", "level", "draws", "minimum_detectable_effect"}
_OF_THE_PROPOSER: Final = {"rationale", "parents", "author"}

_known: Memo[dict[Hashable, Any]] = Memo(512)


def remembered(plan: Plan, read: dict[str, str], beside: Measurement | None) -> dict[Hashable, Any]:
    """Return what was found before of a plan, measurements by name and co-expression, whatever the level."""
    stands = plan.model_dump(mode="json", exclude=_OF_THE_LEVEL | {"hypothesis"})
    claimed = plan.hypothesis.model_dump(mode="json", exclude=_OF_THE_PROPOSER)
    coexpression = None if beside is None else beside.sha256
    return _known.get(digest([stands, claimed, read, coexpression]), dict)


class Case:
    """A plan and its dossier; every property is worked out when it is first asked for.

    Parameters
    ----------
    plan, dossier
        As for :func:`~theodolite.gates.catalogue2.judging.judge`, with every variant of the plan.
    """

    def __init__(self, plan: Plan, dossier: Dossier) -> None:
        self.plan = plan
        self._used = {variant: dossier.measurements[variant] for variant in map(Variant.parse, plan.variants)}
        main = self._used[_MAIN]
        assert isinstance(main, (GeneScores, PairScores, BipartiteScores))
        self._main = main
        self._beside = dossier.coexpression
        read = {str(variant): measurement.sha256 for variant, measurement in self._used.items()}
        self._found = remembered(plan, read, self._beside)

    @property
    def place(self) -> Locus | None:
        """The place that was found, where the claim leaves it open."""
        return None

    def _once(self, name: Hashable, find: Callable[[], Found]) -> Found:
        if name not in self._found:
            self._found[name] = find()
        return cast(Found, self._found[name])

    @cached_property
    def _coexpression(self) -> Coexpression | None:
        named = self.plan.coexpression_sha256 is not None
        return self._beside if named and isinstance(self._beside, Coexpression) else None

    @cached_property
    def _seen(self) -> View:
        return view(self.plan, self._main, self._coexpression)

    @property
    def defects(self) -> list[str]:
        """What is wrong with the input, in words, before any null is asked."""
        return list(self._once("defects", lambda: self._coexpression_defects() + input_defects(self.plan, self._used)))

    def _coexpression_defects(self) -> list[str]:
        plan = self.plan
        if plan.coexpression_sha256 is None:
            wanted = Covariate.CO_EXPRESSION in plan.hypothesis.claim.adjustment
            if wanted or "coexpression_strata" in plan.null_panel:
                return ["the test needs co-expression, and the plan names none"]
            return []
        if self._coexpression is None:
            return ["the co-expression that the plan names is not at hand"]
        absent = sorted(genes_of(self._main) - set(self._coexpression.genes))
        return [f"there is no co-expression of {', '.join(absent[:3])}"] if absent else []

    @property
    def size(self) -> int:
        """Genes or pairs of the reference."""
        return self._once("size", lambda: self._seen.main.size)

    @property
    def candidates(self) -> int:
        """Genes or pairs that were ranked."""
        return self._once("candidates", lambda: self._seen.main.candidates)

    @property
    def reach(self) -> dict[NullName, Reach]:
        """How far every null gets from the labels."""
        return self._once("reach", lambda: reaches(self._seen.main, self.plan))

    @property
    def margins(self) -> dict[NullName, bool | None]:
        """Whether the draws of every null kept what they must hold fixed."""
        return self._once("margins", lambda: held(self._seen.main, self.plan))

    def controls(self) -> list[GateResult]:
        """Return both planted controls, on scores that say nothing of the claim."""
        return [
            self._once("planted null", lambda: planted_nothing(self.plan, self._seen.main)),
            self._once(level_key(self.plan), lambda: planted_effect(self.plan, self._seen.main)),
        ]

    @property
    def observed(self) -> float:
        """The observed statistic."""
        return self._once("observed", lambda: self._seen.main.observed())

    @property
    def draws(self) -> dict[NullName, Draws]:
        """The draws of every null."""
        return {null: self._draws(null) for null in self.plan.null_panel}

    def _draws(self, null: NullName) -> Draws:
        return self._drawn(lambda: self._seen.main, null, ("draws", null))

    def _drawn(self, contrast: Callable[[], AnyContrast], null: NullName, name: Hashable) -> Draws:
        seed = self._once(("seed", null), lambda: self._seen.main.seed(null, self.plan.seed))
        return Draws(contrast, null, seed, self._once(name, Prefix))

    @property
    def evidence(self) -> tuple[NullEvidence, ...]:
        """What the draws of every null show, as far as the level asks for it."""
        return draw_panel(self._tests, self.plan, self.reach, self.margins)

    @property
    def _tests(self) -> list[Side]:
        return [Side(self.observed, self.draws)]

    def sized(self, *, sensitive: bool | None) -> list[GateResult]:
        """Return what the effect is (G9) and what it is not (G12); ``sensitive``: whether G7+ passed."""
        return [
            effect_size(self.plan, self.effect, self.size, self.place),
            equivalence(self.plan, self.effect, sensitive=sensitive),
        ]

    @property
    def _seed(self) -> int:
        return derive_seed(self.plan.seed, "bootstrap")

    @property
    def effect(self) -> Effect:
        """The effect, with its interval and upper bound."""
        return self._once("effect", self._bounded_effect)

    def _bounded_effect(self) -> Effect:
        return effect_with_gains(self._seen.main.items, [], self._seed, RESAMPLES, bounded=True)[0]

    @property
    def compared(self) -> tuple[Variant, Effect, Effect] | None:
        """The hardest baseline, its effect, and the gain over it; None where the plan has no baseline."""
        return self._once("compared", self._compare)

    def _compare(self) -> tuple[Variant, Effect, Effect] | None:
        others = {
            variant: beside(self.plan, self._seen.main, measurement, self._coexpression)
            for variant, measurement in sorted(self._used.items())
            if variant.baseline
        }
        if not others:
            return None
        best = hardest({variant: _estimate(contrast) for variant, contrast in others.items()})
        gains = effect_with_gains(self._seen.main.items, [others[best].items], self._seed, RESAMPLES)[1]
        return best, *gains[0]

    @property
    def refitted(self) -> list[float]:
        """The effect with what was fitted from each seed, the model's own first; empty where nothing is fitted anew."""
        return self._once("refitted", self._refit)

    def _refit(self) -> list[float]:
        others = [
            beside(self.plan, self._seen.main, measurement, self._coexpression)
            for variant, measurement in sorted(self._used.items())
            if variant.kind is VariantKind.REFITTED
        ]
        return [_estimate(contrast) for contrast in (self._seen.main, *others)] if others else []

    @property
    def raw(self) -> Effect:
        """The effect before what the claim holds fixed is taken out."""
        return self._once("raw", lambda: effect_with_gains(self._seen.raw.items, (), self._seed, RESAMPLES)[0])

    @property
    def confounded(self) -> bool:
        """Whether the claim holds anything fixed, and that safeguard is on."""
        return bool(self.plan.hypothesis.claim.adjustment) and self.plan.ablation != Ablation.NO_CONFOUND_GATE

    @property
    def retained(self) -> Effect:
        """The effect as a share of the raw one."""
        return self._once("retained", self._retain)

    def _retain(self) -> Effect:
        return retention(self._seen.raw.items, self._seen.main.items, self._seed, RESAMPLES)

    @property
    def allowed(self) -> Allowed | None:
        """The effect when the error in measured co-expression is allowed for; None where that is not held fixed."""
        return self._once("allowed", self._allow)

    def _allow(self) -> Allowed | None:
        if self._coexpression is None:
            return None
        contrast = corrected(self.plan, self._main, self._seen, self._coexpression)
        p = quick_p(contrast, self.plan, "measurement error")
        return Allowed(_estimate(contrast), 1.0 if p is None else p)

    @property
    def halves(self) -> GateResult:
        """The claim in two family-disjoint halves of its block (G10)."""
        return self._once("halves", lambda: halves_gate(self.plan, self._main, self._coexpression))

    @property
    def largest_tie(self) -> float:
        """The largest share of candidates that have one and the same score, over all measurements."""
        return self._once("largest tie", lambda: largest_tie(self._used))


def _estimate(contrast: AnyContrast) -> float:
    return float(contrast.to_effect(np.array([contrast.observed()]))[0])
