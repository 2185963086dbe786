"""Claims about anchors in worlds that have a tree, a line, clusters or nothing, and every gate's way to fail."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest
from planted_latents import REQUIRED, anchor_dossier, anchor_plan, changed, features, fixed, latents, without
from planted_tree import planted_anchors

from theodolite.claims import Direction, Relation, Verdict
from theodolite.gates import Dossier, Place, catalogue_manifold, judge, preflight, settle
from theodolite.gates.anchors.margin import margins
from theodolite.gates.catalogue_manifold.case import MAIN, AnchorCase, input_defects
from theodolite.gates.catalogue_manifold.words import GATE_ORDER
from theodolite.judgements import Judgement
from theodolite.measurements import Variant
from theodolite.plans import Places, PlannedPlace

tree = cache(anchor_dossier)


def gates_of(judgement: Judgement):
    return {gate.gate: gate for gate in judgement.gates}


def verdict_of(plan, judgement: Judgement):
    place = Place(1 if judgement.evidence else None, 0)
    return settle(plan, judgement, place, cap="none", block_reused=False)


@pytest.mark.parametrize("seed", range(3))
def test_a_space_that_follows_the_tree_is_supported(seed):
    judgement = judge(anchor_plan(), tree(seed))
    failed = [gate.gate for gate in judgement.gates if gate.passed is False]
    assert failed == ["G12"]
    assert verdict_of(anchor_plan(), judgement).verdict is Verdict.SUPPORTED
    assert judgement.effect.unit == "Spearman's rho" and judgement.effect.low < judgement.effect.estimate
    assert judgement.effect.estimate < judgement.effect.upper < judgement.effect.high
    assert [item.null for item in judgement.evidence] == ["swap_in_donor", "swap_in_branch", "swap_in_depth"]
    assert judgement.p == max(item.p for item in judgement.evidence) == 1 / 2_000
    assert all(item.exceedances == 0 and item.draws == 1_999 for item in judgement.evidence)


@pytest.mark.parametrize("seed", range(2))
def test_a_line_fails_the_null_and_the_gate_of_branches(seed):
    judgement = judge(anchor_plan(), tree(seed, knows="line", noise=0.3))
    depth = judgement.evidence[2]
    assert depth.null == "swap_in_depth" and depth.p > 0.05
    assert abs(gates_of(judgement)["M5"].number) < 0.02
    settled = verdict_of(anchor_plan(), judgement)
    assert settled.verdict is not Verdict.SUPPORTED
    assert {gate.gate: gate.passed for gate in settled.gates}["G3"] is False


@pytest.mark.parametrize("seed", range(2))
def test_clusters_fail_within_branches(seed):
    judgement = judge(anchor_plan(), tree(seed, knows="clusters", noise=0.3))
    found = gates_of(judgement)
    assert found["M2"].passed and found["M4"].passed and found["M5"].passed and found["G9"].passed
    assert found["M3"].passed is False and judgement.evidence[1].p > 0.05
    assert "within branches" in found["G12"].sentence
    assert verdict_of(anchor_plan(), judgement).verdict in (Verdict.REFUTED, Verdict.INCONCLUSIVE)


@pytest.mark.parametrize("seed", range(2))
def test_noise_is_refuted_or_left_open(seed):
    judgement = judge(anchor_plan(), tree(seed, knows="none", noise=1.0))
    assert {"M2", "M3", "M4", "G9"} <= {gate.gate for gate in judgement.gates if gate.passed is False}
    assert verdict_of(anchor_plan(), judgement).verdict in (Verdict.REFUTED, Verdict.INCONCLUSIVE)


def test_judging_is_a_function_of_plan_and_dossier():
    first, again = judge(anchor_plan(), tree(0)), judge(anchor_plan(), anchor_dossier(0))
    assert first == again
    assert first.evidence != judge(anchor_plan(seed=8), tree(0)).evidence


def test_gains_are_the_margins():
    judgement, plan = judge(anchor_plan(), tree(0)), anchor_plan()
    case = AnchorCase(plan, input_defects(plan, tree(0))[1])
    others = {str(name): case.distance(name) for name in case.baselines}
    found = margins(case.distance(MAIN), others, case.rows.ruler, case.rows.donor)
    assert judgement.gain.estimate == pytest.approx(min(item.margin for item in found))
    assert judgement.baseline.estimate == pytest.approx(max(item.baseline_rho for item in found))
    assert gates_of(judgement)["G5"].number == pytest.approx(min(item.low for item in found), abs=0.05)


def test_every_gate_has_its_place_in_the_order():
    settled = verdict_of(anchor_plan(), judge(anchor_plan(), tree(0)))
    names = [gate.gate for gate in settled.gates]
    assert names == sorted(names, key=GATE_ORDER.index) and len(set(GATE_ORDER)) == len(GATE_ORDER)
    of_any = {"G0", "G1", "G2", "G6", "G12b", "G7-", "G7+", "G3", "G8", "G9", "G5", "G15", "G12", "G16", "G13"}
    assert of_any | {f"M{number}" for number in range(1, 8)} == set(names)
    assert all(gate.sentence.endswith(".") for gate in settled.gates)


def unspent(judgement: Judgement, gate: str) -> str:
    """Check that a gate failed and nothing was computed; return its sentence."""
    assert judgement.evidence == () and judgement.p == 1.0
    assert (judgement.effect.estimate, judgement.effect.low, judgement.effect.high) == (0.0, -1.0, 1.0)
    assert "M2" not in gates_of(judgement)
    assert gates_of(judgement)[gate].passed is False
    return gates_of(judgement)[gate].sentence


def test_hashes_that_differ_spend_nothing():
    unspent(judge(anchor_plan(), Dossier(tree(0).measurements, False)), "G0")


def few_donors(dossier: Dossier) -> Dossier:
    main = dossier.measurements[MAIN]
    return changed(dossier, "main", judged=main.judged & (np.asarray(main.donor) != "donor_12"))


def no_branches(dossier: Dossier) -> Dossier:
    main = dossier.measurements[MAIN]
    n = len(main.anchors)
    return changed(
        dossier,
        "main",
        placements=main.placements[:2],
        read=main.read[:2],
        held=main.held[:2],
        latent=main.latent[: 2 * n],
    )


def in_one_place(dossier: Dossier) -> Dossier:
    main = dossier.measurements[MAIN]
    latent = main.latent.copy()
    first, second = np.flatnonzero(main.judged)[:2]
    latent[first] = latent[second]
    return changed(dossier, "main", latent=latent)


def two_places(dossier: Dossier) -> Dossier:
    ruler = (np.asarray(tree(0).measurements[MAIN].depth, dtype=float) > 2)[:, None]
    return changed(dossier, "main", ruler=(ruler != ruler.T).astype(float))


def flat_counts(dossier: Dossier) -> Dossier:
    return changed(dossier, "counts", latent=np.zeros_like(dossier.measurements[Variant.parse("counts")].latent))


def renamed(dossier: Dossier) -> Dossier:
    names = dossier.measurements[MAIN].anchors
    return changed(dossier, "refitted(2)", anchors=("other", *names[1:]))


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (few_donors, "5 donors; a test needs 6"),
        (no_branches, "1 branches were left out"),
        (in_one_place, "1 anchors have the coordinates of another"),
        (two_places, "at 2 places of the ruler; a test needs 3"),
        (flat_counts, "all distances of counts are equal"),
        (renamed, r"refitted\(2\) measured other anchors than main"),
        (lambda dossier: without(dossier, "static_embedding"), "static_embedding was not measured"),
        (lambda dossier: without(dossier, "main"), "main was not measured"),
        (lambda dossier: changed(dossier, "main", ruler=None, depth=None), "no ruler is attached to main"),
    ],
)
def test_bad_input_fails_the_first_gate_and_raises_nothing(harm, says):
    assert re.search(says, unspent(judge(anchor_plan(), harm(tree(0))), "G1"))


@pytest.mark.parametrize(
    "changes",
    [
        {"selected_on": "confirmation"},
        {"variants": REQUIRED[:-1]},
        {"variants": (*REQUIRED, "random_embedding(0)")},
        {"null_panel": ("swap_in_donor",)},
        {"unit": "homology family"},
        {"params": {}},
        {"loci": None},
        {"loci": {"untrained(0)": {"layer": 1}}},
        {"statistic": "auroc"},
        {"evidence": "e"},
        {"relation": Relation.RANKS_ABOVE},
        {"direction": Direction.LESS},
    ],
)
def test_a_choice_that_is_left_open_is_refused(changes):
    plan = anchor_plan(**changes)
    assert not {gate.gate: gate for gate in preflight(plan)}["G2"].passed


def test_a_list_of_places_is_refused():
    place = PlannedPlace(locus=anchor_plan().hypothesis.locus, params={})
    plan = anchor_plan(places=Places(n_layers=2, n_heads=1, read_out=False, listed=(place, place)))
    assert "names one" in {gate.gate: gate for gate in preflight(plan)}["G2"].sentence


def test_cells_may_be_units_and_operators_have_a_baseline_more():
    plan = anchor_plan(unit="cells", variants=(*REQUIRED, "random_operator(0)", "panel"))
    assert all(gate.passed for gate in preflight(plan))


def test_counts_draws_and_power_are_refused_before_a_test():
    found = {
        gate.gate: gate
        for gate in preflight(anchor_plan(reference_in_block=11, draws=19, minimum_detectable_effect=0.31))
    }
    assert [found[name].passed for name in ("G1", "G2", "G6", "G12b")] == [False, True, False, False]
    assert not preflight(anchor_plan(families_in_block=5))[0].passed
    unspent(judge(anchor_plan(draws=19), tree(0)), "G6")
    unspent(judge(anchor_plan(minimum_detectable_effect=0.31), tree(0)), "G12b")
    with pytest.raises(ValueError, match="this is catalogue 'manifold-1'"):
        catalogue_manifold.judge(anchor_plan(catalogue="2"), tree(0))


def test_a_panel_that_passes_and_one_that_fails():
    plan = anchor_plan(variants=(*REQUIRED, "panel"))
    assert "pass as well" in unspent(judge(plan, tree(0, panel="tree")), "G7-")
    fails = judge(plan, tree(0, panel="none"))
    assert gates_of(fails)["G7-"].passed and "fail M2, M3" in gates_of(fails)["G7-"].sentence
    assert verdict_of(plan, fails).verdict is Verdict.SUPPORTED


def test_a_null_branch_that_scores_is_caught():
    """A fit that read the exchanged ruler of the rows that it places would follow that too."""
    from theodolite.gates.anchors.permutation import null_branch

    dossier = tree(0)
    main = dossier.measurements[MAIN]
    image = null_branch(main.branch, donors=main.donor, seed=7)
    # Positions are the same in every placement, and known in the fit, of whatever the placement knows.
    known = (main.read | main.held).reshape(-1)[:, None]
    latent = np.where(known, np.tile(main.positions(0)[image], (len(main.placements), 1)), 0.0)
    unspent(judge(anchor_plan(), changed(dossier, "null_branch(0)", latent=latent)), "G7-")


def test_an_effect_too_small_to_see_is_found_out_by_the_planted_order():
    said = unspent(judge(anchor_plan(sesoi=0.02, minimum_detectable_effect=0.02), tree(0)), "G7+")
    assert "24 are asked for" in said


def test_trust_noise_within_a_refit_and_a_strong_baseline_each_fail_their_gate():
    dossier = tree(0)
    assert gates_of(judge(anchor_plan(), changed(dossier, "main", trust=np.array([0.7]))))["M1"].passed is False
    world = planted_anchors("tree", 0)
    strong = latents(world, fixed(features(world, 0.8, 77)))
    near = gates_of(judge(anchor_plan(), changed(dossier, "counts", latent=strong.latent)))["G5"]
    assert not near.passed and "not clear of counts" in near.sentence
    backwards = dossier
    for name in ("refitted(1)", "refitted(2)", "refitted(3)"):
        noise = latents(world, fixed(features(world, 1.0, int(name[9]), knows="none")))
        backwards = changed(backwards, name, latent=noise.latent)
    judgement = judge(anchor_plan(), backwards)
    assert gates_of(judgement)["G15"].passed is False
    assert verdict_of(anchor_plan(), judgement).first_unmet == "G15"


def everywhere(dossier: Dossier, **changes) -> Dossier:
    for variant in dossier.measurements:
        dossier = changed(dossier, str(variant), **changes)
    return dossier


def test_a_ruler_without_depth_supports_nothing():
    judgement = judge(anchor_plan(), everywhere(tree(0), depth=("",) * 168))
    assert [item.null for item in judgement.evidence] == ["swap_in_donor", "swap_in_branch"]
    assert gates_of(judgement)["M5"].passed is False and "knows no depth" in gates_of(judgement)["M5"].sentence
    settled = verdict_of(anchor_plan(), judgement)
    assert settled.verdict is Verdict.INCONCLUSIVE and settled.first_unmet == "M5"


def test_a_ruler_of_a_line_has_no_branches_to_exchange():
    depth = np.asarray(tree(0).measurements[MAIN].depth, dtype=float)
    line = np.abs(depth[:, None] - depth)
    judgement = judge(anchor_plan(), everywhere(tree(0, knows="line", noise=0.3, others=4.0), ruler=line))
    assert "a tree and a line look alike" in gates_of(judgement)["M5"].sentence
    assert verdict_of(anchor_plan(), judgement).verdict is not Verdict.SUPPORTED


def test_few_draws_fail_the_gate_beyond_donors_though_the_level_is_reached():
    judgement = judge(anchor_plan(draws=199), tree(0))
    assert gates_of(judgement)["M4"].passed is False
    assert verdict_of(anchor_plan(draws=199), judgement).first_unmet == "M4"
