"""Masked gene prediction on cells that a model never saw, beside rivals that need no model.

Some genes of a cell are replaced by ``<mask>``, and each is to be named from the others and from its rank. The rivals
of :mod:`theodolite.models.geneformer.rivals` are fitted on other cells; two more are the model itself with its
context spoiled: the visible genes in shuffled order, and the visible genes of another cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from theodolite.models.geneformer.model import GeneformerModel
from theodolite.models.geneformer.rivals import position_only, unigram
from theodolite.models.protocol import Batch
from theodolite.models.running import run
from theodolite.models.tokens import Tokens

__all__ = [
    "Contrast",
    "Evaluation",
    "MaskedCells",
    "Scores",
    "evaluate",
    "mask_cells",
    "other_context",
    "score_model",
    "score_rival",
    "shuffled_context",
]

ROWS_A_BATCH = 16
BOOTSTRAP_DRAWS = 2000


@dataclass(frozen=True, eq=False)
class MaskedCells:
    """Cells with some of their genes hidden; R rows, T tokens, padded on the right.

    Attributes
    ----------
    cell
        Shape (R,): the cell that a row is of; a cell may have several rows with other genes hidden.
    ids
        Shape (R, T): tokens as they are, 0 for padding.
    read
        Shape (R, T): tokens as the model reads them.
    genes
        Shape (R, T): the gene that stands there, as a position in the vocabulary; -1 for special tokens and padding.
    hidden
        Shape (R, T): which genes are to be predicted.
    """

    cell: NDArray[np.int64]
    ids: NDArray[np.int64]
    read: NDArray[np.int64]
    genes: NDArray[np.int64]
    hidden: NDArray[np.bool_]

    @property
    def visible(self) -> NDArray[np.bool_]:
        """Shape (R, T): genes that the model may look at."""
        return (self.genes >= 0) & ~self.hidden


@dataclass(frozen=True, eq=False)
class Scores:
    """How well hidden genes were named, summed over each row of :class:`MaskedCells`.

    Attributes
    ----------
    asked, correct
        Shape (R,): hidden genes, and those that were named first.
    log_loss
        Shape (R,): minus the log probability of what stood there, in nats.
    """

    asked: NDArray[np.float64]
    correct: NDArray[np.float64]
    log_loss: NDArray[np.float64]


@dataclass(frozen=True)
class Contrast:
    """One predictor, and the model's advantage over it; intervals are 95 % of a bootstrap over cells.

    Attributes
    ----------
    accuracy, nats
        Share of hidden genes named first, and mean log loss.
    accuracy_gain, accuracy_interval
        The model's accuracy minus this one's, paired by cell.
    nats_gain, nats_interval
        This log loss minus the model's, paired by cell.
    """

    accuracy: float
    nats: float
    accuracy_gain: float
    accuracy_interval: tuple[float, float]
    nats_gain: float
    nats_interval: tuple[float, float]


@dataclass(frozen=True)
class Evaluation:
    """A model on held-out cells.

    Attributes
    ----------
    n_cells, n_hidden
        Held-out cells, and hidden genes over all their masks.
    accuracy, accuracy_interval, nats, nats_interval
        Of the model, as in :class:`Contrast`.
    rivals
        By name.
    """

    n_cells: int
    n_hidden: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    nats: float
    nats_interval: tuple[float, float]
    rivals: Mapping[str, Contrast]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


class Rival(Protocol):
    """What predicts a hidden gene from its rank alone, or from nothing."""

    def log_probabilities(self, ranks: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return log probabilities (n, genes) at ranks (n,), counted from zero."""
        ...


