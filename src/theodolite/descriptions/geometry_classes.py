"""Descriptions of kinds of genes in gene vectors: regulators and targets, lineages (arXiv 2602.22247)."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from theodolite.analysis import geometry as analysis
from theodolite.data import Reference
from theodolite.descriptions.described import ABOUT, Described, facts_of
from theodolite.descriptions.geometry_edges import Windowed
from theodolite.descriptions.profiles import (
    draws_bytes,
    each_reference,
    largest_p,
    p_in_words,
    pairs_bytes,
    profiles,
    smallest,
    vectors_bytes,
)
from theodolite.descriptions.registry import DescriptionParams, description
from theodolite.descriptions.subject import DescriptionError, Subject
from theodolite.measurements import CurveFit
from theodolite.tools import BenchSize

__all__ = ["Classes", "Depth", "Lineage", "depth_signals", "gene_class", "lineage_convergence"]

_MATCHED = 50
"""Genes that are matched to a followed one, at the most, where nobody says how many."""

_BASIS = 20
"""Columns of splines of three statistics, and of coordinates, that a regression is fitted on."""


class Classes(Windowed):
    """Parameters of :func:`gene_class`; a draw fits every layer anew, so that few are drawn."""

    first: int = Field(default=2, ge=1, description="first singular axis of the coordinates, counted from 1")
    last: int = Field(default=7, ge=1, description="last singular axis of the coordinates, included")
    draws: int = Field(default=100, ge=1, description="draws of each null; each fits every layer anew")
    folds: int = Field(default=5, ge=2, description="folds of the cross-validation")


def _classes_memory(size: BenchSize, params: Classes) -> int:
    coordinates = 8 * size.genes * (params.last * (size.shape.n_layers + 1) + 4 * _BASIS)
    return vectors_bytes(size, 2) + draws_bytes(size, params.draws) + coordinates


def _separation(subject: Subject, item: Reference, vectors: np.ndarray, params: Classes) -> analysis.ClassSeparation:
    return analysis.class_separation(
        vectors,
        subject.genes,
        item,
        window=(params.first, params.last),
        statistics=subject.statistics,
        families=subject.family_of,
        folds=params.folds,
        draws=params.draws,
        seed=subject.seed,
    )


@description(
    family="geometry",
    shape=CurveFit,
    unit="AUROC",
    reads=("vectors",),
    references="regulons",
    memory=_classes_memory,
)
def gene_class(subject: Subject, params: Classes) -> Described:
    """AUROC of regulators against genes that are only targets, by axis coordinates, cross-validated, at each layer.

    That a model tells kinds of genes says nothing of which regulates which: no pair enters, and the estimand is named
    ``gene class``. Beside it stand the AUROC of mean, variance and dropout alone, of both together, and what the model
    adds, against coordinates that are permuted among genes of like expression. Source: arXiv 2602.22247 §TF and target.

    Returns
    -------
    Described
        For each regulon profiles over layers of coordinates, of statistics, and of both.
    """
    vectors = subject.vectors()
    found, left_out = each_reference(subject.references, lambda item: _separation(subject, item, vectors, params))
    name, begins = smallest(found, lambda record: _gain_null(record).p_any, params.draws, about=subject.about)
    best = found[name]
    layer = best.profile.auroc.peak
    curves: dict[str, np.ndarray] = {}
    for item, record in found.items():
        auroc, alone, both = record.profile.auroc.values, record.covariates, record.both
        assert alone is not None and both is not None
        curves |= {
            f"{item}, coordinates": auroc,
            f"{item}, statistics": np.full(len(auroc), alone),
            f"{item}, both": both,
        }
    assert best.covariates is not None and best.gain is not None
    sentence = (
        f"{begins}: AUROC of {best.profile.regulators} regulators against {best.profile.targets} target-only genes is "
        f"{best.profile.auroc.values[layer]:.3g} at layer {layer} (p for the best layer {best.null.p_any:.2g}), that "
        f"of gene statistics alone {best.covariates:.3g}; the model adds {best.gain.max():.3g} at the most (p for the "
        f"best layer {_gain_null(best).p_any:.2g}). This is gene class, not edges."
    )
    return Described(
        profiles(curves, unit=gene_class.unit),
        facts_of(found) | facts_of(left_out, "left_out") | {ABOUT: name},
        sentence,
    )


def _gain_null(record: analysis.ClassSeparation) -> analysis.NullResult:
    assert record.gain_null is not None
    return record.gain_null


class Depth(Classes):
    """Parameters of :func:`depth_signals`: those of the classes, and a window and draws for edges."""

    edge_first: int = Field(default=5, ge=1, description="first singular axis of the window of edges")
    edge_last: int = Field(default=7, ge=1, description="last singular axis of the window of edges, included")
    edge_draws: int = Field(default=1_000, ge=1, description="draws of each null of edges")


def _depth_memory(size: BenchSize, params: Depth) -> int:
    ranked = pairs_bytes(size, 32 * (size.shape.n_layers + 1))
    return _classes_memory(size, params) + draws_bytes(size, params.edge_draws) + ranked


@description(
    family="geometry",
    shape=CurveFit,
    unit="AUROC",
    reads=("vectors",),
    references="regulons",
    memory=_depth_memory,
)
def depth_signals(subject: Subject, params: Depth) -> Described:
    """AUROC of specific edges beside that of gene class, layer by layer.

    A model may know kinds of genes where it does not know edges, and quoting the one as the other hides it. Edges are
    ranked without the effects of single regulators and targets. Each comes with its own nulls. Source: arXiv 2602.22247
    §depth.

    Returns
    -------
    Described
        For each regulon profiles over layers of edges and of gene class.
    """
    vectors = subject.vectors()
    window = (params.edge_first, params.edge_last)

    def signals(item: Reference) -> tuple[analysis.DepthSignals, analysis.EdgeRecovery, analysis.ClassSeparation]:
        edges = analysis.edge_recovery(
            vectors,
            subject.genes,
            item,
            windows=(window,),
            statistics=subject.statistics,
            families=subject.family_of,
            draws=params.edge_draws,
            seed=subject.seed,
        )
        classes = _separation(subject, item, vectors, params)
        return (
            analysis.depth_signals(edges.auroc_centred[:, 0], classes.profile.auroc.values),
            edges,
            classes,
        )

    found, left_out = each_reference(subject.references, signals)
    name, begins = smallest(found, lambda record: largest_p(record[1].nulls), params.edge_draws, about=subject.about)
    signal, edges, classes = found[name]
    sentence = (
        f"{begins}: AUROC of edges goes from {signal.edges.first:.3g} at the embedding to {signal.edges.last:.3g} "
        f"after the last layer ({p_in_words(edges.nulls)}), "
        f"that of gene class from {signal.gene_class.first:.3g} to {signal.gene_class.last:.3g} (p "
        f"{classes.null.p_any:.2g})."
    )
    curves: dict[str, np.ndarray] = {}
    facts = facts_of(left_out, "left_out") | {ABOUT: name}
    for item, (signal, edges, classes) in found.items():
        curves |= {f"{item}, edges": signal.edges.values, f"{item}, gene class": signal.gene_class.values}
        facts |= facts_of(signal, item) | {
            f"{item}.edges.p_any": largest_p(edges.nulls),
            f"{item}.gene_class.p_any": classes.null.p_any,
            f"{item}.gene_class.covariates": classes.covariates,
        }
        facts |= facts_of(edges.nulls, f"{item}.edges.nulls") | facts_of(classes.null, f"{item}.gene_class.null")
    return Described(profiles(curves, unit=depth_signals.unit), facts, sentence)


class Lineage(DescriptionParams):
    """Parameters of :func:`lineage_convergence`."""

    followed: tuple[str, ...] = Field(
        min_length=1, description="genes to follow, such as regulators of the lineage", examples=[["SPIB", "SPI1"]]
    )
    lineage: str | None = Field(default=None, description="id of the set that is asked about; null is the first")
    matched: int | None = Field(
        default=None,
        ge=1,
        description="genes that are matched to each, all that are no markers where there are fewer; null is a tenth of "
        "these, 50 at the most, for who matches nearly all of them matches nothing",
    )


def _lineage_memory(size: BenchSize, params: Lineage) -> int:
    distances = 8 * 4 * (size.shape.n_layers + 1) * size.genes
    return vectors_bytes(size, 4) + distances


@description(
    family="geometry",
    shape=CurveFit,
    unit="rank by distance to the centroid, 1 is the nearest",
    reads=("vectors",),
    references="sets",
    memory=_lineage_memory,
)
def lineage_convergence(subject: Subject, params: Lineage) -> Described:
    """Rank of each followed gene by its distance to the centroid of a lineage's markers, at each layer.

    A distance shrinks where the norm does, so ranks are compared: with those of the genes that are most alike in mean,
    variance, dropout and first rank, and with its own on the centroids of the other sets. A gene that is a marker
    itself is ranked to the centroid of the others. Source: arXiv 2602.22247 §convergence.

    Returns
    -------
    Described
        For each followed gene a profile over layers, and the mean over the genes that are matched to it.
    """
    lineages = {item.id: item for item in subject.references}
    lineage = params.lineage or next(iter(lineages))
    if lineage not in lineages:
        raise DescriptionError(f"no lineage {lineage!r} was given; there are {', '.join(lineages)}")
    vectors = subject.vectors()
    present = analysis.gene_vectors(vectors, subject.genes).genes
    markers = lineages[lineage].gene_set & set(present)
    candidates = {gene: len(set(present) - markers - {gene}) for gene in params.followed}
    others = min(candidates.values())
    asked = min(_MATCHED, others // 10) if params.matched is None else params.matched
    found = analysis.lineage_convergence(
        vectors,
        subject.genes,
        params.followed,
        _told(lineages, lineage, subject.genes),
        lineage,
        statistics=subject.statistics,
        matched=max(min(asked, others), 1),
    )
    curves: dict[str, np.ndarray] = {}
    for record in found:
        curves |= {record.gene: record.ranks.values, f"{record.gene}, matched": record.null.mean_rank}
    name, begins = smallest(
        {record.gene: record for record in found},
        lambda record: record.null.p_drop,
        len(found[0].null.genes),
        drawn="matched genes",
        about=subject.about,
        of="gene",
    )
    best = next(record for record in found if record.gene == name)
    specific = {True: "on no other lineage as far", False: "on another lineage as far or farther", None: ""}
    other = f"; its rank falls {specific[best.specific]}" if best.specific is not None else ""
    sentence = (
        f"{begins}: its rank among {len(present)} genes by distance to {len(markers)} markers of {lineage} goes from "
        f"{best.ranks.first:.4g} at the embedding to {best.ranks.last:.4g} after the last layer; the mean of "
        f"{len(best.null.genes)} of {candidates[best.gene]} genes that are expressed and begin most alike, which begin "
        f"at rank {best.null.mean_rank[0]:.4g} where it begins at {best.ranks.first:.4g}, goes to "
        f"{best.null.mean_rank[-1]:.4g} (p of the fall {best.null.p_drop:.2g} of {1 / (1 + len(best.null.genes)):.2g} "
        f"at the least){other}."
    )
    facts = {"lineage": lineage, "markers": len(markers), ABOUT: name}
    facts |= facts_of(found, without=("genes", "other_lineages"))
    for record in found:
        facts[f"{record.gene}.null.genes"] = len(record.null.genes)
        facts[f"{record.gene}.null.candidates"] = candidates[record.gene]
        facts |= {f"{record.gene}.other_lineages.{name}": other.values for name, other in record.other_lineages.items()}
    return Described(profiles(curves, unit=lineage_convergence.unit), facts, sentence)


def _told(lineages: dict[str, Reference], lineage: str, genes: tuple[str, ...]) -> dict[str, Reference]:
    """Return the lineage and those others that have the two markers that a centroid needs."""
    return {
        name: item for name, item in lineages.items() if name == lineage or len(item.gene_set.intersection(genes)) >= 2
    }
