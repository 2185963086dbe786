"""Averages in one pass: equal to a loop over single cells, whatever the batches were."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from toy_models import HEADS, LAYERS, N_GENES, WIDTH, ToyModel, toy_model, toy_tokens

from theodolite.models.activations import ActivationError, attention_sums, gene_means
from theodolite.models.batches import batch_of
from theodolite.models.protocol import Batch, Tap
from theodolite.models.running import run
from theodolite.models.sites import attention, residual

CHOSEN = np.array([9, 2, 17, 4])


def by_hand() -> dict[str, Any]:
    model, tokens = toy_model(), toy_tokens()
    sums, pairs = np.zeros((LAYERS + 1, 2, 4, WIDTH)), np.zeros((LAYERS, HEADS, 4, 4))
    counts, together = np.zeros((2, 4), dtype=np.int64), np.zeros((4, 4), dtype=np.int64)
    sites = [residual(layer) for layer in range(LAYERS + 1)]
    maps = [attention(layer) for layer in range(1, LAYERS + 1)]
    for cell in range(len(tokens)):
        batch = batch_of(model, tokens, np.array([cell]))
        done = run(model, batch, read=[*sites, *maps])
        token_of = {gene: index for index, gene in enumerate(batch.genes[0].tolist())}
        for i, gene in enumerate(CHOSEN):
            if gene not in token_of:
                continue
            counts[cell % 2, i] += 1
            for layer, site in enumerate(sites):
                sums[layer, cell % 2, i] += done.read[site][0, token_of[gene]].double().numpy()
            for j, other in enumerate(CHOSEN):
                if other in token_of:
                    together[i, j] += 1
                    for layer, site in enumerate(maps):
                        pairs[layer, :, i, j] += done.read[site][0, :, token_of[gene], token_of[other]].numpy()
    return {"sums": sums, "counts": counts, "pairs": pairs, "together": together}


@pytest.mark.parametrize("batch_size", [1, 4])
def test_means_by_gene_and_group(batch_size: int) -> None:
    tokens, expected = toy_tokens(), by_hand()
    taken = gene_means(toy_model(), tokens, np.arange(len(tokens)) % 2, genes=CHOSEN, batch_size=batch_size)
    np.testing.assert_array_equal(taken.counts, expected["counts"])
    np.testing.assert_allclose(taken.sums, expected["sums"], atol=1e-5)
    np.testing.assert_allclose(taken.means, expected["sums"] / expected["counts"][..., None], atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_attention_by_pair_of_genes(batch_size: int) -> None:
    expected = by_hand()
    taken = attention_sums(toy_model(), toy_tokens(), CHOSEN, batch_size=batch_size)
    np.testing.assert_array_equal(taken.counts, expected["together"])
    np.testing.assert_allclose(taken.sums, expected["pairs"], atol=1e-6)
    assert taken.layers == tuple(range(1, LAYERS + 1))


def test_a_gene_of_no_cell_has_no_mean() -> None:
    tokens = toy_tokens(cells=1)
    absent = int(np.setdiff1d(np.arange(N_GENES), tokens.genes)[0])
    assert np.isnan(gene_means(toy_model(), tokens, genes=np.array([absent])).means).all()
    assert np.isnan(attention_sums(toy_model(), tokens, np.array([absent])).means).all()


class ShortOfMemory(ToyModel):
    """Runs out of memory in its second block while more than one cell is in the batch."""

    def block(self, layer: int, hidden: torch.Tensor, batch: Batch, tap: Tap) -> torch.Tensor:
        if layer == 2 and len(hidden) > 1:
            raise torch.OutOfMemoryError("out of memory")
        return super().block(layer, hidden, batch, tap)


@pytest.mark.parametrize("measure", [lambda *args, **kw: gene_means(*args, **kw), attention_sums])
def test_what_a_batch_added_before_memory_ran_out_is_not_added_twice(measure: Callable[..., Any]) -> None:
    heard: list[str] = []
    short = measure(toy_model(kind=ShortOfMemory), toy_tokens(), genes=CHOSEN, batch_size=4, said=heard.append)
    usual = measure(toy_model(), toy_tokens(), genes=CHOSEN, batch_size=1)
    np.testing.assert_array_equal(short.counts, usual.counts)
    np.testing.assert_allclose(short.sums, usual.sums, atol=1e-5)
    assert len(heard) == 2


class Overflowing(ToyModel):
    def embed(self, batch: Batch) -> torch.Tensor:
        return super().embed(batch) * torch.inf


def test_numbers_that_are_not_finite_are_an_error() -> None:
    for measure in (gene_means, attention_sums):
        with pytest.raises(ActivationError, match="not finite at"):
            measure(toy_model(kind=Overflowing), toy_tokens())


def test_memory_does_not_grow_with_the_number_of_cells() -> None:
    def peak(cells: int) -> int:
        tokens = toy_tokens(cells)
        tracemalloc.start()
        attention_sums(toy_model(), tokens, CHOSEN, batch_size=2)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(2)
    assert peak(80) < peak(8) + 2**14
