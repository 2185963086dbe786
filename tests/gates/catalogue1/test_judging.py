from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from theodolite.canonical import canonical_json, digest
from theodolite.claims import Covariate, Direction, Locus, LocusKind
from theodolite.gates.catalogue1 import judge, preflight, spends
from theodolite.measurements import Variant, VariantKind

MAIN, UNTRAINED = Variant(VariantKind.MAIN), Variant(VariantKind.UNTRAINED, 1)


def by_gate(judgement):
    return {gate.gate: gate for gate in judgement.gates}


def test_a_planted_set_passes_every_gate_of_its_own(make_plan, gene_world):
    judgement = judge(make_plan(), gene_world(1.5), provenance_ok=True)
    assert all(gate.passed for gate in judgement.gates)
    assert judgement.p == pytest.approx(1 / 2001)
    assert judgement.effect.low > 0.2
    assert spends(judgement)


def test_planted_pairs_pass_every_gate_of_their_own(make_plan, pair_world):
    judgement = judge(make_plan("PairScores"), pair_world(1.0), provenance_ok=True)
    assert all(gate.passed for gate in judgement.gates)
    assert judgement.p == pytest.approx(1 / 2001)


def test_the_effect_is_the_auroc_of_scikit_learn(make_plan, gene_world):
    world = gene_world(0.5)
    judgement = judge(make_plan(adjustment=()), world, provenance_ok=True)
    assert judgement.effect.estimate == pytest.approx(roc_auc_score(world[MAIN].members, world[MAIN].score) - 0.5)


def test_judging_twice_gives_the_same_bytes(make_plan, gene_world, pair_world):
    for plan, world in ((make_plan(), gene_world(0.5)), (make_plan("PairScores"), pair_world(0.5))):
        once = judge(plan, world, provenance_ok=True)
        assert digest(once.model_dump(mode="json")) == digest(
            judge(plan, dict(reversed(world.items())), provenance_ok=True).model_dump(mode="json")
        )


def test_the_claimed_tail_is_the_one_tested(make_plan, gene_world):
    world = gene_world(-1.5)
    upwards = judge(make_plan(), world, provenance_ok=True)
    downwards = judge(make_plan(direction=Direction.LESS), world, provenance_ok=True)
    assert upwards.p > 0.99
    assert downwards.p == pytest.approx(1 / 2001)
    assert upwards.effect.estimate == pytest.approx(-downwards.effect.estimate)
    assert "lie lower on" in by_gate(downwards)["G9"].sentence


def test_what_the_untrained_model_shows_too_is_no_finding(make_plan, gene_world):
    judgement = judge(make_plan(), gene_world(1.5, untrained=-2.0), provenance_ok=True)
    assert by_gate(judgement)["G9"].passed
    assert by_gate(judgement)["G5"].passed is False
    assert judgement.baseline.estimate > 0.3


def test_of_several_untrained_models_the_strongest_counts(make_plan, gene_world):
    world = gene_world(1.5)
    strong = Variant(VariantKind.UNTRAINED, 2)
    world[strong] = gene_world(1.5, untrained=1.2)[UNTRAINED]
    texts = ("main", "untrained(1)", "untrained(2)")
    plan = make_plan(variants=texts, fitted=dict.fromkeys(texts, "0" * 64))
    assert judge(plan, world, provenance_ok=True).baseline.estimate > 0.2


def test_an_adjusted_claim_is_not_carried_by_expression(make_plan, gene_world):
    world = gene_world(0.0)
    mean = world[MAIN].covariates[:, 0]
    member = mean > np.sort(mean)[-40]
    world = {variant: replace(item, score=mean + 0.1 * item.score, members=member) for variant, item in world.items()}
    raw = judge(make_plan(adjustment=()), world, provenance_ok=True)
    adjusted = judge(make_plan(adjustment=(Covariate.MEAN,)), world, provenance_ok=True)
    assert raw.effect.estimate > 0.45
    assert abs(adjusted.effect.estimate) < 0.2


