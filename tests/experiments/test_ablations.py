"""Campaigns that intervene: a head that is planted is found, counts stand aside, and what is unsound is invalid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from theodolite.claims import Verdict
from theodolite.experiments.replay import verify_decisions
from theodolite.models.compact import CompactConfig, CompactTransformer, load_checkpoint, save_checkpoint
from theodolite.store import EntryKind, Ledger

PLANTED = "layer 2 head 2"


@pytest.fixture(scope="module")
def model_with_a_head(small_world: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkpoint whose head 2 of layer 2 writes a direction that program_1 alone is read out along."""
    folder = tmp_path_factory.mktemp("planted") / "with-a-head"
    known = load_checkpoint(small_world.model)
    config = CompactConfig(known.config.genes, width=16, n_layers=2, n_heads=4, feedforward=16, dropout=0.0)
    model = CompactTransformer(config, known.gene_mean, known.gene_sd, seed=3).eval()
    members = {str(gene) for item in small_world.planted.references if item.id == "program_1" for gene in item.genes}
    chosen = torch.tensor([gene in members for gene in config.genes])
    drawn = torch.Generator().manual_seed(11)
    direction = torch.randn(16, generator=drawn)
    direction -= direction.mean()  # the final norm takes the mean of a vector out
    direction /= direction.norm()
    with torch.no_grad():
        block = model.block(2)
        block.output.weight[:, 4:8] = 2.0 * torch.outer(direction, torch.randn(4, generator=drawn) / 2.0)
        model.read_out_vectors[chosen] += 0.1 * direction
    save_checkpoint(folder, model, {"planted": "a head", "report": {"r2": 0.2}})
    return folder


def test_a_planted_head_is_found_and_no_other_set_is(
    small_world: Any, model_with_a_head: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("theodolite.models.ablating.CELLS_AT_MOST", 24)
    spec = small_world.spec(
        "heads", model=str(model_with_a_head), tools=["ablation.zero_ablation"], budget={"experiments": 4}
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
