"""Description of features that respond to perturbed genes, by cell (arXiv 2603.02952 §perturbation response)."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from theodolite.analysis import saes as analysis
from theodolite.data import of_effects
from theodolite.descriptions.described import Described
from theodolite.descriptions.feature_cells import replicates, role_column
from theodolite.descriptions.registry import description
from theodolite.descriptions.saes import DictionaryParams, dictionary_bytes, layer_of, trained
from theodolite.descriptions.subject import DescriptionError, Subject
from theodolite.gates.evidence import exceedances, monte_carlo_p
from theodolite.gates.kernels import derive_seed, permutations
from theodolite.gates.schemes import blocked_labels
from theodolite.measurements import UnitEffects
from theodolite.saes import usual_size
from theodolite.tools import BenchSize

if TYPE_CHECKING:
    from theodolite.saes.positions import Positions

__all__ = ["FeatureResponses", "feature_responses"]

_LEVEL = 0.05


class FeatureResponses(DictionaryParams):
    """Parameters of :func:`feature_responses`."""

    least_effect: float = Field(
        default=0.2, ge=0.0, lt=0.5, description="AUROC - 0.5 of perturbed cells, up or down, from which on it counts"
    )
    least_of_target: int = Field(default=10, ge=10, description="cells of a target, at least; others are left out")
    top: int = Field(default=20, ge=2, description="genes that stand for a feature, by mean value in control cells")
    cells_at_most: int = Field(
        default=128, ge=1, description="control cells in which top genes are read, evenly over those there are"
    )
    exchanges: int = Field(
        default=19, ge=1, description="exchanges of labels between cells, in which all is tested again"
    )
    draws: int = Field(default=999, ge=1, description="draws of matched features, and of other targets' genes")


def _memory(size: BenchSize, params: FeatureResponses) -> int:
    features, k = usual_size(size.width, params.features, params.k)
    # Values and ranks by cell, means by gene, and codes of control cells.
    read = min(size.cells, params.cells_at_most) * size.genes * (24 * k + 100)
    return dictionary_bytes(size, params) + 8 * features * (6 * size.cells + 2 * size.genes) + read


@description(
    family="saes",
    shape=UnitEffects,
    unit="share of features",
    reads=("dictionary", "model"),
    references="regulons",
    memory=_memory,
    example='"trrust", cells={"perturbation": "target", "control": "non-targeting"}',
)
def feature_responses(subject: Subject, params: FeatureResponses) -> Described:
    """Share of a layer's features that respond to each perturbed gene, and whether their genes are those it regulates.

    A feature is averaged over the tokens of each cell; the cells of each target are compared with control cells by a
    rank sum, with the Benjamini-Hochberg correction over all targets and features at 0.05 and a least effect. The
    control exchanges labels between cells, within donors or batches where these are known, and tests all again. Top
    genes of responding features are read in control cells, for in perturbed ones they follow the response; they are
    held against features of like firing rate and against the genes of other targets. Targets are those genes that are
    described and perturbed alone. A reference that was computed from these cells' effects would find itself
    (``of_effects`` of the facts names such). Source: arXiv 2603.02952 §perturbation response, where tokens of a cell
    were replicates and there was no chance level.

    Returns
    -------
    Described
        Units are targets; the controls of each are its shares under exchanged labels.

    Raises
    ------
    DescriptionError
        If the cells have no perturbation, no target that is described has enough cells, or there is no model at hand.
    """
    cells, layer = subject.cells, layer_of(params, subject.shape)
    column = role_column(cells, "perturbation")
    control = str(cells.control)  # given with the column, always
    found = trained(subject, params)
    labels, read = np.array(cells.label(column), dtype=str), found.reading.cell_tokens > 0
    sizes = Counter(labels[read].tolist())
    targets = sorted(set(sizes) & set(subject.genes) - {control})
    kept = [target for target in targets if sizes[target] >= params.least_of_target]
    if not kept or sizes[control] < params.least_of_target:
        raise DescriptionError(
            f"{len(kept)} of {len(targets)} targets among the {len(subject.genes)} genes that are described have "
            f"{params.least_of_target} cells, and {sizes[control]} cells are {control!r}; a target and controls need "
            "as many, so describe the genes that were perturbed, or give more cells"
        )
    alive = np.flatnonzero(found.reading.active > 0)
    if not len(alive):
        raise DescriptionError("no feature is active in any token; train a larger dictionary for longer")
    used = np.flatnonzero(read & np.isin(labels, [control, *kept]))
    values, labels = found.reading.by_cell[np.ix_(used, alive)], labels[used]

    def seen(given: NDArray[np.str_]) -> NDArray[np.bool_]:
        told = analysis.responses(values, given.tolist(), control=control)
        return told.responding(_LEVEL, params.least_effect)

    responds = seen(labels)
    units = replicates(cells)
    blocks = [""] * len(used) if units is None else [units[place] for place in used.tolist()]
    images = permutations(blocked_labels(blocks), params.exchanges, derive_seed(subject.seed, "exchanged labels"))
    drawn = [seen(labels[image]) for image in images]
    shares = np.array([each.any(axis=1).mean() for each in drawn])
    share = float(responds.any(axis=1).mean())
    p = monte_carlo_p(exceedances(shares, share), params.exchanges)
    facts: dict[str, Any] = {
        "layer": layer,
        "column": column,
        "features": len(alive),
        "targets": kept,
        "cells": [sizes[target] for target in kept],
        "controls": sizes[control],
        "left_out.few_cells": len(targets) - len(kept),
        "left_out.not_described": len(set(sizes) - set(subject.genes) - {control}),
        "responding": responds.sum(axis=1),
        "share": share,
        "p": p,
        "exchanged.mean": float(shares.mean()),
        "exchanged.largest": float(shares.max()),
        "exchanged.moved": float(np.mean([(labels[image] != labels).mean() for image in images])),
        "replicates": cells.unit_kind,
        "of_effects": [item.id for item in subject.references if of_effects(item)],
    }
    more, said = _against_regulated(subject, params, alive, kept, responds, layer)
    sentence = (
        f"A feature at layer {layer} responds to {share:.1%} of {len(kept)} targets (by cell, q of {_LEVEL} and an "
        f"AUROC - 0.5 of {params.least_effect:g} at least), with labels exchanged to {shares.mean():.1%} "
        f"({shares.max():.1%} at most, p {p:.2g} of {params.exchanges} exchanges). {said}"
    )
    measured = UnitEffects(
        tuple(kept),
        responds.mean(axis=1),
        np.stack([each.mean(axis=1) for each in drawn], axis=1),
        feature_responses.unit,
    )
    return Described(measured, facts | more, sentence)


def _against_regulated(
    subject: Subject,
    params: FeatureResponses,
    alive: NDArray[np.int64],
    targets: list[str],
    responds: NDArray[np.bool_],
    layer: int,
) -> tuple[dict[str, Any], str]:
    """Return facts and words about genes of responding features and genes that the targets regulate."""
    from theodolite.saes.positions import read_positions

    found, cells = trained(subject, params), subject.cells
    assert cells.perturbation is not None  # asked for before
    of_control = [
        name for name, label in zip(cells.cells, cells.label(cells.perturbation), strict=True) if label == cells.control
    ]
    unperturbed = cells.take_cells(of_control).take_evenly(params.cells_at_most)
    read = read_positions(subject.model(), unperturbed, subject.genes, {layer: found.sae})
    regulated: dict[str, set[str]] = defaultdict(set)
    for item in subject.references:
        for regulator, gene in item.edges:
            regulated[regulator].add(gene)
    try:
        told = analysis.response_genes(
            responds,
            targets,
            regulated,
            _by_gene(read, layer, len(subject.genes))[:, alive],
            subject.genes,
            found.reading.active[alive] / found.reading.tokens,
            top=min(params.top, len(subject.genes)),
            draws=params.draws,
            seed=subject.seed,
        )
    except ValueError as error:
        return {"genes.reason": str(error)}, f"Whether their genes are those of the targets is not told: {error}."
    permuted = float(told.shares_permuted.mean())
    facts = {f"genes.{name}": getattr(told, name) for name in ("share", "p", "overlap", "matched", "p_matched")}
    facts |= {"genes.targets": list(told.targets), "genes.regulated": told.regulated, "genes.other_targets": permuted}
    facts |= {"genes.without_response": len(told.without_response), "genes.without_genes": len(told.without_genes)}
    said = (
        f"Top genes of responding features are those that the target regulates for {told.share:.1%} of "
        f"{len(told.targets)} targets (p of {told.level:g} against features of like firing rate), with the genes of "
        f"other targets in their place for {permuted:.1%} (p {told.p:.2g} of {params.draws} draws)."
    )
    return facts, said


def _by_gene(read: Positions, layer: int, genes: int) -> NDArray[np.float64]:
    """Return the mean value of each feature over the positions of each gene, (genes, F); 0 where there are none."""
    codes = read.codes[layer]
    total = np.zeros((genes, codes.features))
    row = np.repeat(np.arange(len(codes)), np.diff(codes.start))
    np.add.at(total, (read.gene[row], codes.feature), codes.value)
    return np.asarray(total / np.maximum(np.bincount(read.gene, minlength=genes), 1)[:, None])
