"""Campaigns that intervene: a head that is planted is found, counts stand aside, and what is unsound is invalid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from planted_heads import model_with_a_head

from theodolite.claims import Verdict
from theodolite.data import DISCOVERY
from theodolite.experiments.replay import verify_decisions
from theodolite.models.compact import load_checkpoint, save_checkpoint
from theodolite.store import EntryKind, Ledger
from theodolite.tools.ablation import zero_ablation

PLANTED = "layer 2 head 2"


@pytest.fixture(scope="module")
def planted_head(small_world: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkpoint whose head 2 of layer 2 moves the predictions of program_1 and of no other set."""
    folder = tmp_path_factory.mktemp("planted") / "with-a-head"
    known = load_checkpoint(small_world.model)
    members = {str(gene) for item in small_world.planted.references if item.id == "program_1" for gene in item.genes}
    model = model_with_a_head(known.config.genes, members, known.gene_mean, known.gene_sd)
    save_checkpoint(folder, model, {"planted": "a head", "report": {"r2": 0.2}})
    return folder


def test_a_planted_head_is_found_and_no_other_set_is(
    small_world: Any, planted_head: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("theodolite.models.ablating.CELLS_AT_MOST", 24)
    spec = small_world.spec(
        "heads", model=str(planted_head), tools=["ablation.zero_ablation"], budget={"experiments": 4}
    )
    small_world.run_in_process(tmp_path, spec)
    rows = small_world.rows(tmp_path)
    assert len(rows) == 4
    found = {(row.reference, str(row.locus)) for row in rows if row.verdict == Verdict.SUPPORTED}
    assert ("program_1", PLANTED) in found
    assert not {reference for reference, _ in found} & {"decoy_1", "decoy_2", "medium", "too_small"}

    with Ledger.open(tmp_path / "ledger.sqlite", read_only=True) as ledger:
        looks = {
            tuple(entry.payload["params"].values()): entry.payload for entry in ledger.entries(kind=EntryKind.LOOK)
        }
        # The MLPs of a model that was not trained do nearly nothing, and that is said where somebody looks.
        silent = [look["reason"] for look in looks.values() if look["status"] != "done"]
        assert silent
        assert all("MLP: no token's last residual stream turned" in reason for reason in silent)
        # Principal components stand in for what counts have no parts of.
        tests = list(ledger.entries(kind=EntryKind.RESULT))
        assert all("counts" in entry.payload["measurements"] for entry in tests)
        assert verify_decisions(ledger, deep=True) == []

    # Of a baseline, what does nothing is read all the same.
    with small_world.opened(tmp_path, spec) as run:
        run.open()
        mlp = {"part": "mlp", "layer": 1, "head": None}
        jobs = [run._tool_job(zero_ablation, mlp, DISCOVERY, variant) for variant in ("main", "untrained(0)")]
        assert [outcome.status for outcome in run._runner.submit(jobs)] == ["tool_error", "done"]
