"""Worlds for the check of an instrument: what is captured of a model that knows a reference, or only its confounds.

In a planted world the members of the reference share a direction in every gene vector, attend to one another in every
head, and are moved most by one component of either kind, so that whatever reads a model honestly can find them
somewhere, the more so the deeper they look. In an empty world the model knows nothing of the reference but what both
owe to something else, which gates take out: mean expression, hubs, modules of co-expression, and homology families,
whose genes are alike in the model and belong to the reference together. Confounds too show the more the deeper.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.random import Generator, SeedSequence
from numpy.typing import NDArray

from theodolite.calibration.toolcheck.features import encoded_parts
from theodolite.calibration.toolcheck.interventions import ComponentEffects, component_effects
from theodolite.experiments.workbench import GeneWorkbench, fit_layer_axes
from theodolite.measurements import Coexpression
from theodolite.models.capture import Capture
from theodolite.tools import Axes, ModelShape

__all__ = ["MODEL", "Part", "Profile", "World", "make_world"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]
Members = frozenset[str] | frozenset[tuple[str, str]]

MODEL = ModelShape(n_layers=2, n_heads=2, read_out=True)
"""Size of the worlds' models."""

_WIDTH = 16
_GENES = {"GeneScores": 180, "PairScores": 80, "BipartiteScores": 90}
"""Genes of either part, by the shape of the scores."""
_FAMILIES_PER_GENE = 0.4
_FACTORS = 3
_REGULATORS = 30
_GROUPS = 3

_SET, _MODULE, _TARGETS = 40, 18, 12
"""Members of a set, genes of a module whose pairs are the reference, and targets of each group of regulators."""
_EDGES = {"PairScores": 150, "BipartiteScores": 260}
"""Edges of a reference that follows confounds, or a few more."""

_IN_VECTORS, _IN_ATTENTION = 3.0, 0.8
"""What a planted reference adds to gene vectors, and to logarithms of attention, with every block on the way, where
noise is of unit variance; at the embedding nothing is known of it."""
_GROWTH = 0.3
"""How much more of a confound each layer shows than the one before it, as a share of what they show on average."""
_HUB, _MODULES = 0.5, 2.0
"""How strongly the model shows hubs and co-expression that have nothing to do with the reference."""
_FAMILY_IN_VECTORS, _FAMILY_IN_ATTENTION = 1.0, 0.3
"""How alike the genes of a family are. Were attention between linked families much more alike, the null of whole
families alone would bind, which an honest instrument passes just as often as the level says; it needs room below."""


class Profile(Enum):
    """How much a model shows of a reference at each depth: what it begins with, and what each block adds.

    Whatever else it shows grows with depth by a third of what there was, so a reference whose standing does not change
    grows as much. One that grows from nothing, and one that falls, change by a smallest effect of interest or more over
    the whole depth.
    """

    GROWING = (0.0, 1.0)
    LEVEL = (0.3, 0.1)
    FALLING = (1.4, -0.6)

    def at(self, depth: Floats) -> Floats:
        """Return how strongly the reference shows at each depth, in the unit of what a block adds where it grows."""
        first, gained = self.value
        return np.asarray(first + gained * depth)


@dataclass(frozen=True)
class Part:
    """The genes of the discovery or the confirmation part, with all that is known of them.

    Attributes
    ----------
    bench
        What an instrument sees.
    members
        The reference: genes, pairs in alphabetical order, or (regulator, target) edges.
    coexpression
        From counts of the same cells; None for sets, whose claims do not hold it fixed.
    """

    bench: GeneWorkbench
    members: Members
    coexpression: Coexpression | None


@dataclass(frozen=True)
class World:
    """Both parts of one world; no homology family is in both."""

    discovery: Part
    confirmation: Part


@dataclass(frozen=True)
class _Model:
    """Directions along which the model of a world lays what it knows, each (sites, k, width)."""

    level: Floats
    modules: Floats
    reference: Floats


@dataclass(frozen=True)
class _Genes:
    """The genes of a part: their families, counts, hubs and loadings on the modules of co-expression."""

    names: tuple[str, ...]
    family: Ints
    families: tuple[str, ...]
    covariates: Floats
    level: Floats
    hub: Floats
    loading: Floats
    regulating: Ints