def mask_cells(tokens: Tokens, mask_id: int, share: float, repeats: int, seed: int) -> MaskedCells:
    """Hide a share of each cell's genes, in ``repeats`` fixed ways; every row hides one gene at least.

    Raises
    ------
    ValueError
        If there are no cells.
    """
    if len(tokens) == 0:
        raise ValueError("no cells to test on")
    width = int(tokens.lengths.max())
    cell = np.repeat(np.arange(len(tokens)), repeats)
    within = np.arange(width) < tokens.lengths[:, None]
    ids, genes = np.zeros(within.shape, dtype=np.int64), np.full(within.shape, -1, dtype=np.int64)
    ids[within], genes[within] = tokens.ids, tokens.genes
    ids, genes = ids[cell], genes[cell]
    drawn = np.where(genes >= 0, np.random.default_rng(seed).random(genes.shape), np.inf)
    hidden = drawn < share
    lowest = drawn.argmin(axis=1)
    hidden[np.arange(len(cell)), lowest] = True
    return MaskedCells(cell, ids, np.where(hidden, mask_id, ids), genes, hidden)


def shuffled_context(masked: MaskedCells, seed: int) -> MaskedCells:
    """Put the visible genes of each row in a random order; hidden genes keep their ranks."""
    read, draw = masked.read.copy(), np.random.default_rng(seed)
    for row, visible in enumerate(masked.visible):
        read[row, visible] = draw.permutation(read[row, visible])
    return replace(masked, read=read)


def other_context(masked: MaskedCells, seed: int) -> MaskedCells:
    """Put the genes of another cell, rank by rank, in the place of the visible ones; ranks it lacks keep theirs.

    Raises
    ------
    ValueError
        If there is but one cell.
    """
    n_cells = int(masked.cell.max()) + 1
    if n_cells < 2:
        raise ValueError("the context of another cell needs two cells at least")
    draw = np.random.default_rng(seed)
    order = draw.permutation(n_cells)
    partner = np.empty(n_cells, dtype=np.int64)
    partner[order] = np.roll(order, 1)
    first_row = np.searchsorted(masked.cell, np.arange(n_cells))
    rows = first_row[partner[masked.cell]]
    there = masked.visible & (masked.genes[rows] >= 0)
    return replace(masked, read=np.where(there, masked.ids[rows], masked.read))


def score_model(model: GeneformerModel, masked: MaskedCells) -> Scores:
    """Return the scores of a model whose vocabulary is that of the rows."""
    tokens = torch.from_numpy(model.dictionary.token_ids).to(model.device).long()
    asked, correct, loss = (np.zeros(len(masked.cell)) for _ in range(3))
    for start in range(0, len(masked.cell), ROWS_A_BATCH):
        rows = slice(start, start + ROWS_A_BATCH)
        batch = _batch(model, masked, rows)
        hidden = torch.from_numpy(masked.hidden[rows]).to(model.device)
        truth = tokens[torch.from_numpy(masked.genes[rows]).to(model.device)[hidden]]
        with torch.inference_mode():
            logits = model.predict(run(model, batch).hidden[hidden], batch).float()
            lost = torch.nn.functional.cross_entropy(logits, truth, reduction="none")
            right = logits.argmax(dim=-1) == truth
        which = np.nonzero(masked.hidden[rows])[0]
        size = len(masked.cell[rows])
        asked[rows] = np.bincount(which, minlength=size)
        correct[rows] = np.bincount(which, weights=right.cpu().numpy(), minlength=size)
        loss[rows] = np.bincount(which, weights=lost.cpu().double().numpy(), minlength=size)
    return Scores(asked, correct, loss)


def _batch(model: GeneformerModel, masked: MaskedCells, rows: slice) -> Batch:
    read = torch.from_numpy(masked.read[rows]).to(model.device)
    present = read != model.pad_id
    genes = np.where(masked.hidden[rows], -1, masked.genes[rows])
    return Batch(read, torch.from_numpy(genes).to(model.device), present, None, bool(present.all()))


