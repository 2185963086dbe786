from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from theodolite.claims import Tag, Verdict
from theodolite.gates import HARD_GATES, Place, judge, settle, settle_failure
from theodolite.gates.stream import e_lond_level, grid_calibrated_e
from theodolite.judgements import Judgement, NullEvidence
from theodolite.plans import LevelRule


@pytest.fixture
def judged(plan_for, gene_dossier):
    plan = plan_for()
    return plan, judge(plan, gene_dossier(1.6))


def with_p(judgement: Judgement, p: float) -> Judgement:
    evidence = tuple(NullEvidence.model_validate(item.model_dump() | {"p": p}) for item in judgement.evidence)
    return judgement.model_copy(update={"p": p, "evidence": evidence})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(t=st.integers(1, 60), p=st.floats(1e-6, 1.0), data=st.data())
def test_the_calibrated_p_passes_exactly_where_r_lond_would(judged, t, p, data):
    plan, judgement = judged
    supports = data.draw(st.integers(0, t - 1))
    settlement = settle(
        plan, with_p(judgement, p), Place(t=t, supports_before=supports), cap="none", block_reused=False
    )
    level = e_lond_level(t, supports, plan.level.q, plan.level.n_max)
    passed = next(gate.passed for gate in settlement.gates if gate.gate == "G8")
    assert passed is (settlement.e >= 1.0 / level.alpha)
    assert settlement.e == grid_calibrated_e(p, t, plan.level.q, plan.level.n_max)
    if abs(p - level.alpha / level.harmonic) > 1e-12:
        assert passed is (p <= level.alpha / level.harmonic)


@pytest.mark.parametrize("cap", ["none", "inconclusive", "invalid"])
@pytest.mark.parametrize("supports", [0, 3])
def test_no_cap_raises_a_verdict(judged, cap, supports):
    plan, judgement = judged
    place = Place(t=5, supports_before=supports)
    free = settle(plan, judgement, place, cap="none", block_reused=False)
    bound = settle(plan, judgement, place, cap=cap, block_reused=False)
    assert bound.verdict.rank <= free.verdict.rank
    assert bound.machine_verdict is free.verdict


@pytest.mark.parametrize("name", HARD_GATES)
def test_a_hard_gate_that_fails_is_never_supported(judged, name):
    plan, judgement = judged
    gates = [gate.model_copy(update={"passed": False}) if gate.gate == name else gate for gate in judgement.gates]
    changed = judgement.model_copy(update={"gates": tuple(gates)})
    if name in ("G3", "G8"):
        changed = with_p(judgement, 1.0)
    elif name not in {gate.gate for gate in judgement.gates}:
        pytest.skip(f"{name} does not apply to sets")
    settlement = settle(plan, changed, Place(t=1, supports_before=0), cap="none", block_reused=False)
    assert settlement.verdict is not Verdict.SUPPORTED


def test_economy_asks_for_more_and_says_so(judged):
    plan, judgement = judged
    level = LevelRule.model_validate(plan.level.model_dump() | {"supports_per_block": 2})
    economy = plan.model_copy(update={"level": level})
    place = Place(t=4, supports_before=1, block_tests=4, block_supports=1)
    strict = settle(plan, judgement, place, cap="none", block_reused=False)
    dear = settle(economy, judgement, place, cap="none", block_reused=False)
    assert strict.multiplier is None
    assert dear.multiplier == 9.0, "(2 + 1) * C(3, 1)"
    required = {s: next(g.threshold for g in s.gates if g.gate == "G8") for s in (strict, dear)}
    assert required[dear] == pytest.approx(9.0 * required[strict])


def test_what_qualifies_a_support_is_in_its_tags(judged):
    plan, judgement = judged
    these = plan.model_copy(update={"shared_cell_units": 700})
    settlement = settle(these, judgement, Place(t=1, supports_before=0), cap="none", block_reused=True)
    assert {Tag.THESE_CELLS, Tag.REUSED_HOLD_OUT} <= set(settlement.tags)


def test_an_index_belongs_to_exactly_the_tests_that_spent(judged):
    plan, judgement = judged
    with pytest.raises(ValueError, match="exactly the tests"):
        settle(plan, judgement, Place(t=None, supports_before=0), cap="none", block_reused=False)
    crashed = settle_failure(plan, Place(t=2, supports_before=0))
    assert crashed.verdict is Verdict.ERROR and crashed.alpha == e_lond_level(2, 0, 0.10, 200).alpha
    assert settle_failure(plan, Place(t=None, supports_before=0)).alpha is None