def make_world(shape: str, seed: SeedSequence, *, planted: bool, profile: Profile = Profile.GROWING) -> World:
    """Return the world of a seed.

    Parameters
    ----------
    shape
        ``GeneScores``, ``PairScores`` or ``BipartiteScores``: which kind of reference it has.
    seed
        Fixes the world.
    planted
        Whether the model knows the reference.
    profile
        How it shows what it knows over its depth.
    """
    rng = np.random.default_rng(seed)
    sites = len(MODEL.sites)
    model = _Model(
        level=rng.normal(0.0, 0.5, (sites, 1, _WIDTH)),
        modules=rng.normal(0.0, 0.5, (sites, _FACTORS, _WIDTH)),
        # Orthonormal, so that groups of regulators are told apart.
        reference=np.stack([np.linalg.qr(rng.normal(size=(_WIDTH, _WIDTH)))[0][:_GROUPS] for _ in range(sites)]),
    )
    # Apart from all other draws, which are what they were before instruments intervened.
    effects = component_effects(MODEL, np.random.default_rng(seed.spawn(1)[0]), planted=planted)
    known = profile if planted else None
    discovery = _part(shape, "D", model, (), rng, effects, known)
    confirmation = _part(shape, "C", model, discovery.bench.fitted, rng, effects, known)
    first, second = encoded_parts(discovery.bench.capture, confirmation.bench.capture, seed.spawn(1)[0])
    return World(
        replace(discovery, bench=replace(discovery.bench, encoded=first)),
        replace(confirmation, bench=replace(confirmation.bench, encoded=second)),
    )


def _part(
    shape: str,
    prefix: str,
    model: _Model,
    axes: tuple[Axes, ...],
    rng: Generator,
    effects: ComponentEffects,
    profile: Profile | None,
) -> Part:
    genes = _draw_genes(_GENES[shape], prefix, rng)
    true = _true_coexpression(genes.loading)
    group = np.zeros((len(genes.names), _GROUPS))
    if profile is not None:
        group = _draw_groups(shape, genes, rng)
        edges = _edges_of(shape, genes, group)
    else:
        edges = _following(shape, genes, true, rng)
    shows = profile or Profile.GROWING
    hidden, read_out = _vectors(genes, model, group, shows, rng)
    known = edges if profile is not None else np.zeros_like(edges)
    attention = _attention(genes, true, known, shows, rng)
    capture = Capture(genes.names, hidden, attention, read_out)
    regulators = tuple(genes.names[row] for row in genes.regulating) if shape == "BipartiteScores" else ()
    done = effects.on(genes.names, genes.level, genes.hub, genes.family, group.max(axis=1), prefix)
    bench = GeneWorkbench(genes.names, genes.families, genes.covariates, capture, axes, regulators, done)
    bench = bench if axes else replace(bench, fitted=fit_layer_axes(bench))
    beside = None if shape == "GeneScores" else _measured(genes.names, true, rng)
    return Part(bench, _named(shape, genes.names, edges), beside)


def _draw_genes(n: int, prefix: str, rng: Generator) -> _Genes:
    count = int(_FAMILIES_PER_GENE * n)
    family = np.concatenate([np.arange(count), rng.integers(count, size=n - count)])

    def alike(*shape: int) -> Floats:
        """Return normal values, half of whose variance the genes of a family share."""
        shared = rng.normal(size=(count, *shape))[family]
        return np.asarray((shared + rng.normal(size=(n, *shape))) / np.sqrt(2.0))

    level = alike()
    mean = np.exp(0.8 * level)
    variance = mean * rng.lognormal(0.0, 0.3, n)
    dropout = np.clip(np.exp(-mean) + rng.normal(0.0, 0.05, n), 0.0, 1.0)
    return _Genes(
        names=tuple(f"{prefix}{number:03d}" for number in range(n)),
        family=family,
        families=tuple(f"{prefix}F{number:03d}" for number in family),
        covariates=np.column_stack([mean, variance, dropout]),
        level=level,
        hub=alike(),
        loading=0.6 * alike(_FACTORS),
        regulating=np.sort(rng.choice(n, _REGULATORS, replace=False)),
    )


def _true_coexpression(loading: Floats) -> Floats:
    scale = np.sqrt(1.0 + np.square(loading).sum(axis=1))
    return np.asarray((loading / scale[:, None]) @ (loading / scale[:, None]).T)


def _measured(names: tuple[str, ...], true: Floats, rng: Generator) -> Coexpression:
    def measured(error: float) -> Floats:
        noise = rng.normal(0.0, error, true.shape)
        return np.asarray(np.clip(true + (noise + noise.T) / 2, -1.0, 1.0))

    return Coexpression(
        genes=names, pearson=measured(0.02), robust=measured(0.03), half_a=measured(0.04), half_b=measured(0.04)
    )


def _draw_groups(shape: str, genes: _Genes, rng: Generator) -> Floats:
    """Return which genes belong to what the model knows, (n, groups) of zeros and ones, whatever else they are."""
    n = len(genes.names)
    group = np.zeros((n, _GROUPS))
    if shape != "BipartiteScores":
        group[rng.choice(n, _SET if shape == "GeneScores" else _MODULE, replace=False), 0] = 1.0
        return group
    group[genes.regulating, rng.integers(_GROUPS, size=len(genes.regulating))] = 1.0
    others = np.setdiff1d(np.arange(n), genes.regulating)
    chosen = rng.choice(others, (_GROUPS, _TARGETS), replace=False)
    group[chosen, np.arange(_GROUPS)[:, None]] = 1.0
    return group


