"""What a study found, checked by hand on made-up campaigns."""

from __future__ import annotations

import pytest

from theodolite.calibration.bounds import hoeffding_bentkus_upper
from theodolite.calibration.records import ProposerName
from theodolite.calibration.summary import CURVE, Share, pooled, summarise
from theodolite.gates.ablation import Ablation


def only(*results):
    summary = summarise(results, q=0.1, tests=40, seed=1)
    assert len(summary.arms) == 1
    return summary.arms[0]


def test_the_false_discovery_rate_is_a_mean_over_campaigns_of_false_over_all_supports(campaign_result, test_record):
    half = campaign_result(
        test_record(1, verdict="supported", truth="true", planted=0.2),
        test_record(2, verdict="supported"),
    )
    nothing = campaign_result(test_record(1), activation=1)
    clean = campaign_result(test_record(1, verdict="supported", truth="true", planted=0.2), activation=2)
    arm = only(half, nothing, clean)
    assert arm.fdr.value == pytest.approx(0.5 / 3)
    assert arm.fdr.upper == hoeffding_bentkus_upper(0.5 / 3, 3)
    assert arm.mfdr == pytest.approx(1 / 3)
    assert arm.supports == pytest.approx(1.0)
    assert arm.any_support.value == pytest.approx(2 / 3)


def test_a_test_that_reached_its_level_counts_whatever_other_gates_said(campaign_result, test_record):
    stopped = campaign_result(test_record(1, e=500.0, alpha=0.002, first_unmet="G9"))
    short = campaign_result(test_record(1, e=499.0, alpha=0.002), activation=1)
    unspent = campaign_result(test_record(1, e=None, alpha=None, t=None, verdict="invalid"), activation=2)
    arm = only(stopped, short, unspent)
    assert (arm.any_reached.value, arm.any_support.value) == (pytest.approx(1 / 3), 0.0)


def test_a_key_is_false_only_when_all_its_supported_hypotheses_are(campaign_result, test_record):
    mixed = campaign_result(
        test_record(1, key=1, verdict="supported", truth="true", planted=0.2),
        test_record(2, key=1, verdict="supported"),
        test_record(3, key=2, verdict="supported"),
        test_record(4, key=2),
    )
    arm = only(mixed)
    assert arm.fdr.value == pytest.approx(2 / 3)
    assert arm.fdr_keys.value == pytest.approx(1 / 2)
    assert arm.keys == 2


@pytest.mark.parametrize(("truth", "false"), [("null", 1.0), ("confounded", 1.0), ("small", 0.0), ("true", 0.0)])
def test_a_confounded_claim_is_false_and_a_small_effect_is_not(campaign_result, test_record, truth, false):
    arm = only(campaign_result(test_record(1, verdict="supported", truth=truth)))
    assert arm.fdr.value == arm.fdr_keys.value == arm.mfdr == false


def test_reused_blocks_have_a_row_of_their_own(campaign_result, test_record):
    arm = only(
        campaign_result(
            test_record(1, verdict="supported", truth="true", planted=0.2),
            test_record(2, verdict="supported", reused=True),
        )
    )
    assert arm.fdr.value == 0.0 and arm.supports == 1.0
    assert arm.reused_fdr.value == 1.0 and arm.reused_tests == 1


def test_a_campaign_that_reused_no_block_says_nothing_of_reused_blocks(campaign_result, test_record):
    arm = only(
        campaign_result(test_record(1, verdict="supported", reused=True)),
        campaign_result(test_record(1), activation=1),
    )
    assert (arm.reused_fdr.value, arm.reused_fdr.campaigns) == (1.0, 1)
    assert only(campaign_result(test_record(1))).reused_fdr.value is None


def test_power_counts_strong_true_claims_on_fresh_blocks(campaign_result, test_record):
    strong = {"truth": "true", "planted": 0.10, "block_se": 0.02}
    arm = only(
        campaign_result(
            test_record(1, **strong, verdict="supported"),
            test_record(2, **strong),
            test_record(3, **strong, verdict="invalid"),
            test_record(4, **strong, verdict="supported", reused=True),
            # Four block standard errors; less than twice the smallest effect of interest; and no true claim at all.
            test_record(5, truth="true", planted=0.08, verdict="supported"),
            test_record(6, truth="true", planted=0.05, block_se=0.01, verdict="supported"),
            test_record(7, truth="null", planted=0.10, verdict="supported"),
        )
    )
    assert (arm.power.count, arm.power.of) == (1, 3)
    assert {middle: share.of for middle, share in arm.curve.items()} == {"2.5": 0, "3.5": 0, "4.5": 1, "6": 4, "8": 0}


def test_the_curve_has_a_bin_for_every_planted_strength():
    edges = [edge for low, high in CURVE.values() for edge in (low, high)]
    assert edges == sorted(edges)
    for middle, (low, high) in CURVE.items():
        assert low <= float(middle) < high


def test_a_refuted_true_claim_is_a_false_refutation(campaign_result, test_record):
    arm = only(
        campaign_result(
            test_record(1, truth="true", planted=0.1, verdict="refuted"),
            test_record(2, truth="true", planted=0.1, verdict="supported"),
            test_record(3, truth="small", planted=0.02, verdict="refuted"),
            test_record(4, verdict="refuted"),
        )
    )
    assert (arm.false_refutations.count, arm.false_refutations.of) == (1, 2)
    assert arm.ends == {"supported": 1, "refuted": 3, "inconclusive": 0, "invalid": 0, "error": 0}


def test_campaigns_on_one_structure_are_no_independent_witnesses(campaign_result, test_record):
    results = [
        campaign_result(test_record(1), structure=structure, activation=activation)
        for structure in range(3)
        for activation in range(8)
    ]
    arm = only(*results)
    assert arm.fdr.campaigns == 24
    assert arm.fdr.upper == hoeffding_bentkus_upper(0.0, 24)
    assert arm.fdr.upper_by_structure == hoeffding_bentkus_upper(0.0, 3)


def test_arms_are_apart_by_world_proposer_and_ablation(campaign_result):
    results = [
        campaign_result(proposer="peeker", world="global_null", ablation="no_lock", refusals={"duplicate": 2}),
        campaign_result(proposer="peeker", world="global_null", mismatches=1, through_graph=False),
        campaign_result(proposer="peeker", through_graph=True),
        campaign_result(proposer="random"),
    ]
    summary = summarise(results, q=0.1, tests=40, seed=1)
    names = [(arm.world, arm.proposer.value, arm.ablation) for arm in summary.arms]
    assert names == [
        ("standard", "random", None),
        ("standard", "peeker", None),
        ("global_null", "peeker", None),
        ("global_null", "peeker", Ablation.NO_LOCK),
    ]
    assert [arm.proposer.value for arm in summary.of_world("standard")] == ["random", "peeker"]
    control = summary.arm("global_null", ProposerName.PEEKER)
    assert control is not None and (control.mismatches, control.graph_mismatches, control.through_graph) == (1, 1, 1)
    off = summary.arm("global_null", ProposerName.PEEKER, Ablation.NO_LOCK)
    assert off is not None and off.refused == {"duplicate": 2}
    assert summary.arm("degree", ProposerName.PEEKER) is None


def test_shares_are_pooled_over_their_tests():
    share = pooled([Share(count=1, of=2), Share(count=3, of=8), Share(count=0, of=0)])
    assert (share.count, share.of, share.value) == (4, 10, 0.4)
    assert share.lower < 0.4 < share.upper
    assert pooled([]).value is None
