"""Descriptions of gene vectors layer by layer: how many axes and dimensions they spread over (arXiv 2602.22247)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from theodolite.analysis.geometry import gene_vectors, layer_spectra, two_nn
from theodolite.descriptions.described import Described, facts_of
from theodolite.descriptions.profiles import profiles, vectors_bytes
from theodolite.descriptions.registry import DescriptionParams, description
from theodolite.descriptions.subject import Subject
from theodolite.gates.kernels import derive_seed
from theodolite.measurements import CurveFit
from theodolite.tools import BenchSize

__all__ = ["EffectiveRank", "IntrinsicDimension", "effective_rank", "intrinsic_dimension"]


class EffectiveRank(DescriptionParams):
    """Parameters of :func:`effective_rank`."""

    shuffles: int = Field(default=20, ge=1, description="matrices with shuffled columns a layer, for the null")


def _spectrum_memory(size: BenchSize, params: EffectiveRank) -> int:
    # The vectors, those that are present, and one layer shuffled, centred and as its Gram matrix.
    return vectors_bytes(size) + 8 * (3 * size.genes * size.width + size.width**2)


@description(
    family="geometry",
    shape=CurveFit,
    unit="axes",
    reads=("vectors",),
    memory=_spectrum_memory,
)
def effective_rank(subject: Subject, params: EffectiveRank) -> Described:
    """Effective rank of the gene vectors at each layer, beside that of vectors whose columns were shuffled.

    The exponential of the entropy of the shares of variance on singular axes (Roy and Vetterli 2007), of the genes that
    the model has; and, under its own name, of all rows with zeros for absent genes, whose first axis is "present
    against absent". Source: arXiv 2602.22247 §SVD axes.

    Returns
    -------
    Described
        Profiles over layers from the embedding on: ``present``, ``shuffled`` (mean over shuffles), ``with zero rows``.
    """
    found = layer_spectra(subject.vectors(), subject.genes, shuffles=params.shuffles, seed=subject.seed)
    rank, padded = found.effective_rank, found.effective_rank_with_zero_rows
    curves = {"present": rank.values, "shuffled": found.shuffled, "with zero rows": padded.values}
    rows = found.present[0].rows
    sentence = (
        f"The effective rank of {rows} gene vectors goes from {rank.first:.3g} at the embedding to {rank.last:.3g} "
        f"after the last layer; with columns shuffled it is {found.shuffled[0]:.3g} and {found.shuffled[-1]:.3g}."
    )
    facts = facts_of(found, without=("absent",)) | {"absent": len(found.absent)}
    return Described(profiles(curves, unit=effective_rank.unit), facts, sentence)


class IntrinsicDimension(DescriptionParams):
    """Parameters of :func:`intrinsic_dimension`."""

    discard: float = Field(default=0.1, ge=0, lt=1, description="share of the largest ratios that is censored")
    shuffles: int = Field(default=5, ge=1, description="matrices with shuffled columns a layer, for the null")


def _dimension_memory(size: BenchSize, params: IntrinsicDimension) -> int:
    return vectors_bytes(size) + 8 * 4 * size.genes * size.width


@description(
    family="geometry",
    shape=CurveFit,
    unit="dimensions",
    reads=("vectors",),
    memory=_dimension_memory,
)
def intrinsic_dimension(subject: Subject, params: IntrinsicDimension) -> Described:
    """Intrinsic dimension of the gene vectors at each layer, beside that of vectors whose columns were shuffled.

    Estimated from the ratio of the distances to the second and the first neighbour, of genes that the model has. Its
    interval takes ratios of genes as independent, and is narrow by that. Source: TwoNN, Facco, d'Errico, Rodriguez and
    Laio 2017.

    Returns
    -------
    Described
        Profiles over layers from the embedding on: ``present``, ``low``, ``high`` (95 % interval), ``shuffled`` (mean
        over shuffles).
    """
    kept = gene_vectors(subject.vectors(), subject.genes)
    found = [two_nn(rows, discard=params.discard) for rows in kept.vectors]
    shuffled = _shuffled_dimension(kept.vectors, params, subject.seed)
    mean = shuffled.mean(axis=1)
    first, last = found[0], found[-1]
    curves = {
        "present": [layer.dimension for layer in found],
        "low": [layer.low for layer in found],
        "high": [layer.high for layer in found],
        "shuffled": mean,
    }
    sentence = (
        f"The intrinsic dimension of {first.points} gene vectors is {first.dimension:.3g} ({first.low:.3g} to "
        f"{first.high:.3g}) at the embedding and {last.dimension:.3g} ({last.low:.3g} to {last.high:.3g}) after the "
        f"last layer; with columns shuffled it is {mean[0]:.3g} and {mean[-1]:.3g}."
    )
    facts = facts_of(found) | {
        "shuffled": mean,
        "shuffled_spread": shuffled.std(axis=1),
        "absent": len(kept.absent),
    }
    return Described(profiles(curves, unit=intrinsic_dimension.unit), facts, sentence)


def _shuffled_dimension(vectors: NDArray[np.float64], params: IntrinsicDimension, seed: int) -> NDArray[np.float64]:
    """Return the dimension of each layer with columns shuffled, (layers, shuffles)."""
    rng = np.random.default_rng(derive_seed(seed, "column_shuffle"))
    return np.array(
        [
            [two_nn(rng.permuted(rows, axis=0), discard=params.discard).dimension for _ in range(params.shuffles)]
            for rows in vectors
        ]
    )
