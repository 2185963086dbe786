"""What went wrong in screens like this one, staged: each failure meets a refusal, an `invalid` or a caught plant.

The failures are those of the hypothesis screens that this project replaces. Where a later step adds machinery, the
docstring says which part of a failure is not staged yet.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from theodolite.agents import LintReviewer
from theodolite.claims import Hypothesis, Verdict
from theodolite.data import CellDataError, Reference
from theodolite.data.coexpression import coexpression
from theodolite.experiments import CampaignRun, JobOutcome, JobSpec, StepError, prepare
from theodolite.experiments.rejudging import rejudge
from theodolite.experiments.replay import verify_decisions
from theodolite.experiments.workbench import GeneWorkbench
from theodolite.gates import CATALOGUE_VERSION, judge, preflight, spends
from theodolite.gates.catalogue2.causal import causal_gate
from theodolite.gates.catalogue2.panel import stuck
from theodolite.gates.stream import merged_p_min
from theodolite.judgements import NullEvidence
from theodolite.measurements import Coexpression, UnitEffects, Variant, VariantKind
from theodolite.models.capture import Capture, capture
from theodolite.models.compact import CompactConfig, CompactTransformer
from theodolite.models.registry import CompactModel
from theodolite.sources import Source
from theodolite.store import (
    RETIRE_AFTER,
    ArtefactCorrupt,
    EntryKind,
    Ledger,
    LedgerBusy,
    LedgerRefused,
    agent_view,
    block_retired,
    hypothesis_rows,
    null_rows,
    refusal_rows,
    rejudgement_rows,
    stream_state,
)
from theodolite.tools import fit_axes, get_tool

Open = Callable[..., CampaignRun]
Make = Callable[..., Any]
Go = Callable[..., None]

MAIN = Variant(VariantKind.MAIN)
AXES = {"tools": ("geometry.axis_separation",)}
KEPT = Path(__file__).parents[1] / "ledgers" / "pbmc-demo-0.1.0"


def gates(found: Any) -> dict[str, Any]:
    return {gate.gate: gate for gate in found.gates}


def refusals(run: CampaignRun, *hypotheses: Hypothesis, number: int = 1) -> list[str]:
    """Propose and register a round; return for each slot the code of its refusal, or ``registered``."""
    for slot, hypothesis in enumerate(hypotheses, start=1):
        run.propose(number, slot, hypothesis)
    run.register(number)
    codes = {row.subject: row.code for row in refusal_rows(run.ledger)}
    return [codes.get(run.subject(number, slot), "registered") for slot in range(1, len(hypotheses) + 1)]


# --- the label among the features -----------------------------------------------------------------------------------


@pytest.mark.parametrize("ancestor", ["cells", "model"])
def test_a_feature_that_contains_its_own_label_is_refused_at_registration(
    open_campaign: Open, make_hypothesis: Make, small_world: Any, tmp_path: Path, ancestor: str
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


# --- too few draws --------------------------------------------------------------------------------------------------


def test_a_level_that_no_number_of_draws_can_reach_is_refused_before_it_is_spent(
    open_campaign: Open, make_hypothesis: Make
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


# --- the weakest null -----------------------------------------------------------------------------------------------


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


# --- multiplicity ---------------------------------------------------------------------------------------------------


@pytest.fixture
def two_rounds(open_campaign: Open, make_hypothesis: Make, strongest: Make, go_round: Go) -> CampaignRun:
    """Return a campaign with a round that supports nothing and one that does."""
    run = open_campaign(**AXES)
    go_round(run, 1, [make_hypothesis(run, "decoy_1"), make_hypothesis(run, "decoy_2")])
    go_round(run, 2, [strongest(run, "program_1"), make_hypothesis(run, "too_small")])
    return run


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


# --- no fixed gate --------------------------------------------------------------------------------------------------


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


# --- the model's own embedding as co-expression ---------------------------------------------------------------------


def test_co_expression_comes_from_counts_of_the_same_cells(open_campaign: Open, make_hypothesis: Make) -> None:
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
    open_campaign: Open, make_hypothesis: Make
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


# --- a gate invented late -------------------------------------------------------------------------------------------


def test_a_gate_that_was_invented_late_is_applied_to_all_or_to_none(tmp_path: Path) -> None:
    """A ledger of the first catalogue is judged whole under today's: one row a test beside verdicts that stay."""
    folder = tmp_path / "kept"
    shutil.copytree(KEPT, folder)
    with Ledger.open(folder / "ledger.sqlite") as ledger:
        before = [(row.subject, row.verdict, row.t) for row in hypothesis_rows(ledger)]
        tests = ledger.count(EntryKind.VERDICT)
        again = list(rejudge(ledger))
        assert len(again) == len({row.subject for row in again}) == tests > 10
        assert {row.catalogue for row in again} == {CATALOGUE_VERSION}
        assert [(row.subject, row.verdict, row.t) for row in hypothesis_rows(ledger)] == before
        assert ledger.count(EntryKind.REJUDGEMENT) == tests
        head = ledger.head()
        list(rejudge(ledger))
        assert ledger.head() == head
        assert len(rejudgement_rows(ledger)) == tests
        assert verify_decisions(ledger) == []


