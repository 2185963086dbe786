"""Which gene set lies at which end of an axis, layer by layer (arXiv 2602.22247 §compartments), and what depth does.

The sign of a singular axis is arbitrary at every layer. Before ends are compared, each layer's axis is turned so that
it agrees with the layer before, and how well it agrees stands beside the result: where it hardly does, the axis of the
next layer is another one, and "moves to the other end" has no meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theodolite.analysis.geometry.depth import DepthTrend, depth_trend
from theodolite.analysis.geometry.inputs import gene_vectors, layer_coordinates
from theodolite.analysis.geometry.poles import PoleEnrichment, pole_enrichment
from theodolite.data import Reference

__all__ = ["DepthSignals", "Progression", "compartment_progression", "depth_signals", "oriented"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Progression:
    """Sets at the ends of one axis across depth.

    Attributes
    ----------
    axis
        The axis, counted from 1.
    enrichment
        By name of the set: its members at either end at each layer, and nulls.
    agreement
        Shape (layers - 1,): correlation of each layer's coordinates with those of the layer before, after turning.
    """

    axis: int
    enrichment: Mapping[str, PoleEnrichment]
    agreement: Floats


def oriented(coordinates: Floats) -> tuple[Floats, Floats]:
    """Turn the axis of each layer to agree with the layer before.

    Parameters
    ----------
    coordinates
        Shape (layers, n): coordinates on one axis.

    Returns
    -------
    tuple
        The coordinates, the first layer as it was, and correlations of neighbouring layers, shape (layers - 1,).
    """
    turned, agreement = [coordinates[0]], []
    for layer in coordinates[1:]:
        if not (np.ptp(layer) > 0.0 and np.ptp(turned[-1]) > 0.0):
            raise ValueError("all genes have one coordinate at some layer; such an axis has no ends")
        correlation = float(np.corrcoef(turned[-1], layer)[0, 1])
        turned.append(layer if correlation >= 0.0 else -layer)
        agreement.append(abs(correlation))
    return np.stack(turned), np.array(agreement)


def compartment_progression(
    vectors: ArrayLike,
    genes: Sequence[str],
    sets: Mapping[str, Reference | Iterable[str]],
    *,
    axis: int = 1,
    k: int | None = None,
    degree: Mapping[str, float] | None = None,
    families: Mapping[str, str] | None = None,
    draws: int = 1_000,
    seed: int = 0,
) -> Progression:
    """Describe which sets lie at the ends of an axis at each layer.

    Parameters
    ----------
    vectors, genes
        As in :func:`theodolite.analysis.geometry.edge_recovery`.
    sets
        Gene sets by name, such as compartments of the cell.
    axis
        Singular axis, counted from 1, fitted to each layer.
    k, degree, families, draws, seed
        As in :func:`theodolite.analysis.geometry.pole_enrichment`.

    Raises
    ------
    ValueError
        If there is no set or the input does not fit.
    """
    if not sets:
        raise ValueError("no gene set was given; name at least one")
    if axis < 1:
        raise ValueError(f"axis is {axis}; axes count from 1")
    kept = gene_vectors(vectors, genes)
    along, agreement = oriented(layer_coordinates(kept.vectors, axis)[:, :, axis - 1])
    found = {
        name: pole_enrichment(along, kept.genes, members, k=k, degree=degree, families=families, draws=draws, seed=seed)
        for name, members in sets.items()
    }
    return Progression(axis, found, agreement)


@dataclass(frozen=True, eq=False)
class DepthSignals:
    """Signal of specific edges and of gene class across depth, both as AUROCs.

    Attributes
    ----------
    edges
        Profile of the edge AUROC.
    gene_class
        Profile of the AUROC of regulators against target-only genes.
    gap
        Profile of the second minus the first. A large gap says that a model knows kinds of genes where it does not know
        edges; quoting the class AUROC as regulation hides it.
    """

    edges: DepthTrend
    gene_class: DepthTrend
    gap: DepthTrend


def depth_signals(edge_auroc: ArrayLike, class_auroc: ArrayLike) -> DepthSignals:
    """Set the AUROC of edges beside that of gene class, layer by layer.

    Raises
    ------
    ValueError
        If the two have different numbers of layers.
    """
    edges, classes = np.asarray(edge_auroc, dtype=np.float64), np.asarray(class_auroc, dtype=np.float64)
    if edges.shape != classes.shape:
        raise ValueError(f"edges have shape {edges.shape} and classes {classes.shape}; give both at the same layers")
    return DepthSignals(depth_trend(edges), depth_trend(classes), depth_trend(classes - edges))
