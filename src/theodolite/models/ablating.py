"""Components taken out of a model, one set after the other, read out at the last residual stream and the prediction.

Attention of layers before an ablation cannot change by it, so that whoever reads such a layer finds that nothing
matters (arXiv 2602.17532 reads layer 13 after ablations of layer 15). What is read here lies behind every ablation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from theodolite.data import CellSet
from theodolite.models.ablated import Ablated
from theodolite.models.batches import in_batches
from theodolite.models.capture import known_genes, rows_of
from theodolite.models.components import Component, How, alike
from theodolite.models.editing import EditedRuns, changes_of
from theodolite.models.edits import MeanQuery, SetMean, UniformAttention, Where, Zero
from theodolite.models.protocol import Batch, FoundationModel
from theodolite.models.running import Edit, run
from theodolite.models.sites import Site, attention, mlp_post
from theodolite.models.tokens import Tokens

__all__ = [
    "CELLS_AT_MOST",
    "Ablation",
    "ablate",
    "ablate_alike",
]

CELLS_AT_MOST = 256
"""Cells that are read, evenly over those there are: every ablation costs a pass over all of them."""


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
    done = changes_of(ablation, rows_of(model, cells, chosen), len(chosen))
    return Ablated(chosen, ablation.conditions, how, done.prediction, done.stream, done.presence, done.largest)


class Ablation(EditedRuns):
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
        most = CELLS_AT_MOST if cells_at_most is None else cells_at_most
        super().__init__(model, model.tokenise(cells.take_evenly(most)), said)
        means = _means(model, self.tokens, self.conditions, self.size, said) if how == "mean" else {}
        self.edits = [_edits(condition, how, means) for condition in self.conditions]


def _check(model: FoundationModel, conditions: Sequence[tuple[Component, ...]], how: How) -> None:
    if not all(conditions):
        raise ValueError(f"conditions {list(conditions)!r}: name one component or more in each")
    for part in {part for condition in conditions for part in condition}:
        if part.layer > model.n_layers or (part.head or 0) > model.n_heads:
            raise ValueError(f"{part} is not of {model.name}: {model.n_layers} layers of {model.n_heads} heads")
        if how == "uniform" and part.part != "head":
            raise ValueError(f"uniform attention in place of {part}: only of heads; use zero or mean")


_OF_HEADS: dict[How, Callable[[Where], Edit]] = {"zero": Zero, "mean": MeanQuery, "uniform": UniformAttention}


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