def spoilt(world, **changes):
    return {variant: replace(item, **changes) for variant, item in world.items()}


def spoilt_pairs(world, change):
    def apply(item):
        score = np.array(item.score)
        change(score)
        return replace(item, score=score)

    return {variant: apply(item) for variant, item in world.items()}


def equal_vectors(score):
    score[1], score[:, 1] = score[0], score[:, 0]
    score[1, 0] = score[0, 1] = 0.5


def flat_gene(score):
    score[3], score[:, 3] = 0.0, 0.0


ONE_FAMILY_SIZE_EACH = tuple(f"F{size}" for size in range(24) for _ in range(size + 1))
SPOILT_SETS = {
    "all scores of main are equal": lambda w: spoilt(w, score=np.ones(300)),
    "have one and the same score": lambda w: spoilt(w, score=np.r_[np.zeros(40), np.arange(260.0)]),
    "no reference is attached": lambda w: spoilt(w, members=None),
    "Not testable here. The block holds 9 member genes": lambda w: spoilt(w, members=np.arange(300) < 9),
    "member genes in 2 homology families": lambda w: spoilt(w, families=("A",) * 150 + ("B",) * 150),
    "only 0 candidates are not in the reference": lambda w: spoilt(w, members=np.ones(300, dtype=bool)),
    "carries no variance": lambda w: spoilt(
        w, covariate_names=("mean_expression",), covariates=w[MAIN].covariates[:, :1]
    ),
    "the null family_block_swap is stuck": lambda w: spoilt(
        w, families=ONE_FAMILY_SIZE_EACH, members=np.arange(300) % 8 == 0
    ),
    "other genes or families than main": lambda w: w | {UNTRAINED: replace(w[UNTRAINED], genes=w[MAIN].genes[::-1])},
    "all scores of untrained(1) are equal": lambda w: w | {UNTRAINED: replace(w[UNTRAINED], score=np.zeros(300))},
}
SPOILT_PAIRS = {
    "identical scores with all others": lambda w: spoilt_pairs(w, equal_vectors),
    "1 of 120 genes score the same with every other": lambda w: spoilt_pairs(w, flat_gene),
    "no reference is attached": lambda w: spoilt(w, edges=None),
    "holds pairs inside a homology family": lambda w: spoilt(w, edges=~np.eye(120, dtype=bool)),
    "The block holds 0 reference pairs": lambda w: spoilt(w, edges=np.zeros((120, 120), dtype=bool)),
}


@pytest.mark.parametrize("message", SPOILT_SETS)
def test_bad_sets_fail_the_input_gate_and_spend_nothing(make_plan, gene_world, message):
    check_refused(judge(make_plan(), SPOILT_SETS[message](gene_world(1.5)), provenance_ok=True), message)


@pytest.mark.parametrize("message", SPOILT_PAIRS)
def test_bad_pairs_fail_the_input_gate_and_spend_nothing(make_plan, pair_world, message):
    check_refused(judge(make_plan("PairScores"), SPOILT_PAIRS[message](pair_world(1.0)), provenance_ok=True), message)


def check_refused(judgement, message):
    assert by_gate(judgement)["G1"].passed is False
    assert message in by_gate(judgement)["G1"].sentence
    assert not spends(judgement)
    assert judgement.p == 1.0
    canonical_json(judgement.model_dump(mode="json"))


def test_a_measurement_of_another_shape_is_refused(make_plan, gene_world, pair_world):
    check_refused(judge(make_plan(), pair_world(1.0), provenance_ok=True), "main returned PairScores")
    plan = make_plan(shape="GeneScores")
    check_refused(
        judge(plan.model_copy(update={"shape": "PairScores"}), gene_world(1.0), provenance_ok=True),
        "is about GeneScores",
    )


