"""The counts in place of a model: against covariances and correlations computed gene by gene."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from theodolite.data import planted_cells
from theodolite.models.capture import Capture, load_capture, save_capture
from theodolite.models.components import Component, components
from theodolite.models.counts import ablate_counts, capture_counts

SIZE: dict[str, Any] = {"n_layers": 2, "n_heads": 3, "width": 8, "read_out": True}


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    return planted_cells(60, 40, 2, seed=4).cells.log1p_cp10k()


def taken(values: np.ndarray, **changes: Any) -> Capture:
    genes = tuple(f"G{index}" for index in range(values.shape[1]))
    return capture_counts(values, genes, **(SIZE | changes))


def test_every_site_and_head_is_the_same_and_has_the_models_size(values: np.ndarray) -> None:
    counts = taken(values)
    assert (counts.hidden.shape, counts.attention.shape) == ((3, 40, 8), (2, 3, 40, 40))
    assert all(np.array_equal(site, counts.read_out) for site in counts.hidden)
    assert all(np.array_equal(head, counts.attention[0, 0]) for layer in counts.attention for head in layer)
    assert taken(values, read_out=False).read_out is None


def test_inner_products_of_gene_vectors_are_covariances(values: np.ndarray) -> None:
    vectors = taken(values, width=40).hidden[0].astype(float)
    np.testing.assert_allclose(vectors @ vectors.T, np.cov(values.T, bias=True), atol=1e-5)


def test_a_narrower_model_keeps_the_largest_components(values: np.ndarray) -> None:
    narrow, wide = taken(values, width=5).hidden[0], taken(values, width=40).hidden[0]
    np.testing.assert_array_equal(narrow, wide[:, :5])
    strength = np.square(wide).sum(axis=0)
    assert np.all(np.diff(strength) <= 1e-6)


def test_there_are_no_more_components_than_the_cells_have(values: np.ndarray) -> None:
    assert taken(values[:6]).hidden.shape == (3, 40, 5)


def test_attention_is_the_absolute_correlation_shared_between_the_other_genes(values: np.ndarray) -> None:
    attention = taken(values).attention[0, 0]
    expected = np.abs(np.corrcoef(values.T))
    np.fill_diagonal(expected, 0.0)
    np.testing.assert_allclose(attention, expected / expected.sum(axis=1, keepdims=True), atol=1e-6)
    assert (attention >= 0).all()


def test_a_constant_gene_has_no_direction_and_attends_to_all_alike(values: np.ndarray) -> None:
    changed = values.copy()
    changed[:, 3] = 1.5
    counts = taken(changed)
    assert not counts.hidden[0, 3].any()
    np.testing.assert_allclose(counts.attention[0, 0, 3], [0.0 if gene == 3 else 1 / 39 for gene in range(40)])
    assert not counts.attention[0, 0, :, 3].any()


def test_the_order_of_cells_does_not_count(values: np.ndarray) -> None:
    first, second = taken(values), taken(values[::-1].copy())
    np.testing.assert_allclose(first.hidden, second.hidden, atol=1e-5)
    np.testing.assert_allclose(first.attention, second.attention, atol=1e-6)


def test_a_capture_of_counts_reads_back_from_its_file(values: np.ndarray, tmp_path: Any) -> None:
    counts = taken(values)
    save_capture(tmp_path / "counts.safetensors", counts)
    back = load_capture(tmp_path / "counts.safetensors")
    np.testing.assert_array_equal(back.attention, counts.attention)
    np.testing.assert_array_equal(back.hidden, counts.hidden)


def test_cells_that_show_no_co_expression_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(1, 4\); co-expression needs 2 cells or more x 4 genes"):
        taken(np.ones((1, 4), dtype=np.float32))
    with pytest.raises(ValueError, match="x 3 genes"):
        capture_counts(np.ones((5, 4), dtype=np.float32), ("A", "B", "C"), **SIZE)


def test_taking_a_component_out_changes_what_the_cells_are_rebuilt_from(values: np.ndarray) -> None:
    counts = taken(values)
    found = ablate_counts(counts, "zero")
    centred = values.astype(float) - values.astype(float).mean(axis=0)
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    # Three heads and an MLP a layer: the head 3 of layer 1 is the third component, the MLP of layer 2 the eighth.
    for part, place in ((Component("head", 1, 3), 2), (Component("mlp", 2), 7)):
        lost = np.outer(centred @ axes[place], axes[place])
        np.testing.assert_allclose(found.prediction[found.row[(part,)]], (lost**2).mean(axis=0), rtol=1e-3, atol=1e-7)
    whole = found.prediction[found.row[(Component("layer", 1),)]]
    parts = [found.prediction[place] for place in range(4)]
    np.testing.assert_allclose(whole, np.sum(parts, axis=0))
    assert [part for (part,) in found.conditions] == list(components(2, 3))
    assert found.faithful.all()
    assert 0 <= found.stream.min() <= found.stream.max() <= 1


def test_all_attention_alike_is_of_heads_alone_and_narrow_counts_begin_again(values: np.ndarray) -> None:
    assert len(ablate_counts(taken(values), "uniform").conditions) == 6
    narrow = ablate_counts(taken(values, width=2), "mean")
    np.testing.assert_array_equal(narrow.prediction[0], narrow.prediction[2])


def test_a_gene_that_is_constant_in_the_cells_loses_nothing(values: np.ndarray) -> None:
    flat = values.copy()
    flat[:, 5] = 1.0
    found = ablate_counts(taken(flat), "zero")
    assert (found.prediction[:, 5] == 0).all()
    assert (found.stream[:, 5] == 0).all()
