from __future__ import annotations

import pytest

from theodolite.claims import Tag, Verdict
from theodolite.gates import StreamExhausted, settle_level
from theodolite.gates.catalogue1 import judge, settle, settle_failure
from theodolite.gates.catalogue1.judging import GATE_ORDER


@pytest.fixture
def settled(make_plan, gene_world):
    def run(signal: float = 1.5, *, cap="none", block_reused=False, t=1, supports_before=0, world=None, **changes):
        plan = make_plan(**changes)
        judgement = judge(plan, world or gene_world(signal), provenance_ok=True)
        return settle(plan, judgement, t=t, supports_before=supports_before, cap=cap, block_reused=block_reused)

    return run


def test_planted_is_supported(settled, make_plan, pair_world):
    settlement = settled()
    assert settlement.verdict is settlement.machine_verdict is Verdict.SUPPORTED
    assert settlement.first_unmet is None
    assert tuple(gate.gate for gate in settlement.gates) == GATE_ORDER
    assert Tag.ONE_BLOCK in settlement.tags, "independent halves are not part of catalogue 1"
    plan = make_plan("PairScores")
    pairs = settle(
        plan,
        judge(plan, pair_world(1.0), provenance_ok=True),
        t=1,
        supports_before=0,
        cap="none",
        block_reused=False,
    )
    assert pairs.verdict is Verdict.SUPPORTED


@pytest.mark.parametrize("seed", range(20))
def test_null_is_never_supported(settled, gene_world, seed):
    settlement = settled(world=gene_world(0.0, seed=seed))
    assert settlement.verdict is Verdict.INCONCLUSIVE
    assert settlement.tags == ()
    assert settlement.next_step


def test_the_level_is_that_of_the_stream(settled):
    settlement = settled(t=7, supports_before=2)
    level = settle_level(7, 2, 0.10, 200)
    assert (settlement.gamma, settlement.harmonic, settlement.alpha) == (level.gamma, level.harmonic, level.alpha)
    gates = {gate.gate: gate for gate in settlement.gates}
    assert gates["G3"].threshold == gates["G8"].threshold == level.alpha


def test_a_small_level_is_missed_and_replication_is_advised(settled):
    settlement = settled(t=60)
    assert settlement.verdict is Verdict.INCONCLUSIVE
    assert settlement.first_unmet == "G3"
    assert "replicate it on an unused block" in settlement.next_step


def test_a_reviewer_lowers_but_never_raises(settled):
    lowered = settled(cap="inconclusive")
    assert (lowered.machine_verdict, lowered.verdict) == (Verdict.SUPPORTED, Verdict.INCONCLUSIVE)
    assert lowered.first_unmet == "G13"
    assert Tag.ONE_BLOCK not in lowered.tags
    assert settled(0.0, cap="none").verdict is settled(0.0, cap="inconclusive").verdict
    assert settled(0.0, cap="invalid").verdict is Verdict.INVALID


def test_a_reused_block_tags_and_does_not_lower(settled):
    settlement = settled(block_reused=True)
    assert settlement.verdict is Verdict.SUPPORTED
    assert Tag.REUSED_HOLD_OUT in settlement.tags
    assert settlement.first_unmet == "G16"


def test_an_underpowered_plan_spends_nothing_and_says_how_much_is_missing(settled):
    settlement = settled(t=None, minimum_detectable_effect=0.6)
    assert settlement.verdict is Verdict.INCONCLUSIVE
    assert settlement.alpha is settlement.t is None
    assert settlement.first_unmet == "G12b"
    assert "about 120 member genes" in settlement.next_step, "four times 40: the spread halves as the set quadruples"


def test_invalid_input_is_invalid_and_spends_nothing(settled, gene_world):
    settlement = settled(t=None, world=gene_world(1.5, size=9))
    assert settlement.verdict is Verdict.INVALID
    assert settlement.first_unmet == "G1"


def test_a_baseline_that_shows_it_too_leaves_it_inconclusive(settled, gene_world):
    settlement = settled(world=gene_world(1.5, untrained=1.5))
    assert settlement.first_unmet == "G5"
    assert "untrained model" in settlement.next_step


@pytest.mark.parametrize(("signal", "t", "changes"), [(1.5, None, {}), (1.5, 1, {"minimum_detectable_effect": 0.6})])
def test_exactly_the_tests_that_computed_their_statistic_take_an_index(settled, signal, t, changes):
    with pytest.raises(ValueError, match="take an index"):
        settled(signal, t=t, **changes)


def test_an_exhausted_stream_gives_no_level(settled):
    with pytest.raises(StreamExhausted):
        settled(t=201)


def test_a_crash_after_the_statistic_spends_and_one_before_does_not(make_plan):
    after = settle_failure(make_plan(), 3, supports_before=1)
    before = settle_failure(make_plan(), None, supports_before=1, cap="invalid")
    assert after.verdict is before.verdict is Verdict.ERROR
    assert after.alpha == settle_level(3, 1, 0.10, 200).alpha
    assert before.alpha is before.t is before.supports_before is None
