from __future__ import annotations

from dataclasses import replace

import pytest

from theodolite.canonical import canonical_json
from theodolite.claims import Tag, Verdict
from theodolite.gates import CatalogueUnknown, Dossier, Place, judge, level_rule, settle, spends
from theodolite.measurements import Variant


def settled(plan, dossier, *, t=1, supports_before=0, cap="none", **rest):
    judgement = judge(plan, dossier)
    place = Place(t=t if spends(judgement) else None, supports_before=supports_before)
    return judgement, settle(plan, judgement, place, cap=cap, block_reused=False, **rest)


def gate(record, name):
    return next(item for item in record.gates if item.gate == name)


WORLDS = [
    ("GeneScores", "gene_dossier", 1.6),
    ("PairScores", "pair_dossier", 0.9),
    ("BipartiteScores", "regulon_dossier", 0.9),
]


@pytest.mark.parametrize(("shape", "fixture", "signal"), WORLDS)
def test_a_planted_effect_is_supported_with_every_gate_on_record(plan_for, request, shape, fixture, signal):
    judgement, settlement = settled(plan_for(shape), request.getfixturevalue(fixture)(signal))
    assert settlement.verdict is Verdict.SUPPORTED, settlement.first_unmet
    assert [item.gate for item in settlement.gates] == [
        "G0", "G1", "G2", "G6", "G12b", "G7-", "G7+", "G3", "G8", "G9", "G4", "G5", "G12", "G10", "G16", "G13",
    ]  # fmt: skip
    assert all(item.sentence.endswith(".") for item in settlement.gates)
    assert judgement.raw is not None and judgement.baseline is not None
    assert gate(settlement, "G8").number == settlement.e


@pytest.mark.parametrize(("shape", "fixture", "signal"), WORLDS)
def test_nothing_is_refuted_where_it_would_have_been_seen(plan_for, request, shape, fixture, signal):
    judgement, settlement = settled(plan_for(shape), request.getfixturevalue(fixture)(0.0, seed=3))
    assert settlement.verdict is Verdict.REFUTED, (settlement.first_unmet, judgement.effect)
    assert judgement.effect.upper < plan_for(shape).sesoi
    assert settlement.first_unmet is None
    assert "ruled out" in settlement.next_step


def test_a_baseline_that_does_as_well_leaves_it_undecided(plan_for, gene_dossier):
    for name in ("untrained(1)", "counts", "random_embedding(0)"):
        _, settlement = settled(plan_for(), gene_dossier(1.6, baseline=(name, 1.5)))
        assert settlement.verdict is Verdict.INCONCLUSIVE
        assert settlement.first_unmet == "G5", name


def test_byte_identical_baselines_are_no_discovery(plan_for, gene_dossier):
    dossier = gene_dossier(1.6)
    main = dossier.measurements[Variant.parse("main")]
    same = dict.fromkeys(dossier.measurements, main)
    _, settlement = settled(plan_for(), Dossier(same, True))
    assert gate(settlement, "G5").number == 0.0
    assert settlement.verdict is not Verdict.SUPPORTED


def test_what_co_expression_explains_is_not_supported(plan_for, pair_dossier):
    judgement, settlement = settled(plan_for("PairScores"), pair_dossier(confound=8.0))
    assert settlement.verdict is not Verdict.SUPPORTED
    raw, _ = settled(plan_for("PairScores", ablation="no_confound_gate", null_panel=("family_block_swap",)),
                     pair_dossier(confound=8.0))  # fmt: skip
    assert raw.effect.estimate > 0.3, "co-expression alone ranks the pairs high"
    assert judgement.effect.estimate < 0.1


def test_judging_is_deterministic_and_pure(plan_for, gene_dossier):
    first = judge(plan_for(), gene_dossier(1.0))
    assert canonical_json(first.model_dump(mode="json")) == canonical_json(
        judge(plan_for(), gene_dossier(1.0)).model_dump(mode="json")
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"unit": "gene"}, "unit of exchangeability"),
        ({"selected_on": "block-1"}, "chosen on block-1"),
        ({"null_panel": ("stratified_labels",)}, "the null panel is"),
        ({"loci": {}}, "place in the model"),
        ({"variants": ("main", "untrained(0)"), "loci": {"untrained(0)": {}}}, "3 untrained models"),
    ],
)
def test_a_plan_that_leaves_a_choice_open_is_invalid_and_spends_nothing(plan_for, gene_dossier, changes, said):
    judgement, settlement = settled(plan_for(**changes), gene_dossier(1.6))
    assert not spends(judgement)
    assert settlement.verdict is Verdict.INVALID and settlement.t is None
    assert said in gate(judgement, "G2").sentence


def test_too_small_a_reference_is_insensitive_and_spends_nothing(plan_for, gene_dossier):
    late = level_rule("main", q=0.10, n_max=200, provisional_t=60, supports_before=0, rule="e-lond")
    judgement, settlement = settled(
        plan_for(reference_in_block=11, level=late, draws=100_000), gene_dossier(1.6, size=11)
    )
    assert gate(judgement, "G7+").passed is False
    assert settlement.verdict is Verdict.INVALID and settlement.first_unmet == "G7+" and settlement.t is None


def test_a_missing_co_expression_is_invalid(plan_for, pair_dossier):
    _, settlement = settled(plan_for("PairScores"), replace(pair_dossier(0.9), coexpression=None))
    assert settlement.verdict is Verdict.INVALID


def test_a_changed_input_is_invalid(plan_for, gene_dossier):
    _, settlement = settled(plan_for(), replace(gene_dossier(1.6), provenance_ok=False))
    assert settlement.verdict is Verdict.INVALID and settlement.first_unmet == "G0"


def test_a_missing_variant_and_an_unknown_catalogue_are_refused(plan_for, gene_dossier):
    dossier = gene_dossier(1.0)
    main = Variant.parse("main")
    with pytest.raises(ValueError, match="no measurement of untrained"):
        judge(plan_for(), Dossier({main: dossier.measurements[main]}, True))
    with pytest.raises(CatalogueUnknown, match="catalogue '9'"):
        judge(plan_for(catalogue="9"), dossier)


def test_an_advisory_reviewer_does_not_bind_and_support_needs_both_halves(plan_for, gene_dossier):
    judgement, bound = settled(plan_for(), gene_dossier(2.5, size=60), cap="invalid")
    assert bound.verdict is Verdict.INVALID
    halves = gate(judgement, "G10")
    _, advised = settled(plan_for(), gene_dossier(2.5, size=60), cap="invalid", advisory=True)
    assert halves.passed is True
    assert advised.verdict is Verdict.SUPPORTED and Tag.ONE_BLOCK not in advised.tags
    _, undivided = settled(plan_for(), gene_dossier(2.5, size=18), cap="none", advisory=True)
    assert undivided.verdict is not Verdict.SUPPORTED
