"""Descriptions of the ends of a singular axis at each layer: pairs, confidence, compartments (arXiv 2602.22247)."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from theodolite.analysis import geometry as analysis
from theodolite.descriptions.described import ABOUT, Described, facts_of
from theodolite.descriptions.profiles import (
    HELD,
    draws_bytes,
    each_reference,
    hardest,
    largest_p,
    p_in_words,
    profiles,
    smallest,
    vectors_bytes,
)
from theodolite.descriptions.registry import DescriptionParams, description
from theodolite.descriptions.subject import Subject
from theodolite.measurements import CurveFit
from theodolite.tools import BenchSize

__all__ = ["Confidence", "Pole", "co_pole", "compartment_progression", "confidence_gradient"]

_PAIRS_AT_ONCE = 4_000_000

_DRAWN: Final = {
    "gene_labels": "permuted gene labels",
    "degree_strata": "labels permuted among genes with like numbers of partners",
    "family_block_swap": "families that change places",
}
"""What is drawn, by name of the null."""


class Pole(DescriptionParams):
    """Parameters of descriptions of the poles of an axis."""

    axis: int = Field(default=1, ge=1, description="singular axis, counted from 1, fitted to each layer")
    k: int | None = Field(default=None, ge=1, description="genes at either pole; null is 52 of 195, as published")
    draws: int = Field(default=1_000, ge=1, description="permutations of each null")


def _along(subject: Subject, axis: int) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return the genes that are present, and their coordinates on an axis, (layers, n)."""
    kept = analysis.gene_vectors(subject.vectors(), subject.genes)
    return kept.genes, analysis.layer_coordinates(kept.vectors, axis)[:, :, axis - 1]


def _pole_memory(size: BenchSize, params: Pole) -> int:
    # Both ends of as many pairs of all draws as are looked at together, their poles, and the product of these.
    pairs = 4 * 8 * min(_PAIRS_AT_ONCE, params.draws * size.genes**2)
    return vectors_bytes(size, 3) + draws_bytes(size, params.draws) + pairs


@description(
    family="geometry",
    shape=CurveFit,
    unit="share of pairs",
    reads=("vectors",),
    references="pairs",
    memory=_pole_memory,
)
def co_pole(subject: Subject, params: Pole) -> Described:
    """Share of the pairs of each reference with both genes at one pole of an axis, at each layer.

    Beside it stands the share under permuted gene labels, under labels permuted among genes with like numbers of
    partners, and where whole families change places. A share that only beats the first is a matter of degree or of
    paralogues. Source: arXiv 2602.22247 §co-pole tests.

    Returns
    -------
    Described
        A profile over layers for each reference, and of its mean under permuted gene labels.
    """
    genes, along = _along(subject, params.axis)
    found, left_out = each_reference(
        subject.references,
        lambda item: analysis.co_pole(
            along,
            genes,
            item,
            k=params.k,
            families=subject.family_of,
            draws=params.draws,
            seed=subject.seed,
        ),
    )
    name, begins = smallest(found, lambda record: largest_p(record.nulls), params.draws, about=subject.about)
    best = found[name]
    null = hardest(best.nulls) or best.nulls[0]
    layer = int(null.z.argmax())
    sentence = (
        f"{begins}: {best.rate[layer]:.3g} of its {best.pairs} pairs have both genes at one pole of axis {params.axis} "
        f"at layer {layer}, {null.mean[layer]:.3g} under {_DRAWN[null.null]} ({null.null}); {p_in_words(best.nulls)}."
    )
    curves: dict[str, NDArray[np.float64]] = {}
    for item, record in found.items():
        curves |= {item: record.rate, f"{item}, permuted": record.nulls[0].mean}
    return Described(
        profiles(curves, unit=co_pole.unit), facts_of(found) | facts_of(left_out, "left_out") | {ABOUT: name}, sentence
    )


