"""What a model holds of each cell, against the plain computation: one cell, one pass, one mean at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy_models import ReadingToy, toy_cells, toy_model

from theodolite.data import CellDataError, CellSet, load_pbmc
from theodolite.models import cell_states as module
from theodolite.models.activations.errors import ActivationError
from theodolite.models.batches import batch_of
from theodolite.models.cell_states import CellStates, cell_states, load_cell_states, save_cell_states
from theodolite.models.geneformer.model import load_geneformer
from theodolite.models.geneformer.sizes import Size
from theodolite.models.geneformer.writing import made_up_genes, write_random_checkpoint
from theodolite.models.protocol import FoundationModel
from theodolite.models.registry import load_model
from theodolite.models.running import run
from theodolite.models.sites import attention, residual

Subject = tuple[FoundationModel, CellSet, tuple[str, ...]]


def a_small_geneformer(folder: Path) -> Subject:
    """Cells of different lengths, so that some are padded, behind special tokens."""
    size = Size("tiny-v2", 2, layers=3, width=32, heads=4, feedforward=48, context=24, vocabulary=44)
    write_random_checkpoint(folder / size.name, size, seed=2)
    counts = np.random.default_rng(0).poisson(2.0, (7, 40)) + 1
    counts[2, 30:], counts[3:, 18:], counts[4, 9:] = 0, 0, 0
    names = [f"cell{row}" for row in range(len(counts))]
    cells = CellSet.from_counts("made-up", counts, list(made_up_genes(40)), names, species="human", origin="a test")
    model = load_geneformer(folder / size.name)
    return model, cells, module.known_genes(model, cells)


def the_packaged_model(folder: Path) -> Subject:
    pbmc = load_pbmc()
    model = load_model("compact-pbmc")
    cells = pbmc.take_cells(pbmc.cells[:6])
    return model, cells, module.known_genes(model, cells)


@pytest.fixture(scope="module", params=[a_small_geneformer, the_packaged_model], ids=["geneformer", "compact"])
def subject(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return request.param(tmp_path_factory.mktemp("subject"))


def plainly(model: FoundationModel, cells: CellSet, genes: tuple[str, ...]) -> CellStates:
    """One cell at a time, token by token."""
    tokens, place = model.tokenise(cells), dict(zip(cells.genes, model.places(cells).tolist(), strict=True))
    number = {place[gene]: row for row, gene in enumerate(genes)}
    layers = range(1, model.n_layers + 1)
    hidden = np.zeros((len(cells.cells), model.n_layers + 1, model.width))
    received = np.zeros((len(cells.cells), model.n_layers, len(genes)))
    vectors: dict[int, list[np.ndarray]] = {row: [] for row in range(len(genes))}
    for cell in range(len(cells.cells)):
        batch = batch_of(model, tokens, np.array([cell]))
        read = run(model, batch, read=[residual(0), *map(residual, layers), *map(attention, layers)]).read
        own = [(token, number[gene]) for token, gene in enumerate(batch.genes[0].tolist()) if gene in number]
        at = [token for token, _ in own]
        for layer in range(model.n_layers + 1):
            hidden[cell, layer] = read[residual(layer)][0].double().numpy()[at].mean(axis=0)
        for layer in layers:
            heads = read[attention(layer)][0].double().numpy()
            for token, row in own:
                received[cell, layer - 1, row] = heads[:, at, token].mean()
        for token, row in own:
            vectors[row].append(read[residual(0)][0, token].double().numpy())
    static = np.stack([np.mean(found, axis=0) if found else np.zeros(model.width) for found in vectors.values()])
    return CellStates(genes, hidden, received, static)  # type: ignore[arg-type]


def assert_same(found: CellStates, expected: CellStates, atol: float = 2e-5) -> None:
    assert found.genes == expected.genes
    for name in ("hidden", "attention", "static"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-4, atol=atol, err_msg=name)


def test_means_are_those_of_the_plain_computation(subject: Subject) -> None:
    model, cells, genes = subject
    few = cells.take_cells(cells.cells[1:5])
    found = cell_states(model, few)
    assert found.genes == genes
    assert_same(found, plainly(model, few, genes))
    assert found.hidden.dtype == found.attention.dtype == found.static.dtype == np.float32


def test_some_genes_in_the_order_asked_for_are_read_alone(subject: Subject) -> None:
    model, cells, genes = subject
    chosen = genes[11:2:-3]
    few = cells.take_cells(cells.cells[:3])
    assert_same(cell_states(model, few, chosen), plainly(model, few, chosen))
    turned = cell_states(model, few, chosen[::-1])
    np.testing.assert_allclose(turned.attention, cell_states(model, few, chosen).attention[:, :, ::-1], atol=1e-7)


def test_batches_and_readings_do_not_matter(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    model, cells, _ = subject
    whole = cell_states(model, cells)
    monkeypatch.setattr(module, "CELLS_PER_STEP", 3)
    monkeypatch.setattr(module, "CELLS_PER_READING", 5)
    assert_same(cell_states(model, cells), whole, atol=1e-5)
    one = cell_states(model, cells.take_cells([cells.cells[4]]))
    np.testing.assert_allclose(one.hidden[0], whole.hidden[4], rtol=1e-4, atol=1e-5)


def test_without_attention_the_streams_are_the_same_and_none_is_kept(subject: Subject, tmp_path: Path) -> None:
    model, cells, genes = subject
    with_it, without = cell_states(model, cells), cell_states(model, cells, with_attention=False)
    np.testing.assert_allclose(without.hidden, with_it.hidden, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(without.static, with_it.static, rtol=1e-5, atol=1e-5)
    assert without.attention.shape == (len(cells.cells), model.n_layers, 0)
    save_cell_states(tmp_path / "states.safetensors", without)
    again = load_cell_states(tmp_path / "states.safetensors")
    assert again.attention.shape == without.attention.shape and again.genes == genes
    np.testing.assert_array_equal(again.hidden, without.hidden)


def test_a_gene_that_is_no_token_of_a_cell_receives_nothing(tmp_path: Path) -> None:
    model, cells, genes = a_small_geneformer(tmp_path)
    found = cell_states(model, cells)
    absent = np.array([cells.genes.index(gene) for gene in genes]) >= 18
    assert not found.attention[3:][:, :, absent].any()
    assert (found.attention[3][:, ~absent] > 0.0).all()


def toy(seed: int = 4) -> tuple[Any, CellSet]:
    return toy_model(seed=seed, kind=ReadingToy), toy_cells()


def test_a_cell_with_none_of_the_genes_is_refused_by_name() -> None:
    model, cells = toy()
    tokens = model.tokenise(cells)
    lacks = [
        cell
        for row, cell in enumerate(cells.cells)
        if 7 not in tokens.genes[tokens.indptr[row] : tokens.indptr[row + 1]]
    ]
    with pytest.raises(
        CellDataError, match=f"cell '{lacks[0]}' has a token of none of the 1 genes; leave it out, or r"
    ):
        cell_states(model, cells, ["G7"])
    kept = cells.take_cells([cell for cell in cells.cells if cell not in lacks])
    # Alone, a gene receives what it gives itself.
    assert (cell_states(model, kept, ["G7"]).attention > 0.0).all()


def test_genes_that_are_not_to_be_had_are_refused() -> None:
    model, cells = toy()
    with pytest.raises(ValueError, match="no gene 'TP53'"):
        cell_states(model, cells, ["G1", "TP53"])


def test_a_model_that_overflows_is_refused() -> None:
    model, cells = toy()
    table = torch.nn.Embedding.from_pretrained(torch.full_like(model.embedding.weight, 3e38))
    with pytest.raises(ActivationError, match="not finite; take float32"):
        cell_states(replace(model, embedding=table), cells)


def test_memory_that_runs_out_halves_the_batch_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    model, cells = toy()
    whole, told = cell_states(model, cells), []

    class Tight(ReadingToy):
        def embed(self, batch: Any) -> Any:
            if len(batch.ids) > 2:
                raise MemoryError
            return super().embed(batch)

    assert_same(cell_states(toy_model(seed=4, kind=Tight), cells, said=told.append), whole, atol=1e-6)
    assert told and "going on with 2" in told[0]


def test_states_come_back_from_a_file_mapped_into_memory(tmp_path: Path) -> None:
    model, cells = toy()
    taken, path = cell_states(model, cells), tmp_path / "states.safetensors"
    save_cell_states(path, taken, ("model", "cells", "main"))
    again = load_cell_states(path)
    assert again.genes == taken.genes
    for name in ("hidden", "attention", "static"):
        array = getattr(again, name)
        assert isinstance(array, np.memmap) and not array.flags.writeable
        np.testing.assert_array_equal(array, getattr(taken, name))
    # What is mapped can be written over its own file.
    save_cell_states(path, again)
    assert_same(load_cell_states(path), taken, atol=0.0)
