"""How well known proportions are recovered when whole mixtures are held out: predictions, choices and scores.

Every choice (genes, penalty, components, layer, neighbours) is made on the mixtures that are fitted, each of these left
out in turn, so that the mixture that is predicted has no say in it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from lib.real_cells import most_variable

__all__ = [
    "Recovered",
    "estimate",
    "jackknife",
    "leave_mixtures_out",
    "line_profiles",
    "ridge",
    "scores",
    "spearman",
    "stratified",
    "unmixed",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Setting = TypeVar("Setting", bound=Hashable)

BOUNDS = {"rho": (-1.0, 1.0), "error": (0.0, np.inf)}
"""What is scored, and what it can be."""

Predict = Callable[[Setting, Bools, Bools], Floats]
"""Predicts the proportions (m, lines) of some cells from others: setting, cells to fit, cells to predict."""


@dataclass(frozen=True, eq=False)
class Recovered(Generic[Setting]):
    """Predictions of mixtures that were held out whole.

    Attributes
    ----------
    predicted
        Shape (cells, lines).
    chosen
        The setting by mixture that was held out.
    """

    predicted: Floats
    chosen: dict[str, Setting]


def leave_mixtures_out(
    names: Sequence[str], truth: Floats, settings: Sequence[Setting], predict: Predict[Setting]
) -> Recovered[Setting]:
    """Predict each mixture from the others, by the setting that predicts these best from one another.

    Parameters
    ----------
    names
        Mixture of each cell.
    truth
        Shape (cells, lines).
    settings
        To choose from, by mean absolute error. One whose fit is refused anywhere inside is not chosen.
    predict
        See :data:`Predict`.

    Raises
    ------
    ValueError
        If every setting is refused, or the fit of the chosen one.
    """
    label = np.asarray(names, dtype=str)
    mixtures = sorted(set(label.tolist()))
    predicted = np.empty_like(truth)
    chosen: dict[str, Setting] = {}
    for held in mixtures:
        fit = label != held
        chosen[held] = settings[0]
        if len(settings) > 1:
            inner = [name for name in mixtures if name != held]
            errors = [_inner_error(label, truth, inner, fit, setting, predict) for setting in settings]
            if not np.isfinite(errors).any():
                raise ValueError(f"without {held} every setting is refused; give other settings")
            chosen[held] = settings[int(np.argmin(errors))]
        predicted[~fit] = predict(chosen[held], fit, ~fit)
    return Recovered(predicted, chosen)


def _inner_error(
    label: NDArray[np.str_],
    truth: Floats,
    inner: Sequence[str],
    fit: Bools,
    setting: Setting,
    predict: Predict[Setting],
) -> float:
    """Return the mean absolute error over mixtures, each left out of the fit; infinity where a fit is refused."""
    errors = []
    for name in inner:
        out = label == name
        try:
            errors.append(np.abs(predict(setting, fit & ~out, out) - truth[out]).mean())
        except ValueError:
            return float("inf")
    return float(np.mean(errors))


def ridge(values: Floats, truth: Floats, others: Floats, penalty: float) -> Floats:
    """Return least-squares predictions (m, lines) for other cells (m, width).

    Parameters
    ----------
    values, truth
        Shape (n, width) and (n, lines).
    others
        Shape (m, width).
    penalty
        As a share of the mean squared length of a centred cell; 0 gives the least-norm solution.
    """
    centre, level = values.mean(axis=0), truth.mean(axis=0)
    inside = values - centre
    gram = inside @ inside.T
    size = float(np.trace(gram)) / len(gram)
    across = (others - centre) @ inside.T
    if penalty > 0.0:
        weights = np.linalg.solve(gram + penalty * size * np.eye(len(gram)), truth - level)
    else:
        weights = np.linalg.pinv(gram, rcond=1e-10, hermitian=True) @ (truth - level)
    return np.asarray(level + across @ weights)


def line_profiles(profiles: Floats, names: Sequence[str], truth: Floats) -> Floats:
    """Return the profile (lines, genes) of each line by least squares on the mean profiles of mixtures, negatives 0.

    Parameters
    ----------
    profiles
        Shape (cells, genes), on the linear scale.
    names, truth
        Mixture of each cell, and its proportions (cells, lines).
    """
    label = np.asarray(names, dtype=str)
    known = sorted(set(label.tolist()))
    means = np.stack([profiles[label == name].mean(axis=0) for name in known])
    parts = np.stack([truth[label == name].mean(axis=0) for name in known])
    return np.asarray(np.maximum(np.linalg.lstsq(parts, means, rcond=None)[0], 0.0))


def unmixed(profiles: Floats, names: Sequence[str], truth: Floats, fit: Bools, out: Bools, count: int | None) -> Floats:
    """Return proportions (m, lines) by non-negative least squares of each profile on those of the lines.

    Genes are weighted by the inverse root of their mean, as counts of such a mean would be.

    Parameters
    ----------
    profiles, names, truth
        Of all cells; see :func:`line_profiles`.
    fit, out
        Shape (cells,): cells whose proportions are known, and cells to predict.
    count
        Genes that vary most on the log scale in the cells that are fitted; all where None.
    """
    from scipy.optimize import nnls

    if count is not None:
        profiles = profiles[:, most_variable(np.log1p(profiles[fit]), count)]
    lines = line_profiles(profiles[fit], [name for name, known in zip(names, fit, strict=True) if known], truth[fit])
    weights = 1.0 / np.sqrt(profiles[fit].mean(axis=0) + 1e-2)
    # The small triangle has the same solutions as the whole profile.
    turned, triangle = np.linalg.qr((lines * weights).T)
    found = np.stack([nnls(triangle, row)[0] for row in (profiles[out] * weights) @ turned])
    total = found.sum(axis=1, keepdims=True)
    # A profile that no line explains tells nothing of proportions.
    return np.asarray(np.where(total > 0.0, found / np.where(total > 0.0, total, 1.0), 1.0 / found.shape[1]))


def spearman(first: Floats, second: Floats) -> float:
    """Return Spearman's correlation; 0 where one of the two is constant, for it then orders nothing."""
    from scipy.stats import rankdata

    left, right = rankdata(first), rankdata(second)
    left, right = left - left.mean(), right - right.mean()
    size = float(np.sqrt((left @ left) * (right @ right)))
    return float(left @ right) / size if size > 0.0 else 0.0