# --- runs outside the ledger ----------------------------------------------------------------------------------------


def test_nothing_runs_before_its_row(open_campaign: Open, make_hypothesis: Make) -> None:
    run = open_campaign(**AXES)
    subject = run.subject(1, 1)
    result = {"prereg_sha256": "1" * 64, "jobs": {}, "measurements": {}}
    with pytest.raises(LedgerRefused, match="register first"):
        run.ledger.append(EntryKind.RESULT, "orphan", subject, result)
    run.propose(1, 1, make_hypothesis(run))
    run.register(1)
    with pytest.raises(LedgerRefused, match="register first"):
        run.ledger.append(EntryKind.RESULT, "orphan", subject, result)


class Dying:
    """A runner whose worker dies in every job of the hold-out block."""

    def __init__(self, sound: Any) -> None:
        self._sound = sound

    def submit(self, jobs: Any) -> Iterator[JobOutcome]:
        for job in jobs:
            if job.split.startswith("block"):
                yield JobOutcome(job_sha256=job.sha256, status="crash", reason="the worker died")
            else:
                yield from self._sound.submit([job])


def test_a_crash_leaves_an_error_row_and_spends_nothing(
    open_campaign: Open, make_hypothesis: Make, go_round: Go
) -> None:
    run = open_campaign(**AXES)
    run._runner = Dying(run._runner)
    go_round(run, 1, [make_hypothesis(run)])
    (row,) = hypothesis_rows(run.ledger)
    assert (row.verdict, row.failure_code, row.t) == (Verdict.ERROR, "crash", None)


def test_a_second_run_waits_for_the_lease_and_a_worker_has_no_ledger_to_write(open_campaign: Open) -> None:
    """An orphaned worker cannot seed a lineage: it is given everything but the ledger."""
    run = open_campaign(**AXES)
    with run.ledger.coordinator("the run"), pytest.raises(LedgerBusy, match="the run"):
        with run.ledger.coordinator("an orphan"):
            pytest.fail("two coordinators of one ledger")
    assert str(run.setting.workspace.ledger) in str(run.ledger)
    assert run.setting.workspace.ledger.name not in run.setting.materials().model_dump_json()


# --- retired families -----------------------------------------------------------------------------------------------


def test_a_retired_family_is_refused_however_often_it_is_tried(
    open_campaign: Open, make_hypothesis: Make, go_round: Go
) -> None:
    """Retirement is a query over bits. That a locked change of the estimand reopens a family comes with steering."""
    run = open_campaign(tools=("geometry.axis_separation", "attention.edges"), sesoi={"GeneScores": 0.30})
    places = [{"kind": "axis", "layer": layer, "index": (axis,)} for layer in (0, 1) for axis in range(1, 5)]
    tries = [make_hypothesis(run, "decoy_1", locus=place) for place in places]
    go_round(run, 1, tries[: RETIRE_AFTER - 1])
    go_round(run, 2, tries[RETIRE_AFTER - 1 : RETIRE_AFTER])
    assert not any(bit.supported for bit in agent_view(run.ledger, run.setting.campaign_id).bits)
    other = make_hypothesis(run, "program_2_pairs", tool="attention.edges")
    assert refusals(run, *tries[RETIRE_AFTER:], other, number=3) == ["retired", "retired", "registered"]


# --- genes without a vector -----------------------------------------------------------------------------------------


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


# --- the external panel ---------------------------------------------------------------------------------------------


