"""What a plan says beside its claim, which differs between claims about genes and claims about anchors."""

from __future__ import annotations

from typing import ClassVar, Literal

from theodolite.gates import CATALOGUE_VERSION, b_max
from theodolite.plans import EvidenceKind, LevelRule

__all__ = ["Terms"]


class Terms:
    """Terms of claims about genes.

    Attributes
    ----------
    catalogue
        The gates that plans are locked under.
    unit
        What the nulls move and the interval resamples.
    estimand, statistic
        What is estimated.
    """

    catalogue: ClassVar[str] = CATALOGUE_VERSION
    unit: ClassVar[str] = "homology family"
    estimand: ClassVar[str] = "AUROC - 0.5 of the adjusted score, reference against the rest, in the confirmation block"
    statistic: ClassVar[Literal["auroc", "spearman"]] = "auroc"

    def draws(self, kind: EvidenceKind, level: LevelRule) -> int:
        """Return how many draws of each null are made at most."""
        return b_max(kind, level)
