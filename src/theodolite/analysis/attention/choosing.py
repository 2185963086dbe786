"""Which layer to read, chosen where it is not judged (arXiv 2602.17532).

The best of many layers on the units of the test is best by its luck too. Its AUROC is reported as ``optimistic`` and
nothing rests on it: the layer is chosen on discovery genes, or in nested folds of regulators, each of which is read at
the layer that served the other folds best.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.analysis.attention.edges import EdgeLabels
from theodolite.analysis.attention.places import Place, each_place
from theodolite.analysis.attention.ranking import Ranking
from theodolite.gates.confounds.crossfit import family_folds
from theodolite.gates.effects import effect_with_interval, resampled
from theodolite.gates.kernels import derive_seed
from theodolite.judgements import Effect

__all__ = ["DiscoveryChoice", "Fold", "NestedChoice", "choose_nested", "choose_on_discovery"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Fold:
    """One fold of the nested cross-validation.

    Attributes
    ----------
    chosen
        The place that served the other folds best.
    trained
        Its AUROC there.
    tested
        Its AUROC in this fold.
    rival
        AUROC of the rival score in this fold; None without one.
    units, edges
        Regulators (or genes) of this fold, and edges that it was tested on.
    """

    chosen: Place
    trained: float
    tested: float
    rival: float | None
    units: int
    edges: int


@dataclass(frozen=True)
class NestedChoice:
    """AUROC at places that were chosen without the units they are read on.

    Attributes
    ----------
    reference
        Name of the reference.
    folds
        Folds with both kinds of pairs.
    left_out
        Folds that had edges only, or none, and were not tested.
    nested
        Mean AUROC of the folds, each weighing by its edges, with a 95 % bootstrap interval over families in the folds.
        Choices are not made anew in a resample.
    gain
        The same minus the rival's, over the same resamples; None without a rival.
    chosen
        How often each place was chosen.
    optimistic, optimistic_place
        The highest AUROC of any place on all units, and that place. Not an estimate of anything.
    places
        Places that were tried.
    """

    reference: str
    folds: tuple[Fold, ...]
    left_out: int
    nested: Effect
    gain: Effect | None
    chosen: Mapping[Place, int]
    optimistic: float
    optimistic_place: Place
    places: int

    @property
    def optimism(self) -> float:
        """What choosing on the test units would have added."""
        return self.optimistic - self.nested.estimate


@dataclass(frozen=True)
class DiscoveryChoice:
    """AUROC on confirmation genes at the place that served discovery genes best.

    Attributes
    ----------
    reference
        Name of the reference.
    chosen, discovery
        The place, and its AUROC on pairs of discovery genes.
    confirmation
        Its AUROC on pairs of the other genes, with a 95 % bootstrap interval over families.
    optimistic, optimistic_place
        The highest AUROC of any place on the confirmation pairs, and that place. Not an estimate of anything.
    places
        Places that were tried.
    """

    reference: str
    chosen: Place
    discovery: float
    confirmation: Effect
    optimistic: float
    optimistic_place: Place
    places: int


def _auroc(edges: EdgeLabels, matrix: Floats) -> float:
    return Ranking.of(matrix[edges.candidates]).auroc(edges.truth)


def _best(values: Mapping[Place, float]) -> Place:
    """Return the place with the highest AUROC, the first of equals."""
    return max(values, key=lambda place: (values[place], -place.layer, -(place.head or 0)))


def _cut(edges: EdgeLabels, rows: Bools) -> EdgeLabels | None:
    """Return the question of some rows (and, without a direction, columns) only; None if it has one class only."""
    try:
        return edges.restricted(rows)
    except ValueError:
        return None


def choose_nested(
    attention: NDArray[np.floating],
    edges: EdgeLabels,
    *,
    rival: NDArray[np.floating] | None = None,
    heads: bool = False,
    folds: int = 5,
    resamples: int = 2_000,
    seed: int = 0,
) -> NestedChoice:
    """Read every fold of regulators at the place that served the other folds best.

    With a direction, folds are of regulators (or perturbed genes), families whole, and their targets may be any genes:
    a place that knows which targets are well connected keeps that in every fold. Without one, folds are of genes, and
    only pairs inside a fold, or outside it, are looked at.

    Parameters
    ----------
    attention
        Shape (L, n, n) or (L, H, n, n).
    edges
        The reference over the n genes.
    rival
        Shape (n, n): a score without a choice, such as absolute co-expression or a layer named beforehand.
    heads
        Whether single heads may be chosen besides layers.
    folds
        Folds of the rows; fewer if there are fewer families.
    resamples, seed
        Bootstrap resamples of families, and seed of folds.

    Raises
    ------
    ValueError
        If no fold has both kinds of pairs inside and outside it.
    """
    fold = family_folds(edges.row_families, folds, seed, "regulators" if edges.directed else "genes")
    inside, outside = [], []
    for number in range(int(fold.max()) + 1):
        test, train = _cut(edges, fold == number), _cut(edges, fold != number)
        if test is not None and train is not None:
            inside.append(test)
            outside.append(train)
    if not inside:
        raise ValueError(f"no fold of {edges.name} has both edges and other pairs; use fewer folds, or more genes")
    whole: dict[Place, float] = {}
    trained: list[dict[Place, float]] = [{} for _ in inside]
    # Places are passed over twice, so that no more than one matrix is kept: first to choose, then to test.
    for place, score in each_place(attention, heads=heads):
        whole[place] = _auroc(edges, edges.matrix(score))
        for values, train in zip(trained, outside, strict=True):
            values[place] = _auroc(train, train.matrix(score))
    chosen = [_best(values) for values in trained]
    tested: dict[int, tuple[float, Floats]] = {}
    for place, score in each_place(attention, heads=heads):
        for index, test in enumerate(inside):
            if chosen[index] == place:
                tested[index] = _tested(test, score, seed, index, resamples)
    rivals = {} if rival is None else {k: _tested(test, rival, seed, k, resamples) for k, test in enumerate(inside)}
    weight = np.array([test.size for test in inside], dtype=np.float64)
    found = [tested[index] for index in range(len(inside))]
    held = [rivals[index] for index in range(len(inside))] if rivals else None
    best = _best(whole)
    return NestedChoice(
        reference=edges.name,
        folds=tuple(
            Fold(
                chosen=chosen[index],
                trained=trained[index][chosen[index]],
                tested=tested[index][0],
                rival=rivals[index][0] if rivals else None,
                units=len(test.rows),
                edges=test.size,
            )
            for index, test in enumerate(inside)
        ),
        left_out=int(fold.max()) + 1 - len(inside),
        nested=_pooled(found, None, weight),
        gain=None if held is None else _pooled(found, held, weight),
        chosen={place: chosen.count(place) for place in sorted(set(chosen), key=_order)},
        optimistic=whole[best],
        optimistic_place=best,
        places=len(whole),
    )


def _order(place: Place) -> tuple[int, int]:
    return place.layer, place.head or 0


def _tested(
    test: EdgeLabels, score: NDArray[np.floating], seed: int, index: int, resamples: int
) -> tuple[float, Floats]:
    """Return the AUROC in a fold and in resamples of its families; the same families for every score of the fold."""
    matrix = test.matrix(score)
    drawn = resampled(test.items(matrix), derive_seed(seed, f"fold {index}"), resamples) + 0.5
    return _auroc(test, matrix), drawn


def _pooled(found: list[tuple[float, Floats]], rivals: list[tuple[float, Floats]] | None, weight: Floats) -> Effect:
    value, draws = np.array([one for one, _ in found]), np.stack([drawn for _, drawn in found])
    if rivals is not None:
        value, draws = value - np.array([one for one, _ in rivals]), draws - np.stack([drawn for _, drawn in rivals])
    known = ~np.isnan(draws)
    total = np.maximum((known * weight[:, None]).sum(axis=0), 1e-300)
    pooled = (np.where(known, draws, 0.0) * weight[:, None]).sum(axis=0) / total
    low, high = np.percentile(pooled[known.any(axis=0)], [2.5, 97.5]).tolist()
    return Effect(estimate=float(np.average(value, weights=weight)), low=low, high=high, unit="AUROC")


def choose_on_discovery(
    attention: NDArray[np.floating],
    edges: EdgeLabels,
    discovery: Iterable[str],
    *,
    heads: bool = False,
    resamples: int = 2_000,
    seed: int = 0,
) -> DiscoveryChoice:
    """Choose the place on pairs of discovery genes, and read it on pairs of the others.

    Parameters
    ----------
    attention, edges, heads
        As for :func:`choose_nested`.
    discovery
        Names of the discovery genes. No family may have genes on both sides.
    resamples, seed
        Bootstrap resamples of families.

    Raises
    ------
    ValueError
        If a family is on both sides, or either side lacks edges or other pairs.
    """
    names = frozenset(discovery)
    known = np.array([gene in names for gene in edges.genes])
    both = {kind for kind, there in zip(edges.families, known, strict=True) if there} & {
        kind for kind, there in zip(edges.families, known, strict=True) if not there
    }
    if both:
        raise ValueError(
            f"families {sorted(both)[:3]} are among discovery genes and others; paralogues would carry the choice over"
        )
    sides = []
    for side, there in (("discovery", known), ("confirmation", ~known)):
        try:
            sides.append(edges.restricted(there[edges.rows], there[edges.columns]))
        except ValueError as error:
            raise ValueError(f"the {side} genes cannot be used: {error}") from error
    first, second = sides
    of_first, of_second = {}, {}
    for place, score in each_place(attention, heads=heads):
        of_first[place] = _auroc(first, first.matrix(score))
        of_second[place] = _auroc(second, second.matrix(score))
    chosen, best = _best(of_first), _best(of_second)
    score = next(score for place, score in each_place(attention, heads=heads) if place == chosen)
    effect = effect_with_interval(second.items(second.matrix(score)), seed, resamples)
    return DiscoveryChoice(
        reference=edges.name,
        chosen=chosen,
        discovery=of_first[chosen],
        confirmation=Effect(estimate=effect.estimate + 0.5, low=effect.low + 0.5, high=effect.high + 0.5, unit="AUROC"),
        optimistic=of_second[best],
        optimistic_place=best,
        places=len(of_first),
    )
