"""Components taken out of a model, one set after the other, read out at the last residual stream and the prediction.

Attention of layers before an ablation cannot change by it, so that whoever reads such a layer finds that nothing
matters (arXiv 2602.17532 reads layer 13 after ablations of layer 15). What is read here lies behind every ablation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from theodolite.data import CellSet
from theodolite.models.ablated import MEMORY_BYTES, Ablated
from theodolite.models.activations.errors import ActivationError
from theodolite.models.batches import batch_of, in_batches
from theodolite.models.capture import known_genes, rows_of
from theodolite.models.components import Component, How, alike
from theodolite.models.edits import MeanQuery, SetMean, UniformAttention, Where, Zero
from theodolite.models.protocol import Batch, FoundationModel
from theodolite.models.running import Edit, Pass, Resumption, run
from theodolite.models.sanity import CheckedRuns
from theodolite.models.sites import OUTPUT, Site, attention, mlp_post, residual
from theodolite.models.tokens import Tokens

__all__ = [
    "CELLS_AT_MOST",
    "MEMORY_BYTES",
    "Ablation",
    "ablate",
    "ablate_alike",
]

Result = TypeVar("Result")

CELLS_AT_MOST = 256
"""Cells that are read, evenly over those there are: every ablation costs a pass over all of them."""

_TOKENS_PER_STEP = 1024
"""On a processor: few, so that the attention of a step fits into memory that is reused."""
_CELLS_PER_STEP = 64


def ablate_alike(
    model: FoundationModel,
    cells: CellSet,
    component: Component,
    how: How,
    genes: Sequence[str] | None = None,
    said: Callable[[str], None] = lambda text: None,
) -> Ablated:
    """Take out a component and all others of its size, one at a time.

    Arguments and errors are those of :func:`ablate`, those of its size of
    :func:`~theodolite.models.components.alike`.
    """
    each = [(part,) for part in alike(component, model.n_layers, model.n_heads)]
    return ablate(model, cells, each, how, genes, said)


def ablate(
    model: FoundationModel,
    cells: CellSet,
    conditions: Sequence[Sequence[Component]],
    how: How,
    genes: Sequence[str] | None = None,
    said: Callable[[str], None] = lambda text: None,
    *,
    cells_at_most: int | None = None,
) -> Ablated:
    """Take sets of components out of a model and measure what each set does to every gene.

    Every sort of edit at every site is checked before it counts (:class:`theodolite.models.sanity.CheckedRuns`).

    Parameters
    ----------
    model, cells
        The model, and the cells that it reads.
    conditions
        Sets of components, each taken out together.
    how
        What stands in their place.
    genes
        Names of the genes to keep, as the cells call them; all that the model knows where not given.
    said
        Told where memory ran out and the batch was halved.
    cells_at_most
        Cells to read, evenly over those there are; :data:`CELLS_AT_MOST` where not given.

    Raises
    ------
    ValueError
        If a condition is empty or names no component of the model, ``uniform`` is asked of an MLP, or a gene is not to
        be had.
    CellDataError
        If the model cannot read the cells.
    InterventionError
        If an edit does not do what it says, or does nothing.
    ActivationError
        If the model overflowed.
    """
    if not conditions:
        raise ValueError(f"conditions {list(conditions)!r}: name one component or more to take out")
    ablation = Ablation(model, cells, conditions, how, said, cells_at_most=cells_at_most)
    chosen = known_genes(model, cells) if genes is None else tuple(genes)
    sums = _Sums(rows_of(model, cells, chosen), len(chosen), len(ablation.conditions))
    for batch, (changed, turned) in ablation.batches(ablation.measured):
        sums.take(batch, changed, turned)
    return sums.ablated(chosen, ablation.conditions, how, model.name)


class Ablation:
    """Cells of a model, and sets of components to take out of it; arguments and errors are those of :func:`ablate`.

    Attributes
    ----------
    conditions
        The sets, each sorted and free of repeats.
    """

    def __init__(
        self,
        model: FoundationModel,
        cells: CellSet,
        conditions: Sequence[Sequence[Component]],
        how: How,
        said: Callable[[str], None] = lambda text: None,
        *,
        cells_at_most: int | None = None,
    ) -> None:
        self.conditions = tuple(tuple(sorted(set(condition), key=str)) for condition in conditions)
        _check(model, self.conditions, how)
        self._model, self._said = model, said
        most = CELLS_AT_MOST if cells_at_most is None else cells_at_most
        self._tokens = model.tokenise(cells.take_evenly(most))
        self._size = _cells_per_step(model, self._tokens)
        means = _means(model, self._tokens, self.conditions, self._size, said) if how == "mean" else {}
        self._edits = [_edits(condition, how, means) for condition in self.conditions]
        self._runs = CheckedRuns(model)

    def batches(self, compute: Callable[[Batch], Result]) -> Iterator[tuple[Batch, Result]]:
        """Yield each batch of the cells with what ``compute`` makes of it; it must change nothing."""
        for _, batch, found in in_batches(self._model, self._tokens, self._size, compute, self._said):
            yield batch, found

    def without(
        self, batch: Batch, row: int | None, read: Sequence[Site], clean: Mapping[Site, Tensor] | None = None
    ) -> Pass:
        """Return a pass of a batch without the components of a row, or of the whole model for None.

        ``clean`` holds residual streams of the whole model; the pass goes on from the one before the first edit.
        """
        if row is None:
            return run(self._model, batch, read=read)
        before = min(site.layer for site, _ in self._edits[row]) - 1
        resume = None if clean is None else Resumption(before, clean[residual(before)])
        return self._runs.run(batch, self._edits[row], read=read, resume=resume)

    def measured(self, batch: Batch) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return squared change of the prediction and cosine distance of the last stream, each [k, B, T]."""
        last = residual(self._model.n_layers)
        firsts = {min(site.layer for site, _ in edits) for edits in self._edits}
        clean = run(self._model, batch, read=[*(residual(first - 1) for first in firsts), last, OUTPUT]).read
        changed, turned = [], []
        for row in range(len(self.conditions)):
            found = self.without(batch, row, [last, OUTPUT], clean).read
            changed.append(_squared(found[OUTPUT], clean[OUTPUT]))
            apart = 1.0 - functional.cosine_similarity(found[last].float(), clean[last].float(), dim=-1)
            turned.append(apart.cpu().double().numpy())
        return np.stack(changed), np.stack(turned)