def score_rival(rival: Rival, masked: MaskedCells, *, leave_out_visible: bool = False) -> Scores:
    """Return the scores of a rival.

    Parameters
    ----------
    rival, masked
        Fitted on other cells; the rows to predict.
    leave_out_visible
        Whether it is told that no gene stands twice in a cell: visible genes are then out of the question.
    """
    asked, correct, loss = (np.zeros(len(masked.cell)) for _ in range(3))
    for row in range(len(masked.cell)):
        hidden = np.flatnonzero(masked.hidden[row])
        first = int(np.argmax(masked.genes[row] >= 0))
        truth = masked.genes[row, hidden]
        log_p = rival.log_probabilities(hidden - first)
        if leave_out_visible:
            log_p = log_p.copy()
            log_p[:, masked.genes[row, masked.visible[row]]] = -np.inf
            log_p -= np.logaddexp.reduce(log_p, axis=1, keepdims=True)
        asked[row] = len(hidden)
        correct[row] = (log_p.argmax(axis=1) == truth).sum()
        loss[row] = -log_p[np.arange(len(hidden)), truth].sum()
    return Scores(asked, correct, loss)


def evaluate(
    model: GeneformerModel,
    fitted_on: Tokens,
    held_out: Tokens,
    *,
    mask_share: float = 0.15,
    repeats: int = 2,
    seed: int = 0,
) -> Evaluation:
    """Score a model and its rivals on the same hidden genes of held-out cells.

    Parameters
    ----------
    model
        The model.
    fitted_on, held_out
        Cells as the model reads them: those that the rivals are fitted on (the model's own training cells, for a fair
        comparison), and those that nothing has seen.
    mask_share, repeats, seed
        Of the hidden genes.
    """
    masked = mask_cells(held_out, model.mask_id, mask_share, repeats, seed)
    own = score_model(model, masked)
    n_genes = len(model.genes)
    frequency, by_rank = unigram(fitted_on, n_genes), position_only(fitted_on, n_genes)
    scores = {
        "unigram": score_rival(frequency, masked),
        "unigram, visible genes left out": score_rival(frequency, masked, leave_out_visible=True),
        "position only": score_rival(by_rank, masked),
        "position only, visible genes left out": score_rival(by_rank, masked, leave_out_visible=True),
        "model, context shuffled": score_model(model, shuffled_context(masked, seed + 1)),
        "model, context of another cell": score_model(model, other_context(masked, seed + 2)),
    }
    draws = _bootstrap(masked.cell, seed + 3)
    accuracy, nats = (_ratio(draws, masked.cell, each, own.asked) for each in (own.correct, own.log_loss))
    return Evaluation(
        n_cells=len(held_out),
        n_hidden=int(own.asked.sum()),
        accuracy=accuracy[0],
        accuracy_interval=accuracy[1],
        nats=nats[0],
        nats_interval=nats[1],
        rivals={name: _contrast(own, rival, masked.cell, draws) for name, rival in scores.items()},
    )


def _contrast(own: Scores, rival: Scores, cell: NDArray[np.int64], draws: NDArray[np.float64]) -> Contrast:
    accuracy_gain, accuracy_interval = _ratio(draws, cell, own.correct - rival.correct, own.asked)
    nats_gain, nats_interval = _ratio(draws, cell, rival.log_loss - own.log_loss, own.asked)
    asked = own.asked.sum()
    return Contrast(
        float(rival.correct.sum() / asked),
        float(rival.log_loss.sum() / asked),
        accuracy_gain,
        accuracy_interval,
        nats_gain,
        nats_interval,
    )


def _bootstrap(cell: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """Return how often each cell is drawn, (draws, cells)."""
    n_cells = int(cell.max()) + 1
    return (
        np.random.default_rng(seed).multinomial(n_cells, np.full(n_cells, 1 / n_cells), BOOTSTRAP_DRAWS).astype(float)
    )


def _ratio(
    draws: NDArray[np.float64], cell: NDArray[np.int64], part: NDArray[np.float64], whole: NDArray[np.float64]
) -> tuple[float, tuple[float, float]]:
    """Return the sum of ``part`` over that of ``whole``, with the percentile interval of a bootstrap over cells."""
    parts, wholes = (np.bincount(cell, weights=each, minlength=draws.shape[1]) for each in (part, whole))
    low, high = np.quantile(draws @ parts / (draws @ wholes), (0.025, 0.975))
    return float(parts.sum() / wholes.sum()), (float(low), float(high))
