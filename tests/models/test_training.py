"""Training of the compact model on cells whose structure is planted."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from theodolite.data.pbmc import load_pbmc
from theodolite.models.baselines import gene_mean_mse, masked_mse
from theodolite.models.compact import load_checkpoint
from theodolite.models.registry import model_folder
from theodolite.models.training import (
    TrainingError,
    TrainReport,
    TrainSettings,
    hold_out,
    predict_masked,
    train_command,
    train_compact,
)

N_CELLS, N_GENES = 120, 30
GENES = [f"GENE{i}" for i in range(N_GENES)]
SHAPE = {"width": 16, "n_layers": 1, "n_heads": 2, "feedforward": 16, "dropout": 0.1}
SHORT = TrainSettings(
    steps=10,
    cells_per_step=8,
    genes_per_step=20,
    warmup=2,
    evaluation_masks=2,
    eval_every=4,
    save_every=3,
    seed=5,
    threads=1,
)


def planted_cells() -> np.ndarray:
    """Cells of three hidden types, each with its own third of the genes switched on."""
    draw = np.random.default_rng(0)
    kind = draw.integers(3, size=N_CELLS)
    on = (np.arange(N_GENES) % 3)[None, :] == kind[:, None]
    return (2.0 * on + 0.3 * draw.random((N_CELLS, N_GENES))).astype(np.float32)


def run(out: Path, settings: TrainSettings = SHORT, *, resume: bool = False, **options: Any) -> TrainReport:
    return train_compact(planted_cells(), GENES, settings, SHAPE, out, resume=resume, **options)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(folder).state_dict()


class StopTraining(Exception):
    """Raised by a progress callback in place of a power cut."""


def stop_at(step: int) -> Any:
    def progress(done: int, steps: int, latest: dict[str, Any]) -> None:
        if done == step:
            raise StopTraining

    return progress


def test_planted_types_are_learned_far_beyond_the_gene_mean(tmp_path: Path) -> None:
    settings = dataclasses.replace(SHORT, steps=200, warmup=20, learning_rate=1e-2, eval_every=100, save_every=100)
    report = run(tmp_path, settings)
    assert report.r2 > 0.8
    assert report.r2_shrinkage > 0.8
    assert report.history[0]["step"] == 100
    assert report.history[-1]["r2"] == pytest.approx(report.r2)


@pytest.mark.parametrize("stop", [1, 4, 8])
def test_an_interrupted_run_ends_with_the_weights_of_an_unbroken_one(tmp_path: Path, stop: int) -> None:
    unbroken = run(tmp_path / "unbroken")
    with pytest.raises(StopTraining):
        run(tmp_path / "broken", progress=stop_at(stop))
    torch.rand(7)
    seen: list[int] = []
    resumed = run(tmp_path / "broken", resume=True, progress=lambda done, steps, latest: seen.append(done))
    assert seen[0] == stop - stop % SHORT.save_every + 1
    assert resumed == unbroken
    expected = weights(tmp_path / "unbroken")
    for name, tensor in weights(tmp_path / "broken").items():
        assert torch.equal(tensor, expected[name]), name
    for name in ("train_log.jsonl", "model.safetensors"):
        assert (tmp_path / "broken" / name).read_bytes() == (tmp_path / "unbroken" / name).read_bytes()


def test_a_run_that_begins_anew_takes_the_old_checkpoint_away_first_and_another_ones_is_left_alone(
    tmp_path: Path,
) -> None:
    run(tmp_path)
    with pytest.raises(StopTraining):
        run(tmp_path, progress=stop_at(1))
    assert not (tmp_path / "config.json").exists()
    run(tmp_path)
    (tmp_path / "training_state.pt").unlink()
    before = (tmp_path / "model.safetensors").read_bytes()
    with pytest.raises(TrainingError, match="holds a checkpoint"):
        run(tmp_path, dataclasses.replace(SHORT, seed=SHORT.seed + 1))
    assert (tmp_path / "model.safetensors").read_bytes() == before


def test_without_resume_a_run_starts_anew(tmp_path: Path) -> None:
    with pytest.raises(StopTraining):
        run(tmp_path, progress=stop_at(6))
    seen: list[int] = []
    run(tmp_path, progress=lambda done, steps, latest: seen.append(done))
    assert seen == list(range(1, SHORT.steps + 1))


def test_resuming_a_finished_run_trains_no_further(tmp_path: Path) -> None:
    first = run(tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()
    assert run(tmp_path, resume=True, progress=stop_at(SHORT.steps)) == first
    assert (tmp_path / "model.safetensors").read_bytes() == before


def test_a_state_of_another_run_is_refused(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(TrainingError, match="saved under other settings, genes or cells"):
        run(tmp_path, dataclasses.replace(SHORT, learning_rate=1e-4), resume=True)
    with pytest.raises(TrainingError, match="saved under other settings, genes or cells"):
        train_compact(planted_cells() + 1, GENES, SHORT, SHAPE, tmp_path, resume=True)


@pytest.mark.parametrize("content", [b"", b"not a state", b"\x80\x02]q\x00."])
def test_a_spoiled_state_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "training_state.pt").write_bytes(content)
    with pytest.raises(TrainingError, match=r"training_state.pt: not a training state .* train without resuming"):
        run(tmp_path, resume=True)


def test_seeds_give_different_weights_and_held_out_cells(tmp_path: Path) -> None:
    first = run(tmp_path / "a")
    second = run(tmp_path / "b", dataclasses.replace(SHORT, seed=6))
    assert first.held_out_cells != second.held_out_cells
    assert not torch.equal(weights(tmp_path / "a")["gene_embedding"], weights(tmp_path / "b")["gene_embedding"])


def test_training_leaves_the_global_generator_and_threads_alone(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    run(tmp_path)
    assert torch.equal(torch.rand(2), expected)
    assert torch.get_num_threads() == threads


def test_the_report_can_be_computed_again_from_the_checkpoint(tmp_path: Path) -> None:
    report = run(tmp_path)
    values = planted_cells()
    cells = hold_out(values, SHORT)
    assert cells.cells == report.held_out_cells
    predicted = predict_masked(load_checkpoint(tmp_path), values[list(report.held_out_cells)], cells.masks)
    errors = (predicted - cells.values)[cells.masks]
    assert float(np.mean(np.square(errors))) == pytest.approx(report.model_mse, rel=1e-5)
    assert gene_mean_mse(cells.training, cells.values, cells.masks) == pytest.approx(report.gene_mean_mse)
    assert report.r2 == pytest.approx(1 - report.model_mse / report.gene_mean_mse)


def test_log_command_and_facts_lie_beside_the_checkpoint(tmp_path: Path) -> None:
    report = run(tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "train_log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [4, 8, 10]
    assert tuple(rows) == report.history
    assert (tmp_path / "command.txt").read_text().startswith("theodolite models train compact --cells pbmc --steps 10")
    extra = json.loads((tmp_path / "config.json").read_text())["extra"]
    assert extra["settings"] == dataclasses.asdict(SHORT)
    assert extra["report"]["r2"] == report.r2


def test_the_command_names_what_differs_from_the_recipe(tmp_path: Path) -> None:
    config = load_checkpoint_config(tmp_path)
    command = train_command(dataclasses.replace(TrainSettings(), mask_share=0.2), config, Path("some/folder"))
    recipe = TrainSettings()
    assert command == (
        f"theodolite models train compact --cells pbmc --steps {recipe.steps} --seed {recipe.seed} --mask-share 0.2 "
        "--width 16 --n-layers 1 --n-heads 2 --feedforward 16 --out folder"
    )


def load_checkpoint_config(folder: Path) -> Any:
    run(folder)
    return load_checkpoint(folder).config


def test_normalisation_comes_from_training_cells_alone(tmp_path: Path) -> None:
    values = planted_cells()
    values[:, 0] = 0.7
    train_compact(values, GENES, SHORT, SHAPE, tmp_path, resume=False)
    model, cells = load_checkpoint(tmp_path), hold_out(values, SHORT)
    np.testing.assert_allclose(model.gene_mean.numpy(), cells.training.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(model.gene_sd.numpy()[1:], cells.training.std(axis=0)[1:], rtol=1e-4)


@hypothesis_settings(max_examples=30, deadline=None)
@given(n_cells=st.integers(2, 60), share=st.floats(0.3, 0.7), seed=st.integers(0, 2**32))
def test_the_split_loses_and_repeats_no_cell(n_cells: int, share: float, seed: int) -> None:
    values = np.arange(n_cells, dtype=np.float32)[:, None] * np.ones((1, 6), dtype=np.float32)
    settings = dataclasses.replace(SHORT, held_out_share=share, seed=seed, mask_share=0.5)
    cells = hold_out(values, settings)
    assert sorted([*cells.training[:, 0], *cells.values[:, 0]]) == list(range(n_cells))
    assert list(cells.values[:, 0]) == list(cells.cells)
    assert cells.masks.shape == (settings.evaluation_masks, len(cells.cells), 6)


def test_the_rate_rises_then_falls_to_a_fiftieth() -> None:
    settings = TrainSettings(steps=100, warmup=10, learning_rate=1.0)
    rates = [settings.rate(step) for step in range(100)]
    assert rates[0] < 0.11
    assert np.argmax(rates) == 9
    assert np.all(np.diff(rates[9:]) < 0)
    assert rates[-1] == pytest.approx(0.02, abs=0.001)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps=0"),
        ({"mask_share": 0.0}, "mask_share=0.0"),
        ({"held_out_share": 1.0}, "held_out_share=1.0"),
        ({"threads": 0}, "threads=0"),
        ({"learning_rate": 0.0}, "learning_rate=0.0"),
        ({"weight_decay": -0.1}, "weight_decay=-0.1"),
    ],
)
def test_settings_with_which_no_run_can_end_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        TrainSettings(**change)


def test_unusable_values_are_refused(tmp_path: Path) -> None:
    values = planted_cells()
    with pytest.raises(TrainingError, match="do not fit 29 genes"):
        train_compact(values, GENES[1:], SHORT, SHAPE, tmp_path, resume=False)
    values[0, 0] = np.inf
    with pytest.raises(TrainingError, match="not finite"):
        train_compact(values, GENES, SHORT, SHAPE, tmp_path, resume=False)
    with pytest.raises(TrainingError, match="of 3 cells leaves one side empty"):
        train_compact(planted_cells()[:3], GENES, SHORT, SHAPE, tmp_path, resume=False)


def test_the_shipped_checkpoint_scores_what_its_log_says() -> None:
    folder = model_folder("compact-pbmc")
    extra = json.loads((folder / "config.json").read_text())["extra"]
    recipe = TrainSettings()
    assert extra["settings"] == dataclasses.asdict(recipe)
    assert (folder / "model.safetensors").stat().st_size <= 3_000_000

    cells = load_pbmc()
    model = load_checkpoint(folder)
    assert model.config.genes == cells.genes
    kept = hold_out(cells.log1p_cp10k(), recipe)
    assert list(kept.cells) == extra["report"]["held_out_cells"]
    np.testing.assert_allclose(model.gene_mean.numpy(), kept.training.mean(axis=0), rtol=1e-4, atol=1e-6)

    error = masked_mse(predict_masked(model, kept.values, kept.masks), kept.values, kept.masks)
    r2 = 1 - error / gene_mean_mse(kept.training, kept.values, kept.masks)
    assert r2 >= 0.20
    # Another processor may round the last bits of float32 products differently.
    assert r2 == pytest.approx(extra["report"]["r2"], abs=1e-4)
    last = json.loads((folder / "train_log.jsonl").read_text().splitlines()[-1])
    assert last["step"] == recipe.steps
    assert last["r2"] == pytest.approx(extra["report"]["r2"])
    assert (folder / "command.txt").read_text() == train_command(recipe, model.config, folder) + "\n"
