"""Facts of a model: the same as the loaded model's, without loading it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from theodolite.models.compact import CompactConfig, CompactTransformer, save_checkpoint
from theodolite.models.facts import CheckpointError, checkpoint_sha256
from theodolite.models.registry import load_model, model_facts

GENES = tuple(f"GENE{index}" for index in range(6))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config = CompactConfig(genes=GENES, width=8, n_layers=3, n_heads=2, feedforward=16)
    path = tmp_path / "my-model"
    save_checkpoint(path, CompactTransformer(config, seed=1), {"log": "trained for a test"})
    return path


def test_facts_agree_with_the_loaded_model(folder: Path) -> None:
    facts, model = model_facts(str(folder)), load_model(str(folder))
    for name in ("name", "sha256", "genes", "n_layers", "n_heads", "width"):
        assert getattr(facts, name) == getattr(model, name), name
    assert facts.read_out is (model.read_out is not None)


def test_facts_are_read_without_torch(folder: Path) -> None:
    script = (
        "import sys; from theodolite.models.registry import model_facts; "
        f"print(model_facts({str(folder)!r}).n_layers, 'torch' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["3", "False"]


def test_the_hash_covers_weights_and_configuration(folder: Path) -> None:
    before = checkpoint_sha256(folder)
    weights = folder / "model.safetensors"
    original = weights.read_bytes()
    weights.write_bytes(original + b"\0")
    assert checkpoint_sha256(folder) != before
    weights.write_bytes(original)
    assert checkpoint_sha256(folder) == before
    config = folder / "config.json"
    config.write_text(config.read_text().replace("trained for a test", "trained for another"))
    assert checkpoint_sha256(folder) != before


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_an_incomplete_checkpoint_has_no_hash(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=f"has no {name}"):
        checkpoint_sha256(folder)


@pytest.mark.parametrize(
    "change",
    [lambda config: config.pop("genes"), lambda config: config.update(n_layers="three"), lambda config: config.clear()],
)
def test_a_configuration_of_something_else_is_refused(folder: Path, change: Any) -> None:
    file = folder / "config.json"
    config = json.loads(file.read_text())
    change(config)
    file.write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"config\.json is no configuration of a compact model"):
        model_facts(str(folder))


def test_a_configuration_that_is_no_json_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="no configuration"):
        model_facts(str(folder))


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no model"):
        model_facts(str(tmp_path))


def test_a_compact_model_counts_as_verified_by_the_end_of_its_training(tmp_path: Path) -> None:
    config = CompactConfig(genes=GENES, width=8, n_layers=1, n_heads=2, feedforward=16)
    for name, extra, expected in (
        ("untrained", {}, False),
        ("worse", {"report": {"r2": -0.1}}, False),
        ("better", {"report": {"r2": 0.1}}, True),
    ):
        save_checkpoint(tmp_path / name, CompactTransformer(config, seed=1), extra)
        assert model_facts(str(tmp_path / name)).verified is expected
    assert model_facts("compact-pbmc").verified
