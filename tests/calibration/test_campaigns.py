"""Whole campaigns in planted worlds: through the real steps, replayed, and held against the truth."""

from __future__ import annotations

from typing import Any

import pytest

from theodolite.calibration.campaigns import identical_decisions, run_full, run_one
from theodolite.calibration.records import CampaignResult, ProposerName, Terms, TruthKind
from theodolite.claims import Verdict
from theodolite.gates.ablation import Ablation

TERMS = Terms(tests=6, round_size=3)


@pytest.fixture(scope="module")
def greedy(small_planted: Any) -> CampaignResult:
    return run_one(small_planted(), ProposerName.GREEDY, terms=TERMS, seed=1)


def test_a_campaign_is_replayed_and_every_verdict_stands_beside_the_truth(small_planted, greedy):
    world = small_planted()
    assert greedy.mismatches == 0
    assert len(greedy.tests) == TERMS.tests
    assert greedy.stopped.startswith("budget")
    for test in greedy.tests:
        planted = world.activations.truth[test.reference, test.locus]
        assert abs(test.planted) == planted.effect
        assert (test.truth is TruthKind.TRUE) == (test.planted >= greedy.sesoi)
        assert test.block_se > 0
    assert any(test.verdict is Verdict.SUPPORTED and test.truth is TruthKind.TRUE for test in greedy.tests)


def test_spent_levels_are_counted_without_gaps_in_either_stream(greedy):
    for reused in (False, True):
        spent = [test.t for test in greedy.tests if test.reused is reused and test.t is not None]
        assert spent == list(range(1, len(spent) + 1))


def test_credit_is_earned_once_a_key(greedy):
    keys = {test.claim_key for test in greedy.fresh() if test.supported}
    assert greedy.credits == len(keys)


def test_results_survive_json(greedy):
    assert CampaignResult.model_validate_json(greedy.model_dump_json()) == greedy


def test_the_same_campaign_again_writes_the_same_ledger(small_planted, greedy):
    again = run_one(small_planted(), ProposerName.GREEDY, terms=TERMS, seed=1)
    assert identical_decisions(greedy, again)
    assert greedy.head == again.head


def test_through_the_graph_and_a_ledger_file_every_entry_is_the_same(small_planted, greedy):
    full = run_full(small_planted(), ProposerName.GREEDY, terms=TERMS, seed=1)
    assert identical_decisions(greedy, full)


def test_decisions_that_differ_are_noticed(greedy):
    changed = greedy.tests[0].model_copy(update={"verdict": Verdict.ERROR})
    assert not identical_decisions(greedy, greedy.model_copy(update={"tests": (changed, *greedy.tests[1:])}))
    assert not identical_decisions(greedy, greedy.model_copy(update={"head": "0" * 64}))
    assert identical_decisions(greedy, greedy.model_copy(update={"seconds": 0.0, "through_graph": True}))


def test_every_alias_is_refused_as_a_duplicate(small_planted):
    found = run_one(small_planted(), ProposerName.ALIAS_MAKER, terms=TERMS, seed=2)
    assert set(found.refusals) == {"duplicate"}
    assert found.refusals["duplicate"] >= TERMS.tests // 2
    identities = [(test.hypothesis_id, test.verdict) for test in found.tests]
    # Only what ended inconclusive may come back, on another block.
    assert len({identity for identity, _ in identities}) == len(identities) or any(
        verdict is Verdict.INCONCLUSIVE for _, verdict in identities
    )


def test_without_deduplication_the_same_is_registered_again(small_planted):
    found = run_one(small_planted(), ProposerName.ALIAS_MAKER, Ablation.NO_DEDUP, terms=TERMS, seed=2)
    assert found.ablation is Ablation.NO_DEDUP
    identities = [test.hypothesis_id for test in found.tests]
    assert len(set(identities)) < len(identities)
    assert "duplicate" not in found.refusals


@pytest.mark.slow
def test_without_the_lock_the_peeker_proposes_what_the_hold_out_block_shows(small_planted):
    world = small_planted(true_share=0.0)
    terms = Terms(tests=3, round_size=3)
    locked, unlocked = (
        run_one(world, ProposerName.PEEKER, ablation, terms=terms, seed=1) for ablation in (None, Ablation.NO_LOCK)
    )
    assert not any(test.truth is TruthKind.TRUE for test in (*locked.tests, *unlocked.tests))
    seen = [sum(test.effect or 0.0 for test in result.tests) for result in (locked, unlocked)]
    assert seen[1] > seen[0]


def test_without_a_reviewer_nobody_objects(small_planted):
    found = run_one(small_planted(), ProposerName.GREEDY, Ablation.NO_REVIEWER, terms=TERMS, seed=1)
    assert found.mismatches == 0
    assert all(test.first_unmet != "G13" for test in found.tests)
