"""Descriptions of gene vectors: spectrum and dimension of each layer (arXiv 2602.22247 §SVD axes)."""

from __future__ import annotations

from pydantic import Field

from theodolite.analysis.geometry import layer_spectra
from theodolite.descriptions.described import Described, facts_of
from theodolite.descriptions.profiles import profiles, vectors_bytes
from theodolite.descriptions.registry import DescriptionParams, description
from theodolite.descriptions.subject import Subject
from theodolite.measurements import CurveFit
from theodolite.tools import BenchSize

__all__ = ["EffectiveRank", "effective_rank"]


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
