"""Masked gene prediction beside its rivals, on tokens whose scores can be worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from no_float64 import without_float64

from theodolite.data import CellSet
from theodolite.models.geneformer.evaluation import (
    MaskedCells,
    evaluate,
    mask_cells,
    other_context,
    score_model,
    score_rival,
    shuffled_context,
)
from theodolite.models.geneformer.model import GeneformerModel, load_geneformer
from theodolite.models.geneformer.rivals import PositionOnly, Unigram, position_only, unigram
from theodolite.models.tokens import Tokens


def tokens_of(*cells: list[int]) -> Tokens:
    """Framed cells of genes by position; token = gene + 4."""
    framed = [[-1, *cell, -1] for cell in cells]
    genes = np.concatenate(framed).astype(np.int32)
    ids = np.concatenate([[2, *(gene + 4 for gene in cell), 3] for cell in cells]).astype(np.int32)
    indptr = np.cumsum([0, *map(len, framed)]).astype(np.int64)
    return Tokens(indptr, ids, genes, None, np.zeros(len(cells), dtype=np.int32))


@pytest.fixture
def model(folder: Path) -> GeneformerModel:
    return load_geneformer(folder)


def test_masks_hide_genes_and_nothing_else() -> None:
    tokens = tokens_of(list(range(20)), [3, 1], list(range(7, 30)))
    masked = mask_cells(tokens, 1, 0.3, 5, seed=1)
    assert masked.cell.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert (masked.genes[masked.hidden] >= 0).all()
    assert masked.hidden.any(axis=1).all()
    assert (masked.read[masked.hidden] == 1).all()
    assert (masked.read == masked.ids)[~masked.hidden].all()
    share = masked.hidden.sum() / (masked.genes >= 0).sum()
    assert 0.2 < share < 0.4
    assert len({row.tobytes() for row in masked.hidden[:5]}) == 5
    again = mask_cells(tokens, 1, 0.3, 5, seed=1)
    assert (again.hidden == masked.hidden).all()
    with pytest.raises(ValueError, match="no cells"):
        mask_cells(tokens.take([]), 1, 0.3, 5, seed=1)


def test_a_shuffled_context_has_the_same_genes_in_another_order() -> None:
    masked = mask_cells(tokens_of(list(range(20)), list(range(5, 17))), 1, 0.3, 2, seed=1)
    shuffled = shuffled_context(masked, seed=4)
    assert (np.sort(shuffled.read, axis=1) == np.sort(masked.read, axis=1)).all()
    assert (shuffled.read == masked.read)[~masked.visible].all()
    assert (shuffled.read != masked.read)[masked.visible].mean() > 0.7


def test_another_cells_context_is_that_of_another_cell_rank_by_rank() -> None:
    masked = mask_cells(tokens_of(list(range(20)), list(range(20, 32))), 1, 0.3, 2, seed=1)
    other = other_context(masked, seed=4)
    theirs = masked.ids[[2, 2, 0, 0]]
    swapped = masked.visible & (masked.genes[[2, 2, 0, 0]] >= 0)
    assert (other.read[swapped] == theirs[swapped]).all()
    assert (other.read[~swapped] == masked.read[~swapped]).all()
    with pytest.raises(ValueError, match="two cells at least"):
        other_context(mask_cells(tokens_of([1, 2]), 1, 0.3, 1, seed=1), seed=1)


def test_the_unigram_counts_cells() -> None:
    fitted = unigram(tokens_of([0, 1], [1], [1, 2]), 4)
    np.testing.assert_allclose(np.exp(fitted.log_p), np.array([1.5, 3.5, 1.5, 0.5]) / 7)
    masked = mask_cells(tokens_of([3, 1]), 1, 0.99, 1, seed=0)
    scores = score_rival(fitted, masked)
    assert (scores.asked[0], scores.correct[0]) == (2, 1)
    assert scores.log_loss[0] == pytest.approx(-np.log(0.5 / 7 * 3.5 / 7))


def test_a_rival_that_is_told_what_is_visible_does_not_name_it() -> None:
    fitted = Unigram(np.log([0.1, 0.6, 0.3]))
    genes = np.array([[-1, 1, 2, -1]])
    ids = np.array([[2, 5, 6, 3]])
    masked = MaskedCells(np.array([0]), ids, np.array([[2, 5, 1, 3]]), genes, genes == 2)
    assert score_rival(fitted, masked).correct[0] == 0
    told = score_rival(fitted, masked, leave_out_visible=True)
    assert told.correct[0] == 1
    assert told.log_loss[0] == pytest.approx(-np.log(0.3 / 0.4))


def test_the_rival_by_rank_knows_which_gene_stands_where() -> None:
    fitted = position_only(tokens_of(*[[5, 4, 3, 2, 1, 0, *range(6, 300)]] * 20), 300)
    assert isinstance(fitted, PositionOnly)
    assert fitted.window == 2
    by_rank = np.exp(fitted.log_probabilities(np.array([0, 150, 9_999])))
    assert by_rank.shape == (3, 300)
    np.testing.assert_allclose(by_rank.sum(axis=1), 1)
    assert set(by_rank[1].argsort()[-5:]) == set(range(148, 153))
    with pytest.raises(ValueError, match="two cells at least"):
        position_only(tokens_of([1]), 3)


def test_the_scores_of_a_model_are_those_of_its_logits(model: GeneformerModel, cells: CellSet) -> None:
    tokens = model.tokenise(cells)
    masked = mask_cells(tokens, model.mask_id, 0.2, 2, seed=5)
    scores = score_model(model, masked)
    with torch.inference_mode():
        read = torch.from_numpy(masked.read)
        logits = model.network(read, attention_mask=(read != 0).long()).logits.double().numpy()
    log_p = logits - np.logaddexp.reduce(logits, axis=2, keepdims=True)
    for row in range(len(masked.cell)):
        at = np.flatnonzero(masked.hidden[row])
        truth = masked.ids[row, at]
        assert scores.asked[row] == len(at)
        assert scores.correct[row] == (logits[row, at].argmax(axis=1) == truth).sum()
        assert scores.log_loss[row] == pytest.approx(-log_p[row, at, truth].sum(), abs=1e-4)


def test_an_untrained_model_wins_nothing_and_gains_are_paired(model: GeneformerModel, cells: CellSet) -> None:
    tokens = model.tokenise(cells)
    found = evaluate(model, tokens, tokens, repeats=3, seed=2)
    assert found.n_cells == 6
    assert set(found.rivals) == {
        "unigram",
        "unigram, visible genes left out",
        "position only",
        "position only, visible genes left out",
        "model, context shuffled",
        "model, context of another cell",
    }
    for rival in found.rivals.values():
        assert rival.nats_gain == pytest.approx(rival.nats - found.nats)
        assert rival.accuracy_gain == pytest.approx(found.accuracy - rival.accuracy)
        assert rival.nats_interval[0] <= rival.nats_gain <= rival.nats_interval[1]
    # Here the rivals are fitted on the very cells that they are asked about; random weights know nothing.
    assert found.rivals["position only, visible genes left out"].nats_interval[1] < 0
    assert found == evaluate(model, tokens, tokens, repeats=3, seed=2)


def test_a_model_is_scored_on_a_device_without_float64(
    model: GeneformerModel, cells: CellSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    masked = mask_cells(model.tokenise(cells), model.mask_id, 0.3, 1, seed=1)
    expected = score_model(model, masked)
    without_float64(monkeypatch)
    assert (score_model(model, masked).log_loss == expected.log_loss).all()