@description(
    family="geometry",
    shape=CurveFit,
    unit="members at the fuller pole",
    reads=("vectors",),
    references="sets",
    memory=_pole_memory,
)
def compartment_progression(subject: Subject, params: Pole) -> Described:
    """Members of each set at the ends of one axis at each layer, the axis of each layer turned like the one before.

    Beside the larger of the two counts stand counts under permuted gene labels, under labels permuted among genes of
    like mean expression, and where whole families change places; and how well the axes of neighbouring layers agree,
    for where they hardly do, "moves to the other end" has no meaning. Source: arXiv 2602.22247 §compartments.

    Returns
    -------
    Described
        A profile over layers for each set: members at the end with more of them.
    """
    statistics = subject.statistics
    expressed = dict(zip(statistics.genes, statistics.mean_expression.tolist(), strict=True))
    vectors = subject.vectors()
    progressions, left_out = each_reference(
        subject.references,
        lambda item: analysis.compartment_progression(
            vectors,
            subject.genes,
            {item.id: item},
            axis=params.axis,
            k=params.k,
            degree=expressed,
            families=subject.family_of,
            draws=params.draws,
            seed=subject.seed,
        ),
    )
    found = {name: record.enrichment[name] for name, record in progressions.items()}
    agreement = next(iter(progressions.values())).agreement
    name, begins = smallest(found, lambda record: largest_p(record.nulls), params.draws, about=subject.about)
    best = found[name]
    null = hardest(best.nulls) or best.nulls[0]
    layer = int(null.z.argmax())
    drawn = _DRAWN | {"degree_strata": "labels permuted among genes of like mean expression"}
    held = HELD | {"degree_strata": "levels of expression"}
    count = int(max(best.top[layer], best.bottom[layer]))
    sentence = (
        f"{begins}: {count} of its {best.members} members are among the {best.k} genes at one end of axis "
        f"{params.axis} at layer {layer}, {null.mean[layer]:.3g} under {drawn[null.null]} ({null.null}); "
        f"{p_in_words(best.nulls, held=held)}. Axes of neighbouring layers agree by "
        f"{agreement.min(initial=1.0):.2g} at the least."
    )
    curve = profiles(
        {item: np.maximum(record.top, record.bottom) for item, record in found.items()},
        unit=compartment_progression.unit,
    )
    facts = facts_of(found) | facts_of(left_out, "left_out")
    facts |= {"axis": params.axis, "agreement": agreement, ABOUT: name}
    return Described(curve, facts, sentence)


class Confidence(Pole):
    """Parameters of :func:`confidence_gradient`."""

    bins: int = Field(default=5, ge=3, description="quantile bins of the confidence")


def _confidence_memory(size: BenchSize, params: Confidence) -> int:
    return _pole_memory(size, params) + draws_bytes(size, params.draws, params.bins)


@description(
    family="geometry",
    shape=CurveFit,
    unit="standard deviations of the null",
    reads=("vectors",),
    references="pairs",
    memory=_confidence_memory,
    example='[("CD79A", "CD79B", 0.9), ("CD79A", "CD74", 0.7), ("CD3D", "CD3E", 0.8), ("CD3D", "LCK", 0.5), '
    '("LYZ", "CST3", 0.6), ("LYZ", "FCER1G", 0.4)]',
)
def confidence_gradient(subject: Subject, params: Confidence) -> Described:
    """How the share of pairs at one pole of an axis rises with the confidence in a pair.

    The confidence of a pair is in how many of the references it is: of one list at rising thresholds, or of channels of
    evidence. The test is the rank correlation over pairs of confidence and share of layers at one pole, against
    permuted gene labels; the trend over the bins orders a few numbers, and its p is exact. Source: arXiv 2602.22247
    §confidence gradient.

    Returns
    -------
    Described
        For the mean over layers and for each layer, z of the share of pairs at one pole by bin of confidence.
    """
    genes, along = _along(subject, params.axis)
    held = Counter(
        pair
        for item in subject.references
        for pair in {(min(ends), max(ends)) for ends in (item.edges if item.kind == "regulon" else item.pairs)}
    )
    found = analysis.confidence_gradient(
        along,
        genes,
        [(*pair, float(times)) for pair, times in sorted(held.items())],
        bins=params.bins,
        k=params.k,
        families=subject.family_of,
        draws=params.draws,
        seed=subject.seed,
    )
    sentence = (
        f"Over {int(found.bins.counts.sum())} pairs confidence and share of layers at one pole of axis {params.axis} "
        f"correlate by {found.rank_correlation:.3g}; {p_in_words(found.nulls, None)}. Mean z "
        f"goes from {found.mean_z[0]:.3g} in the lowest bin to {found.mean_z[-1]:.3g} in the highest (exact p of that "
        f"order {found.trend.p:.2g})."
    )
    curves = {"mean": found.mean_z} | {f"layer {layer}": z for layer, z in enumerate(found.z)}
    facts = facts_of(found, without=("index",)) | {"references": [item.id for item in subject.references]}
    return Described(profiles(curves, unit=confidence_gradient.unit, curve="confidence"), facts, sentence)