def test_too_few_genes_to_adjust_are_refused(make_plan, pair_world):
    plan = make_plan("PairScores", adjustment=(Covariate.MEAN, Covariate.VARIANCE))
    world = pair_world(1.0, n=36, edges=40)
    check_refused(judge(plan, world, provenance_ok=True), "36 genes are too few to adjust; 40 are needed")


@pytest.mark.parametrize(
    ("gate", "changes", "message"),
    [
        ("G2", {"locus": Locus(kind=LocusKind.ANY)}, "the locus is 'any'"),
        ("G2", {"fitted": {"main": "0" * 64}}, "no artefact fitted on discovery units is named for untrained(1)"),
        ("G2", {"variants": ("main",)}, "an untrained model"),
        ("G2", {"null_panel": ("stratified_labels",)}, "must be both nulls"),
        ("G6", {"draws": 20}, "the smallest possible p is 0.048"),
        ("G12b", {"minimum_detectable_effect": 0.31}, "too small"),
        ("G1", {"reference_in_block": 9}, "9 member genes"),
    ],
)
def test_what_a_plan_alone_can_fail_is_known_before_any_run(make_plan, gene_world, gate, changes, message):
    plan = make_plan(**changes)
    failed = [item for item in preflight(plan) if not item.passed]
    assert [item.gate for item in failed] == [gate]
    assert message in failed[0].sentence
    if gate != "G1":
        judgement = judge(plan, gene_world(1.5), provenance_ok=True)
        assert by_gate(judgement)[gate].passed is False
        assert not spends(judgement)


def test_a_good_plan_passes_its_preflight(make_plan):
    assert all(gate.passed for shape in ("GeneScores", "PairScores") for gate in preflight(make_plan(shape)))


def test_labels_that_can_be_arranged_in_few_ways_do_not_resolve_a_small_level(make_plan, gene_world):
    """Twelve families of two, eight of them members, and the rest of the genes in one family that stays in place."""
    families = tuple(f"F{i // 2}" for i in range(24)) + ("rest",) * 276
    world = spoilt(gene_world(1.5), families=families, members=np.arange(300) < 16)
    plan = make_plan()
    level = plan.level.model_copy(update={"provisional_alpha": 1e-3})
    gates = by_gate(judge(plan.model_copy(update={"level": level}), world, provenance_ok=True))
    assert gates["G6"].number == pytest.approx(1 / 495)
    assert "the 495 arrangements of labels" in gates["G6"].sentence
    assert gates["G6"].passed is False


def test_broken_provenance_stops_before_the_statistic(make_plan, gene_world):
    judgement = judge(make_plan(), gene_world(1.5), provenance_ok=False)
    assert by_gate(judgement)["G0"].passed is False
    assert not spends(judgement)


def test_a_missing_variant_or_another_catalogue_is_a_mistake_of_the_caller(make_plan, gene_world):
    with pytest.raises(ValueError, match=r"no measurement of untrained\(1\)"):
        judge(make_plan(), {MAIN: gene_world()[MAIN]}, provenance_ok=True)
    with pytest.raises(ValueError, match="catalogue '99'"):
        judge(make_plan(catalogue="99"), gene_world(), provenance_ok=True)


def test_sentences_are_for_biologists(make_plan, gene_world):
    judgement = judge(make_plan(), gene_world(1.5), provenance_ok=True)
    assert by_gate(judgement)["G9"].sentence.startswith(
        "The 40 member genes lie higher on axis_coordinate at layer 3 axis 1 than "
    )
    assert all(gate.sentence.endswith(".") for gate in judgement.gates)


def test_the_effect_says_what_was_taken_out_of_it(make_plan, gene_world, pair_world):
    def effect(plan, world):
        return by_gate(judge(plan, world, provenance_ok=True))["G9"].sentence

    assert "after taking out mean expression; " in effect(make_plan(), gene_world(1.5))
    assert "after taking out hubs; " in effect(make_plan("PairScores"), pair_world(1.0))
    assert "taking out" not in effect(make_plan(adjustment=()), gene_world(1.5))
