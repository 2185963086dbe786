"""The rows of the table on RNA mixtures: what predicts proportions, from least squares to fitters of anchors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lib.real_cells import Mixtures, dealt, most_variable
from lib.recovery import Predict, estimate, leave_mixtures_out, ridge, scores, unmixed
from theodolite.analysis.manifold import (
    Fitter,
    anchors,
    isomap,
    landmark_isomap,
    latent_distances,
    let,
    mixture_ruler,
    pair_spearman,
    principal_components,
    random_projection,
    static_features,
    unsupervised,
)

__all__ = ["AnchorFits", "Bench", "anchor_rows", "plain_rows", "recovery_rows"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Rows = Mapping[str, Floats]

PENALTIES = (1e-6, 1e-4, 1e-3, 1e-2, 1e-1)
COMPONENTS = (2, 3, 5, 10, 20)
COUNTS = (500, 2000)
DIMENSIONS = (2, 3)
NEIGHBOURS = (10, 15, 20)
LET_COMPONENTS = (5, 10)
LANDMARKS = 20
WIDTH = 64
"""Of the random projection, as wide as the model."""
REPLICATES = 5
"""Replicates of a mixture and an amount at most."""


@dataclass(frozen=True, eq=False)
class Bench:
    """Everything that rows are predicted from.

    Attributes
    ----------
    names, amounts, truth
        Mixture and RNA amount of each pseudo-cell, and its proportions (cells, lines).
    linear
        Shape (cells, genes): counts per 10,000 of all genes.
    given
        Shape (cells, genes): log1p of them, of the genes that the model reads.
    static
        Shape (cells, width).
    layers, untrained
        Shape (cells, width) by layer.
    replicates
        Of each pseudo-cell, "" for none.
    """

    names: tuple[str, ...]
    amounts: tuple[str, ...]
    truth: Floats
    linear: Floats
    given: Floats
    static: Floats
    layers: Rows
    untrained: Rows
    replicates: tuple[str, ...]

    @classmethod
    def of(
        cls, mixed: Mixtures, genes: Sequence[str], layers: Rows, untrained: Rows, table: Floats, *, seed: int = 0
    ) -> Bench:
        """Put it together; replicates are dealt within mixture and amount."""
        given = mixed.cells.log1p_cp10k(genes).astype(np.float64)
        groups = [f"{name} at {amount}" for name, amount in zip(mixed.names, mixed.amounts, strict=True)]
        return cls(
            names=mixed.names,
            amounts=mixed.amounts,
            truth=mixed.proportions,
            linear=np.expm1(mixed.cells.log1p_cp10k().astype(np.float64)),
            given=given,
            static=static_features(given, table),
            layers=layers,
            untrained=untrained,
            replicates=dealt(groups, most=REPLICATES, seed=seed),
        )

    @property
    def anchor_names(self) -> tuple[str, ...]:
        """Mixture of each anchor."""
        return self.centroids(self.truth)[1]

    def centroids(self, rows: Floats) -> tuple[Floats, tuple[str, ...]]:
        """Return the anchors (n, width) of rows (cells, width), and the mixture of each."""
        labels = {"mixture": self.names, "amount": self.amounts, "replicate": self.replicates}
        found = anchors(rows, labels)
        return found.rows, found.labels["mixture"]


def recovery_rows(bench: Bench) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table, what must be beaten first."""
    yield from plain_rows(bench)
    yield from anchor_rows(bench)


def plain_rows(bench: Bench) -> Iterator[dict[str, Any]]:
    """Yield rows in which proportions are read from pseudo-cells by least squares."""
    axes = np.random.default_rng(0).standard_normal((bench.given.shape[1], WIDTH)) / np.sqrt(WIDTH)
    log = np.log1p(bench.linear)
    plain: list[tuple[str, Sequence[Any], Predict[Any]]] = [
        ("least squares on log1p CP10K", list(product(COUNTS, PENALTIES)), partial(_variable, log, bench.truth)),
        ("least squares on counts", COUNTS, partial(_unmixed, bench)),
        ("principal components, then least squares", COMPONENTS, partial(_components, log, bench.truth)),
        ("least squares on the model's genes", PENALTIES, partial(_ridge, bench.given, bench.truth)),
        ("mean of the other mixtures", [None], partial(_mean, bench)),
        ("random projection", PENALTIES, partial(_ridge, bench.given @ axes, bench.truth)),
        ("static embedding", PENALTIES, partial(_ridge, bench.static, bench.truth)),
    ]
    for of, layers in (("untrained model", bench.untrained), ("trained model", bench.layers)):
        plain += [(f"{of}, {name}", PENALTIES, partial(_ridge, rows, bench.truth)) for name, rows in layers.items()]
    for name, settings, predict in plain:
        yield _scored(bench, name, settings, predict)


def _scored(bench: Bench, name: str, settings: Sequence[Any], predict: Predict[Any]) -> dict[str, Any]:
    found = leave_mixtures_out(bench.names, bench.truth, settings, predict)
    return {"row": name, "chosen": found.chosen, **scores(found.predicted, bench.truth, bench.names, bench.amounts)}


def _ridge(rows: Floats, truth: Floats, penalty: float, fit: Bools, out: Bools) -> Floats:
    return ridge(rows[fit], truth[fit], rows[out], penalty)


