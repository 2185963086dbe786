"""Capture: one pass over the cells, equal to a direct average, in memory that does not grow with them."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from theodolite.models import capture as capture_module
from theodolite.models.capture import capture, load_capture, save_capture
from theodolite.models.compact import CompactConfig, CompactTransformer
from theodolite.models.protocol import FoundationModel
from theodolite.models.compact_model import CompactModel

GENES = tuple(f"GENE{index}" for index in range(10))


@pytest.fixture(scope="module")
def model() -> CompactModel:
    config = CompactConfig(genes=GENES, width=8, n_layers=2, n_heads=2, feedforward=16, dropout=0.3)
    transformer = CompactTransformer(config, seed=1).eval()
    draw = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in transformer.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=draw))
    return CompactModel("hand", "0" * 64, transformer)


def some_values(n_cells: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(1.0, 1.0, (n_cells, len(GENES))).astype(np.float32)


def test_the_compact_model_is_a_foundation_model(model: CompactModel) -> None:
    assert isinstance(model, FoundationModel)


def test_capture_is_the_plain_average_over_cells(model: CompactModel) -> None:
    values = some_values(37)
    taken = capture(model, values)
    with torch.inference_mode():
        traces = [
            model.transformer.trace(torch.from_numpy(values[[cell]]), torch.arange(len(GENES)), attention=True)
            for cell in range(37)
        ]
    for layer in range(3):
        direct = np.mean([trace.hidden[layer][0].numpy() for trace in traces], axis=0)
        np.testing.assert_allclose(taken.hidden[layer], direct, atol=1e-5)
    for layer in range(2):
        direct = np.mean([trace.attention[layer][0].numpy() for trace in traces], axis=0)
        np.testing.assert_allclose(taken.attention[layer], direct, atol=1e-6)
    assert taken.genes == GENES
    np.testing.assert_array_equal(taken.read_out, model.read_out)
    np.testing.assert_allclose(taken.attention.sum(axis=-1), 1.0, atol=1e-5)


@pytest.mark.parametrize("step", [1, 5, 1000])
def test_the_number_of_cells_a_step_does_not_count(
    model: CompactModel, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = some_values(23)
    expected = capture(model, values)
    monkeypatch.setattr(capture_module, "CELLS_PER_STEP", step)
    taken = capture(model, values)
    np.testing.assert_allclose(taken.hidden, expected.hidden, atol=1e-6)
    np.testing.assert_allclose(taken.attention, expected.attention, atol=1e-7)


def test_the_order_of_cells_does_not_count(model: CompactModel) -> None:
    values = some_values(40)
    np.testing.assert_allclose(capture(model, values[::-1].copy()).hidden, capture(model, values).hidden, atol=1e-6)


@dataclass(frozen=True)
class Spied:
    """A model that notes how many cells each step gave it."""

    inner: CompactModel
    steps: list[int] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def accumulate(self, values: np.ndarray, hidden: np.ndarray, attention: np.ndarray) -> None:
        self.steps.append(len(values))
        self.inner.accumulate(values, hidden, attention)


def test_memory_does_not_grow_with_the_number_of_cells(model: CompactModel) -> None:
    spied, values = Spied(model), some_values(4000)
    tracemalloc.start()
    capture(spied, values)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(spied.steps) == 4000
    assert max(spied.steps) == capture_module.CELLS_PER_STEP
    assert peak < values.nbytes / 2


def test_progress_ends_with_all_cells(model: CompactModel) -> None:
    seen: list[tuple[int, int]] = []
    capture(model, some_values(40), lambda done, total: seen.append((done, total)))
    step = capture_module.CELLS_PER_STEP
    assert seen == [(min(done, 40), 40) for done in range(step, 40 + step, step)]


@pytest.mark.parametrize("shape", [(0, 10), (3, 9), (3, 11)])
def test_cells_that_do_not_fit_the_model_are_refused(model: CompactModel, shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"values have shape .*cells x 10 genes"):
        capture(model, np.zeros(shape, dtype=np.float32))


def test_a_capture_reads_back_from_its_file(model: CompactModel, tmp_path: Path) -> None:
    taken = capture(model, some_values(5))
    path = tmp_path / "made" / "on demand.safetensors"
    save_capture(path, taken)
    back = load_capture(path)
    assert back.genes == taken.genes
    np.testing.assert_array_equal(back.hidden, taken.hidden)
    np.testing.assert_array_equal(back.attention, taken.attention)
    np.testing.assert_array_equal(back.read_out, taken.read_out)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_model_without_a_read_out_leaves_none(model: CompactModel, tmp_path: Path) -> None:
    path = tmp_path / "capture.safetensors"
    save_capture(path, replace(capture(model, some_values(3)), read_out=None))
    assert load_capture(path).read_out is None


def test_a_capture_that_is_cut_short_leaves_no_file(
    model: CompactModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*_: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.replace", full_disk)
    with pytest.raises(OSError, match="no space"):
        save_capture(tmp_path / "capture.safetensors", capture(model, some_values(5)))
    assert not (tmp_path / "capture.safetensors").exists()
