"""Candidates of a manifold search: a ruler, features and a fitter, each by name and settings from a closed list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise, product
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from theodolite.analysis.manifold.panel import Panel
from theodolite.canonical import digest
from theodolite.manifolds.fitters import FITTERS, FitterChoice

__all__ = ["Candidate", "Drift", "Layer", "Mixture", "candidates"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Layer:
    """The features of one layer, as they are."""

    layer: str

    def rows(self, source: Panel) -> Floats:
        """Return features (n, width)."""
        if self.layer not in source.layers:
            raise ValueError(f"the panel has no layer {self.layer!r}; it has {', '.join(source.layers)}")
        return source.layers[self.layer]


@dataclass(frozen=True)
class Drift:
    """What changes from one layer to a later one: the difference of their features."""

    before: str
    after: str

    def rows(self, source: Panel) -> Floats:
        """Return features (n, width)."""
        first, second = Layer(self.before).rows(source), Layer(self.after).rows(source)
        if first.shape != second.shape:
            raise ValueError(
                f"layers {self.before!r} and {self.after!r} of widths {first.shape[1]} and {second.shape[1]} have no "
                "difference; compare layers of one width"
            )
        return second - first


@dataclass(frozen=True)
class Mixture:
    """Features side by side, each scaled so that its weight is its share of the mean squared distance.

    Attributes
    ----------
    parts
        Layers and drifts.
    weights
        One a part: positive, and 1 in sum.

    Raises
    ------
    ValueError
        If there are fewer than two parts, or weights do not fit.
    """

    parts: tuple[Layer | Drift, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        fits = len(self.parts) == len(self.weights) >= 2 and all(0.0 < weight < 1.0 for weight in self.weights)
        if not fits or abs(sum(self.weights) - 1.0) > 1e-9:
            raise ValueError(
                f"{len(self.parts)} parts with the weights {list(self.weights)!r}; give two parts or more, a positive "
                "weight for each, and 1 in sum"
            )


Features: TypeAlias = Layer | Drift | Mixture


@dataclass(frozen=True)
class Candidate:
    """One entry of a search.

    Attributes
    ----------
    ruler
        Name of a ruler of the panel.
    features
        What is fitted.
    choice
        Fitter and settings.
    """

    ruler: str
    features: Features
    choice: FitterChoice

    @cached_property
    def sha256(self) -> str:
        """Content hash."""
        return digest(self.record)

    @property
    def record(self) -> dict[str, Any]:
        """Plain data of the candidate, with the kind of its features by name."""
        features = self.features
        plain: dict[str, Any] = {"kind": type(features).__name__.lower(), **asdict(features)}
        if isinstance(features, Mixture):
            plain["parts"] = [{"kind": type(part).__name__.lower(), **asdict(part)} for part in features.parts]
            plain["weights"] = list(features.weights)
        return {
            "ruler": self.ruler,
            "features": plain,
            "fitter": {"name": self.choice.name, "settings": dict(self.choice.settings)},
        }

    def distances(self, source: Panel) -> Floats:
        """Return the ruler (n, n).

        Raises
        ------
        ValueError
            If the panel has none of that name.
        """
        if self.ruler not in source.rulers:
            raise ValueError(f"the panel has no ruler {self.ruler!r}; it has {', '.join(source.rulers)}")
        return source.rulers[self.ruler]

    def rows(self, source: Panel, fitted: Bools | None = None) -> Floats:
        """Return the features (n, width).

        Parameters
        ----------
        source
            All rows.
        fitted
            Shape (n,): rows from which a mixture takes the scale of its parts; all where None.

        Raises
        ------
        ValueError
            If the panel lacks a layer, or a part of a mixture does not vary.
        """
        if not isinstance(self.features, Mixture):
            return self.features.rows(source)
        chosen = np.ones(len(source.donors), dtype=np.bool_) if fitted is None else fitted
        scaled = []
        for part, weight in zip(self.features.parts, self.features.weights, strict=True):
            rows = part.rows(source)
            size = float(np.sqrt(rows[chosen].var(axis=0).sum()))
            if not size > 0.0:
                raise ValueError(f"{part} is the same in all rows; leave it out of the mixture")
            scaled.append(np.sqrt(weight) / size * (rows - rows[chosen].mean(axis=0)))
        return np.hstack(scaled)


def candidates(
    source: Panel,
    *,
    fitters: Sequence[str] = tuple(FITTERS),
    dimensions: Sequence[int] = (3,),
    neighbours: Sequence[int] = (10, 15),
    components: Sequence[int] = (20,),
    mixtures: Sequence[float] = (0.5,),
) -> tuple[Candidate, ...]:
    """List every candidate of a panel: its rulers times features times fitters.

    Features are each layer, the drift between layers of one width that follow one another, and mixtures of a layer
    with the drift away from it.

    Parameters
    ----------
    source
        Whose layers and rulers are named; nothing else of it is looked at.
    fitters
        Names out of :data:`FITTERS`.
    dimensions
        Latent dimensions.
    neighbours
        For fitters of a neighbour graph, and the bandwidth of the diffusion map.
    components
        For LET.
    mixtures
        Weights of the layer in a mixture.

    Raises
    ------
    ValueError
        If a fitter is not in the list, or nothing is left to try.
    """
    features: list[Features] = [Layer(name) for name in source.layers]
    for before, after in pairwise(source.layers):
        if source.layers[before].shape[1] != source.layers[after].shape[1]:
            continue
        drift = Drift(before, after)
        features.append(drift)
        features += [Mixture((Layer(before), drift), (weight, 1.0 - weight)) for weight in mixtures]
    choices = []
    for name in fitters:
        setting, values = ("components", components) if name == "let" else ("neighbours", neighbours)
        for dimension, value in product(dimensions, values):
            choices.append(FitterChoice(name, tuple(sorted({"dimension": dimension, setting: value}.items()))))
    found = tuple(Candidate(*parts) for parts in product(source.rulers, features, choices))
    if not found:
        raise ValueError("no candidate is left; give one fitter or more, with dimensions and settings")
    return found
