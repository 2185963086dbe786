"""Description of features by cell: those that are specific to cell types or conditions (arXiv 2603.02952)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from theodolite.analysis import saes as analysis
from theodolite.data import CellSet
from theodolite.descriptions.described import Described
from theodolite.descriptions.registry import description
from theodolite.descriptions.saes import DictionaryParams, dictionary_bytes, layer_of, trained
from theodolite.descriptions.subject import DescriptionError, Subject
from theodolite.gates.evidence import exceedances, monte_carlo_p
from theodolite.gates.kernels import derive_seed, permutations
from theodolite.gates.schemes import blocked_labels
from theodolite.measurements import UnitEffects
from theodolite.saes import usual_size
from theodolite.tools import BenchSize

__all__ = ["FeatureSpecificity", "feature_specificity", "no_role", "replicates", "role_column"]

_LEVEL = 0.05
_SHOWN = 20
"""Pairs of a label and a feature that are listed."""


class FeatureSpecificity(DictionaryParams):
    """Parameters of :func:`feature_specificity`."""

    role: Literal["cell_type", "condition"] = Field(
        default="cell_type", description="label of the cells that features are specific to"
    )
    least_auroc: float = Field(
        default=0.7, ge=0.5, lt=1.0, description="AUROC of a label's cells against the others, from which on it counts"
    )
    least_cells: int = Field(
        default=10, ge=2, description="cells of a label, at least; cells of rarer ones are left out"
    )
    draws: int = Field(default=1_000, ge=1, description="permutations behind each p")
    exchanges: int = Field(default=19, ge=1, description="exchanges of labels in which all is done again")


def _memory(size: BenchSize, params: FeatureSpecificity) -> int:
    features, _ = usual_size(size.width, params.features)
    # Values and ranks by cell, permuted labels as integers and numbers, and what these give for every feature.
    return (
        dictionary_bytes(size, params)
        + 8 * 4 * size.cells * features
        + params.draws * (17 * size.cells + 8 * 2 * features)
    )


@description(
    family="saes",
    shape=UnitEffects,
    unit="share of features",
    reads=("dictionary", "model"),
    memory=_memory,
    example="cells={'cell_type': 'cell_type'}",
)
def feature_specificity(subject: Subject, params: FeatureSpecificity) -> Described:
    """Share of a layer's features that are specific to a cell type or a condition, beside exchanged labels.

    A feature is averaged over the tokens of each cell, for tokens of a cell are no replicates. It is specific to a
    label where its Benjamini-Hochberg value over all labels and features is 0.05 or less and the AUROC of the label's
    cells against all others reaches ``least_auroc``. Labels change places among donors (batches, where no donors are
    known) where these have one label each, else among the cells of each; the same way whole labels are exchanged and
    all is done again, which is the control. The smallest p is 1 / (1 + draws), so that few pairs among many tests can
    have no small q (``needed`` of the facts). Source: arXiv 2603.02952 §cell types, where 99 % of features were called
    enriched without an effect size and with tokens as replicates.

    Returns
    -------
    Described
        Units are labels; the controls of each are its shares under exchanged labels. Facts list the strongest pairs.

    Raises
    ------
    DescriptionError
        If the cells have no such label, fewer than two labels have enough cells, or there is no model at hand.
    """
    cells, layer = subject.cells, layer_of(params, subject.shape)
    column = role_column(cells, params.role)
    found = trained(subject, params)
    labels, read = np.array(cells.label(column), dtype=str), found.reading.cell_tokens > 0
    sizes = Counter(labels[read].tolist())
    common = sorted(label for label, size in sizes.items() if size >= params.least_cells)
    if len(common) < 2:
        raise DescriptionError(
            f"{len(common)} labels of {column!r} have {params.least_cells} cells that hold one of these genes "
            f"({', '.join(f'{name}: {count}' for name, count in sizes.most_common(3))}); two are compared at least, so "
            "ask for fewer cells (least_cells), or give more"
        )
    used = np.flatnonzero(read & np.isin(labels, common))
    alive = np.flatnonzero(found.reading.active > 0)
    if not len(alive):
        raise DescriptionError("no feature is active in any token; train a larger dictionary for longer")
    values, labels = found.reading.by_cell[np.ix_(used, alive)], labels[used]
    units = replicates(cells)
    donors = None if units is None else np.array(units, dtype=str)[used]

    def seen(given: NDArray[np.str_], seed: int) -> analysis.Specificity:
        of = None if donors is None else donors.tolist()
        return analysis.specificity(values, given.tolist(), donors=of, draws=params.draws, seed=seed)

    told = seen(labels, subject.seed)
    held = told.found(_LEVEL, params.least_auroc)
    share = float(held.any(axis=0).mean())
    images = _exchanged(labels, donors, params.exchanges, derive_seed(subject.seed, "exchanged labels"))
    control, shares = np.empty((len(told.labels), params.exchanges)), np.empty(params.exchanges)
    for draw, image in enumerate(images):
        other = seen(labels[image], derive_seed(subject.seed, "exchange", str(draw))).found(_LEVEL, params.least_auroc)
        control[:, draw], shares[draw] = other.mean(axis=1), other.any(axis=0).mean()
    p = monte_carlo_p(exceedances(shares, share), params.exchanges)
    place, feature = np.nonzero(held)
    order = np.argsort(-told.auroc[place, feature], kind="stable")[:_SHOWN]
    place, feature = place[order], feature[order]
    facts: dict[str, Any] = {
        "layer": layer,
        "role": params.role,
        "column": column,
        "features": len(alive),
        "share": share,
        "p": p,
        "exchanged.mean": float(shares.mean()),
        "exchanged.largest": float(shares.max()),
        "exchanged.moved": float(np.mean([(labels[image] != labels).mean() for image in images])),
        "labels": list(told.labels),
        "cells": told.cells,
        "unit": list(told.unit),
        "units": told.units,
        "floor": told.floor,
        "needed": math.ceil(float(told.floor.min()) * told.p.size / _LEVEL),
        "left_out": sorted(set(cells.label(column)) - set(told.labels)),
        "replicates": cells.unit_kind,
        "found.label": [told.labels[each] for each in place.tolist()],
        "found.feature": alive[feature],
        "found.auroc": told.auroc[place, feature],
        "found.difference": told.difference[place, feature],
        "found.q": told.q[place, feature],
    }
    kinds = " and ".join(f"{count} by {_TREATED[name]}" for name, count in sorted(Counter(told.unit).items()))
    sentence = (
        f"{share:.1%} of {len(alive)} active features at layer {layer} are specific to one of {len(told.labels)} "
        f"labels ({column}; q of {_LEVEL} and an AUROC of {params.least_auroc:g} at least), {shares.mean():.1%} with "
        f"labels exchanged ({shares.max():.1%} at most, p {p:.2g} of {params.exchanges} exchanges); of the labels, "
        f"{kinds}."
    )
    if (smallest := float(told.floor.min())) > _LEVEL:
        sentence = (
            f"Whether any of {len(alive)} active features at layer {layer} is specific to one of {len(told.labels)} "
            f"labels ({column}) cannot be told: with {int(told.units.max())} {cells.unit_kind} units at most no p is "
            f"below {smallest:.2g}, and {_LEVEL} is asked for; give more of them ({kinds})."
        )
    effect = held.mean(axis=1)
    return Described(UnitEffects(told.labels, effect, control, feature_specificity.unit), facts, sentence)


_TREATED = {
    "cells": "exchanging cells, which says nothing of other donors",
    "donors": "exchanging donors",
    "donors_within": "differences within donors",
}


def role_column(cells: CellSet, role: str) -> str:
    """Return the column that names a role of the cells.

    Raises
    ------
    DescriptionError
        If they have none.
    """
    column = cells.roles.get(role)
    if column is None:
        raise DescriptionError(no_role(role, cells.roles))
    return column


def no_role(role: str, roles: Mapping[str, str]) -> str:
    """Return what is said of cells without a role: what they have, and how to name it."""
    known = ", ".join(f"{name} ({column})" for name, column in roles.items()) or "none"
    also = ", 'control': '...'" if role == "perturbation" else ""
    return (
        f"no label of these cells is said to hold their {role} (roles they have: {known}); name it when they are read: "
        f"cells={{'{role}': 'the column'{also}}} here, or `{role}:` under `cells:` in a campaign"
    )


def replicates(cells: CellSet) -> tuple[str, ...] | None:
    """Return the donor or batch of each cell; None where neither is known, so that cells stand for themselves."""
    return None if cells.unit_kind == "cell" else cells.units


def _exchanged(labels: NDArray[np.str_], donors: NDArray[np.str_] | None, draws: int, seed: int) -> NDArray[np.int64]:
    """Return for each draw the cell whose label a cell gets, (draws, cells): of donors where each has one, else within.

    Where donors have one label each, all cells of a donor get the label of one other donor.
    """
    if donors is None:
        return permutations(blocked_labels([""] * len(labels)), draws, seed)
    names, first, of = np.unique(donors, return_index=True, return_inverse=True)
    if len(names) > 1 and (labels[first][of] == labels).all():
        return np.asarray(first[permutations(blocked_labels([""] * len(names)), draws, seed)][:, of])
    return permutations(blocked_labels(donors.tolist()), draws, seed)
