"""What layers recover of a reference from first to last, and how two references differ in it (arXiv 2602.17532)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from theodolite.analysis.attention.edges import EdgeLabels
from theodolite.analysis.attention.places import each_place, layer_count
from theodolite.analysis.exact import ExactSpearman, spearman_exact
from theodolite.gates.effects import auroc, resampled

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["LEAST_LAYERS", "DepthProfile", "DepthProfiles", "ProfileContrast", "depth_profiles", "profile_contrast"]

Floats = NDArray[np.float64]

LEAST_LAYERS: Final = 5
"""Layers from which on a rank correlation with depth has an interval."""


@dataclass(frozen=True, eq=False)
class DepthProfile:
    """One reference through all layers.

    Attributes
    ----------
    reference, directed
        Name, and whether its edges have a direction, as those of regulation have and those of PPI have not.
    auroc, low, high
        Shape (L,): AUROC of each layer with its 95 % interval over families of genes.
    draws
        Shape (resamples, L): AUROCs of the same resamples of families in every layer.
    trend
        Spearman's rho of AUROC with the number of the layer.
    trend_low, trend_high
        95 % interval of that rho over families; NaN with fewer than :data:`LEAST_LAYERS` layers, which have so few
        orders that resamples agree on one whatever is there.
    q
        The trend's p after Benjamini and Hochberg over the references that were profiled together.
    """

    reference: str
    directed: bool
    auroc: Floats
    low: Floats
    high: Floats
    draws: Floats
    trend: ExactSpearman
    trend_low: float
    trend_high: float
    q: float

    @property
    def peak(self) -> int:
        """The layer, from 1, with the highest AUROC here. It was chosen on what it is read on: see ``choosing``."""
        return int(self.auroc.argmax()) + 1

    @property
    def peak_share(self) -> float:
        """Share of the resamples of families in which the peak is the same layer."""
        return float((self.draws.argmax(axis=1) + 1 == self.peak).mean())


@dataclass(frozen=True, eq=False)
class DepthProfiles:
    """Profiles of several references over the same layers.

    Attributes
    ----------
    profiles
        In the order in which references were given.
    """

    profiles: tuple[DepthProfile, ...]

    def of(self, reference: str) -> DepthProfile:
        """Return one profile.

        Raises
        ------
        KeyError
            If there is none of this name.
        """
        for profile in self.profiles:
            if profile.reference == reference:
                return profile
        raise KeyError(f"{reference!r} was not profiled; profiled: {[profile.reference for profile in self.profiles]}")

    def frame(self) -> DataFrame:
        """Return a tidy table: reference, layer, auroc, low, high."""
        import pandas as pd

        return pd.DataFrame(
            [
                {"reference": profile.reference, "layer": layer, "auroc": value, "low": low, "high": high}
                for profile in self.profiles
                for layer, (value, low, high) in enumerate(
                    zip(profile.auroc, profile.low, profile.high, strict=True), start=1
                )
            ]
        )


@dataclass(frozen=True, eq=False)
class ProfileContrast:
    """How two profiles differ.

    Attributes
    ----------
    first, second
        Names of the references.
    difference, low, high
        Shape (L,): AUROC of the first minus that of the second, with a 95 % interval in which the two were resampled
        apart, which is wide where they share genes.
    trend
        Spearman's rho of the difference with the number of the layer.
    correlation
        Spearman's rho of the one profile with the other: below 0 where layers that serve the one fail the other.
    """

    first: str
    second: str
    difference: Floats
    low: Floats
    high: Floats
    trend: ExactSpearman
    correlation: ExactSpearman


def depth_profiles(
    attention: NDArray[np.floating], references: Sequence[EdgeLabels], *, resamples: int = 500, seed: int = 0
) -> DepthProfiles:
    """Profile references over layers, heads averaged.

    Parameters
    ----------
    attention
        Shape (L, n, n) or (L, H, n, n), L at least 3; see :func:`~theodolite.analysis.attention.edge_recovery`.
    references
        Labels over the same n genes.
    resamples, seed
        Bootstrap resamples of families, the same for every layer.

    Raises
    ------
    ValueError
        If there are fewer than three layers, in which nothing rises or falls, or no reference.
    """
    from scipy.stats import false_discovery_control

    layers = np.arange(1.0, layer_count(attention) + 1.0)
    if len(layers) < 3 or not references:
        raise ValueError(f"a profile of {len(references)} references over {len(layers)} layers; need 1 and 3 or more")
    value = np.empty((len(references), len(layers)))
    draws = np.empty((len(references), resamples, len(layers)))
    for place, score in each_place(attention):
        for index, edges in enumerate(references):
            items = edges.items(edges.matrix(score))
            value[index, place.layer - 1] = auroc(items)
            draws[index, :, place.layer - 1] = resampled(items, seed, resamples) + 0.5
    found = [_profile(*parts, layers, seed) for parts in zip(references, value, draws, strict=True)]
    q = false_discovery_control([profile.trend.p for profile in found])
    return DepthProfiles(tuple(replace(profile, q=float(rate)) for profile, rate in zip(found, q, strict=True)))


def _profile(edges: EdgeLabels, value: Floats, draws: Floats, layers: Floats, seed: int) -> DepthProfile:
    whole = draws[~np.isnan(draws).any(axis=1)]
    low, high = np.percentile(whole, [2.5, 97.5], axis=0)
    few = len(layers) < LEAST_LAYERS
    trend_low, trend_high = (np.nan, np.nan) if few else np.percentile(_slopes(whole, layers), [2.5, 97.5]).tolist()
    trend = spearman_exact(layers, value, seed=seed)
    return DepthProfile(edges.name, edges.directed, value, low, high, whole, trend, trend_low, trend_high, trend.p)


def _slopes(draws: Floats, layers: Floats) -> Floats:
    """Return Spearman's rho with the layer of each row of AUROCs, shape (resamples,)."""
    from scipy.stats import rankdata

    rank = rankdata(draws, axis=1)
    rank -= rank.mean(axis=1, keepdims=True)
    size = np.sqrt((rank**2).sum(axis=1))
    centred = layers - layers.mean()
    along = rank @ centred / np.sqrt((centred**2).sum())
    return np.asarray(np.divide(along, size, out=np.zeros_like(along), where=size > 0.0))


def profile_contrast(first: DepthProfile, second: DepthProfile, *, seed: int = 0) -> ProfileContrast:
    """Contrast two profiles over the same layers, as protein interaction against regulation.

    Raises
    ------
    ValueError
        If they have different numbers of layers.
    """
    if len(first.auroc) != len(second.auroc):
        raise ValueError(
            f"{first.reference} has {len(first.auroc)} layers and {second.reference} {len(second.auroc)}; contrast "
            "profiles of one model"
        )
    layers = np.arange(1.0, len(first.auroc) + 1.0)
    difference = first.auroc - second.auroc
    together = min(len(first.draws), len(second.draws))
    low, high = np.percentile(first.draws[:together] - second.draws[:together], [2.5, 97.5], axis=0)
    return ProfileContrast(
        first.reference,
        second.reference,
        difference,
        low,
        high,
        spearman_exact(layers, difference, seed=seed),
        spearman_exact(first.auroc, second.auroc, seed=seed),
    )
