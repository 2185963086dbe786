"""Scores with a reference in them, for clean items: small enough to judge in a moment, judged by the real gates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from theodolite.claims import Covariate
from theodolite.gates import BASELINES, Dossier
from theodolite.measurements import BipartiteScores, Coexpression, GeneScores, Measurement, PairScores, Variant

__all__ = ["World", "make_world"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_GENES = {"GeneScores": 180, "PairScores": 90, "BipartiteScores": 110}
_MEMBERS = {"GeneScores": 40, "PairScores": 18, "BipartiteScores": 36}
"""Members of a set, genes whose pairs are the reference, or regulators."""
_TARGETS_EACH = 9
_FAMILIES_PER_GENE = 0.6
_FACTORS = 3
_COVARIATES = (Covariate.MEAN.value, Covariate.VARIANCE.value, Covariate.DROPOUT.value)
_UNIT = "arbitrary units"


@dataclass(frozen=True)
class World:
    """Genes of one hold-out block with everything that the gates read of them.

    Attributes
    ----------
    dossier
        Main with the reference attached, the baselines, co-expression for pairs.
    items, families
        Members or pairs of the reference, and the homology families that they span.
    """

    dossier: Dossier
    items: int
    families: int


def make_world(shape: str, strength: float, rng: Generator) -> World:
    """Return a world in which the reference is in the model's scores; it is never in those of the baselines.

    Parameters
    ----------
    shape
        ``GeneScores``, ``PairScores`` or ``BipartiteScores``.
    strength
        What the reference adds to a score of unit variance; 0 where it is not in the scores.
    """
    genes = tuple(f"G{number:03d}" for number in range(_GENES[shape]))
    family_count = int(_FAMILIES_PER_GENE * len(genes))
    owner = np.concatenate([np.arange(family_count), rng.integers(family_count, size=len(genes) - family_count)])
    families = tuple(f"F{number:03d}" for number in owner)
    covariates = _gene_statistics(len(genes), rng)
    if shape == "GeneScores":
        return _gene_world(genes, families, covariates, strength, rng)
    coexpression = _coexpression(genes, rng)
    if shape == "PairScores":
        return _pair_world(genes, families, covariates, coexpression, strength, rng)
    return _bipartite_world(genes, families, covariates, coexpression, strength, rng)


def _gene_statistics(n: int, rng: Generator) -> Floats:
    mean = rng.gamma(2.0, 0.5, n)
    variance = mean * rng.lognormal(0.0, 0.3, n)
    dropout = np.clip(np.exp(-mean) + rng.normal(0.0, 0.05, n), 0.0, 1.0)
    return np.asarray(np.column_stack([mean, variance, dropout]))


def _coexpression(genes: tuple[str, ...], rng: Generator) -> Coexpression:
    n = len(genes)
    loading = rng.normal(0.0, 0.45, (n, _FACTORS))
    true = loading @ loading.T / (1.0 + np.square(loading).sum(axis=1)[:, None])
    true = (true + true.T) / 2

    def measured(error: float) -> Floats:
        noise = rng.normal(0.0, error, (n, n))
        return np.asarray(np.clip(true + (noise + noise.T) / 2, -1.0, 1.0))

    return Coexpression(
        genes=genes, pearson=measured(0.02), robust=measured(0.03), half_a=measured(0.04), half_b=measured(0.04)
    )


def _dossier(main: Measurement, baselines: Mapping[str, Measurement], coexpression: Coexpression | None) -> Dossier:
    measurements = {Variant.parse("main"): main, **{Variant.parse(name): found for name, found in baselines.items()}}
    return Dossier(measurements=measurements, provenance_ok=True, coexpression=coexpression)


def _gene_world(
    genes: tuple[str, ...], families: tuple[str, ...], covariates: Floats, strength: float, rng: Generator
) -> World:
    members = np.zeros(len(genes), dtype=bool)
    members[rng.choice(len(genes), _MEMBERS["GeneScores"], replace=False)] = True

    def scores(added: float) -> GeneScores:
        return GeneScores(
            genes=genes,
            score=rng.normal(size=len(genes)) + added * members + 0.2 * covariates[:, 0],
            families=families,
            covariate_names=_COVARIATES,
            covariates=covariates,
            unit=_UNIT,
        )

    main = replace(scores(strength), members=members)
    spanned = len({family for family, member in zip(families, members, strict=True) if member})
    dossier = _dossier(main, {name: scores(0.0) for name in BASELINES}, None)
    return World(dossier, int(members.sum()), spanned)


def _pair_world(
    genes: tuple[str, ...],
    families: tuple[str, ...],
    covariates: Floats,
    coexpression: Coexpression,
    strength: float,
    rng: Generator,
) -> World:
    n = len(genes)
    module = np.zeros(n, dtype=bool)
    module[rng.choice(n, _MEMBERS["PairScores"], replace=False)] = True
    edges = module[:, None] & module[None, :] & (np.array(families)[:, None] != np.array(families)[None, :])

    def scores(added: float) -> PairScores:
        noise = np.triu(rng.normal(size=(n, n)), 1)
        hub = rng.normal(0.0, 0.4, n)
        score = noise + noise.T + added * edges + hub[:, None] + hub[None, :] + coexpression.pearson
        return PairScores(
            genes=genes,
            score=(score + score.T) / 2,
            families=families,
            covariate_names=_COVARIATES,
            covariates=covariates,
            unit=_UNIT,
        )

    main = replace(scores(strength), edges=edges)
    spanned = len({family for family, member in zip(families, edges.any(axis=1), strict=True) if member})
    dossier = _dossier(main, {name: scores(0.0) for name in BASELINES}, coexpression)
    return World(dossier, int(np.triu(edges).sum()), spanned)


def _bipartite_world(
    genes: tuple[str, ...],
    families: tuple[str, ...],
    covariates: Floats,
    coexpression: Coexpression,
    strength: float,
    rng: Generator,
) -> World:
    n = len(genes)
    row = np.sort(rng.choice(n, _MEMBERS["BipartiteScores"], replace=False))
    named = np.array(families)
    candidates = named[row][:, None] != named[None, :]
    popularity = rng.gamma(2.0, 0.5, n)
    edges = np.zeros((len(row), n), dtype=bool)
    for position in range(len(row)):
        weight = popularity * candidates[position]
        edges[position, rng.choice(n, _TARGETS_EACH, replace=False, p=weight / weight.sum())] = True

    def scores(added: float) -> BipartiteScores:
        hub = rng.normal(0.0, 0.4, n)
        noise = rng.normal(size=(len(row), n))
        return BipartiteScores(
            regulators=tuple(genes[index] for index in row),
            targets=genes,
            score=noise + added * edges + hub[row][:, None] + hub[None, :] + coexpression.pearson[row],
            regulator_families=tuple(families[index] for index in row),
            target_families=families,
            covariate_names=_COVARIATES,
            regulator_covariates=covariates[row],
            target_covariates=covariates,
            unit=_UNIT,
        )

    main = replace(scores(strength), edges=edges)
    spanned = len(np.unique(named[row]))
    dossier = _dossier(main, {name: scores(0.0) for name in BASELINES}, coexpression)
    return World(dossier, int(edges.sum()), spanned)
