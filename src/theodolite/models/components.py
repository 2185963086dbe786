"""Components of a transformer by name, and how one is taken out; without torch, so that plans can speak of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["HOW", "Component", "How", "Part", "alike", "components"]

Part = Literal["head", "mlp", "layer"]
"""An attention head, the MLP of a block, or a whole block: all its heads and its MLP."""

How = Literal["zero", "mean", "uniform"]
"""What stands in a component's place.

``zero``: a head that reads nothing, hidden units of an MLP that are silent. ``mean``: each query attends as the queries
of its cell do on average, hidden units are at their mean over tokens of all cells. ``uniform``: each query attends to
all tokens alike; of heads alone.
"""

HOW: tuple[How, ...] = ("zero", "mean", "uniform")


@dataclass(frozen=True, order=True)
class Component:
    """A head, an MLP or a whole block.

    Attributes
    ----------
    part
        What it is.
    layer
        The block, counted from 1.
    head
        The head, counted from 1; None of what is no head.

    Raises
    ------
    ValueError
        If a head is not named, or is named of something else.
    """

    part: Part
    layer: int
    head: int | None = None

    def __post_init__(self) -> None:
        if (self.head is None) == (self.part == "head"):
            raise ValueError(f"{self.part} with head {self.head!r}: name the head of a head, and of nothing else")
        if self.layer < 1 or (self.head is not None and self.head < 1):
            raise ValueError(f"layer {self.layer!r}, head {self.head!r}: blocks and heads are counted from 1")

    def __str__(self) -> str:
        if self.head is not None:
            return f"layer {self.layer} head {self.head}"
        return f"layer {self.layer}" + (" MLP" if self.part == "mlp" else "")


def alike(component: Component, n_layers: int, n_heads: int) -> tuple[Component, ...]:
    """Return what is of a component's size, itself among them: the heads of its layer, or all MLPs, or all blocks."""
    return tuple(
        other
        for other in components(n_layers, n_heads)
        if other.part == component.part and (other.head is None or other.layer == component.layer)
    )


def components(n_layers: int, n_heads: int) -> tuple[Component, ...]:
    """Return every component of a model: by layer its heads, its MLP, and the whole block."""
    found: list[Component] = []
    for layer in range(1, n_layers + 1):
        found += [Component("head", layer, head) for head in range(1, n_heads + 1)]
        found += [Component("mlp", layer), Component("layer", layer)]
    return tuple(found)
