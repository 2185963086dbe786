"""Capture: one pass over the cells, equal to a direct average, in memory that does not grow with them."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from theodolite.data import CellDataError, CellSet
from theodolite.models import capture as capture_module
from theodolite.models.activations import ActivationError
from theodolite.models.capture import capture, load_capture, save_capture
from theodolite.models.compact import CompactConfig, CompactTransformer
from theodolite.models.compact_model import CompactModel
from theodolite.models.gaps import AdditiveFit
from theodolite.models.protocol import Batch, FoundationModel, Tap
from theodolite.models.tokens import Tokens

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


def some_cells(n_cells: int, genes: tuple[str, ...] = GENES) -> CellSet:
    counts = np.random.default_rng(0).poisson(3.0, (n_cells, len(genes)))
    names = [f"c{row}" for row in range(n_cells)]
    return CellSet.from_counts("drawn", counts, genes, names, species="human", origin="here")


def test_the_compact_model_is_a_foundation_model(model: CompactModel) -> None:
    assert isinstance(model, FoundationModel)


def test_capture_is_the_plain_average_over_cells(model: CompactModel) -> None:
    cells = some_cells(37)
    taken, values = capture(model, cells), cells.log1p_cp10k()
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
    cells = some_cells(23)
    expected = capture(model, cells)
    monkeypatch.setattr(capture_module, "CELLS_PER_STEP", step)
    taken = capture(model, cells)
    np.testing.assert_allclose(taken.hidden, expected.hidden, atol=1e-6)
    np.testing.assert_allclose(taken.attention, expected.attention, atol=1e-7)


def test_the_order_of_cells_does_not_count(model: CompactModel) -> None:
    cells = some_cells(40)
    backwards = cells.take_cells(cells.cells[::-1])
    np.testing.assert_allclose(capture(model, backwards).hidden, capture(model, cells).hidden, atol=1e-6)


@dataclass(frozen=True)
class Spied:
    """A model that notes how many cells each step gave it."""

    inner: CompactModel
    steps: list[int] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def embed(self, batch: Batch) -> torch.Tensor:
        self.steps.append(len(batch.ids))
        return self.inner.embed(batch)


def test_memory_does_not_grow_with_the_number_of_cells() -> None:
    genes = tuple(f"G{index}" for index in range(200))
    config = CompactConfig(genes=genes, width=4, n_layers=1, n_heads=1, feedforward=4)
    wide, few, many = CompactModel("wide", "0" * 64, CompactTransformer(config).eval()), 1024, 3072
    peaks = []
    for n_cells in (few, many):
        spied, cells = Spied(wide), some_cells(n_cells, genes)
        tracemalloc.start()
        capture(spied, cells)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert sum(spied.steps) == n_cells
        assert max(spied.steps) == capture_module.CELLS_PER_STEP
    # What is left to grow is a table of the cells' names; the values of a cell alone would take 800 bytes.
    assert (peaks[1] - peaks[0]) / (many - few) < 200


def test_progress_ends_with_all_cells(model: CompactModel) -> None:
    seen: list[tuple[int, int]] = []
    capture(model, some_cells(40), progress=lambda done, total: seen.append((done, total)))
    step = capture_module.CELLS_PER_STEP
    assert seen == [(min(done, 40), 40) for done in range(step, 40 + step, step)]


def test_cells_that_lack_a_gene_of_the_model_are_refused(model: CompactModel) -> None:
    with pytest.raises(CellDataError, match=r"missing_genes: 1 of the 10 genes .*\(such as GENE9\)"):
        capture(model, some_cells(3, GENES[:9]))


def test_genes_of_the_cells_are_found_by_name_wherever_they_stand(model: CompactModel) -> None:
    cells = some_cells(6)
    order = np.array([3, 9, 0, 7, 1, 2, 8, 4, 6, 5])
    moved = CellSet.from_counts(
        "moved", cells.counts[:, order], [GENES[place] for place in order], cells.cells, species="human", origin="here"
    )
    np.testing.assert_allclose(capture(model, moved).hidden, capture(model, cells).hidden, atol=1e-6)


def test_only_the_genes_that_are_asked_for_are_kept(model: CompactModel) -> None:
    cells, chosen = some_cells(6), ("GENE7", "GENE2", "GENE5")
    whole, taken = capture(model, cells), capture(model, cells, chosen)
    assert taken.genes == chosen
    np.testing.assert_allclose(taken.hidden, whole.hidden[:, [7, 2, 5]], atol=1e-6)
    np.testing.assert_allclose(taken.attention, whole.attention[:, :, [7, 2, 5]][..., [7, 2, 5]], atol=1e-7)
    np.testing.assert_array_equal(taken.read_out, whole.read_out[[7, 2, 5]])
    with pytest.raises(ValueError, match="have no gene 'ACTB'"):
        capture(model, cells, ("ACTB",))


def test_a_capture_reads_back_from_its_file(model: CompactModel, tmp_path: Path) -> None:
    taken = capture(model, some_cells(5))
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
    save_capture(path, replace(capture(model, some_cells(3)), read_out=None))
    assert load_capture(path).read_out is None


def test_a_capture_that_is_cut_short_leaves_no_file(
    model: CompactModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*_: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.replace", full_disk)
    with pytest.raises(OSError, match="no space"):
        save_capture(tmp_path / "capture.safetensors", capture(model, some_cells(5)))
    assert not (tmp_path / "capture.safetensors").exists()


@dataclass(frozen=True)
class Expressed:
    """The compact model, given only those genes of a cell that it expresses, highest first, as rank models are."""

    inner: CompactModel

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def tokenise(self, cells: CellSet) -> Tokens:
        values = cells.log1p_cp10k()
        kept = [np.argsort(-row, kind="stable")[: int((row > 0).sum())] for row in values]
        ids = np.concatenate(kept).astype(np.int32)
        indptr = np.concatenate([[0], np.cumsum([len(row) for row in kept])])
        read = np.concatenate([row[places] for row, places in zip(values, kept, strict=True)])
        return Tokens(indptr, ids, ids, read, np.zeros(len(kept), dtype=np.int32))

    def embed(self, batch: Batch) -> torch.Tensor:
        return self.inner.transformer.embed(batch.values, batch.ids)

    def block(self, layer: int, hidden: torch.Tensor, batch: Batch, tap: Tap) -> torch.Tensor:
        assert batch.full, "one cell a batch here: the compact model has no mask for padding"
        return self.inner.block(layer, hidden, batch, tap)


def sparse_cells(n_cells: int) -> CellSet:
    counts = np.random.default_rng(4).poisson(0.8, (n_cells, len(GENES)))
    counts[:, 0] += 1  # no cell is empty
    counts[:, 9] = 0
    counts[:, 8] *= counts[:, 7] == 0  # never together
    names = [f"c{row}" for row in range(n_cells)]
    return CellSet.from_counts("sparse", counts, GENES, names, species="human", origin="here")


def test_means_are_over_the_cells_that_have_a_gene_and_a_pair(
    model: CompactModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture_module, "CELLS_PER_STEP", 1)
    cells = sparse_cells(30)
    taken = capture(Expressed(model), cells)
    has = cells.counts.toarray() > 0
    np.testing.assert_array_equal(taken.presence, has.sum(axis=0))
    np.testing.assert_array_equal(taken.together, has.T.astype(int) @ has.astype(int))
    values = cells.log1p_cp10k()
    hidden, attention = np.zeros((len(GENES), 8)), np.zeros((2, len(GENES), len(GENES)))
    for row in range(30):
        genes = np.flatnonzero(has[row])
        with torch.inference_mode():
            index = torch.from_numpy(genes)
            trace = model.transformer.trace(torch.from_numpy(values[[row]][:, genes]), index, attention=True)
        hidden[genes] += trace.hidden[2][0].numpy()
        attention[:, genes[:, None], genes] += trace.attention[1][0].numpy()
    together = taken.together
    np.testing.assert_allclose(taken.hidden[2], hidden / np.maximum(taken.presence, 1)[:, None], atol=1e-5)
    assert not taken.hidden[:, 9].any()
    np.testing.assert_allclose(
        taken.attention[1][:, together > 0], (attention / np.maximum(together, 1))[:, together > 0], atol=1e-6
    )
    # Nothing is known of genes 7 and 8 together: the fit of rows and columns to all other pairs stands in.
    assert together[7, 8] == 0
    means = attention[0] / np.maximum(together, 1)
    np.testing.assert_allclose(taken.attention[1, 0], AdditiveFit(together > 0).filled(means), rtol=1e-4)


def test_an_overflow_is_refused_by_name(model: CompactModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def overflows(self: CompactModel, layer: int, hidden: torch.Tensor, batch: Batch, tap: Tap) -> torch.Tensor:
        return sound(self, layer, hidden, batch, tap) * torch.inf

    sound = CompactModel.block
    monkeypatch.setattr(CompactModel, "block", overflows)
    with pytest.raises(ActivationError, match="hand gave residual streams that are not finite; take float32"):
        capture(model, some_cells(3))


def test_a_batch_that_ran_out_of_memory_half_way_is_added_once(
    model: CompactModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dataclass(frozen=True)
    class Hungry:
        inner: CompactModel
        failures: list[int] = field(default_factory=list)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        def block(self, layer: int, hidden: torch.Tensor, batch: Batch, tap: Tap) -> torch.Tensor:
            n_cells = len(batch.ids)
            if (n_cells, layer) in ((7, 2), (3, 1)):
                self.failures.append(n_cells)
                raise torch.OutOfMemoryError("out of memory")
            return self.inner.block(layer, hidden, batch, tap)

    cells = some_cells(16)
    expected = capture(model, cells)
    monkeypatch.setattr(capture_module, "CELLS_PER_STEP", 7)
    hungry, said = Hungry(model), []
    taken = capture(hungry, cells, said=said.append)
    # The smaller batch goes on through cells that were added up to one site and cells that were not.
    assert hungry.failures == [7, 3] and len(said) == 2 and "with 7 cells a batch; going on with 3" in said[0]
    np.testing.assert_allclose(taken.hidden, expected.hidden, atol=1e-6)
    np.testing.assert_allclose(taken.attention, expected.attention, atol=1e-7)
    np.testing.assert_array_equal(taken.presence is None, True)


def test_a_cell_that_does_not_fit_is_named_with_a_remedy(model: CompactModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: Any) -> torch.Tensor:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory")

    monkeypatch.setattr(CompactModel, "block", no_memory)
    with pytest.raises(MemoryError, match="one cell of 10 tokens does not fit into the memory of cpu .*fewer genes"):
        capture(model, some_cells(3))


def test_without_attention_the_vectors_are_the_same_and_nothing_grows_with_pairs(model: CompactModel) -> None:
    cells = some_cells(9)
    whole, vectors = capture(model, cells), capture(model, cells, with_attention=False)
    np.testing.assert_allclose(vectors.hidden, whole.hidden, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(vectors.read_out, whole.read_out)
    assert vectors.attention.shape == (2, 2, 0, 0) and vectors.presence is None and vectors.together is None


def test_without_attention_a_gene_is_averaged_over_the_cells_that_have_it(
    model: CompactModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture_module, "CELLS_PER_STEP", 1)
    cells = sparse_cells(12)
    whole, vectors = capture(Expressed(model), cells), capture(Expressed(model), cells, with_attention=False)
    np.testing.assert_allclose(vectors.hidden, whole.hidden, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(vectors.presence, whole.presence)
    assert vectors.together is None