def _edges_of(shape: str, genes: _Genes, group: Floats) -> Bools:
    """Return the (n, n) edges inside groups: members of a set with each other, or regulators to targets."""
    same = (group @ group.T) > 0
    if shape == "BipartiteScores":
        regulating = np.isin(np.arange(len(group)), genes.regulating)
        return np.asarray(same & regulating[:, None] & ~regulating[None, :])
    return np.asarray(same)


def _following(shape: str, genes: _Genes, true: Floats, rng: Generator) -> Bools:
    """Return the edges of a reference that follows confounds, family by family.

    A set prefers strongly expressed families. Pairs and regulons prefer hubs, strong expression and co-expression, and
    a family is linked to another as a whole.
    """
    n, count = len(genes.names), int(genes.family.max()) + 1
    belongs = np.zeros((count, n))
    belongs[genes.family, np.arange(n)] = 1.0
    size = belongs.sum(axis=1)
    average = belongs / size[:, None]
    if shape == "GeneScores":
        order = np.argsort(-(1.2 * average @ genes.level + rng.gumbel(size=count)))
        chosen = order[: int(np.searchsorted(np.cumsum(size[order]), _SET)) + 1]
        members = np.isin(genes.family, chosen)
        return np.asarray(members[:, None] & members[None, :])
    regulators = np.zeros(n)
    regulators[genes.regulating] = 1.0
    asking = belongs @ regulators if shape == "BipartiteScores" else size
    pull = average @ (0.5 * genes.level + genes.hub)
    wish = 0.5 * (pull[:, None] + pull[None, :]) + 3.0 * average @ true @ average.T
    wish = wish + rng.gumbel(size=wish.shape)
    pairs = asking[:, None] * size[None, :]
    pairs[np.eye(count, dtype=bool)] = 0.0
    if shape == "PairScores":
        pairs = np.triu(pairs)
    order = np.argsort(-np.where(pairs > 0, wish, -np.inf), axis=None)
    chosen = order[: int(np.searchsorted(np.cumsum(pairs.ravel()[order]), _EDGES[shape])) + 1]
    linked = np.zeros((count, count), dtype=bool)
    linked.ravel()[chosen] = True
    edges = linked[genes.family][:, genes.family]
    return np.asarray(edges | edges.T if shape == "PairScores" else edges & (regulators > 0)[:, None])


def _vectors(
    genes: _Genes, model: _Model, group: Floats, profile: Profile, rng: Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return gene vectors of every layer, (layers + 1, n, width), and of the read-out, (n, width)."""
    n, sites = len(genes.names), len(MODEL.sites)
    stays, moves = rng.normal(size=(n, _WIDTH)), rng.normal(size=(sites, n, _WIDTH))
    alike = rng.normal(0.0, _FAMILY_IN_VECTORS, (int(genes.family.max()) + 1, _WIDTH))[genes.family]
    # What a model knows grows from block to block; a gene's vector moves further the more is known of it.
    depth = np.minimum(np.arange(sites), MODEL.n_layers).astype(np.float64)
    grown = _grown(depth)[:, None, None]
    vectors = (
        0.8 * stays
        + 0.6 * moves
        + grown * (alike + 2.0 * genes.level[:, None] @ model.level + _MODULES * genes.loading @ model.modules)
        + _IN_VECTORS * profile.at(depth)[:, None, None] * (group @ model.reference)
    ).astype(np.float32)
    return vectors[:-1], vectors[-1]


def _attention(genes: _Genes, true: Floats, known: Bools, profile: Profile, rng: Generator) -> NDArray[np.float32]:
    """Return attention (layers, heads, n, n) from row gene to column gene; each row adds up to 1."""
    n, count = len(genes.names), int(genes.family.max()) + 1
    size = (MODEL.n_layers, MODEL.n_heads, n, n)
    both = (known | known.T).astype(np.float64)
    alike = rng.normal(0.0, _FAMILY_IN_ATTENTION, (count, count))[genes.family][:, genes.family]
    # Genes of a reference draw attention from all others, and more from each other.
    depth = np.arange(1.0, MODEL.n_layers + 1)[:, None, None, None]
    logarithm = (
        rng.normal(size=size)
        + _grown(depth) * (alike + _HUB * (genes.level + genes.hub)[None, :] + _MODULES * true)
        + _IN_ATTENTION * profile.at(depth) * (both + both.max(axis=0)[None, :])
    )
    weight = np.exp(logarithm)
    return np.asarray(weight / weight.sum(axis=-1, keepdims=True), dtype=np.float32)


def _grown(depth: Floats) -> Floats:
    """Return how much of a confound each depth shows; the mean over depths is 1."""
    return np.asarray(1.0 + _GROWTH * (depth - depth.mean()))


def _named(shape: str, names: tuple[str, ...], edges: Bools) -> Members:
    """Return a reference by the names of its genes, whatever order an instrument scores them in."""
    if shape == "GeneScores":
        return frozenset(names[row] for row in np.flatnonzero(edges.any(axis=1)))
    rows, columns = np.nonzero(np.triu(edges, 1) if shape == "PairScores" else edges)
    return frozenset((names[row], names[column]) for row, column in zip(rows, columns, strict=True))
