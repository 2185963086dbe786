"""What taking out a component does in the worlds of the check: to genes that move easily, and to what one of them does.

Whatever is taken out, strongly expressed genes and hubs move more, and each component has a taste of its own in
expression and in families. In a planted world one head, one MLP and one block move the reference besides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator, SeedSequence
from numpy.typing import NDArray

from theodolite.models.ablated import Ablated
from theodolite.models.components import HOW, Component, How, components
from theodolite.tools import ModelShape

__all__ = ["ComponentEffects", "component_effects"]

Floats = NDArray[np.float64]

_EASILY = 1.0
"""How much more hubs and strongly expressed genes move under whatever is taken out, in units of the noise."""
_TASTE = 0.5
"""Spread over components of what each does to strongly expressed genes beyond that."""
_FAMILY = 0.7
"""Spread over families of what a component does to all their genes."""
_PLANTED = 2.0
"""What a planted component does to the reference."""


@dataclass(frozen=True)
class ComponentEffects:
    """What the components of one world's model do, whichever genes are looked at.

    Attributes
    ----------
    parts
        All components.
    taste
        By what stands in place: shape (parts,), what each does to strongly expressed genes.
    planted
        The components that move the reference.
    seed
        Of the noise.
    """

    parts: tuple[Component, ...]
    taste: dict[How, Floats]
    planted: frozenset[Component]
    seed: int

    def on(
        self, names: tuple[str, ...], level: Floats, hub: Floats, family: NDArray[np.intp], members: Floats, part: str
    ) -> Callable[[Component, How], Ablated]:
        """Return what is done to genes of a part of the world, as a workbench asks for it.

        Parameters
        ----------
        names, level, hub, family
            Shape (n,) each: names, standardised expression, standardised attractiveness, and number of the family.
        members
            Shape (n,): 1 for genes that the planted components move.
        part
            Names the part, whose noise is its own.
        """

        def done(component: Component, how: How) -> Ablated:
            rng = np.random.default_rng(SeedSequence([self.seed, HOW.index(how), *part.encode()]))
            moved = np.array([each in self.planted for each in self.parts], dtype=np.float64)
            alike = rng.normal(0.0, _FAMILY, (len(self.parts), int(family.max()) + 1))[:, family]
            logs = (
                _EASILY * (level + hub)
                + self.taste[how][:, None] * level
                + alike
                + rng.normal(size=(len(self.parts), len(names)))
                + _PLANTED * moved[:, None] * members
            )
            change = np.exp(logs)
            return Ablated(
                names,
                tuple((each,) for each in self.parts),
                how,
                change,
                np.full_like(change, 0.1),
                np.ones(len(names), dtype=np.int64),
                np.column_stack([np.full(len(self.parts), 0.2), change.max(axis=1)]),
            )

        return done


def component_effects(shape: ModelShape, rng: Generator, *, planted: bool) -> ComponentEffects:
    """Draw what the components of a model do; ``planted``: whether some of them move the reference."""
    parts = components(shape.n_layers, shape.n_heads)
    taste: dict[How, Floats] = {how: rng.normal(0.0, _TASTE, len(parts)) for how in HOW}
    chosen = frozenset(
        [Component("head", 1, 1), Component("mlp", shape.n_layers), Component("layer", 1)] if planted else []
    )
    return ComponentEffects(parts, taste, chosen, int(rng.integers(1 << 62)))
