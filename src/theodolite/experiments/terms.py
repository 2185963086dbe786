"""What a plan says beside its claim, which differs between claims about genes and claims about anchors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Literal

from theodolite.gates import CATALOGUE_VERSION, b_max
from theodolite.plans import EvidenceKind, LevelRule, Params
from theodolite.tools import ModelShape, Tool, ToolParams

__all__ = ["Terms"]


class Terms(ABC):
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

    def measured_on(self, tool: Tool, params: Params) -> tuple[str, ...]:
        """Return the variants that a claim with some parameters is measured on."""
        return self.variants_for(tool)

    @abstractmethod
    def variants_for(self, tool: Tool) -> tuple[str, ...]:
        """Return the variants that an instrument's claims are measured on."""

    def admitted(self, tool: Tool) -> Iterator[ToolParams]:
        """Yield the places of an instrument's closed list that the campaign looks at: all of the model's."""
        return tool.params.enumerate(self.model_shape)

    @property
    @abstractmethod
    def model_shape(self) -> ModelShape:
        """Size of the model."""

    def draws(self, kind: EvidenceKind, level: LevelRule) -> int:
        """Return how many draws of each null are made at most."""
        return b_max(kind, level)
