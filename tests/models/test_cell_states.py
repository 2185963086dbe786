"""States cell by cell, against plain passes over one cell at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy_models import LAYERS, N_GENES, ReadingToy, toy_cells, toy_model
from transformers import BertForMaskedLM

from theodolite.data import CellDataError, CellSet
from theodolite.models import cell_states as module
from theodolite.models.activations import ActivationError
from theodolite.models.batches import batch_of
from theodolite.models.cell_attention import cell_attention
from theodolite.models.cell_states import CellStates, cell_states, load_cell_states, save_cell_states
from theodolite.models.compact_model import CompactModel
from theodolite.models.geneformer.model import GeneformerModel, load_geneformer
from theodolite.models.geneformer.sizes import Size
from theodolite.models.geneformer.writing import made_up_genes, write_random_checkpoint
from theodolite.models.protocol import Batch, Tap
from theodolite.models.registry import load_model
from theodolite.models.sites import attention

Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def compact() -> CompactModel:
    model = load_model("compact-pbmc")
    assert isinstance(model, CompactModel)
    return model


@pytest.fixture(scope="module")
def blood(compact: CompactModel) -> CellSet:
    counts = np.random.default_rng(0).poisson(0.7, (6, len(compact.genes)))
    names = [f"c{row}" for row in range(6)]
    return CellSet.from_counts("drawn", counts, compact.genes, names, species="human", origin="here")


@pytest.fixture(scope="module", params=[1, 2], ids=["v1", "v2"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a random Geneformer: the second version has special tokens, the first has none."""
    made = tmp_path_factory.mktemp("geneformer") / "tiny"
    vocabulary = 42 if request.param == 1 else 44
    size = Size("tiny", request.param, 3, width=32, heads=4, feedforward=48, context=24, vocabulary=vocabulary)
    write_random_checkpoint(made, size, seed=request.param)
    return made


@pytest.fixture(scope="module")
def ragged() -> CellSet:
    """Return six cells of 40 genes, three of which are longer than the context; no cell has the last two genes."""
    counts = np.random.default_rng(0).poisson(2.0, (6, 40))
    counts[:3] += 1
    counts[3:, 18:] = 0
    counts[4, 9:] = 0
    counts[:, 38:] = 0
    names = [f"cell{row}" for row in range(6)]
    return CellSet.from_counts("made-up", counts, list(made_up_genes(40)), names, species="human", origin="a test")


def by_hand(cells: list[tuple[Array, Array, Array]], n_genes: int) -> tuple[Array, Array, Array]:
    """Return hidden, attention and static, gene by gene, of cells given as place of each token, streams and maps.

    Places are [T], -1 where a token does not count; streams [L + 1, T, d], maps [L, H, T, T].
    """
    n_layers, width = len(cells[0][2]), cells[0][1].shape[-1]
    hidden, received = np.zeros((len(cells), n_layers + 1, width)), np.zeros((len(cells), n_layers, n_genes))
    of_gene: list[list[Array]] = [[] for _ in range(n_genes)]
    for cell, (places, streams, maps) in enumerate(cells):
        counted = [token for token, place in enumerate(places) if place >= 0]
        hidden[cell] = sum(streams[:, token] for token in counted) / len(counted)
        for key in counted:
            received[cell, :, places[key]] = np.mean([maps[:, :, query, key] for query in counted], axis=(0, 2))
            of_gene[places[key]].append(streams[0, key])
    static = np.array([np.mean(found, axis=0) if found else np.zeros(width) for found in of_gene])
    return hidden, received, static


def agree(found: CellStates, expected: tuple[Array, Array, Array]) -> None:
    # Of a thousand genes each receives a thousandth of the attention: what is added to the tolerance is far below.
    pairs = ((found.hidden, 1e-5), (found.attention, 1e-8), (found.static, 1e-5))
    for (array, atol), right in zip(pairs, expected, strict=True):
        assert array.dtype == np.float32 and array.shape == right.shape
        np.testing.assert_allclose(array, right, rtol=1e-4, atol=atol)


def compact_by_hand(model: CompactModel, cells: CellSet, chosen: tuple[str, ...]) -> tuple[Array, Array, Array]:
    place_of = {gene: place for place, gene in enumerate(chosen)}
    places = np.array([place_of.get(gene, -1) for gene in model.genes])
    taken = []
    for row in cells.log1p_cp10k():
        with torch.inference_mode():
            trace = model.transformer.trace(torch.from_numpy(row)[None], torch.arange(len(row)), attention=True)
        streams, maps = (np.stack([each[0].numpy() for each in part]) for part in (trace.hidden, trace.attention))
        taken.append((places, streams, maps))
    return by_hand(taken, len(chosen))


