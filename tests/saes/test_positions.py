"""Features at the same positions are what each layer's stored activations encode to, token by token."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from toy_models import WIDTH, ReadingToy, toy_cells, toy_model

from theodolite.models.activations import write_activations
from theodolite.models.sites import residual
from theodolite.saes import SparseAutoencoder, gene_tokens
from theodolite.saes.positions import read_positions

GENES = ("G17", "G2", "G8", "G29", "G11")


def autoencoder(features: int, seed: int, k: int) -> SparseAutoencoder:
    decoder = np.random.default_rng(seed).standard_normal((features, WIDTH)).astype(np.float32)
    decoder /= np.linalg.norm(decoder, axis=1, keepdims=True)
    zero = np.zeros(features, dtype=np.float32)
    return SparseAutoencoder(decoder.copy(), decoder, zero, np.zeros(WIDTH, dtype=np.float32), k=k)


SAES = {1: autoencoder(20, 4, 3), 3: autoencoder(12, 5, 2)}


@pytest.mark.parametrize("step", [1, 4, 50])
def test_positions_are_the_tokens_of_these_genes_with_what_is_active_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    model, cells = toy_model(kind=ReadingToy), toy_cells()
    monkeypatch.setattr(gene_tokens, "CELLS_PER_STEP", step)
    found = read_positions(model, cells, GENES, SAES)
    store = write_activations(
        model, model.tokenise(cells), cells.cells, tmp_path / "stored", cells_sha256=cells.sha256, tokeniser={},
        sites=[residual(layer) for layer in SAES],
    )  # fmt: skip
    cell, gene = list[int](), list[int]()
    dense: dict[int, list[np.ndarray]] = {layer: [] for layer in SAES}
    for number in range(store.n_cells):
        for layer, sae in SAES.items():
            rows = store.by_cell(residual(layer), number)
            kept = [place for place, each in enumerate(rows.gene.tolist()) if f"G{each}" in GENES]
            dense[layer].append(sae.encode(rows.values[kept].astype(np.float32)).dense())
        cell += [number] * len(kept)
        gene += [GENES.index(f"G{each}") for each in rows.gene[kept].tolist()]
    assert len(found) == len(cell) < store.n_rows / 2
    assert (found.cell.tolist(), found.gene.tolist()) == (cell, gene)
    for layer, sae in SAES.items():
        wanted = np.concatenate(dense[layer])
        assert found.codes[layer].features == sae.features and (wanted > 0).any()
        np.testing.assert_allclose(found.codes[layer].dense(), wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("layers", "genes", "said"),
    [((4,), GENES, r"layer 4: toy has the layers 0 \(the embedding\) to 3"), ((1,), ("G99",), "have no gene 'G99'")],
)
def test_a_layer_and_a_gene_that_are_not_there_are_refused(
    layers: Sequence[int], genes: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        read_positions(toy_model(kind=ReadingToy), toy_cells(), genes, dict.fromkeys(layers, SAES[1]))


def test_cells_without_one_of_the_genes_have_no_position() -> None:
    every = read_positions(toy_model(kind=ReadingToy), toy_cells(), ("G0",), {1: SAES[1]})
    absent = sorted(set(range(23)) - set(every.cell.tolist()))
    assert absent
    without = toy_cells().take_cells([f"c{cell}" for cell in absent])
    found = read_positions(toy_model(kind=ReadingToy), without, ("G0",), {1: SAES[1]})
    assert len(found) == 0 and found.codes[1].dense().shape == (0, 20)
