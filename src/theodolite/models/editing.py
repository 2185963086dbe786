"""Edits made one set after the other, read out at the last residual stream and the prediction, gene by gene.

What is read lies behind every edit, so that each can show. Every sort of edit at every site is checked before it counts
(:class:`theodolite.models.sanity.CheckedRuns`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from theodolite.data import CellSet
from theodolite.models.ablated import MEMORY_BYTES
from theodolite.models.activations.errors import ActivationError
from theodolite.models.batches import batch_of, in_batches
from theodolite.models.capture import rows_of
from theodolite.models.protocol import Batch, FoundationModel
from theodolite.models.running import Edit, Pass, Resumption, run
from theodolite.models.sanity import CheckedRuns
from theodolite.models.sites import OUTPUT, Site, residual
from theodolite.models.tokens import Tokens

__all__ = ["EditedRuns", "GeneChanges", "changes_of", "changes_under"]

Result = TypeVar("Result")
Edits = Sequence[tuple[Site, Edit]]

_TOKENS_PER_STEP = 1024
"""On a processor: few, so that the attention of a step fits into memory that is reused."""
_CELLS_PER_STEP = 64


@dataclass(frozen=True, eq=False)
class GeneChanges:
    """What k sets of edits do to n genes, averaged over the cells in which a gene is a token.

    Attributes
    ----------
    prediction
        Shape (k, n): mean squared change of the prediction at the gene's token: of its value, or of its logits after
        their mean was taken out, averaged over the vocabulary.
    stream
        Shape (k, n): mean cosine distance of the last residual stream at the gene's token from the one of the whole
        model, from 0 to 2.
    presence
        Shape (n,): cells in which each gene is a token; where it is 0, so are the others.
    largest
        Shape (k, 2): largest cosine distance of the last residual stream at any token, and largest squared change of
        the prediction: whether the edits did anything at all.
    """

    prediction: NDArray[np.float64]
    stream: NDArray[np.float64]
    presence: NDArray[np.int64]
    largest: NDArray[np.float64]


class EditedRuns:
    """Cells of a model, and sets of edits to make one after the other.

    Parameters
    ----------
    model, tokens
        The model, and the cells that it reads.
    said
        Told where memory ran out and the batch was halved.
    """

    def __init__(self, model: FoundationModel, tokens: Tokens, said: Callable[[str], None] = lambda text: None) -> None:
        self.model, self.tokens, self.said = model, tokens, said
        self.size = _cells_per_step(model, tokens)
        self.edits: Sequence[Edits] = ()
        self._runs = CheckedRuns(model)

    def batches(self, compute: Callable[[Batch], Result]) -> Iterator[tuple[Batch, Result]]:
        """Yield each batch of the cells with what ``compute`` makes of it; it must change nothing."""
        for _, batch, found in in_batches(self.model, self.tokens, self.size, compute, self.said):
            yield batch, found

    def without(
        self, batch: Batch, row: int | None, read: Sequence[Site], clean: Mapping[Site, Tensor] | None = None
    ) -> Pass:
        """Return a pass of a batch under the edits of a row, or of the model as it is for None.

        ``clean`` holds residual streams of the whole model; the pass goes on from the one before the first edit.
        """
        if row is None:
            return run(self.model, batch, read=read)
        before = _before(self.edits[row])
        resume = None if clean is None else Resumption(before, clean[residual(before)])
        return self._runs.run(batch, self.edits[row], read=read, resume=resume)

    def measured(self, batch: Batch) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return squared change of the prediction and cosine distance of the last stream, each [k, B, T]."""
        last = residual(self.model.n_layers)
        befores = {_before(edits) for edits in self.edits}
        clean = run(self.model, batch, read=[*map(residual, befores), last, OUTPUT]).read
        changed, turned = [], []
        for row in range(len(self.edits)):
            found = self.without(batch, row, [last, OUTPUT], clean).read
            changed.append(_squared(found[OUTPUT], clean[OUTPUT]))
            apart = 1.0 - functional.cosine_similarity(found[last].float(), clean[last].float(), dim=-1)
            turned.append(apart.cpu().double().numpy())
        return np.stack(changed), np.stack(turned)


