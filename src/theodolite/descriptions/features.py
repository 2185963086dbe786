"""Descriptions of how features relate: pairs of a reference among their top genes, and modules (arXiv 2603.02952)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from theodolite.analysis import saes as analysis
from theodolite.descriptions.described import ABOUT, Described, facts_of
from theodolite.descriptions.profiles import each_reference, smallest
from theodolite.descriptions.registry import description
from theodolite.descriptions.saes import DictionaryParams, dictionary_bytes, layer_of, trained
from theodolite.descriptions.subject import DescriptionError, Subject
from theodolite.gates.catalogue2.panel import LEAST_MOVED
from theodolite.measurements import UnitEffects

__all__ = ["FeatureModules", "FeaturePairs", "feature_modules", "feature_pairs"]


class FeaturePairs(DictionaryParams):
    """Parameters of :func:`feature_pairs`."""

    top: int = Field(default=20, ge=2, description="genes that stand for a feature, by mean value")
    draws: int = Field(default=1_000, ge=1, description="draws of each null")


class FeatureModules(DictionaryParams):
    """Parameters of :func:`feature_modules`."""

    least_pmi: float = Field(default=2.0, description="pointwise mutual information from which on features are joined")
    least_together: int = Field(default=50, ge=1, description="tokens in which both have to be active")
    draws: int = Field(default=99, ge=1, description="rewired graphs, each with a partition of its own")


@description(
    family="saes",
    shape=UnitEffects,
    unit="share of features",
    reads=("dictionary",),
    references="pairs",
    memory=lambda size, params: dictionary_bytes(size, params) + 8 * 3 * params.draws * size.genes,
)
def feature_pairs(subject: Subject, params: FeaturePairs) -> Described:
    """Share of a layer's features with more pairs of a reference among their top genes than every null gives.

    A single pair among twenty genes, the published rule, is there by chance in many features; how many is among the
    facts (``at_least_one``). Counted are pairs, against permuted gene labels, references rewired at the same degrees,
    and families that change places, each with a Benjamini-Hochberg correction over features at 0.05. Source: arXiv
    2603.02952 §annotation, with nulls.

    Returns
    -------
    Described
        Units are references; the control of each is the share with one pair or more under the null that gives most.

    Raises
    ------
    DescriptionError
        If no reference has a pair among these genes, or no feature is active on two of them.
    """
    found = trained(subject, params)
    told, left_out = each_reference(
        subject.references,
        lambda item: analysis.edge_density(
            found.reading.by_gene,
            found.genes,
            item,
            top=params.top,
            families=subject.family_of,
            draws=params.draws,
            seed=subject.seed,
        ),
    )
    shares = {name: float(_found(each).mean()) for name, each in told.items()}
    name, begins = smallest(told, _least_p, params.draws, about=subject.about)
    best, layer = told[name], layer_of(params, subject.shape)
    facts = {"layer": layer, ABOUT: name} | facts_of(left_out, "left_out")
    for item, each in told.items():
        facts |= {f"{item}.found": shares[item], f"{item}.features": len(each.feature), f"{item}.pairs": each.reference}
        facts |= {f"{item}.with_a_pair": float((each.pairs > 0).mean())}
        for null in each.nulls:
            facts |= {
                f"{item}.{null.null}.at_least_one": null.at_least_one,
                f"{item}.{null.null}.found": float((null.q <= 0.05).mean()),
                f"{item}.{null.null}.moved": null.moved,
            }
    by_chance = max(null.at_least_one for null in _moving(best))
    stuck = [null.null for null in best.nulls if null not in _moving(best)]
    sentence = (
        f"{begins}: {shares[name]:.1%} of {len(best.feature)} features at layer {layer} have more of its "
        f"{best.reference} pairs among their top {params.top} genes than any null gives (q of 0.05"
        f"{''.join(f'; {each} moves nothing here' for each in stuck)}); "
        f"{float((best.pairs > 0).mean()):.1%} have one pair or more, and {by_chance:.1%} have under a null."
    )
    measured = UnitEffects(
        tuple(told),
        np.array([shares[item] for item in told]),
        np.array([[max(null.at_least_one for null in _moving(each))] for each in told.values()]),
        feature_pairs.unit,
    )
    return Described(measured, facts, sentence)


def _moving(found: analysis.EdgeDensity) -> tuple[analysis.EdgeNull, ...]:
    """Return the nulls that move pairs: all pairs of a set, rewired, are the same pairs, and such a null shows nothing.

    Permuted gene labels always move some, and are all that is left where nothing else does.
    """
    return tuple(null for null in found.nulls if null.moved >= LEAST_MOVED) or found.nulls[:1]


def _found(found: analysis.EdgeDensity) -> NDArray[np.bool_]:
    return np.asarray(np.all([null.q <= 0.05 for null in _moving(found)], axis=0))


def _least_p(found: analysis.EdgeDensity) -> float:
    """Return the smallest p over features of the null that is hardest to beat."""
    return max(float(null.p.min()) for null in _moving(found))


@description(
    family="saes",
    shape=UnitEffects,
    unit="modularity",
    reads=("dictionary",),
    memory=lambda size, params: dictionary_bytes(size, params) + params.draws * 16 * size.width**2,
)
def feature_modules(subject: Subject, params: FeatureModules) -> Described:
    """Modules of features that are active in the same tokens, beside graphs with the same degrees.

    Features are joined by pointwise mutual information, where they are active together often enough; modules are
    those of the Louvain method. A rewired graph has modules too, so modularity is held against those of rewired graphs,
    and a sweep of resolutions says how far the modules hang on it (adjusted Rand index). The null keeps no triangles,
    so a small p is a low hurdle. Source: arXiv 2603.02952 §co-activation modules, with the null and the sweep.

    Returns
    -------
    Described
        One unit, the modularity; its controls are those of rewired graphs.

    Raises
    ------
    DescriptionError
        If no two features are joined.
    """
    found = trained(subject, params)
    graph = analysis.graph_of_counts(
        found.reading.together,
        found.reading.tokens,
        least_pmi=params.least_pmi,
        least_together=params.least_together,
    )
    if not len(graph.first):
        raise DescriptionError(
            f"no two features are active together in {params.least_together} tokens with a pointwise mutual "
            f"information of {params.least_pmi:g}; ask for less of either"
        )
    told = analysis.modules(graph.first, graph.second, graph.features, draws=params.draws, seed=subject.seed)
    layer = layer_of(params, subject.shape)
    facts = {"layer": layer, "edges": len(graph.first), "tokens": graph.positions}
    facts |= facts_of(told, without=("rewired",)) | {"rewired_mean": float(told.rewired.mean())}
    steady = float(min(told.agreement))
    sentence = (
        f"{len(graph.first)} pairs of {graph.features} features at layer {layer} are active together; they fall into "
        f"{len(told.sizes)} modules, which cover {told.coverage:.1%} of the features, with a modularity of "
        f"{told.modularity:.3f}, {told.rewired.mean():.3f} in rewired graphs (p {told.p:.2g} of {params.draws}). From "
        f"a resolution of {told.resolutions.min():g} to {told.resolutions.max():g} there are {told.counts.min()} to "
        f"{told.counts.max()} modules, which agree with these by {steady:.2f} or more (adjusted Rand index)."
    )
    measured = UnitEffects(("modularity",), np.array([told.modularity]), told.rewired[None], feature_modules.unit)
    return Described(measured, facts, sentence)
