"""Attention cell by cell, against the capture that averages it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from toy_models import HEADS, LAYERS, ReadingToy, toy_cells, toy_model

from theodolite.models.capture import capture
from theodolite.models.cell_attention import cell_attention


def test_the_mean_over_cells_that_hold_both_genes_is_what_a_capture_holds() -> None:
    toy, cells = toy_model(seed=4, kind=ReadingToy), toy_cells()
    taken = capture(toy, cells)
    together = np.ones(taken.attention.shape[2:], dtype=bool) if taken.together is None else taken.together > 0
    for layer, head in ((2, 1), (1, None)):
        maps = taken.attention[layer - 1]
        whole = maps.mean(axis=0) if head is None else maps[head - 1]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a pair that no cell holds has no mean
            mean = np.nanmean(cell_attention(toy, cells, layer, head, taken.genes), axis=0)
        np.testing.assert_allclose(mean[together], whole[together], rtol=1e-4, atol=1e-6)
        assert np.isnan(mean[~together]).all()


def test_without_a_layer_blocks_are_averaged_and_genes_come_in_the_order_asked_for() -> None:
    toy, cells = toy_model(seed=4, kind=ReadingToy), toy_cells()
    genes = ("G7", "G2", "G5")
    whole = cell_attention(toy, cells, genes=genes)
    each = [cell_attention(toy, cells, layer, genes=genes) for layer in range(1, LAYERS + 1)]
    np.testing.assert_allclose(whole, np.mean(each, axis=0), rtol=1e-5)
    assert whole.shape == (len(cells.cells), 3, 3)
    turned = cell_attention(toy, cells, genes=genes[::-1])
    np.testing.assert_array_equal(turned, whole[:, ::-1, ::-1])


def test_a_place_that_the_model_lacks_is_refused() -> None:
    toy, cells = toy_model(seed=4, kind=ReadingToy), toy_cells()
    with pytest.raises(ValueError, match=f"layer 9, head None: toy has blocks 1 to {LAYERS} of heads 1 to {HEADS}"):
        cell_attention(toy, cells, 9)
    with pytest.raises(ValueError, match="head 7"):
        cell_attention(toy, cells, 1, 7)
