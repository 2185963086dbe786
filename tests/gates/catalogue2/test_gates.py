"""Gates of catalogue 2 that are pure functions of a few numbers."""

from __future__ import annotations

import numpy as np
import pytest

from theodolite.gates.catalogue2.causal import causal_gate
from theodolite.gates.catalogue2.confounds import Allowed, confound_residual
from theodolite.gates.catalogue2.discipline import identity_gate
from theodolite.gates.catalogue2.scope import scope_gate
from theodolite.gates.catalogue2.stability import stability_gate
from theodolite.judgements import Effect
from theodolite.measurements import UnitEffects


def effect(estimate: float, low: float | None = None, high: float | None = None, unit: str = "AUROC - 0.5") -> Effect:
    return Effect(
        estimate=estimate,
        low=estimate - 0.05 if low is None else low,
        high=estimate + 0.05 if high is None else high,
        unit=unit,
    )


def units(mean: float, draws: int = 999, spread: float = 0.02, n: int = 20) -> UnitEffects:
    rng = np.random.default_rng(0)
    return UnitEffects(
        tuple(f"u{index}" for index in range(n)),
        rng.normal(mean, 0.01, n),
        rng.normal(0.0, spread, (n, draws)),
        "relative change",
    )


def test_an_intervention_beyond_matched_directions_is_causal():
    found = causal_gate(units(0.3), alpha=0.01, doses=(0.1, 0.2, 0.3))
    assert found.passed and found.number == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize(
    ("effects", "options", "said"),
    [
        (units(0.05), {}, "below 10 %"),
        (units(0.3, draws=99), {}, "only 99 matched directions"),
        (units(0.3, spread=3.0), {}, "as much"),
        (units(0.3), {"doses": (0.3, 0.2)}, "a larger dose does less"),
        (units(0.3), {"off_target": np.full(20, 0.3)}, "should not move"),
    ],
)
def test_a_causal_claim_fails_by_name(effects, options, said):
    found = causal_gate(effects, alpha=0.01, **options)
    assert found.passed is False and said in found.sentence


@pytest.mark.parametrize(
    ("effects", "passed"),
    [
        ((0.2, 0.25, 0.22, 0.19, 0.21), True),
        ((0.2, 0.25, 0.22, 0.19), False),
        ((0.2, 0.25, -0.1, 0.19, 0.21), False),
        ((0.01, 0.5, 0.02, 0.4, 0.03), False),
        ((), False),
    ],
)
def test_stability_asks_for_five_seeds_of_one_sign(effects, passed):
    assert stability_gate(effects).passed is passed


def test_scope_is_the_weakest_of_the_models():
    assert scope_gate([400.0, 25.0], [effect(0.2), effect(0.15)]).passed is True
    assert scope_gate([400.0, 12.0], [effect(0.2), effect(0.15)]).passed is False
    assert scope_gate([400.0, 25.0], [effect(0.2), effect(0.02)]).passed is False
    assert scope_gate([400.0], [effect(0.2)]).passed is None
    with pytest.raises(ValueError, match="one of each"):
        scope_gate([400.0], [])


def test_confounds_leave_half_and_enough(plan_for):
    plan = plan_for("PairScores")
    share = effect(0.8, unit="share")
    assert confound_residual(plan, effect(0.25), effect(0.2), share, Allowed(0.15, 0.001)).passed
    small = confound_residual(plan, effect(0.25), effect(0.05), effect(0.2, unit="share"), Allowed(0.05, 0.001))
    assert small.passed is False and "20 %" in small.sentence
    noisy = confound_residual(plan, effect(0.25), effect(0.15), share, Allowed(0.04, 0.001))
    assert noisy.passed is False and "error in measured co-expression" in noisy.sentence
    assert confound_residual(plan, effect(0.25), effect(0.15), share, Allowed(0.14, 0.2)).passed is False


def test_identity_counts_what_stands_in_the_way():
    assert identity_gate(0).passed
    assert identity_gate(2).passed is False and identity_gate(2).number == 2