def _variable(log: Floats, truth: Floats, setting: tuple[int, float], fit: Bools, out: Bools) -> Floats:
    count, penalty = setting
    columns = most_variable(log[fit], count)
    return ridge(log[fit][:, columns], truth[fit], log[out][:, columns], penalty)


def _components(log: Floats, truth: Floats, count: int, fit: Bools, out: Bools) -> Floats:
    columns = most_variable(log[fit], COUNTS[-1])
    found = principal_components(log[fit][:, columns], dimension=count)
    return ridge(found.latent, truth[fit], found.place(log[out][:, columns]), 0.0)


def _unmixed(bench: Bench, count: int, fit: Bools, out: Bools) -> Floats:
    return unmixed(bench.linear, bench.names, bench.truth, fit, out, count)


def _mean(bench: Bench, setting: None, fit: Bools, out: Bools) -> Floats:
    names = np.asarray(bench.names, dtype=str)
    means = [bench.truth[names == name].mean(axis=0) for name in sorted(set(names[fit].tolist()))]
    return np.tile(np.mean(means, axis=0), (int(out.sum()), 1))


def _fitter(name: str, dimension: int, number: int | None) -> Fitter:
    """Return a fitter of anchors by name; the number is of neighbours, or of LET's components."""
    match name:
        case "principal components":
            return unsupervised(principal_components, dimension=dimension)
        case "random projection":
            return unsupervised(random_projection, dimension=dimension)
        case "Isomap":
            return unsupervised(isomap, dimension=dimension, neighbours=number)
        case "landmark Isomap":
            return unsupervised(landmark_isomap, dimension=dimension, neighbours=number, landmarks=LANDMARKS)
        case _:
            return partial(let, dimension=dimension, components=number)


def anchor_rows(bench: Bench) -> Iterator[dict[str, Any]]:
    """Yield rows of fitters of anchors, linear ones on what the model is given first."""
    given, static = {"expression": bench.given}, {"static embedding": bench.static}
    sources: list[tuple[str, Rows, Sequence[str]]] = [
        ("expression", given, ("principal components", "random projection", "Isomap", "landmark Isomap", "LET")),
        ("static embedding", static, ("principal components",)),
        ("untrained model", bench.untrained, ("principal components", "Isomap", "landmark Isomap", "LET")),
        ("trained model", bench.layers, ("principal components", "Isomap", "landmark Isomap", "LET")),
    ]
    for of, rows, fitters in sources:
        for name in fitters:
            numbers = {"Isomap": NEIGHBOURS, "landmark Isomap": NEIGHBOURS, "LET": LET_COMPONENTS}.get(name, (None,))
            found = AnchorFits(bench, rows, partial(_fitter, name))
            settings = list(product(rows, DIMENSIONS, numbers))
            row = _scored(bench, f"{name} of anchors, {of}", settings, found.predict)
            yield row | {"anchors": found.agreement(row["chosen"])}


@dataclass(frozen=True, eq=False)
class AnchorFits:
    """Anchors that are fitted, from whose coordinates proportions are read by least squares.

    Attributes
    ----------
    bench
        See there.
    rows
        Features (cells, width) by name.
    fitter
        Makes a fitter of a dimension and a number.
    """

    bench: Bench
    rows: Rows
    fitter: Callable[[int, Any], Fitter]

    def predict(self, setting: tuple[str, int, Any], fit: Bools, out: Bools) -> Floats:
        """Predict cells by where they are placed among the anchors of the mixtures that are fitted."""
        source, dimension, number = setting
        rows, names = self.bench.centroids(self.rows[source])
        truth, _ = self.bench.centroids(self.bench.truth)
        known = np.isin(names, sorted({self.bench.names[cell] for cell in np.flatnonzero(fit)}))
        found = self.fitter(dimension, number)(rows[known], mixture_ruler(truth[known]))
        return ridge(found.latent, truth[known], found.place(self.rows[source][out]), 0.0)

    def agreement(self, chosen: Mapping[str, tuple[str, int, Any]]) -> dict[str, Any]:
        """Return how distances of anchors agree with total variation where a mixture is held out.

        Spearman's correlation over pairs of a held-out anchor and a fitted one, by mixture; pairs of two held-out
        anchors all have the length 0 and would tell only that a mixture hangs together.
        """
        truth, names = self.bench.centroids(self.bench.truth)
        ruler, label = mixture_ruler(truth), np.asarray(names, dtype=str)
        found = {}
        for held, (source, dimension, number) in chosen.items():
            rows, _ = self.bench.centroids(self.rows[source])
            out = label == held
            fitted = self.fitter(dimension, number)(rows[~out], ruler[np.ix_(~out, ~out)])
            latent = np.empty((len(rows), fitted.latent.shape[1]))
            latent[~out], latent[out] = fitted.latent, fitted.place(rows[out])
            found[held] = pair_spearman(latent_distances(latent), ruler, out[:, None] ^ out)
        values = np.array([value for value in found.values() if value is not None])
        without = (values.sum() - values) / (len(values) - 1)
        return {
            "by_mixture": {held: None if value is None else round(value, 4) for held, value in found.items()},
            **estimate(values.mean(), without, (-1.0, 1.0)),
        }
