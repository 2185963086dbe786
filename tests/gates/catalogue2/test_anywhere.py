"""Claims about any place: found where they are planted, seldom where nothing is, and held to one place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from theodolite.canonical import canonical_json
from theodolite.claims import Locus, LocusKind, Verdict
from theodolite.gates import Place, judge, preflight, settle, spends
from theodolite.gates.catalogue2 import case as cases
from theodolite.gates.catalogue2.anywhere import AnywhereCase, Maximum, bounded, found_place, quick_p_anywhere
from theodolite.gates.catalogue2.panel import Draws, Prefix
from theodolite.gates.evidence import (
    Stopping,
    exceedances,
    maximum_draws,
    monte_carlo_p,
    null_moments,
    observed_places,
    sequential_evidence,
)
from theodolite.gates.nulls import Contrast, contrast_genes
from theodolite.judgements import NullEvidence
from theodolite.measurements import Variant

WORLDS = [
    ("GeneScores", "gene_dossier", 1.6),
    ("PairScores", "pair_dossier", 0.9),
    ("BipartiteScores", "regulon_dossier", 0.9),
]


def settled(plan, dossier):
    judgement = judge(plan, dossier)
    place = Place(t=1 if spends(judgement) else None, supports_before=0)
    return judgement, settle(plan, judgement, place, cap="none", block_reused=False)


def gate(record, name):
    return next(item for item in record.gates if item.gate == name)


@pytest.mark.parametrize(("shape", "fixture", "signal"), WORLDS)
def test_an_effect_at_one_place_is_supported_and_the_place_is_named(
    plan_anywhere, spread_out, request, shape, fixture, signal
):
    dossier = spread_out(request.getfixturevalue(fixture)(signal), at=4)
    judgement, settlement = settled(plan_anywhere(shape), dossier)
    assert settlement.verdict is Verdict.SUPPORTED, settlement.first_unmet
    assert judgement.place == Locus(kind=LocusKind.LAYER, layer=5)
    assert [item.gate for item in settlement.gates] == [
        "G0", "G1", "G2", "G6", "G12b", "G7-", "G7+", "G3", "G8", "G9", "G4", "G5", "G12", "G10", "G16", "G13",
    ]  # fmt: skip
    assert "layer 5" in gate(settlement, "G9").sentence
    assert "choice among 6 places" in gate(settlement, "G9").sentence


@pytest.mark.parametrize(("shape", "fixture"), [world[:2] for world in WORLDS])
def test_nothing_anywhere_is_never_supported(plan_anywhere, spread_out, request, shape, fixture):
    judgement, settlement = settled(plan_anywhere(shape), spread_out(request.getfixturevalue(fixture)(0.0)))
    assert settlement.verdict is not Verdict.SUPPORTED
    assert judgement.p > 0.05


def test_refuted_means_nowhere(plan_anywhere, spread_out, gene_dossier):
    nowhere = spread_out(gene_dossier(0.0, n=500, size=80))
    judgement, settlement = settled(plan_anywhere(), nowhere)
    assert settlement.verdict is Verdict.REFUTED
    assert "at every place" in settlement.next_step
    assert "at every place" in gate(settlement, "G12").sentence
    assert judgement.effect.upper < 0.2
    # An effect below the least that counts, at one place: that place alone could still have one that does.
    somewhere = spread_out(gene_dossier(0.5, n=500, size=80), at=3)
    judgement, settlement = settled(plan_anywhere(), somewhere)
    assert settlement.verdict is Verdict.INCONCLUSIVE
    assert judgement.effect.upper > 0.2


@pytest.mark.parametrize("name", ["untrained(1)", "counts", "random_embedding(0)"])
def test_a_baseline_that_does_as_well_at_another_place_leaves_it_undecided(
    plan_anywhere, spread_out, gene_dossier, name
):
    dossier = spread_out(gene_dossier(1.6, baseline=(name, 1.5)), at=4, moved={name: 0})
    judgement, settlement = settled(plan_anywhere(), dossier)
    assert settlement.verdict is Verdict.INCONCLUSIVE
    assert settlement.first_unmet == "G5"
    assert judgement.baseline.estimate > 0.25


def test_byte_identical_baselines_are_no_discovery(plan_anywhere, spread_out, gene_dossier):
    dossier = spread_out(gene_dossier(1.6))
    main = Variant.parse("main")
    same = tuple(dict.fromkeys(measured, measured[main]) for measured in dossier.places)
    _, settlement = settled(plan_anywhere(), replace(dossier, places=same))
    assert gate(settlement, "G5").number == 0.0
    assert settlement.verdict is not Verdict.SUPPORTED


def test_what_co_expression_explains_is_not_supported(plan_anywhere, spread_out, pair_dossier):
    judgement, settlement = settled(plan_anywhere("PairScores"), spread_out(pair_dossier(confound=8.0)))
    assert settlement.verdict is not Verdict.SUPPORTED
    assert judgement.effect.estimate < 0.1


def test_the_interval_is_wider_than_that_of_the_place_alone(plan_for, plan_anywhere, spread_out, gene_dossier):
    dossier = gene_dossier(1.0)
    alone = judge(plan_for(), dossier).effect
    chosen = judge(plan_anywhere(), spread_out(dossier)).effect
    assert chosen.estimate == pytest.approx(alone.estimate)
    assert chosen.low < alone.low
    assert chosen.high > alone.high
    assert chosen.upper > alone.upper


def test_judging_is_deterministic_also_when_nothing_is_remembered(plan_anywhere, spread_out, gene_dossier):
    first = judge(plan_anywhere(), spread_out(gene_dossier(1.0)))
    cases._known.clear()
    again = judge(plan_anywhere(), spread_out(gene_dossier(1.0)))
    assert canonical_json(first.model_dump(mode="json")) == canonical_json(again.model_dump(mode="json"))


def test_what_is_remembered_of_one_list_is_not_told_of_another(plan_anywhere, spread_out, gene_dossier):
    """The measurements at the first place are the same; those at another are not."""
    dossier = gene_dossier(1.6)
    found = judge(plan_anywhere(), spread_out(dossier, at=5))
    moved = spread_out(dossier, at=5)
    last = {variant: replace(item, score=-item.score) for variant, item in moved.places[5].items()}
    turned = judge(plan_anywhere(), replace(moved, places=(*moved.places[:5], last)))
    assert found.place != turned.place
    assert turned.p > found.p


def test_every_variant_is_needed_at_every_place(plan_anywhere, spread_out, gene_dossier):
    dossier = spread_out(gene_dossier(1.0))
    with pytest.raises(ValueError, match="measurements at 5 places; the plan lists 6"):
        judge(plan_anywhere(), replace(dossier, places=dossier.places[:5]))
    counts = Variant.parse("counts")
    lacking = {variant: item for variant, item in dossier.places[3].items() if variant != counts}
    with pytest.raises(ValueError, match="no measurement of counts"):
        judge(plan_anywhere(), replace(dossier, places=(*dossier.places[:3], lacking, *dossier.places[4:])))


def test_a_defect_at_one_place_is_named_and_spends_nothing(plan_anywhere, spread_out, gene_dossier):
    dossier = spread_out(gene_dossier(1.6))
    main = Variant.parse("main")
    flat = dossier.places[1] | {main: replace(dossier.places[1][main], score=np.zeros(300))}
    judgement, settlement = settled(
        plan_anywhere(), replace(dossier, places=(dossier.places[0], flat, *dossier.places[2:]))
    )
    assert not spends(judgement)
    assert settlement.verdict is Verdict.INVALID
    assert "at layer 2: all scores of main are equal" in gate(settlement, "G1").sentence


def test_other_genes_at_one_place_are_a_defect(plan_anywhere, spread_out, gene_dossier):
    dossier = spread_out(gene_dossier(1.6))
    strange = {
        variant: replace(item, families=tuple(reversed(item.families))) for variant, item in dossier.places[1].items()
    }
    _, settlement = settled(plan_anywhere(), replace(dossier, places=(dossier.places[0], strange, *dossier.places[2:])))
    assert "at layer 2: other genes or families than at layer 1" in gate(settlement, "G1").sentence


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"places": None}, "names no places to take the maximum over"),
        ({"locus": Locus(kind=LocusKind.LAYER, layer=1)}, "lists places, but its claim is about layer 1"),
        ({"params": {"layer": 1}}, "a place of its own beside the list"),
        ({"loci": {"counts": {}}}, "a place of its own beside the list"),
    ],
)
def test_a_plan_that_leaves_the_list_open_fails_selection_discipline(plan_anywhere, changes, words):
    refused = next(item for item in preflight(plan_anywhere(**changes)) if item.gate == "G2")
    assert refused.passed is False
    assert words in refused.sentence


def test_a_list_names_each_place_once_and_never_any(plan_anywhere):
    places = plan_anywhere().places
    for last in (places.listed[0], places.listed[0].model_copy(update={"locus": Locus(kind=LocusKind.ANY)})):
        wrong = places.model_copy(update={"listed": (*places.listed[:-1], last)})
        discipline = next(item for item in preflight(plan_anywhere(places=wrong)) if item.gate == "G2")
        assert "names one twice, or 'any' itself" in discipline.sentence


def test_fits_are_asked_for_where_a_place_of_the_list_needs_them(plan_anywhere):
    places = plan_anywhere().places
    axis = places.listed[0].model_copy(update={"locus": Locus(kind=LocusKind.AXIS, layer=1, index=(1,))})
    wanting = plan_anywhere(places=places.model_copy(update={"listed": (axis, *places.listed[1:])}))
    discipline = next(item for item in preflight(wanting) if item.gate == "G2")
    assert "no artefact fitted on discovery units" in discipline.sentence


@pytest.mark.parametrize(
    ("shape", "fixture", "nulls"), [("GeneScores", "gene_dossier", 2), ("PairScores", "pair_dossier", 3)]
)
def test_nulls_share_the_level(plan_anywhere, spread_out, request, shape, fixture, nulls):
    judgement = judge(plan_anywhere(shape), spread_out(request.getfixturevalue(fixture)(0.4)))
    assert judgement.p == min(1.0, nulls * max(item.p for item in judgement.evidence))


def test_bettors_share_the_level_too(plan_anywhere, spread_out, regulon_dossier):
    judgement = judge(plan_anywhere("BipartiteScores"), spread_out(regulon_dossier(0.9)))
    assert judgement.e == min(item.e for item in judgement.evidence) / 4


def test_a_bettor_is_no_richer_than_the_threshold(plan_anywhere):
    plan = plan_anywhere("BipartiteScores")
    threshold = 4 / plan.level.provisional_alpha
    rich = NullEvidence(
        null="curveball", exceedances=0, draws=90, p=0.01, seed=1, moved=1.0, log10_arrangements=9.0, spread=0.1,
        e=1.1 * threshold,
    )  # fmt: skip
    poor = rich.model_copy(update={"e": 0.5 * threshold})
    kept = bounded((rich, poor, rich.model_copy(update={"e": None})), plan)
    assert kept[0].e == pytest.approx(threshold)
    assert kept[0].e >= threshold
    assert kept[1] == poor
    assert kept[2].e is None


def null_world(seed: int, common: float, *, places: int = 10, n: int = 120, size: int = 20) -> list[Contrast]:
    """Places whose scores share a part of their variance, in families of two that share too, and a set at random."""
    rng = np.random.default_rng(seed)
    member = np.isin(np.arange(n) // 2, rng.choice(n // 2, size // 2, replace=False))
    families = [f"F{gene // 2}" for gene in range(n)]
    mean, variance = rng.gamma(2.0, 1.0, (2, n))

    def alike(width: int) -> np.ndarray:
        family = np.repeat(rng.standard_normal((width, n // 2)), 2, axis=1)
        return np.sqrt(0.5) * family + np.sqrt(0.5) * rng.standard_normal((width, n))

    scores = np.sqrt(common) * alike(1) + np.sqrt(1 - common) * alike(places)
    design = contrast_genes(scores[0], member, families, mean, variance)
    return [design.replaced(score) for score in scores]


@pytest.mark.parametrize("common", [0.0, 0.6, 0.95])
def test_where_nothing_is_p_is_small_as_seldom_as_it_says(plan_anywhere, common):
    """Families share labels and scores: the family null is the true one, and the only one of this panel."""
    plan = plan_anywhere(count=10, null_panel=("family_block_swap",))
    small = []
    for seed in range(500):
        contrasts = null_world(seed, common)
        moments = null_moments(contrasts, "family_block_swap", contrasts[0].seed("family_block_swap", plan.seed))
        place = found_place(observed_places(contrasts, moments)[None, :])
        small.append(quick_p_anywhere(contrasts, place, plan) <= 0.05)
    assert np.mean(small) <= 0.065


@pytest.mark.parametrize("common", [0.0, 0.8])
def test_where_nothing_is_nobody_gets_rich(common):
    """The panel has two nulls, of which the family null is the true one; the other may only take wealth away."""
    threshold, e = 20.0, []
    rule = Stopping(kind="betting", b_max=400, threshold=threshold)
    for seed in range(400):
        contrasts = null_world(seed, common)
        seeds = {null: contrasts[0].seed(null, 11) for null in ("family_block_swap", "stratified_labels")}
        moments = {null: null_moments(contrasts, null, seeds[null]) for null in seeds}
        place = found_place(np.stack([observed_places(contrasts, moments[null]) for null in seeds]))
        won = []
        for null, draw_seed in seeds.items():
            maximum = Maximum(contrasts, moments[null], place)
            draws = Draws(lambda maximum=maximum: maximum, null, draw_seed, Prefix())
            won.append(min(threshold, sequential_evidence(draws, 0.0, rule).e))
        e.append(min(won))
    spread = np.std(e) / len(e) ** 0.5
    assert np.mean(e) <= 1.0 + 3.0 * spread
    assert np.mean(np.array(e) >= threshold) <= 0.05 + 3.0 * (0.05 * 0.95 / len(e)) ** 0.5


def two_explanations(seed: int) -> list[Contrast]:
    """Two places: at one families explain all, at the other expression does; no place beats both nulls."""
    rng = np.random.default_rng(seed)
    n, width = 480, 8
    family = np.arange(n) // width
    mean = rng.gamma(2.0, 1.0, n // width)[family] * rng.lognormal(0.0, 0.05, n)
    shared = rng.standard_normal(n // width)
    # Members are families that are expressed strongly, whatever they score.
    chosen = rng.choice(np.argsort(-np.bincount(family, mean))[:20], 9, replace=False)
    member = np.isin(family, chosen)
    paralogues = shared[family] + 0.3 * rng.standard_normal(n)
    expression = np.log(mean) + 0.1 * rng.standard_normal(n)
    design = contrast_genes(paralogues, member, [f"F{item}" for item in family], mean, mean)
    return [design, design.replaced(expression)]


def test_two_places_that_beat_one_null_each_are_no_finding(plan_anywhere):
    plan = plan_anywhere(count=2)
    apart, together = [], []
    for seed in range(400):
        contrasts = two_explanations(seed)
        standing, p_of_maxima = [], []
        for null in plan.null_panel:
            draw_seed = contrasts[0].seed(null, plan.seed)
            moments = null_moments(contrasts, null, draw_seed)
            standing.append(observed_places(contrasts, moments))
            drawn = maximum_draws(contrasts, null, 199, draw_seed, moments)
            p_of_maxima.append(monte_carlo_p(exceedances(drawn, observed_places(contrasts, moments).max()), 199))
        apart.append(max(p_of_maxima) <= 0.05)
        p = quick_p_anywhere(contrasts, found_place(np.array(standing)), plan)
        together.append(p is not None and p <= 0.05)
    assert np.mean(apart) >= 0.15, "the mistake: each null is beaten, by another place each"
    assert np.mean(together) <= 0.065


def test_the_place_found_is_the_one_that_beats_its_hardest_null_most():
    assert found_place(np.array([[9.0, 3.0, 4.0], [0.0, 3.0, 2.9]])) == 1
    assert found_place(np.array([[1.0, 1.0]])) == 0


def test_adding_places_without_effect_never_makes_p_smaller(plan_anywhere, spread_out, gene_dossier):
    dossier = gene_dossier(0.45, seed=5)
    p = [
        judge(plan_anywhere(count=places), spread_out(dossier, places, at=0)).p for places in (2, 12)
    ]  # fmt: skip
    assert p[0] <= p[1]


def test_the_evidence_is_counted_from_the_place_found(plan_anywhere, spread_out, gene_dossier):
    plan, dossier = plan_anywhere(), spread_out(gene_dossier(0.9), at=4)
    case = AnywhereCase(plan, dossier)
    drawn = case.draws["family_block_swap"](0, 400)
    moments = null_moments(case._contrasts, "family_block_swap", case.draws["family_block_swap"].seed)
    whole = maximum_draws(case._contrasts, "family_block_swap", 400, case.draws["family_block_swap"].seed, moments)
    assert drawn == pytest.approx(whole - observed_places(case._contrasts, moments)[4])
    assert case.observed == 0.0