def _check(model: FoundationModel, conditions: Sequence[tuple[Component, ...]], how: How) -> None:
    if not all(conditions):
        raise ValueError(f"conditions {list(conditions)!r}: name one component or more in each")
    for part in {part for condition in conditions for part in condition}:
        if part.layer > model.n_layers or (part.head or 0) > model.n_heads:
            raise ValueError(f"{part} is not of {model.name}: {model.n_layers} layers of {model.n_heads} heads")
        if how == "uniform" and part.part != "head":
            raise ValueError(f"uniform attention in place of {part}: only of heads; use zero or mean")


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


_OF_HEADS: dict[How, Callable[[Where], Edit]] = {"zero": Zero, "mean": MeanQuery, "uniform": UniformAttention}


def _squared(found: Tensor, clean: Tensor) -> NDArray[np.float64]:
    step = found.float() - clean.float()
    if step.ndim == 3:  # logits say nothing by a common shift
        return step.var(dim=-1, correction=0).cpu().double().numpy()
    return step.square().cpu().double().numpy()


def _edits(condition: tuple[Component, ...], how: How, means: dict[int, Tensor]) -> list[tuple[Site, Edit]]:
    of_heads = _OF_HEADS[how]
    found: list[tuple[Site, Edit]] = []
    for layer in sorted({part.layer for part in condition}):
        kinds = {part.part for part in condition if part.layer == layer}
        heads = sorted(part.head for part in condition if part.layer == layer and part.head is not None)
        if "layer" in kinds or heads:
            found.append((attention(layer), of_heads(Where() if "layer" in kinds else Where(heads=heads))))
        if kinds & {"layer", "mlp"}:
            found.append((mlp_post(layer), SetMean(means[layer]) if how == "mean" else Zero()))
    return found


def _means(
    model: FoundationModel,
    tokens: Tokens,
    conditions: Sequence[tuple[Component, ...]],
    size: int,
    said: Callable[[str], None],
) -> dict[int, Tensor]:
    """Return by layer the mean hidden units [f] of an MLP over the tokens of all cells, where one is taken out."""
    layers = sorted({part.layer for condition in conditions for part in condition if part.part != "head"})
    if not layers:
        return {}
    sums: dict[int, Tensor] = {}
    count = 0

    def compute(batch: Batch) -> dict[int, Tensor]:
        found = run(model, batch, read=[mlp_post(layer) for layer in layers]).read
        return {layer: found[mlp_post(layer)][batch.present].double().sum(dim=0) for layer in layers}

    for _, batch, added in in_batches(model, tokens, size, compute, said):
        count += int(batch.present.sum())
        sums = {layer: sums[layer] + added[layer] if sums else added[layer] for layer in layers}
    return {layer: total / count for layer, total in sums.items()}


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

    def ablated(
        self, genes: tuple[str, ...], conditions: tuple[tuple[Component, ...], ...], how: How, name: str
    ) -> Ablated:
        counts = np.maximum(self._presence, 1)
        prediction, stream = self._prediction / counts, self._stream / counts
        if not (np.isfinite(prediction).all() and np.isfinite(stream).all()):
            raise ActivationError(f"{name} gave numbers that are not finite under ablation; take float32")
        return Ablated(genes, conditions, how, prediction, stream, self._presence, self._largest)
