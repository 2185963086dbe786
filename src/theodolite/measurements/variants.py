"""Variants: on what the same tool with the same parameters was run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Variant", "VariantKind"]


class VariantKind(StrEnum):
    """On what the same tool with the same parameters was run."""

    MAIN = "main"
    """The model itself."""
    UNTRAINED = "untrained"
    """The model's architecture with the initial weights of a seed."""
    RANDOM_EMBEDDING = "random_embedding"
    """The trained model with the directions of its gene embeddings and read-out vectors drawn anew."""
    SHUFFLED_INPUT = "shuffled_input"
    """The trained model on cells whose values were permuted within each gene."""
    PERMUTED_LABELS = "permuted_labels"
    """The trained model against labels that were permuted."""
    COUNTS = "counts"
    """The cells' counts in place of a model."""
    REFITTED = "refitted"
    """The model itself, with what was fitted on discovery units fitted anew from another seed."""
    RANDOM_PROJECTION = "random_projection"
    """A random projection of the cells' expression in place of a model, of as many dimensions."""
    STATIC_EMBEDDING = "static_embedding"
    """The model's vectors of genes, weighted by expression, without the model."""
    RANDOM_OPERATOR = "random_operator"
    """The trained model with the entries of its operator permuted over the same support."""
    NULL_BRANCH = "null_branch"
    """The trained model against a ruler on which stages changed places within their branch and donor."""
    PANEL = "panel"
    """The trained model on cells in which a claim must fail."""


_SEEDLESS = (VariantKind.MAIN, VariantKind.COUNTS, VariantKind.STATIC_EMBEDDING, VariantKind.PANEL)
_OF_THE_MODEL = (VariantKind.MAIN, VariantKind.REFITTED, VariantKind.NULL_BRANCH, VariantKind.PANEL)


@dataclass(frozen=True, order=True)
class Variant:
    """One member of a claim's evidence: the measurement itself or one of its controls, with its seed.

    Nothing is drawn for ``main`` and ``counts``, which have no seed.
    """

    kind: VariantKind
    seed: int = 0

    @property
    def baseline(self) -> bool:
        """Whether a claim is held against it; what is fitted anew of the model itself is none."""
        return self.kind not in _OF_THE_MODEL

    @property
    def of_model(self) -> Variant:
        """What is read of the model: of what was fitted anew the same as of the model itself."""
        return Variant(VariantKind.MAIN) if self.kind is VariantKind.REFITTED else self

    def __str__(self) -> str:
        return self.kind.value if self.kind in _SEEDLESS else f"{self.kind.value}({self.seed})"

    @classmethod
    def parse(cls, text: str) -> Variant:
        """Read ``main`` or ``untrained(3)`` back.

        Raises
        ------
        ValueError
            If the text names no variant.
        """
        kind, _, seed = text.partition("(")
        variant = cls(VariantKind(kind), int(seed.rstrip(")")) if seed else 0)
        if str(variant) != text:
            raise ValueError(f"{text!r} is no variant; did you mean {str(variant)!r}?")
        return variant
