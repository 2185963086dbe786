"""Running sums: equal to a loop over cells and tokens, whatever genes a cell has and in whatever order."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from theodolite.models.sums import NOT_CHOSEN, CellPairs, accumulate_hidden, add_presence, batch_places, places_of

GENES, HEADS, WIDTH = 12, 3, 5


def ragged(seed: int = 0, cells: int = 4, tokens: int = 9) -> torch.Tensor:
    """Cells of other genes in another order each, with special tokens and padding among them."""
    draw = np.random.default_rng(seed)
    genes = np.stack([draw.permutation(GENES)[:tokens] for _ in range(cells)])
    genes[draw.random(genes.shape) < 0.2] = -1
    return torch.from_numpy(genes)


def attention_of(genes: torch.Tensor, seed: int = 1) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.softmax(torch.randn(len(genes), HEADS, *genes.shape[1:] * 2, generator=draw), dim=-1)


def add_whole(
    probabilities: torch.Tensor, genes: torch.Tensor, place_of: np.ndarray, sums: np.ndarray, counts: np.ndarray
) -> None:
    """Add whole maps, cell by cell, as whoever adds attention up does it part by part."""
    places = batch_places(genes, place_of)
    add_presence(places, counts)
    for cell, row in enumerate(places):
        CellPairs.of(row).add(probabilities[cell], sums)


def by_hand(probabilities: torch.Tensor, genes: torch.Tensor, chosen: list[int]) -> tuple[np.ndarray, np.ndarray]:
    sums, counts = np.zeros((HEADS, len(chosen), len(chosen))), np.zeros((len(chosen), len(chosen)), dtype=np.int64)
    for cell, row in enumerate(genes.tolist()):
        for i, first in enumerate(row):
            for j, second in enumerate(row):
                if first in chosen and second in chosen:
                    pair = chosen.index(first), chosen.index(second)
                    sums[:, pair[0], pair[1]] += probabilities[cell, :, i, j].double().numpy()
                    counts[pair] += 1
    return sums, counts


def test_attention_is_added_up_by_pairs_of_genes() -> None:
    chosen = [7, 0, 3, 11, 5]
    sums, counts = np.zeros((HEADS, 5, 5)), np.zeros((5, 5), dtype=np.int64)
    expected = np.zeros_like(sums), np.zeros_like(counts)
    for seed in (0, 1):
        genes = ragged(seed)
        probabilities = attention_of(genes)
        add_whole(probabilities, genes, places_of(np.array(chosen), GENES), sums, counts)
        for total, more in zip(expected, by_hand(probabilities, genes, chosen), strict=True):
            total += more
    np.testing.assert_allclose(sums, expected[0], rtol=1e-12)
    np.testing.assert_array_equal(counts, expected[1])
    assert counts.min() < counts.max()


def test_sums_do_not_depend_on_the_number_of_threads() -> None:
    draw = np.random.default_rng(4)
    places = draw.permutation(1400)[:700]
    places[::5] = NOT_CHOSEN
    part = torch.from_numpy(draw.random((3, 700, 700), dtype=np.float32))
    alone, together = np.zeros((2, 3, 1400, 1400))
    CellPairs.of(places).add(part, alone, threads=1)
    CellPairs.of(places).add(part, together, threads=3)
    np.testing.assert_array_equal(alone, together)
    there = np.flatnonzero(places >= 0)
    np.testing.assert_array_equal(
        alone[np.ix_(range(3), places[there], places[there])], part.numpy()[:, there][:, :, there]
    )


def test_cells_without_a_chosen_gene_add_nothing() -> None:
    sums, counts = np.zeros((HEADS, 1, 1)), np.zeros((1, 1), dtype=np.int64)
    add_whole(attention_of(ragged()), torch.full((4, 9), 3), places_of(np.array([4]), GENES), sums, counts)
    assert not sums.any() and not counts.any()


def test_hidden_states_are_added_up_by_gene_and_group() -> None:
    genes, groups = ragged(), np.array([1, 0, 1, -1])
    hidden = torch.randn(*genes.shape, WIDTH, generator=torch.Generator().manual_seed(3))
    place_of = places_of(np.array([4, 2, 9]), GENES)
    sums, counts = np.zeros((2, 3, WIDTH)), np.zeros((2, 3), dtype=np.int64)
    accumulate_hidden(hidden, genes, sums, counts, place_of=place_of, groups=groups)
    expected, expected_counts = np.zeros_like(sums), np.zeros_like(counts)
    for cell, token in np.ndindex(*genes.shape):
        gene = int(genes[cell, token])
        if gene in (4, 2, 9) and groups[cell] >= 0:
            expected[groups[cell], place_of[gene]] += hidden[cell, token].double().numpy()
            expected_counts[groups[cell], place_of[gene]] += 1
    np.testing.assert_allclose(sums, expected, rtol=1e-12)
    np.testing.assert_array_equal(counts, expected_counts)
    assert counts.any()


def test_hidden_states_of_half_precision_add_up_in_double() -> None:
    genes = torch.zeros((1, 1), dtype=torch.int64)
    sums = np.zeros((1, 1))
    for _ in range(3000):
        accumulate_hidden(torch.ones(1, 1, 1, dtype=torch.float16), genes, sums)
    assert sums[0, 0] == 3000


def test_a_gene_without_a_place_is_named() -> None:
    genes = torch.full((1, 2), 5)
    with pytest.raises(ValueError, match="gene 5 has no entry among 3 places"):
        batch_places(genes, np.arange(3))
    with pytest.raises(ValueError, match="place 5 in sums of 3"):
        accumulate_hidden(torch.zeros(1, 2, WIDTH), genes, np.zeros((3, WIDTH)))


def test_sums_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"counts of \(3,\) for sums of \(12, 5\)"):
        accumulate_hidden(torch.zeros(4, 9, WIDTH), ragged(), np.zeros((12, WIDTH)), np.zeros(3, dtype=np.int64))


def test_chosen_genes_are_checked() -> None:
    assert places_of(np.array([2, 0]), 3).tolist() == [1, NOT_CHOSEN, 0]
    with pytest.raises(ValueError, match="repeat"):
        places_of(np.array([1, 1]), 3)
    with pytest.raises(ValueError, match="genes 0 to 2"):
        places_of(np.array([3]), 3)