def geneformer_by_hand(
    folder: Path, model: GeneformerModel, cells: CellSet, chosen: tuple[str, ...]
) -> tuple[Array, Array, Array]:
    reference = BertForMaskedLM.from_pretrained(folder, attn_implementation="eager").eval()
    place_of = {gene: place for place, gene in enumerate(chosen)}
    name_of = dict(zip(model.places(cells).tolist(), cells.genes, strict=True))
    tokens, taken = model.tokenise(cells), []
    for cell in range(len(tokens)):
        batch = batch_of(model, tokens, np.array([cell]))
        with torch.inference_mode():
            read: Any = reference(batch.ids, output_hidden_states=True, output_attentions=True)
        genes = batch.genes[0].tolist()
        places = np.array([place_of.get(name_of[gene], -1) if gene >= 0 else -1 for gene in genes])
        taken.append((places, torch.cat(read.hidden_states).numpy(), torch.cat(read.attentions).numpy()))
    return by_hand(taken, len(chosen))


def tokens_of(model: GeneformerModel, cells: CellSet) -> list[list[str]]:
    """Return the genes that are tokens of each cell, as the cells call them, in the order of the tokens."""
    name_of = dict(zip(model.places(cells).tolist(), cells.genes, strict=True))
    tokens = model.tokenise(cells)
    parts = np.split(tokens.genes, tokens.indptr[1:-1])
    return [[name_of[gene] for gene in part.tolist() if gene >= 0] for part in parts]


def test_of_a_model_that_reads_all_genes_it_is_what_each_cell_gives_alone(
    compact: CompactModel, blood: CellSet
) -> None:
    found = cell_states(compact, blood)
    assert found.genes == compact.genes
    agree(found, compact_by_hand(compact, blood, compact.genes))
    # Every token is a gene that counts, and so each of them gives all its attention away.
    np.testing.assert_allclose(found.attention.sum(axis=-1), 1.0, atol=1e-5)


def test_of_a_model_that_reads_expressed_genes_it_is_what_each_cell_gives_alone(
    folder: Path, ragged: CellSet, request: pytest.FixtureRequest
) -> None:
    model = load_geneformer(folder)
    tokens = model.tokenise(ragged)
    assert len(set(tokens.lengths[:4])) > 1  # one batch is padded
    assert (tokens.genes < 0).any() == ("v2" in request.node.name)  # the first version has no special token
    found = cell_states(model, ragged)
    agree(found, geneformer_by_hand(folder, model, ragged, found.genes))
    lacking = [found.genes.index(gene) for gene in ragged.genes[38:]]
    assert not found.static[lacking].any() and not found.attention[..., lacking].any()


def test_only_the_genes_that_are_asked_for_count_in_the_order_asked_for(compact: CompactModel, blood: CellSet) -> None:
    chosen = tuple(compact.genes[place] for place in (70, 3, 41, 8))
    found = cell_states(compact, blood, chosen)
    assert found.genes == chosen
    agree(found, compact_by_hand(compact, blood, chosen))


def test_genes_that_only_some_cells_have_count_in_those(folder: Path, ragged: CellSet) -> None:
    model = load_geneformer(folder)
    has = tokens_of(model, ragged)
    # Each cell's last gene, so that every cell has one of them, and a gene that no cell has.
    chosen = (*sorted({genes[-1] for genes in has}, reverse=True), ragged.genes[39])
    found = cell_states(model, ragged, chosen)
    agree(found, geneformer_by_hand(folder, model, ragged, chosen))
    there = np.array([[gene in genes for gene in chosen] for genes in has])
    assert 0 < there.sum() < there.size
    assert (found.attention[there.nonzero()[0], :, there.nonzero()[1]] > 0).all()
    assert not found.attention[(~there).nonzero()[0], :, (~there).nonzero()[1]].any()


def test_attention_is_the_mean_of_the_maps_of_each_cell() -> None:
    toy, cells = toy_model(seed=4, kind=ReadingToy), toy_cells()
    found = cell_states(toy, cells)
    for layer in range(1, LAYERS + 1):
        maps = cell_attention(toy, cells, layer, genes=found.genes)
        sums, queries = np.nansum(maps, axis=1), (~np.isnan(maps)).any(axis=2).sum(axis=1)
        np.testing.assert_allclose(found.attention[:, layer - 1], sums / queries[:, None], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("step", "reading"), [(1, 512), (5, 7), (1000, 512)])
