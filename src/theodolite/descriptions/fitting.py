"""Whether parameters fit what is described: layers, heads, axes, references and genes that it has, before it is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch

from theodolite.data import Reference
from theodolite.descriptions.ablation import HeadSets
from theodolite.descriptions.attention import LayerChoice
from theodolite.descriptions.attention_scores import (
    AttentionScore,
    ScoredEdges,
    ScoredReference,
    one_reference,
    place_of,
)
from theodolite.descriptions.feature_cells import FeatureSpecificity, no_role
from theodolite.descriptions.feature_layers import FeatureHighways, FeaturePersistence, earlier_of, followed_of
from theodolite.descriptions.feature_responses import FeatureResponses
from theodolite.descriptions.geometry_classes import Depth, Lineage
from theodolite.descriptions.geometry_edges import Edges, Windowed
from theodolite.descriptions.geometry_poles import Pole
from theodolite.descriptions.patching import Patching
from theodolite.descriptions.registry import DescriptionParams
from theodolite.descriptions.saes import Alignment, DictionaryParams, layer_of
from theodolite.descriptions.subject import DescriptionError
from theodolite.saes import usual_size
from theodolite.tools import ModelShape

__all__ = ["Offered", "check_fit"]


@dataclass(frozen=True)
class Offered:
    """What a description would be given, known before the model runs.

    Attributes
    ----------
    genes
        Names of the genes that are described.
    width
        Components of a gene's vector.
    shape
        Size of the model.
    references
        What it is held against, cut to these genes.
    roles
        The label column of the cells by role (:attr:`theodolite.data.CellSet.roles`); None where nobody knows them.
    """

    genes: tuple[str, ...]
    width: int
    shape: ModelShape
    references: tuple[Reference, ...] = ()
    roles: Mapping[str, str] | None = None


@singledispatch
def check_fit(params: DescriptionParams, offered: Offered) -> None:
    """Refuse parameters that name what is not there; those of a class that nobody registered a check for all pass.

    ``@check_fit.register(MyParams)`` adds the check of a class, which its subclasses have too.

    Raises
    ------
    DescriptionError
        Naming the value and what there is.
    """


@check_fit.register(AttentionScore)
def _(params: AttentionScore, offered: Offered) -> None:
    place_of(offered, params.layer, params.head)


@check_fit.register(ScoredReference)
def _(params: ScoredReference, offered: Offered) -> None:
    place_of(offered, params.layer, params.head)
    one_reference(offered, params.against)


@check_fit.register(ScoredEdges)
def _(params: ScoredEdges, offered: Offered) -> None:
    place_of(offered, params.layer, params.head)
    one_reference(offered, params.against, params.tested)
    one_reference(offered, params.tested)


@check_fit.register(LayerChoice)
def _(params: LayerChoice, offered: Offered) -> None:
    one_reference(offered, params.against)


@check_fit.register(HeadSets)
def _(params: HeadSets, offered: Offered) -> None:
    place_of(offered, params.layer, None)
    one_reference(offered, params.against)
    heads = offered.shape.n_layers * offered.shape.n_heads
    for size in params.sizes or ():
        if not 1 <= size < heads:
            raise DescriptionError(
                f"sizes names {size}: this model has {heads} heads; give numbers from 1 to {heads - 1}"
            )


@check_fit.register(Pole)
def _(params: Pole, offered: Offered) -> None:
    _check_axes(offered, params.axis, "axis")


@check_fit.register(Windowed)
def _(params: Windowed, offered: Offered) -> None:
    _check_axes(offered, params.last, "last")


@check_fit.register(Depth)
def _(params: Depth, offered: Offered) -> None:
    _check_axes(offered, params.last, "last")
    _check_axes(offered, params.edge_last, "edge_last")


@check_fit.register(Edges)
def _(params: Edges, offered: Offered) -> None:
    _check_axes(offered, max(last for _, last in params.windows), "windows")


@check_fit.register(Lineage)
def _(params: Lineage, offered: Offered) -> None:
    one_reference(offered, params.lineage)
    known = frozenset(offered.genes)
    if missing := [gene for gene in params.followed if gene not in known]:
        raise DescriptionError(
            f"followed names {', '.join(map(repr, missing[:5]))}, not among the {len(known):,} genes that are "
            f"described (such as {', '.join(offered.genes[:3])}); follow some of these"
        )


@check_fit.register(DictionaryParams)
def _(params: DictionaryParams, offered: Offered) -> None:
    if layer_of(params, offered.shape) == 0 and isinstance(params, Patching):
        raise DescriptionError("layer 0 is the embedding; take features out after a block, 1 or later")
    features, k = usual_size(offered.width, params.features, params.k)
    if k > features:
        raise DescriptionError(f"k is {params.k!r} of {features} features; it cannot be more than there are")
    if isinstance(params, Alignment) and (params.axes or 1) >= offered.width:
        raise DescriptionError(
            f"axes is {params.axes!r} of a width of {offered.width}, where every vector lies; give fewer"
        )


@check_fit.register(FeaturePersistence)
def _(params: FeaturePersistence, offered: Offered) -> None:
    check_fit.dispatch(DictionaryParams)(params, offered)
    followed_of(params, offered.shape)


@check_fit.register(FeatureHighways)
def _(params: FeatureHighways, offered: Offered) -> None:
    check_fit.dispatch(DictionaryParams)(params, offered)
    earlier_of(params, offered.shape)


@check_fit.register(FeatureSpecificity)
def _(params: FeatureSpecificity, offered: Offered) -> None:
    check_fit.dispatch(DictionaryParams)(params, offered)
    _check_role(offered, params.role)


@check_fit.register(FeatureResponses)
def _(params: FeatureResponses, offered: Offered) -> None:
    check_fit.dispatch(DictionaryParams)(params, offered)
    _check_role(offered, "perturbation")


def _check_role(offered: Offered, role: str) -> None:
    """Refuse cells that are known to have no label of a role."""
    if offered.roles is not None and role not in offered.roles:
        raise DescriptionError(no_role(role, offered.roles))


def _check_axes(offered: Offered, asked: int, name: str) -> None:
    """Refuse an axis that no fit to these genes has: of each layer there are as many as columns, or as free rows."""
    there = min(offered.width, len(offered.genes) - 1)
    if asked > there:
        raise DescriptionError(
            f"{name} asks for axis {asked}: {len(offered.genes):,} vectors of width {offered.width} have axes 1 to "
            f"{there}"
        )
