"""Variants: on what the same tool with the same parameters was run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Variant", "VariantKind"]


class VariantKind(StrEnum):
    """On what the same tool with the same parameters was run."""

    MAIN = "main"
    UNTRAINED = "untrained"
    RANDOM_EMBEDDING = "random_embedding"
    SHUFFLED_INPUT = "shuffled_input"
    PERMUTED_LABELS = "permuted_labels"


@dataclass(frozen=True, order=True)
class Variant:
    """One member of a claim's evidence: the measurement itself or one of its controls, with its seed."""

    kind: VariantKind
    seed: int = 0

    def __str__(self) -> str:
        return self.kind.value if self.kind is VariantKind.MAIN else f"{self.kind.value}({self.seed})"

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
