"""The checks of ``theodolite models verify``: what each model is held to, with thresholds fixed beforehand."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from theodolite.data import CellSet
from theodolite.models.facts import CheckpointError
from theodolite.models.geneformer.model import GeneformerModel
from theodolite.models.geneformer.sizes import SIZES
from theodolite.models.geneformer.writing import tensor_shapes
from theodolite.models.protocol import FoundationModel
from theodolite.models.scgpt.model import ScGPTModel
from theodolite.models.tokens import Tokens
from theodolite.models.verifying.neighbours import partner_percentiles
from theodolite.models.verifying.record import Check

__all__ = ["LEAST_CELLS", "LEAST_COVERAGE", "LEAST_PERCENTILE", "check_kind", "hold_out", "verify"]

LEAST_CELLS = 50
"""Cells on either side: below, an interval of a bootstrap over cells says nothing."""
LEAST_COVERAGE = 0.5
"""Share of a cell's counts that must be of genes that the model knows, in the median over cells."""
LEAST_PERCENTILE = 0.75
"""Where, among all genes by similarity, the known partner of a gene must lie in the median over pairs."""
LEAST_PAIRS = 5
"""Known pairs that a vocabulary must hold for their median to say anything."""
HELD_OUT_SHARE = 0.2


def hold_out(cells: CellSet, most: int, seed: int, unit: str | None = None) -> tuple[CellSet, CellSet, str]:
    """Part cells into those that rivals are fitted on and those that are predicted, by whole donors or batches.

    Parameters
    ----------
    cells
        The cells.
    most
        Cells on either side at most.
    seed
        Of what is drawn.
    unit
        The donor or batch to hold out, such as one that the model was not trained on; drawn where not given.

    Raises
    ------
    CheckpointError
        If one side would hold fewer than :data:`LEAST_CELLS` cells, or there is no such donor or batch.

    Returns
    -------
    tuple
        Both sides, and what was held out in words.
    """
    draw = np.random.default_rng(seed)
    units = np.array(cells.units)
    names = sorted(set(cells.units))
    if unit is not None and unit not in names:
        raise CheckpointError(
            f"cells {cells.name!r} have no {cells.unit_kind} {unit!r}; there is {', '.join(map(repr, names[:8]))}"
        )
    drawn = draw.permutation(len(names))[: max(1, round(HELD_OUT_SHARE * len(names)))]
    chosen = drawn if unit is None else np.array([names.index(unit)])
    out = np.isin(units, [names[place] for place in chosen])
    if out.all():
        raise CheckpointError(
            f"cells {cells.name!r} are one {cells.unit_kind} ({names[0]!r}), of which no part can be held out; give "
            "more, or leave the column of batches or donors out"
        )
    words = f"{cells.unit_kind} {', '.join(names[place] for place in sorted(chosen))}"
    if cells.unit_kind == "cell":
        words = "a fifth of them"
    sides = []
    for rows, purpose in ((np.flatnonzero(~out), "fit the rivals on"), (np.flatnonzero(out), "predict")):
        if (there := min(len(rows), most)) < LEAST_CELLS:
            raise CheckpointError(
                f"cells {cells.name!r} leave {there} to {purpose} where {words} is held out; {LEAST_CELLS} at least "
                "are needed on either side: hold a larger one out, or give more cells"
            )
        kept = np.sort(draw.permutation(rows)[:most])
        sides.append(cells.take_cells([cells.cells[row] for row in kept]))
    if cells.unit_kind == "cell":
        words = f"{len(sides[1].cells)} cells drawn at random"
    return sides[0], sides[1], words


def check_kind(model: FoundationModel) -> GeneformerModel | ScGPTModel:
    """Return the model if models of its kind can be verified here.

    Raises
    ------
    CheckpointError
        Saying where it is verified instead.
    """
    if not isinstance(model, (GeneformerModel, ScGPTModel)):
        raise CheckpointError(
            f"{model.name} is no Geneformer and no scGPT; a compact model is scored beside its rivals when it is "
            "trained, and the author of a plug-in says in its facts whether it was verified"
        )
    return model


def verify(model: FoundationModel, fitted_on: CellSet, held_out: CellSet, seed: int) -> Iterator[Check]:
    """Yield every check of a model, each as soon as it is done.

    Raises
    ------
    CheckpointError
        If models of this kind cannot be verified here.
    CellDataError
        If the model cannot read the cells.
    """
    known = check_kind(model)
    yield _parameters(known)
    yield _coverage(known, held_out)
    rivals, predicted = known.tokenise(fitted_on), known.tokenise(held_out)
    yield from _masked(known, rivals, predicted, seed)
    yield _neighbours(known)