def test_how_cells_are_batched_does_not_count(step: int, reading: int, monkeypatch: pytest.MonkeyPatch) -> None:
    toy, cells = toy_model(seed=4, kind=ReadingToy), toy_cells()
    expected = cell_states(toy, cells)
    monkeypatch.setattr(module, "CELLS_PER_STEP", step)
    monkeypatch.setattr(module, "CELLS_PER_READING", reading)
    found = cell_states(toy, cells)
    agree(found, (expected.hidden, expected.attention, expected.static))


def test_without_attention_the_rest_is_the_same(folder: Path, ragged: CellSet) -> None:
    model = load_geneformer(folder)
    whole, found = cell_states(model, ragged), cell_states(model, ragged, with_attention=False)
    np.testing.assert_allclose(found.hidden, whole.hidden, rtol=0, atol=1e-5)
    np.testing.assert_allclose(found.static, whole.static, rtol=0, atol=1e-5)
    assert found.attention.shape == (6, 3, 0) and found.genes == whole.genes


@pytest.mark.parametrize("with_attention", [True, False])
def test_states_read_back_from_their_file(tmp_path: Path, with_attention: bool) -> None:
    genes = tuple(f"G{number}" for number in reversed(range(N_GENES)))
    taken = cell_states(toy_model(kind=ReadingToy), toy_cells(), genes, with_attention=with_attention)
    path = tmp_path / "made" / "states.safetensors"
    save_cell_states(path, taken, ("model", "cells", "main"))
    back = load_cell_states(path)
    assert back.genes == taken.genes
    for name in ("hidden", "attention", "static"):
        np.testing.assert_array_equal(getattr(back, name), getattr(taken, name))
        assert getattr(back, name).dtype == np.float32
    assert isinstance(back.hidden, np.memmap)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_cell_without_any_of_the_genes_is_named_with_a_remedy(folder: Path, ragged: CellSet) -> None:
    model = load_geneformer(folder)
    has = tokens_of(model, ragged)
    lacking = next(gene for gene in has[0] if gene not in has[3])
    with pytest.raises(CellDataError, match="cell 'cell3' has a token of none of the 1 genes; leave it out, or read"):
        cell_states(model, ragged.take_cells(("cell0", "cell3")), (lacking,))


def test_genes_that_are_not_to_be_had_are_refused(compact: CompactModel, blood: CellSet) -> None:
    with pytest.raises(ValueError, match="have no gene 'NONESUCH'"):
        cell_states(compact, blood, ("NONESUCH",))


@pytest.mark.parametrize("with_attention", [True, False])
def test_an_overflow_is_refused_by_name(with_attention: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def overflows(self: ReadingToy, layer: int, hidden: torch.Tensor, batch: Batch, tap: Tap) -> torch.Tensor:
        return sound(self, layer, hidden, batch, tap) * torch.inf

    sound = ReadingToy.block
    monkeypatch.setattr(ReadingToy, "block", overflows)
    with pytest.raises(ActivationError, match="toy gave residual streams that are not finite; take float32"):
        cell_states(toy_model(kind=ReadingToy), toy_cells(), with_attention=with_attention)


@dataclass(frozen=True, eq=False)
class Hungry:
    """A toy that runs out of memory at two blocks, half way through a batch."""

    inner: ReadingToy
    failures: list[int] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def block(self, layer: int, hidden: torch.Tensor, batch: Batch, tap: Tap) -> torch.Tensor:
        if (len(batch.ids), layer) in ((7, 2), (3, 1)):
            self.failures.append(len(batch.ids))
            raise torch.OutOfMemoryError("out of memory")
        return self.inner.block(layer, hidden, batch, tap)


def test_a_batch_that_ran_out_of_memory_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    toy, cells = toy_model(seed=4, kind=ReadingToy), toy_cells()
    assert isinstance(toy, ReadingToy)
    expected = cell_states(toy, cells)
    monkeypatch.setattr(module, "CELLS_PER_STEP", 7)
    said: list[str] = []
    hungry: Any = Hungry(toy)
    found = cell_states(hungry, cells, said=said.append)
    assert hungry.failures == [7, 3] and len(said) == 2
    agree(found, (expected.hidden, expected.attention, expected.static))


class Watched(ReadingToy):
    """A toy whose every block insists on handing its attention over in parts, of one cell at a time."""

    def block(self, layer: int, hidden: torch.Tensor, batch: Batch, tap: Tap) -> torch.Tensor:
        assert tap.sink(attention(layer)) is not None, "somebody wants the map whole"
        return super().block(layer, hidden, batch, tap)


def test_no_map_is_asked_for_whole() -> None:
    cell_states(toy_model(kind=Watched), toy_cells())
    with pytest.raises(AssertionError, match="wants the map whole"):
        cell_attention(toy_model(kind=Watched), toy_cells())