def changes_of(runs: EditedRuns, rows: NDArray[np.int64], n: int) -> GeneChanges:
    """Make all edits of all sets and return what each set does to every gene.

    Parameters
    ----------
    runs
        The edits.
    rows
        Shape (genes of the model,): the place of each in what is returned, -1 for one that is not kept
        (:func:`theodolite.models.capture.rows_of`).
    n
        How many are kept.

    Raises
    ------
    InterventionError
        If an edit does not do what it says, or does nothing.
    ActivationError
        If the model overflowed.
    """
    sums = _Sums(rows, n, len(runs.edits))
    for batch, (changed, turned) in runs.batches(runs.measured):
        sums.take(batch, changed, turned)
    return sums.changes(runs.model.name)


def changes_under(
    model: FoundationModel,
    cells: CellSet,
    edits: Sequence[Edits],
    genes: Sequence[str],
    said: Callable[[str], None] = lambda text: None,
) -> GeneChanges:
    """Return what each set of edits does to every gene.

    Parameters
    ----------
    model, cells
        The model, and the cells that it reads.
    edits
        Sets of edits; of a residual stream, after the first block or later.
    genes
        Names of the genes to keep, as the cells call them.
    said
        Told where memory ran out and the batch was halved.

    Raises
    ------
    ValueError
        If a set is empty, or a gene is not to be had.
    CellDataError
        If the model cannot read the cells.
    InterventionError, ActivationError
        As :func:`changes_of`.
    """
    if not edits or not all(edits):
        raise ValueError(f"{len(edits)} sets of edits, of which {sum(not each for each in edits)} are empty; give some")
    runs = EditedRuns(model, model.tokenise(cells), said)
    runs.edits = edits
    return changes_of(runs, rows_of(model, cells, genes), len(genes))


def _before(edits: Edits) -> int:
    """Return after how many blocks the stream stands that no edit has touched."""
    return max(min(site.layer for site, _ in edits) - 1, 0)


def _cells_per_step(model: FoundationModel, tokens: Tokens) -> int:
    """Return how many cells a step has, by what predictions and streams of one cell take, clean and ablated."""
    longest = int(tokens.lengths.argmax())
    with torch.inference_mode():
        one = batch_of(model, tokens, np.array([longest]))
        predicted = model.predict(model.embed(one), one)
    heads = model.n_heads * predicted.shape[1]  # attention that is edited is whole
    a_token = 4 * (4 * int(np.prod(predicted.shape[2:], dtype=int)) + (model.n_layers + 3) * model.width + 2 * heads)
    most = MEMORY_BYTES // (a_token * predicted.shape[1])
    if model.device.type == "cpu":
        most = min(most, _TOKENS_PER_STEP // predicted.shape[1])
    return int(np.clip(most, 1, _CELLS_PER_STEP))


def _squared(found: Tensor, clean: Tensor) -> NDArray[np.float64]:
    step = found.float() - clean.float()
    if step.ndim == 3:  # logits say nothing by a common shift
        return step.var(dim=-1, correction=0).cpu().double().numpy()
    return step.square().cpu().double().numpy()


class _Sums:
    def __init__(self, rows: NDArray[np.int64], n: int, k: int) -> None:
        self._rows = rows
        self._prediction, self._stream = np.zeros((k, n)), np.zeros((k, n))
        self._presence = np.zeros(n, dtype=np.int64)
        self._largest = np.zeros((k, 2))

    def take(self, batch: Batch, changed: NDArray[np.float64], turned: NDArray[np.float64]) -> None:
        genes = batch.genes.cpu().numpy()
        for cell in range(len(genes)):
            rows = np.where(genes[cell] >= 0, self._rows[genes[cell]], -1)
            there = np.flatnonzero(rows >= 0)
            self._presence[rows[there]] += 1
            self._prediction[:, rows[there]] += changed[:, cell, there]
            self._stream[:, rows[there]] += turned[:, cell, there]
            of_genes = genes[cell] >= 0
            for column, found in enumerate((turned, changed)):
                largest = found[:, cell, of_genes].max(axis=1, initial=0.0)
                self._largest[:, column] = np.maximum(self._largest[:, column], largest)

    def changes(self, name: str) -> GeneChanges:
        counts = np.maximum(self._presence, 1)
        prediction, stream = self._prediction / counts, self._stream / counts
        if not (np.isfinite(prediction).all() and np.isfinite(stream).all()):
            raise ActivationError(f"{name} gave numbers that are not finite under an edit; take float32")
        return GeneChanges(prediction, stream, self._presence, self._largest)