def stratified(predicted: Floats, truth: Floats, strata: Sequence[str]) -> dict[str, list[list[float]]]:
    """Return ``rho`` and ``error`` as strata by lines: Spearman's correlation and the mean absolute error."""
    label = np.asarray(strata, dtype=str)
    found: dict[str, list[list[float]]] = {"rho": [], "error": []}
    for name in sorted(set(label.tolist()), key=float):
        inside = label == name
        pairs = list(zip(predicted[inside].T, truth[inside].T, strict=True))
        found["rho"].append([spearman(guess, true) for guess, true in pairs])
        found["error"].append([float(np.abs(guess - true).mean()) for guess, true in pairs])
    return found


def jackknife(whole: Floats, without: Floats) -> tuple[Floats, Floats]:
    """Return the ends of 95 % intervals of statistics, units being left out in turn (Tukey 1958).

    Parameters
    ----------
    whole
        Any shape: the statistics of all units.
    without
        Shape (units, ...): the same without each unit. With few units the interval covers less than it says.
    """
    from scipy.stats import t

    count = len(without)
    error = np.sqrt((count - 1) / count * np.square(without - without.mean(axis=0)).sum(axis=0))
    reach = float(t.ppf(0.975, count - 1)) * error
    return whole - reach, whole + reach


def scores(predicted: Floats, truth: Floats, names: Sequence[str], strata: Sequence[str]) -> dict[str, Any]:
    """Return correlations (``rho``) and errors of each line in each stratum, with intervals over mixtures.

    ``cells`` are strata, in the order of their numbers, by lines; ``lines`` and ``strata`` are means of these, and
    ``mean`` is over all. Predictions stay as they are when a mixture is left out of the score. ``without`` are the
    means without each mixture, for differences of rows.
    """
    label = np.asarray(names, dtype=str)
    whole = stratified(predicted, truth, strata)
    left = [
        stratified(
            predicted[label != name],
            truth[label != name],
            [stratum for stratum, own in zip(strata, names, strict=True) if own != name],
        )
        for name in sorted(set(names))
    ]
    result: dict[str, Any] = {}
    for key, bounds in BOUNDS.items():
        value, without = np.array(whole[key]), np.array([each[key] for each in left])
        means: dict[str, tuple[Floats, Floats]] = {
            "cells": (value, without),
            "lines": (value.mean(axis=0), without.mean(axis=1)),
            "strata": (value.mean(axis=1), without.mean(axis=2)),
            "mean": (value.mean(), without.mean(axis=(1, 2))),
        }
        result[key] = {what: estimate(*each, bounds) for what, each in means.items()}
        result[key]["without"] = without.mean(axis=(1, 2)).tolist()
    return result


def estimate(whole: Floats, without: Floats, bounds: tuple[float, float] = (-np.inf, np.inf)) -> dict[str, Any]:
    """Return statistics with the ends of their intervals, cut at the bounds of what they can be, as plain numbers."""
    low, high = (np.clip(end, *bounds) for end in jackknife(whole, without))
    return {name: np.round(each, 4).tolist() for name, each in (("value", whole), ("low", low), ("high", high))}
