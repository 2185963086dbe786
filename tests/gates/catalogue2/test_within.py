"""A claim of no effect: what is found, what is ruled out, and what its controls count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from theodolite.agents.lints import record_lints
from theodolite.calibration.plants.items import Item
from theodolite.calibration.plants.record_defects import SIGN_FLIP
from theodolite.claims import Locus, LocusKind, Relation, Verdict
from theodolite.gates import Dossier, Place, baselines_for, judge, margin_for, power_asked, preflight, settle, spends
from theodolite.gates.catalogue2.panel import Draws, Prefix, Side, draw_panel, held, quick_p, reaches, sides
from theodolite.gates.catalogue2.views import view
from theodolite.gates.catalogue2.within import effect_beyond, effect_within
from theodolite.gates.controls import planted_null, planted_positive
from theodolite.gates.controls.replicas import Known
from theodolite.gates.evidence import Stopping, exceedances, monte_carlo_p
from theodolite.gates.kernels import permutations
from theodolite.gates.shifts import raised, turned
from theodolite.judgements import Effect, GateResult
from theodolite.measurements import Coexpression, PairScores, Variant
from theodolite.plans import Plan

MAIN = Variant.parse("main")
STABLE = {"relation": Relation.STABLE_WITH_DEPTH}
SPAN = Locus(kind=LocusKind.SPAN, layer=1, index=(4,))
COUNTS = 1.0
"""Standard deviations of the scores, by which the reference changes notably."""


@pytest.fixture
def stable(plan_for: Callable[..., Plan]) -> Callable[..., Plan]:
    def build(shape: str = "PairScores", **changes: Any) -> Plan:
        fields = {"claim": STABLE, "locus": SPAN, "variants": ("main",), "loci": {}, "minimum_detectable_effect": 0.09}
        return plan_for(shape, **(fields | changes))

    return build


@pytest.fixture
def pairs(pair_dossier: Callable[..., Dossier]) -> Callable[..., Dossier]:
    return lambda signal=0.0, **words: _main_only(pair_dossier(signal, **({"edges": 500} | words)))


@pytest.fixture
def regulons(regulon_dossier: Callable[..., Dossier]) -> Callable[..., Dossier]:
    return lambda signal=0.0, **words: _main_only(regulon_dossier(signal, **({"edges": 600} | words)))


def _main_only(dossier: Dossier) -> Dossier:
    return replace(dossier, measurements={MAIN: dossier.measurements[MAIN]})


def _settled(plan: Plan, dossier: Dossier) -> tuple[Any, Any]:
    judgement = judge(plan, dossier)
    place = Place(t=1 if spends(judgement) else None, supports_before=0)
    return judgement, settle(plan, judgement, place, cap="none", block_reused=False)


def gate(record: Any, name: str) -> GateResult:
    return next(item for item in record.gates if item.gate == name)


WORLDS = [("PairScores", "pairs"), ("BipartiteScores", "regulons")]


@pytest.mark.parametrize(("shape", "fixture"), WORLDS)
def test_no_effect_is_supported_at_the_level_of_the_stream(
    stable: Any, request: pytest.FixtureRequest, shape: str, fixture: str
) -> None:
    judgement, settlement = _settled(stable(shape), request.getfixturevalue(fixture)())
    assert settlement.verdict is Verdict.SUPPORTED, settlement.first_unmet
    assert [item.gate for item in settlement.gates] == [
        "G0", "G1", "G2", "G6", "G12b", "G7-", "G7+", "G3", "G8", "G9", "G12", "G16", "G13",
    ]  # fmt: skip
    assert all(item.sentence.endswith(".") for item in settlement.gates)
    assert judgement.baseline is None and abs(judgement.effect.estimate) < 0.05
    assert len(judgement.evidence) == len(stable(shape).null_panel)
    # What a bettor has beyond the threshold is luck that the proof does not cover.
    most = 1.0 / stable(shape).null_alpha
    assert judgement.e is None or judgement.e == pytest.approx(most) == min(item.e for item in judgement.evidence)


@pytest.mark.parametrize(("shape", "fixture"), WORLDS)
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_change_that_counts_refutes_it_in_either_direction(
    stable: Any, request: pytest.FixtureRequest, shape: str, fixture: str, sign: float
) -> None:
    _, settlement = _settled(stable(shape), request.getfixturevalue(fixture)(sign * COUNTS))
    assert settlement.verdict is Verdict.REFUTED
    assert settlement.next_step.startswith("Closed: it changes by 0.1 or more")
    assert gate(settlement, "G9").passed is False


def test_an_effect_below_zero_is_no_sign_that_was_flipped(stable: Any, plan_for: Any, pairs: Any) -> None:
    dossier = pairs(-0.08)
    plan, judgement = stable(), judge(stable(), dossier)
    assert judgement.effect.estimate < 0 and judgement.p < 0.05
    assert record_lints(plan, judgement, plan.sha256) == ()
    assert {item.code for item in record_lints(plan_for("PairScores"), judgement, "")} >= {"sign_flip"}


def test_no_flipped_sign_is_planted_in_a_record_that_has_none(stable: Any, plan_for: Any, pairs: Any) -> None:
    plan, judgement = stable(), judge(stable(), pairs(0.08))
    assert judgement.effect.estimate > 0 and judgement.p < 0.05
    away = next(form for form in SIGN_FLIP if "points away" in form.what)
    rng = np.random.default_rng(0)
    assert away.make(Item.of(plan, judgement), rng) is None
    assert away.make(Item.of(plan_for("PairScores"), judgement), rng) is not None


def test_a_change_at_the_bound_is_neither(stable: Any, pairs: Any) -> None:
    verdicts = [_settled(stable(), pairs(0.36, seed=seed))[1] for seed in range(2)]
    assert {item.verdict for item in verdicts} <= {Verdict.INCONCLUSIVE, Verdict.REFUTED}
    assert all(gate(item, "G3").passed is False for item in verdicts)


def test_too_few_pairs_to_rule_anything_out_are_no_assay(stable: Any, pairs: Any) -> None:
    _, settlement = _settled(stable(), pairs(edges=40))
    assert settlement.verdict is Verdict.INVALID and settlement.first_unmet == "G7+"
    assert "larger reference" in settlement.next_step and settlement.t is None


def test_what_is_on_record_is_the_side_that_shows_least(stable: Any, pairs: Any) -> None:
    plan, dossier = stable(draws=400), pairs(0.2)
    contrast = view(plan, dossier.measurements[MAIN], dossier.coexpression).main
    tests = [
        Side(side.observed(), {null: Draws(lambda side=side: side, null, 1, Prefix()) for null in plan.null_panel})
        for side in sides(contrast, plan)
    ]
    reach, margins = reaches(contrast, plan), held(contrast, plan)
    both = draw_panel(tests, plan, reach, margins)
    alone = [draw_panel([test], plan, reach, margins) for test in tests]
    assert [item.p for item in both] == [max(one.p for one in null) for null in zip(*alone, strict=True)]
    # It rises a little, so that a rise is what is hard to rule out.
    assert max(item.p for item in alone[0]) < max(item.p for item in alone[1])


def test_a_bettor_needs_both_sides(stable: Any, regulons: Any) -> None:
    judgement = judge(stable("BipartiteScores"), regulons(0.33))
    assert judgement.e == 0.0 and {item.stopped for item in judgement.evidence} & {"futility"}


def test_a_quick_p_is_the_larger_of_both_sides(stable: Any, plan_for: Any, pairs: Any) -> None:
    dossier, plain = pairs(0.2), plan_for("PairScores")
    contrast = view(plain, dossier.measurements[MAIN], dossier.coexpression).main
    each = [quick_p(side, plain) for side in (raised(contrast, 0.1), raised(turned(contrast), 0.1))]
    assert quick_p(contrast, stable()) == max(each)
    assert sides(contrast, plain) == (contrast,)


def test_nothing_stands_beside_it_and_it_names_its_place(stable: Any) -> None:
    assert baselines_for(Relation.STABLE_WITH_DEPTH) == ()
    assert all(item.passed for item in preflight(stable()))
    anywhere = stable(locus=Locus(kind=LocusKind.ANY))
    failed = next(item for item in preflight(anywhere) if item.gate == "G2")
    assert failed.passed is False and "name one, such as the span of all layers" in failed.sentence


def test_the_bound_must_be_in_sight_from_where_nothing_happens(stable: Any) -> None:
    assert margin_for(Relation.STABLE_WITH_DEPTH) == 1.0 < margin_for(Relation.CHANGES_WITH_DEPTH) == margin_for()
    assert 1.0 - 2.0 * (1.0 - power_asked(Relation.STABLE_WITH_DEPTH)) == pytest.approx(power_asked())
    enough, little = stable(minimum_detectable_effect=0.1), stable(minimum_detectable_effect=0.11)
    assert [item.passed for plan in (enough, little) for item in preflight(plan) if item.gate == "G12b"] == [
        True,
        False,
    ]
    assert "Extend the reference by about" in _settled(little, _nothing(little))[1].next_step


def _nothing(plan: Plan) -> Dossier:
    """Return measurements that are not looked at."""
    n = 120
    genes, families = tuple(f"G{i}" for i in range(n)), tuple(f"F{i // 2}" for i in range(n))
    rng = np.random.default_rng(0)

    def symmetric() -> np.ndarray:
        upper = np.triu(rng.uniform(-0.9, 0.9, (n, n)), 1)
        return upper + upper.T

    edges = np.zeros((n, n), dtype=bool)
    edges[:20, 40:60] = True
    names = ("mean_expression", "variance", "dropout")
    score = PairScores(genes, symmetric(), families, names, rng.gamma(2.0, 1.0, (n, 3)), "one", edges=edges | edges.T)
    shared = symmetric()
    return Dossier({MAIN: score}, True, Coexpression(genes, shared, shared, shared, shared))


def effect(estimate: float, low: float, high: float) -> Effect:
    return Effect(estimate=estimate, low=low, high=high, unit="AUROC - 0.5", upper=high)


@pytest.mark.parametrize(
    ("found", "inside", "beyond"),
    [
        (effect(0.01, -0.04, 0.06), True, False),
        (effect(0.05, 0.00, 0.11), False, False),
        (effect(-0.05, -0.11, 0.00), False, False),
        (effect(0.15, 0.09, 0.21), False, False),
        (effect(0.16, 0.11, 0.21), False, True),
        (effect(-0.16, -0.21, -0.11), False, True),
    ],
)
def test_the_whole_interval_lies_between_the_bounds_or_beyond_one(
    stable: Any, found: Effect, inside: bool, beyond: bool
) -> None:
    assert effect_within(stable(), found, 150).passed is inside
    assert effect_beyond(stable(), found, sensitive=True).passed is beyond
    unseen = effect_beyond(stable(), found, sensitive=None)
    assert unseen.passed is False and ("no planted control" in unseen.sentence) is beyond


def _contrast(plan: Plan, dossier: Dossier) -> Known:
    found = view(plan, dossier.measurements[MAIN], dossier.coexpression).main
    assert isinstance(found, Known)
    return found


def test_a_moved_reference_with_a_planted_change_passes_no_more_often_than_the_moved_reference(
    stable: Any, pairs: Any
) -> None:
    contrast = _contrast(stable(), pairs(edges=200))
    null = "family_block_swap"
    for number, image in enumerate(permutations(contrast.schemes[null], 12, 3)):
        back = np.argsort(image)
        between = contrast.family[:, None] != contrast.family[None, :]
        moved = contrast.relabelled(contrast.labels[np.ix_(back, back)] & between)
        for tail in (moved, turned(moved)):
            pool = tail.score[tail.once]
            differences = np.sort(np.subtract.outer(pool[::7], pool[::7]), axis=None)
            just = float(np.quantile(differences, 0.6)) + 0.02
            planted = tail.replaced(tail.score - just * tail.labels)
            of_planted = _p(raised(planted, 0.1), null, number)
            assert of_planted >= _p(tail, null, number)


def _p(contrast: Any, null: Any, seed: int) -> float:
    return monte_carlo_p(exceedances(contrast.draw(null, 99, seed), contrast.observed()), 99)


def test_the_planted_bounds_count_both_tails(stable: Any, pairs: Any) -> None:
    plan, dossier = stable(), pairs()
    judgement = judge(plan, dossier)
    contrast = _contrast(plan, dossier)
    both = [planted_null(tail, panel=plan.null_panel, seed=plan.seed).small for tail in (contrast, turned(contrast))]
    assert gate(judgement, "G7-").number == max(both)
    assert "with an effect of 0.1 they would pass no more often" in gate(judgement, "G7-").sentence


def test_stand_ins_without_an_effect_are_found_to_have_none_where_there_are_enough(stable: Any, pairs: Any) -> None:
    def found(edges: int) -> int:
        contrast = _contrast(stable(), pairs(edges=edges))
        rule = Stopping(kind="besag_clifford", b_max=5_000)
        terms: dict[str, Any] = {"alpha": 0.001, "stopping_for": lambda level: rule, "seed": 2}
        return planted_positive(contrast, sesoi=0.1, panel=stable().null_panel, within=True, **terms).detected

    assert found(500) >= 24 > found(60)