def test_agents_hear_one_bit_a_claim_until_the_block_retires(two_rounds: CampaignRun) -> None:
    run = two_rounds
    block = run.setting.split.block_id("block-1")
    with Ledger.in_memory() as open_block:
        for entry in run.ledger.entries():
            if entry.payload.get("round") == 2 or "/r02" in entry.id:
                break
            open_block.append(entry.kind, entry.id, entry.subject, entry.payload)
        assert not block_retired(open_block, block)
        view = agent_view(open_block, run.setting.campaign_id)
        assert [bit.supported for bit in view.bits] == [False, False]
        assert view.released == ()
        known = view.model_dump_json()
        for row in hypothesis_rows(open_block):
            assert row.p is not None
            assert str(row.p) not in known
            assert str(row.effect) not in known
    assert block_retired(run.ledger, block)
    released = agent_view(run.ledger, run.setting.campaign_id).released
    assert [item.p for item in released] == [row.p for row in hypothesis_rows(run.ledger) if row.t is not None]


def test_a_hold_out_block_that_returned_a_support_is_retired(
    two_rounds: CampaignRun, make_hypothesis: Make, strongest: Make
) -> None:
    run = two_rounds
    assert refusals(run, strongest(run, "program_2"), number=3) == ["registered"]
    plan = run.plans(3)[1]
    assert (plan.block.reused, plan.level.stream) == (True, "main/reused")
    assert run.plans(2)[1].block.reused is False


# --- the same null, again and again ---------------------------------------------------------------------------------


def test_a_hypothesis_carries_no_code(make_plan: Make) -> None:
    words = make_plan().hypothesis.model_dump(mode="json")
    with pytest.raises(ValidationError, match="script"):
        Hypothesis.model_validate(words | {"script": "import numpy"})
    tool = get_tool("geometry.axis_separation")
    with pytest.raises(ValidationError, match="null_draws"):
        tool.params(layer=1, axis=1, null_draws=12)
    with pytest.raises(KeyError, match=r"no tool 'mine.null'; there are attention.edges"):
        get_tool("mine.null")


def test_a_tool_that_was_edited_after_its_job_was_made_does_not_run(open_campaign: Open) -> None:
    run = open_campaign(**AXES)
    job: JobSpec = run._tool_job(get_tool("geometry.axis_separation"), {"layer": 0, "axis": 1}, "discovery", "main")
    (sound,) = run._runner.submit([job])
    (edited,) = run._runner.submit([job.model_copy(update={"source_sha256": "1" * 64})])
    assert (sound.status, edited.status) == ("done", "tool_error")
    assert "changed since the job was made" in edited.reason


# --- interventions --------------------------------------------------------------------------------------------------


def edited(*blocks: int, by: float = 1.0) -> Capture:
    """Return what is captured of a model of three blocks after the outputs of some blocks were shifted."""
    genes = tuple(f"G{index}" for index in range(12))
    model = CompactTransformer(
        CompactConfig(genes=genes, width=8, n_layers=3, n_heads=2, feedforward=16, dropout=0.0), seed=1
    ).eval()
    with torch.no_grad():
        for block in blocks:
            model.blocks[block - 1].contract.bias += by * torch.arange(8.0)
    values = np.random.default_rng(2).gamma(1.0, 1.0, (5, 12)).astype(np.float32)
    return capture(CompactModel("hand", "0" * 64, model), values)


def test_an_edit_moves_the_layers_after_it_and_no_others_and_a_zero_edit_moves_nothing() -> None:
    """What intervention tools will check in every run (step 6) holds of the capture that they will read."""
    plain, second, both = edited(), edited(2), edited(1, 2)
    np.testing.assert_array_equal(edited(1, 2, by=0.0).hidden, plain.hidden)
    np.testing.assert_array_equal(second.hidden[:2], plain.hidden[:2])
    assert all(np.abs(second.hidden[layer] - plain.hidden[layer]).max() > 0.1 for layer in (2, 3))
    assert all(np.abs(both.hidden[layer] - second.hidden[layer]).max() > 0.1 for layer in (1, 2, 3))


def test_an_intervention_that_any_direction_of_its_size_matches_shows_no_use() -> None:
    rng = np.random.default_rng(0)
    units, effect = tuple(f"cell {index}" for index in range(20)), rng.normal(1.0, 0.1, 20)
    # A hook that replaces the block's output takes the whole effect away, whatever the direction.
    broken = UnitEffects(units, effect, rng.normal(1.0, 0.1, (20, 999)), "share of the unablated value")
    sound = UnitEffects(units, effect, rng.normal(0.0, 0.1, (20, 999)), "share of the unablated value")
    assert [causal_gate(found, alpha=0.01).passed for found in (broken, sound)] == [False, True]
    assert "directions of equal size do as much" in causal_gate(broken, alpha=0.01).sentence


