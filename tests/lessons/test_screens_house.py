"""What went wrong in screens like this one, staged: disorder that the house makes impossible or shows.

The second half of ``test_screens.py``. Where a later step adds machinery, the docstring says which part of a failure
is not staged yet.
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

from theodolite.claims import Hypothesis, Verdict
from theodolite.data import CellDataError, CellSet
from theodolite.experiments import CampaignRun, JobOutcome, JobSpec, StepError
from theodolite.experiments.jobs import Mismatch
from theodolite.experiments.rejudging import rejudge
from theodolite.experiments.replay import verify_decisions
from theodolite.experiments.workbench import GeneWorkbench
from theodolite.gates import CATALOGUE_VERSION
from theodolite.gates.catalogue2.causal import causal_gate
from theodolite.measurements import UnitEffects
from theodolite.models.capture import Capture, capture
from theodolite.models.compact import CompactConfig, CompactTransformer
from theodolite.models.compact_model import CompactModel
from theodolite.store import (
    RETIRE_AFTER,
    EntryKind,
    Ledger,
    LedgerBusy,
    LedgerRefused,
    agent_view,
    block_retired,
    hypothesis_rows,
    rejudgement_rows,
    stream_state,
)
from theodolite.tools import fit_axes, get_tool

Open = Callable[..., CampaignRun]
Make = Callable[..., Any]
Go = Callable[..., None]

AXES = {"tools": ("geometry.axis_separation",)}
KEPT = Path(__file__).parents[1] / "ledgers" / "pbmc-demo-0.1.0"


# --- a gate invented late --------------------------------------------------------------------------------------------


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


# --- runs outside the ledger -----------------------------------------------------------------------------------------


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


# --- retired families ------------------------------------------------------------------------------------------------


def test_a_retired_family_is_refused_however_often_it_is_tried(
    refusals: Make, open_campaign: Open, make_hypothesis: Make, go_round: Go
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


# --- the external panel ----------------------------------------------------------------------------------------------


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
    refusals: Make, two_rounds: CampaignRun, make_hypothesis: Make, strongest: Make
) -> None:
    run = two_rounds
    assert refusals(run, strongest(run, "program_2"), number=3) == ["registered"]
    plan = run.plans(3)[1]
    assert (plan.block.reused, plan.level.stream) == (True, "main/reused")
    assert run.plans(2)[1].block.reused is False


# --- the same null, again and again ----------------------------------------------------------------------------------


def test_a_hypothesis_carries_no_code(make_plan: Make) -> None:
    words = make_plan().hypothesis.model_dump(mode="json")
    with pytest.raises(ValidationError, match="script"):
        Hypothesis.model_validate(words | {"script": "import numpy"})
    tool = get_tool("geometry.axis_separation")
    with pytest.raises(ValidationError, match="null_draws"):
        tool.params(layer=1, axis=1, null_draws=12)
    with pytest.raises(KeyError, match=r"no tool 'mine.null'; there are .*attention.edges"):
        get_tool("mine.null")


def test_a_tool_that_was_edited_after_its_job_was_made_does_not_run(open_campaign: Open) -> None:
    run = open_campaign(**AXES)
    job: JobSpec = run._tool_job(get_tool("geometry.axis_separation"), {"layer": 0, "axis": 1}, "discovery", "main")
    (sound,) = run._runner.submit([job])
    assert sound.status == "done"
    with pytest.raises(Mismatch, match="changed since the job was made"):
        list(run._runner.submit([job.model_copy(update={"source_sha256": "1" * 64})]))


# --- interventions ---------------------------------------------------------------------------------------------------


def edited(*blocks: int, by: float = 1.0) -> Capture:
    """Return what is captured of a model of three blocks after the outputs of some blocks were shifted."""
    genes = tuple(f"G{index}" for index in range(12))
    model = CompactTransformer(
        CompactConfig(genes=genes, width=8, n_layers=3, n_heads=2, feedforward=16, dropout=0.0), seed=1
    ).eval()
    with torch.no_grad():
        for block in blocks:
            model.blocks[block - 1].contract.bias += by * torch.arange(8.0)
    counts = np.random.default_rng(2).poisson(3.0, (5, 12))
    names = [f"c{row}" for row in range(5)]
    cells = CellSet.from_counts("drawn", counts, genes, names, species="human", origin="here")
    return capture(CompactModel("hand", "0" * 64, model), cells)


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


# --- rows by position ------------------------------------------------------------------------------------------------


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


# --- the wrong matrix ------------------------------------------------------------------------------------------------


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


# --- the family of tests ---------------------------------------------------------------------------------------------


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
