"""The closed list of fitters that a search tries, each by name and settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from theodolite.manifolds.diffusion import diffusion_map
from theodolite.manifolds.embedding import Embedding, Fitter, unsupervised
from theodolite.manifolds.isomap import isomap, landmark_isomap
from theodolite.manifolds.let import let
from theodolite.manifolds.scaling import geodesic_mds

__all__ = ["FITTERS", "READS_RULER", "FitterChoice"]

FITTERS: Final[Mapping[str, Callable[..., Embedding]]] = {
    "isomap": isomap,
    "landmark_isomap": landmark_isomap,
    "geodesic_mds": geodesic_mds,
    "diffusion_map": diffusion_map,
    "let": let,
}
"""Every fitter that a search tries. Principal components and random projections are what must be beaten."""
READS_RULER: Final = frozenset({"let"})


@dataclass(frozen=True)
class FitterChoice:
    """A fitter of the list with its settings.

    Attributes
    ----------
    name
        One of :data:`FITTERS`.
    settings
        Pairs of a setting's name and value, in alphabetical order; ``dimension`` is one.

    Raises
    ------
    ValueError
        If the fitter is not in the list, settings are out of order, or the dimension is missing.
    """

    name: str
    settings: tuple[tuple[str, float | int], ...]

    def __post_init__(self) -> None:
        if self.name not in FITTERS:
            raise ValueError(f"no fitter {self.name!r}; there are {', '.join(FITTERS)}")
        names = [name for name, _ in self.settings]
        if names != sorted(set(names)) or "dimension" not in names:
            raise ValueError(f"settings {names!r} of {self.name} must be in order, each once, with a dimension")

    @property
    def dimension(self) -> int:
        """Latent dimensions."""
        return int(dict(self.settings)["dimension"])

    def fitter(self) -> Fitter:
        """Return the fitter; only one that reads the ruler is given it."""
        settings: dict[str, Any] = dict(self.settings)
        if self.name in READS_RULER:
            return partial(FITTERS[self.name], **settings)
        return unsupervised(FITTERS[self.name], **settings)