# --- a null that is the network itself ------------------------------------------------------------------------------


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


# --- rows by position -----------------------------------------------------------------------------------------------


def test_genes_are_found_by_name_whatever_their_order() -> None:
    """Round trips on dictionaries of real models come with those models (step 5)."""
    genes = tuple(f"G{index:02d}" for index in range(40))
    rng = np.random.default_rng(6)
    taken = Capture(genes, rng.standard_normal((2, 40, 9)).astype(np.float32), rng.random((1, 1, 40, 40), np.float32))
    order = rng.permutation(40)
    shuffled = Capture(
        tuple(genes[row] for row in order), taken.hidden[:, order], taken.attention[:, :, order][:, :, :, order]
    )
    axes = tuple(fit_axes(layer.astype(np.float64), 6) for layer in taken.hidden)
    asked = genes[5:35]

    def bench(found: Capture) -> GeneWorkbench:
        return GeneWorkbench(asked, asked, np.ones((30, 3)), found, axes)

    for name, params in (("geometry.axis_separation", {"layer": 1, "axis": 2}), ("attention.edges", {"layer": 1})):
        tool = get_tool(name)
        told = [tool.measure(bench(found), tool.params(**params)) for found in (taken, shuffled)]
        assert told[0].to_bytes() == told[1].to_bytes()
        # Positions would have told of other genes.
        by_position = tool.measure(bench(replace(shuffled, genes=genes)), tool.params(**params))
        assert not np.array_equal(told[0].score, by_position.score)


# --- the wrong matrix -----------------------------------------------------------------------------------------------


def test_log_normalised_values_in_the_place_of_counts_are_refused(small_world: Any, tmp_path: Path) -> None:
    """A capture that checks range and depth against what each real model declares comes with those models (step 5)."""
    cells = small_world.planted.cells
    path = tmp_path / "planted.h5ad"
    names = (pd.DataFrame(index=list(cells.cells)), pd.DataFrame(index=list(cells.genes)))
    for values, refused in ((cells.log1p_cp10k(), True), (cells.counts.astype(np.float32), False)):
        anndata.AnnData(X=values, obs=names[0], var=names[1]).write_h5ad(path)
        spec = small_world.spec(cells={"source": str(path), "species": "planted"})
        if refused:
            with pytest.raises(CellDataError, match="counts are expected.*log-normalised values"):
                small_world.opened(tmp_path / "ledger", spec).__enter__()
        else:
            with small_world.opened(tmp_path / "ledger", spec) as run:
                assert (run.setting.cells.counts != cells.counts).nnz == 0


# --- the family of tests --------------------------------------------------------------------------------------------


def test_the_family_of_tests_is_declared_before_the_first_of_them(two_rounds: CampaignRun, open_campaign: Open) -> None:
    rows = hypothesis_rows(two_rounds.ledger)
    poor = [row for row in rows if row.t is not None and row.p is not None and row.p >= 0.1]
    assert poor, "nothing with a large p: this test would show nothing"
    # Large p-values take their place in the stream, so that nobody corrects over the small ones alone.
    assert stream_state(two_rounds.ledger, "main").t == len([row for row in rows if row.t is not None])
    first = {kind: next(two_rounds.ledger.entries(kind=kind)).seq for kind in (EntryKind.STREAM, EntryKind.RESULT)}
    assert first[EntryKind.STREAM] < first[EntryKind.RESULT]
    locked = [entry.seq for entry in two_rounds.ledger.entries(kind=EntryKind.REGISTRATION) if "/r01" in entry.id]
    assert max(locked) < first[EntryKind.RESULT]
    with pytest.raises(StepError, match="n_max"):
        open_campaign("larger-family", error={"n_max": 13}, **AXES)


def test_tests_with_large_p_cannot_be_left_out_afterwards(two_rounds: CampaignRun) -> None:
    poor = {row.subject for row in hypothesis_rows(two_rounds.ledger) if row.p is not None and row.p >= 0.1}
    with Ledger.in_memory(artefacts=two_rounds.ledger.artefacts.folder) as thinned:
        for entry in two_rounds.ledger.entries():
            if entry.subject not in poor and entry.kind is not EntryKind.ROUND:
                thinned.append(entry.kind, entry.id, entry.subject, entry.payload)
        assert any("settlement does not follow" in problem.what for problem in verify_decisions(thinned))
    assert verify_decisions(two_rounds.ledger) == []