def _parameters(model: GeneformerModel | ScGPTModel) -> Check:
    network = model.network if isinstance(model, GeneformerModel) else model.module
    found = sum(tensor.numel() for tensor in network.parameters())
    expected, what = found, "no published size has this shape, so that there is no number to hold it to"
    if isinstance(model, GeneformerModel):
        shape = model.configuration
        same = [
            size
            for size in SIZES.values()
            if (size.layers, size.width, size.heads, size.feedforward, size.context, size.vocabulary)
            == (shape.layers, shape.width, shape.heads, shape.feedforward, shape.context, shape.vocabulary)
        ]
        if same:
            expected = sum(math.prod(shape) for shape in tensor_shapes(same[0]).values())
            what = f"that of {' or '.join(size.name for size in same)} is {expected:,}"
    return Check(
        "parameters",
        found == expected,
        float(found),
        float(expected),
        f"{found:,} parameters, every tensor of the file accounted for; {what}.",
    )


def _coverage(model: FoundationModel, cells: CellSet) -> Check:
    known = model.places(cells) >= 0
    counts = cells.counts.astype(np.float64)
    share = np.asarray(counts[:, known].sum(axis=1)).ravel() / np.asarray(counts.sum(axis=1)).ravel()
    middle = float(np.median(share))
    return Check(
        "token coverage",
        middle >= LEAST_COVERAGE,
        middle,
        LEAST_COVERAGE,
        f"{int(known.sum()):,} of the {len(cells.genes):,} genes of the cells are in the vocabulary; they hold "
        f"{middle:.0%} of a cell's counts in the median.",
    )


def _masked(model: GeneformerModel | ScGPTModel, fitted_on: Tokens, held_out: Tokens, seed: int) -> Iterator[Check]:
    if isinstance(model, ScGPTModel):
        yield from _masked_values(model, fitted_on, held_out, seed)
        return
    from theodolite.models.geneformer.evaluation import evaluate

    found = evaluate(model, fitted_on, held_out, seed=seed)
    for name, rival in found.rivals.items():
        low, high = rival.accuracy_interval
        yield Check(
            f"masked accuracy against {name}",
            low > 0,
            rival.accuracy_gain,
            0.0,
            f"It names {found.accuracy:.2%} of {found.n_hidden:,} hidden genes, {name} {rival.accuracy:.2%}: "
            f"{rival.accuracy_gain:+.2%} (95 % interval {low:+.2%} to {high:+.2%}), and is {rival.nats_gain:+.3f} nats "
            "better a gene.",
        )


def _masked_values(model: ScGPTModel, fitted_on: Tokens, held_out: Tokens, seed: int) -> Iterator[Check]:
    from theodolite.models.batches import in_batches
    from theodolite.models.running import run
    from theodolite.models.sites import OUTPUT
    from theodolite.models.verifying.values import score_values

    def predict(tokens: Tokens) -> NDArray[np.floating]:
        said = np.zeros(len(tokens.ids))
        for rows, batch, output in in_batches(model, tokens, 8, lambda batch: run(model, batch, read=[OUTPUT])):
            values = output.read[OUTPUT].float().cpu().numpy()
            present = batch.present.cpu().numpy()
            for row, cell in enumerate(rows):
                said[tokens.indptr[cell] : tokens.indptr[cell + 1]] = values[row, present[row]]
        return said

    scores = score_values(predict, fitted_on, held_out, len(model.genes), model.settings.mask_value, seed=seed)
    for name in scores.rivals:
        gain, low, high = scores.gain(name, seed + 1)
        yield Check(
            f"hidden values against {name}",
            low > 0,
            gain,
            0.0,
            f"Squared error at {len(scores.cells):,} hidden bins is {gain:.1%} below that of {name} (95 % interval "
            f"{low:.1%} to {high:.1%}).",
        )


def _neighbours(model: GeneformerModel | ScGPTModel) -> Check:
    found = partner_percentiles(_embedding(model), model.genes)
    if len(found) < LEAST_PAIRS:
        return Check(
            "known gene neighbours",
            False,
            float(len(found)),
            float(LEAST_PAIRS),
            f"The vocabulary holds {len(found)} of the known pairs of genes, too few to say anything.",
        )
    middle = float(np.median(list(found.values())))
    return Check(
        "known gene neighbours",
        middle >= LEAST_PERCENTILE,
        middle,
        LEAST_PERCENTILE,
        f"Of {len(found)} pairs that belong together, such as {' and '.join(next(iter(found)))}, the partner is nearer "
        f"than {middle:.0%} of all genes in the median; in a random embedding 50 %.",
    )


def _embedding(model: GeneformerModel | ScGPTModel) -> NDArray[np.floating]:
    """Return the token embedding of each gene, (genes, width)."""
    if isinstance(model, GeneformerModel):
        words, rows = model.network.bert.embeddings.word_embeddings.weight, model.dictionary.token_ids
    else:
        words, rows = model.module.encoder.embedding.weight, model.vocabulary.gene_ids
    found: NDArray[np.floating] = words.detach().float().cpu().numpy()[rows]
    return found
