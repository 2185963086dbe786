"""Features by gene, by cell and together are what a plain loop over the tokens adds up, whatever the shards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_models import N_GENES, WIDTH, toy_model, toy_tokens

from theodolite.models.activations import Activations, write_activations
from theodolite.models.sites import residual
from theodolite.saes import SAETrainingError, SparseAutoencoder
from theodolite.saes.histograms import count_values
from theodolite.saes.reading import FeatureReading, read_features

CELLS, FEATURES, ABSENT = 11, 20, 5
SITE = residual(2)
READ = [17, 2, 8, 29, 11, ABSENT]
"""Genes of the model that are read, in an order of their own; no cell holds the last."""


def write(folder: Path, cells_a_shard: int) -> Activations:
    tokens = toy_tokens(CELLS)
    # What was the absent gene is a token that is no gene, which all the same has a hidden state.
    tokens.genes[tokens.genes == ABSENT] = -1
    names = [f"cell {index}" for index in range(CELLS)]
    return write_activations(
        toy_model(), tokens, names, folder, cells_sha256="c" * 64, tokeniser={}, cells_a_shard=cells_a_shard,
        sites=[residual(1), SITE],
    )  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Activations:
    return write(tmp_path_factory.mktemp("stored") / "activations", 4)


def autoencoder(width: int = WIDTH, k: int | None = 3) -> SparseAutoencoder:
    draw = np.random.default_rng(4)
    decoder = draw.standard_normal((FEATURES, width)).astype(np.float32)
    decoder /= np.linalg.norm(decoder, axis=1, keepdims=True)
    threshold = None if k else np.full(FEATURES, 0.8, dtype=np.float32)
    zero = np.zeros(FEATURES, dtype=np.float32)
    return SparseAutoencoder(decoder.copy(), decoder, zero, np.zeros(width, dtype=np.float32), k=k, threshold=threshold)


def place_of() -> np.ndarray:
    found = np.full(N_GENES, -1, dtype=np.int64)
    found[READ] = np.arange(len(READ))
    return found


def read(store: Activations, found: SparseAutoencoder, **more: Any) -> FeatureReading:
    return read_features(store, SITE, found, place_of(), len(READ), coactivation=True, **more)


@pytest.mark.parametrize("k", [3, None], ids=["topk", "threshold"])
def test_what_is_read_is_what_a_loop_over_tokens_adds_up(store: Activations, k: int | None) -> None:
    sae = autoencoder(k=k)
    by_gene, by_cell = np.zeros((len(READ), FEATURES)), np.zeros((CELLS, FEATURES))
    gene_tokens, cell_tokens = np.zeros(len(READ), dtype=int), np.zeros(CELLS, dtype=int)
    active, together = np.zeros(FEATURES, dtype=int), np.zeros((FEATURES, FEATURES), dtype=int)
    left_out = 0
    for cell in range(CELLS):
        rows = store.by_cell(SITE, cell)
        for gene, value in zip(rows.gene.tolist(), rows.values, strict=True):
            if gene not in READ:
                left_out += 1
                continue
            code = sae.encode(value[None].astype(np.float32)).dense()[0]
            by_gene[READ.index(gene)] += code
            by_cell[cell] += code
            gene_tokens[READ.index(gene)] += 1
            cell_tokens[cell] += 1
            active += code > 0
            together += np.outer(code > 0, code > 0)
    found = read(store, sae)
    assert left_out > store.n_rows / 2
    np.testing.assert_array_equal(found.gene_tokens, gene_tokens)
    np.testing.assert_array_equal(found.cell_tokens, cell_tokens)
    np.testing.assert_allclose(found.by_gene, by_gene / np.maximum(gene_tokens, 1)[:, None], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.by_cell, by_cell / np.maximum(cell_tokens, 1)[:, None], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found.active, active)
    np.testing.assert_array_equal(found.together, together)
    assert found.tokens == gene_tokens.sum() == cell_tokens.sum()


def test_a_gene_without_a_token_and_a_cell_without_a_gene_that_is_read_are_zeros(store: Activations) -> None:
    found = read(store, autoencoder())
    assert (found.gene_tokens[-1], found.by_gene[-1].any()) == (0, False)
    assert (found.gene_tokens[:-1] > 0).all() and found.by_gene[:-1].any(axis=1).all()
    alone = np.full(N_GENES, -1, dtype=np.int64)
    alone[READ[0]] = 0
    one = read_features(store, SITE, autoencoder(), alone, 1)
    without = one.cell_tokens == 0
    assert 0 < without.sum() < CELLS
    assert not one.by_cell[without].any() and one.by_cell[~without].any(axis=1).all()
    assert one.together.shape == (0, 0)


@pytest.mark.parametrize("cells_a_shard", [1, 3, CELLS])
def test_the_same_tokens_in_other_shards_are_read_alike(store: Activations, tmp_path: Path, cells_a_shard: int) -> None:
    sae, wanted = autoencoder(), read(store, autoencoder())
    told: list[tuple[int, int]] = []
    found = read(write(tmp_path, cells_a_shard), sae, progress=lambda done, total: told.append((done, total)))
    for name in ("gene_tokens", "cell_tokens", "active", "together"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
    for name in ("by_gene", "by_cell"):
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), rtol=1e-5, atol=1e-6)
    assert told == [(min(start + cells_a_shard, CELLS), CELLS) for start in range(0, CELLS, cells_a_shard)]


def test_values_are_counted_by_bin_where_it_is_asked_for_and_change_nothing_else(store: Activations) -> None:
    sae = autoencoder()
    plain, found = read(store, sae), read(store, sae, histograms=True)
    assert plain.values.shape == (0, 0) and found.values.shape == (FEATURES, 96)
    np.testing.assert_array_equal(found.values.sum(axis=1), found.active)
    rows = [store.by_cell(SITE, cell) for cell in range(CELLS)]
    kept = np.concatenate([each.values[np.isin(each.gene, READ)] for each in rows])
    np.testing.assert_array_equal(found.values, count_values(sae.encode(kept.astype(np.float32))))
    for name in ("by_gene", "gene_tokens", "by_cell", "cell_tokens", "active", "together"):
        np.testing.assert_array_equal(getattr(found, name), getattr(plain, name))


def test_a_site_that_is_not_stored_and_another_width_are_refused(store: Activations) -> None:
    with pytest.raises(SAETrainingError, match=r"residual\.3 is not stored; there are residual\.1, residual\.2"):
        read_features(store, residual(3), autoencoder(), place_of(), len(READ))
    with pytest.raises(SAETrainingError, match=r"residual\.2 has a width of 8, and the autoencoder reads 9"):
        read_features(store, SITE, autoencoder(width=9), place_of(), len(READ))
