"""What went wrong in screens like this one, staged: evidence that was none meets a refusal, an `invalid` or a lint.

The failures are those of the hypothesis screens that this project replaces; ``test_screens_house.py`` has the rest.
Where a later step adds machinery, the docstring says which part of a failure is not staged yet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from theodolite.agents import LintReviewer
from theodolite.claims import Verdict
from theodolite.data import Reference
from theodolite.data.coexpression import coexpression
from theodolite.experiments import CampaignRun, prepare
from theodolite.experiments.workbench import GeneWorkbench
from theodolite.gates import judge, preflight, spends
from theodolite.gates.catalogue2.panel import stuck
from theodolite.gates.stream import merged_p_min
from theodolite.judgements import NullEvidence
from theodolite.measurements import Coexpression, Variant, VariantKind
from theodolite.models.capture import Capture
from theodolite.sources import Source
from theodolite.store import (
    ArtefactCorrupt,
    hypothesis_rows,
    null_rows,
    refusal_rows,
    stream_state,
)
from theodolite.tools import fit_axes, get_tool

Open = Callable[..., CampaignRun]
Make = Callable[..., Any]

MAIN = Variant(VariantKind.MAIN)
AXES = {"tools": ("geometry.axis_separation",)}


def gates(found: Any) -> dict[str, Any]:
    return {gate.gate: gate for gate in found.gates}


# --- the label among the features ------------------------------------------------------------------------------------


@pytest.mark.parametrize("ancestor", ["cells", "model"])
def test_a_feature_that_contains_its_own_label_is_refused_at_registration(
    refusals: Make, open_campaign: Open, make_hypothesis: Make, small_world: Any, tmp_path: Path, ancestor: str
) -> None:
    """A reference that was made from what the score reads, here cluster markers, is in the score already."""
    clean = next(item for item in small_world.planted.references if item.id == "program_1")
    read = getattr(prepare(small_world.spec(), small_world.workspace(tmp_path / "elsewhere")), ancestor)
    markers = Reference(
        id="markers",
        title="markers of clusters of these very cells",
        kind="set",
        members=clean.members,
        definition="found by clustering",
        origins=(Source("clustering", "1" * 64, (Source("renamed", read.sha256),)),),
    )
    run = open_campaign(sets=[clean, markers], **AXES)
    other = {"kind": "axis", "layer": 0, "index": (2,)}
    told = refusals(run, make_hypothesis(run, "markers"), make_hypothesis(run, "program_1", locus=other))
    assert told == ["leak", "registered"]
    assert stream_state(run.ledger, "main").t == 0


def test_a_score_that_is_the_label_beats_every_null_and_falls_to_random_embeddings(
    make_plan: Make, make_sets: Make, settled: Make
) -> None:
    """Nulls destroy a leaked feature, so it beats them all; the same feature read from random gene vectors does not."""
    world = make_sets()
    leaked = world.member + 1e-3 * world.noise()
    plan = make_plan()
    _, settlement = settled(plan, world.dossier(leaked, random_embedding=world.member + 1e-3 * world.noise()))
    passed = gates(settlement)
    assert [passed[gate].passed for gate in ("G3", "G8", "G9", "G5")] == [True, True, True, False]
    assert "random gene vectors" in passed["G5"].sentence
    assert settlement.verdict is Verdict.INCONCLUSIVE
    # Declared, it does not come so far.
    review = LintReviewer().review_plan(plan.model_copy(update={"sources": {"score": ("reference:secreted",)}}))
    assert ("label_leak", "invalid") in [(item.code, review.cap) for item in review.objections]


# --- too few draws ---------------------------------------------------------------------------------------------------


def test_a_level_that_no_number_of_draws_can_reach_is_refused_before_it_is_spent(
    refusals: Make, open_campaign: Open, make_hypothesis: Make
) -> None:
    run = open_campaign(error={"q": 1e-6}, **AXES)
    assert refusals(run, make_hypothesis(run)) == ["resolution"]
    assert "100,000 draws" in refusal_rows(run.ledger)[0].reason
    assert stream_state(run.ledger, "main").t == 0


def test_four_draws_cannot_pass(make_plan: Make, make_sets: Make, settled: Make) -> None:
    world = make_sets()
    signal = world.noise() + 3.0 * world.member
    for draws in (4, 8, 12, 24):
        plan = make_plan(t=2, draws=draws)
        assert [gate.gate for gate in preflight(plan) if not gate.passed] == ["G6"]
        judgement, settlement = settled(plan, world.dossier(signal))
        assert not spends(judgement)
        assert judgement.p == 1.0
        assert (settlement.verdict, settlement.t, settlement.first_unmet) == (Verdict.INCONCLUSIVE, None, "G6")
    enough = settled(make_plan(t=2), world.dossier(signal))[1]
    assert enough.verdict is Verdict.SUPPORTED


# --- the weakest null ------------------------------------------------------------------------------------------------


def paralogous(world: Any, excess: float) -> Any:
    """Make whole families members, and return scores that families share, members' ``excess`` deviations higher."""
    families = np.unique(np.array(world.families), return_inverse=True)[1]
    count = families.max() + 1
    order = np.random.default_rng(3).permutation(count)
    world.member[:] = np.isin(families, order[: count // 8])
    values = np.random.default_rng(4).standard_normal(count)
    chosen = order[: count // 8]
    values[chosen] += excess - values[chosen].mean()
    return values[families] + 0.1 * world.noise()


def test_beating_the_weakest_null_is_not_enough(make_plan: Make, make_sets: Make, settled: Make) -> None:
    """Paralogues score and are labelled together: single genes moved are beaten, whole families moved are not."""
    world = make_sets(n=800, family_size=4)
    judgement, settlement = settled(make_plan(), world.dossier(paralogous(world, 0.35)))
    p = {item.null: item.p for item in judgement.evidence}
    found = gates(settlement)
    assert p["stratified_labels"] <= found["G3"].threshold < p["family_block_swap"]
    assert judgement.p == p["family_block_swap"]
    assert (found["G3"].passed, found["G8"].passed) == (False, False)
    assert settlement.verdict is not Verdict.SUPPORTED


def test_p_values_of_overlapping_tests_are_not_combined_by_fisher(make_plan: Make, make_sets: Make) -> None:
    """Under dependence the merge is m times the least p; and a record whose p is smaller than its panel's is caught."""
    same = [0.04] * 5
    assert merged_p_min(same) == pytest.approx(0.2)
    world = make_sets()
    plan = make_plan()
    judgement = judge(plan, world.dossier(world.noise() + 0.5 * world.member))
    least = min(item.p for item in judgement.evidence)
    switched = judgement.model_copy(update={"p": least / 2})
    review = LintReviewer().review_record(plan, LintReviewer().review_plan(plan), switched, plan.sha256)
    assert "metric_switch" in [item.code for item in review.objections]


# --- multiplicity ----------------------------------------------------------------------------------------------------


def test_every_test_has_its_p_and_its_place_in_one_error_stream(two_rounds: CampaignRun) -> None:
    rows = [row for row in hypothesis_rows(two_rounds.ledger) if row.status == "verdict"]
    tested = [row for row in rows if row.t is not None]
    assert [row.t for row in tested] == list(range(1, len(tested) + 1))
    assert len(tested) == 3
    for row in tested:
        evidence = null_rows(two_rounds.ledger, row.subject)
        assert row.p == max(item.p for item in evidence) > 0.0
        assert row.e is not None
        assert all(item.p >= 1.0 / (item.draws + 1) for item in evidence)
    # What failed counts: the support that came third stood at the third level.
    assert tested[-1].verdict is Verdict.SUPPORTED


def test_p_is_never_zero(make_plan: Make, make_sets: Make) -> None:
    world = make_sets()
    judgement = judge(make_plan(), world.dossier(world.noise() + 9.0 * world.member))
    assert [item.exceedances for item in judgement.evidence] == [0, 0]
    assert judgement.p == 1.0 / (judgement.evidence[0].draws + 1)
    with pytest.raises(ValidationError, match="greater than 0"):
        NullEvidence(null="x", exceedances=0, draws=9, p=0.0, seed=1, moved=1.0, log10_arrangements=9.0, spread=1.0)


def test_the_same_p_that_supports_the_first_test_does_not_support_the_thirtieth(
    make_plan: Make, make_sets: Make, settled: Make
) -> None:
    world = make_sets()
    dossier = world.dossier(world.noise() + 1.1 * world.member)
    plan = make_plan()
    first, late = (settled(plan, dossier, t=t)[1] for t in (1, 30))
    assert (first.verdict, late.verdict) == (Verdict.SUPPORTED, Verdict.INCONCLUSIVE)
    assert late.first_unmet in ("G3", "G8")


# --- no fixed gate ---------------------------------------------------------------------------------------------------


def test_a_metric_that_is_not_on_the_closed_list_is_refused(make_plan: Make) -> None:
    with pytest.raises(ValidationError, match="statistic"):
        make_plan(statistic="null_gap_in_six_domains")


def test_the_same_numbers_always_have_the_same_verdict(make_plan: Make, make_sets: Make, settled: Make) -> None:
    """A gap in two of six domains was promising twice and neutral once: here words and reasons decide nothing."""
    world = make_sets()
    dossier = world.dossier(world.noise() + 0.5 * world.member)
    plan = make_plan()
    ends = []
    for words in ("a promising gap in 2 of 6 domains", "a gap, again promising", "neutral"):
        hypothesis = plan.hypothesis.model_copy(update={"rationale": words})
        ends.append(settled(plan.model_copy(update={"hypothesis": hypothesis, "claim_text": words}), dossier)[1])
    assert ends[0] == ends[1] == ends[2]


def test_another_threshold_is_another_plan_and_the_result_of_the_first_does_not_count(
    make_plan: Make, make_sets: Make, settled: Make
) -> None:
    world = make_sets()
    dossier = world.dossier(world.noise() + 3.0 * world.member)
    locked, moved = make_plan(), make_plan(sesoi=0.05)
    assert locked.sha256 != moved.sha256
    judgement, settlement = settled(moved, replace(dossier, provenance_ok=locked.sha256 == moved.sha256))
    assert not spends(judgement)
    assert (settlement.verdict, settlement.first_unmet) == (Verdict.INVALID, "G0")


# --- the model's own embedding as co-expression ----------------------------------------------------------------------


def test_co_expression_comes_from_counts_of_the_same_cells(
    refusals: Make, open_campaign: Open, make_hypothesis: Make
) -> None:
    run = open_campaign(tools=("geometry.pair_proximity",))
    assert refusals(run, make_hypothesis(run, "program_1_pairs", tool="geometry.pair_proximity")) == ["registered"]
    plan, setting = run.plans(1)[1], run.setting
    assert plan.sources is not None
    assert plan.sources["co_expression"] == (f"cells:{setting.cells.name}",)
    # No model is an argument: the same counts give what the plan names.
    counted = coexpression(setting.cells, setting.genes("block-1"))
    assert run.ledger.artefacts.get(str(plan.coexpression_sha256)) == counted.to_bytes()


def test_an_own_embedding_covariate_is_refused_by_lint(make_plan: Make, make_pairs: Make, settled: Make) -> None:
    dossier, counted = make_pairs(1.0)
    plan = make_plan("PairScores", coexpression_sha256=counted.sha256)
    own = plan.model_copy(update={"sources": {**(plan.sources or {}), "co_expression": ("model:planted",)}})
    reviews = [LintReviewer().review_plan(item) for item in (plan, own)]
    assert [[item.code for item in review.objections] for review in reviews] == [[], ["own_embedding_covariate"]]
    verdicts = [settled(plan, dossier, cap=review.cap)[1].verdict for review in reviews]
    assert verdicts == [Verdict.SUPPORTED, Verdict.INVALID]


def test_similarity_of_embeddings_cannot_take_the_place_of_what_was_counted(
    refusals: Make, open_campaign: Open, make_hypothesis: Make
) -> None:
    run = open_campaign(tools=("geometry.pair_proximity",))
    refusals(run, make_hypothesis(run, "program_1_pairs", tool="geometry.pair_proximity"))
    run.run_jobs(1)
    named = str(run.plans(1)[1].coexpression_sha256)
    genes = run.setting.genes("block-1")
    cosine = np.corrcoef(np.random.default_rng(1).standard_normal((len(genes), 8)))
    cosine = (cosine + cosine.T) / 2.0
    run.ledger.artefacts.path(named).write_bytes(Coexpression(genes, cosine, cosine, cosine, cosine).to_bytes())
    with pytest.raises(ArtefactCorrupt, match="damaged"):
        run.judge(1)
    assert run.judgement(1, 1) is None


# --- genes without a vector ------------------------------------------------------------------------------------------


def blank_bench(world: Any, blank: int) -> GeneWorkbench:
    """Return a workbench on which the first ``blank`` genes are outside the vocabulary and have zero vectors."""
    vectors = np.random.default_rng(5).standard_normal((2, world.n, 12)).astype(np.float32)
    vectors[:, :blank] = 0.0
    genes = tuple(f"G{index:03d}" for index in range(world.n))
    attention = np.full((1, 1, world.n, world.n), 1.0 / world.n, dtype=np.float32)
    axes = tuple(fit_axes(layer.astype(np.float64), 6) for layer in vectors)
    return GeneWorkbench(genes, world.families, world.covariates, Capture(genes, vectors, attention), axes)


@pytest.mark.parametrize(("blank", "ends"), [(60, (Verdict.INVALID, "G1")), (0, (Verdict.REFUTED, None))])
def test_zero_vectors_of_genes_outside_the_vocabulary_are_invalid(
    make_plan: Make, make_sets: Make, settled: Make, blank: int, ends: tuple[Verdict, str | None]
) -> None:
    """That an artefact found later flips every finding that stands on it comes with the graph of knowledge (step 4)."""
    world, tool = make_sets(), get_tool("geometry.axis_separation")
    bench = blank_bench(world, blank)
    measured = tool.measure(bench, tool.params(layer=1, axis=1))
    dossier = world.dossier(world.noise())
    found = {**dossier.measurements, MAIN: measured.with_members(frozenset(bench.genes[:60]))}
    judgement, settlement = settled(make_plan(), replace(dossier, measurements=found))
    assert (settlement.verdict, settlement.first_unmet) == ends
    assert spends(judgement) is (blank == 0)
    assert ("as genes without a vector do" in gates(judgement)["G1"].sentence) is (blank > 0)


# --- a null that is the network itself -------------------------------------------------------------------------------


def nested(r: int = 24, t: int = 150) -> Any:
    """Return a graph whose regulators' targets are nested: no trade changes it, though its rows all differ."""
    return np.arange(t)[None, :] < np.linspace(10, 120, r).astype(int)[:, None]


def scattered(r: int = 24, t: int = 150) -> Any:
    return np.random.default_rng(1).random((r, t)) < 0.15


@pytest.mark.parametrize("graph", [nested, scattered])
def test_a_degree_preserving_null_that_equals_the_network_is_invalid(
    make_plan: Make, make_regulon: Make, settled: Make, graph: Callable[[], Any]
) -> None:
    dossier, counted = make_regulon(graph())
    judgement, settlement = settled(make_plan("BipartiteScores", coexpression_sha256=counted.sha256), dossier)
    said = gates(settlement)["G1"].sentence
    if graph is nested:
        assert (settlement.verdict, settlement.first_unmet) == (Verdict.INVALID, "G1")
        assert "the null curveball is stuck: its draws replace 0 % of the reference" in said
        assert not spends(judgement)
    else:
        assert "every null moves" in said
        assert {item.null: item.margins for item in judgement.evidence}["curveball"] is True
        assert all(item.moved >= 0.2 for item in judgement.evidence)


def test_a_null_that_loses_its_margins_is_named() -> None:
    assert stuck({}, {"curveball": False}) == ["the null curveball does not keep the margins that it must keep"]
