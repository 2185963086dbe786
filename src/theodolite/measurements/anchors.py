"""Latent positions of anchors: what instruments that read cells return, before any ruler is laid on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Final

import numpy as np

from theodolite.measurements.base import Bools, Floats, Measurement, MeasurementError, Names

__all__ = ["FIT", "PLACEMENT_KINDS", "AnchorLatents"]

FIT: Final = "fit"
"""The placement by a fit of all rows that may be read."""
PLACEMENT_KINDS: Final = (FIT, "random", "donor", "branch")
"""What a placement left out of its fit, the first word of its name."""


@dataclass(frozen=True)
class AnchorLatents(Measurement):
    """Where a fitter puts anchors, which are centroids of the cells of one donor, tissue and stage.

    Attributes
    ----------
    anchors
        Names, unique; n of them.
    donor, block, branch
        Shape n: the donor; donor and tissue, within which rows may change places; and the branch, which is left out of
        fits as a whole.
    judged
        Shape (n,): rows that count. The others are of donors that the search read, and only fits may read them.
    placements
        p names, unique: ``fit`` for all that may be read, or ``random 1``, ``donor d_07``, ``branch erythroid`` for a
        fit without these.
    read, held
        Shape (p, n): rows that a fit read, and rows that it placed without having read them.
    latent
        Shape (p * n, d): coordinates, one placement after the other; 0 in rows that were neither read nor held.
    trust
        Shape (1,): trustworthiness of judged rows in the first placement (Venna and Kaski 2001).
    dimension
        Shape (3,): intrinsic dimension of the judged rows' features by TwoNN, and its interval over donors.
    unit
        What one unit of a distance is.
    ruler, depth
        Shape (n, n) and n: distances on the ruler, and how deep each row lies on it, as text (empty where the ruler
        knows no depth); None until the plan attaches them.
    """

    anchors: Names
    donor: Names
    block: Names
    branch: Names
    judged: Bools
    placements: Names
    read: Bools
    held: Bools
    latent: Floats
    trust: Floats
    dimension: Floats
    unit: str
    ruler: Floats | None = None
    depth: Names | None = None
    shape: ClassVar[str] = "AnchorLatents"
    matrices: ClassVar[frozenset[str]] = frozenset({"read", "held", "latent", "ruler"})

    def _check(self) -> None:
        n, p = len(self.anchors), len(self.placements)
        self._require_unique("anchors", self.anchors)
        self._require_unique("placements", self.placements)
        self._require_lengths(
            "anchors", n, donor=self.donor, block=self.block, branch=self.branch, judged=self.judged, depth=self.depth
        )
        self._require_lengths("numbers", 1, trust=self.trust)
        self._require_lengths("numbers", 3, dimension=self.dimension)
        if unknown := [name for name in self.placements if name.split(" ")[0] not in PLACEMENT_KINDS]:
            raise MeasurementError(
                f"AnchorLatents.placements has {unknown[0]!r}; a name begins with {', '.join(PLACEMENT_KINDS)}"
            )
        for name in ("read", "held"):
            if getattr(self, name).shape != (p, n):
                raise MeasurementError(f"AnchorLatents.{name} has shape {getattr(self, name).shape}, expected {(p, n)}")
        if (self.read & self.held).any():
            raise MeasurementError("AnchorLatents: a row was both read by a fit and held out of it")
        if self.latent.shape[0] != p * n or self.latent.shape[1] < 1:
            raise MeasurementError(
                f"AnchorLatents.latent has shape {self.latent.shape}; it has {p} placements of {n} rows, one below the "
                "other, and one dimension or more"
            )
        if self.ruler is not None and (
            self.ruler.shape != (n, n) or not np.array_equal(self.ruler, self.ruler.T) or (self.ruler < 0).any()
        ):
            raise MeasurementError(f"AnchorLatents.ruler must be a symmetric {n} x {n} matrix of distances")

    def positions(self, placement: int) -> Floats:
        """Return the coordinates (n, d) of a placement, 0 in rows that it does not know."""
        n = len(self.anchors)
        return self.latent[placement * n : (placement + 1) * n]

    def with_ruler(self, distance: Floats, depth: Names) -> AnchorLatents:
        """Attach distances (n, n) on a ruler and the depth of each row."""
        return replace(self, ruler=distance, depth=depth)
