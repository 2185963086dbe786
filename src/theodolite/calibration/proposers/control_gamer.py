"""The control-gamer: goes where the planted controls are easiest."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from theodolite.calibration.proposers.base import Proposer, fill
from theodolite.calibration.proposers.desk import Desk, Option
from theodolite.calibration.records import ProposerName
from theodolite.claims import Hypothesis
from theodolite.gates import StreamExhausted

__all__ = ["ControlGamer"]


class ControlGamer(Proposer):
    """Picks the largest references at the loci whose scores spread widest, and times its favourites.

    Controls are cached by a class of score covariance and by the level rounded down on a 1-2-5 grid. So it prefers loci
    at which effects of all references differ most, in the hope that a planted signal stands out there too, and puts its
    favourites where the level lies nearest to a step of the grid, in the hope that the rounding errs its way.
    """

    name: ClassVar[ProposerName] = ProposerName.CONTROL_GAMER

    def choose(self, desk: Desk, slots: int, rng: np.random.Generator) -> list[Hypothesis]:
        """Return its favourites, the dearest of them at the slots whose levels suit it best."""
        spread = _spreads(desk)
        favourites = sorted(
            (option for option in desk.untried if option.effect > 0),
            key=lambda option: (-option.n, -spread[option.tool.name, str(option.locus)], option.id),
        )
        chosen = fill(fill([], favourites, slots), desk.untried, slots)
        placed: list[Option | None] = [None] * len(chosen)
        for option, slot in zip(chosen, _best_slots(desk, len(chosen)), strict=True):
            placed[slot] = option
        return [option.hypothesis() for option in placed if option is not None]


def _spreads(desk: Desk) -> dict[tuple[str, str], float]:
    effects: dict[tuple[str, str], list[float]] = {}
    for option in desk.options:
        effects.setdefault((option.tool.name, str(option.locus)), []).append(option.effect)
    return {locus: float(np.std(found)) for locus, found in effects.items()}


def _best_slots(desk: Desk, slots: int) -> list[int]:
    """Return the slots of the round, those whose level is nearest to a step of the grid first."""
    registrar = desk.run.registrar()

    def distance(slot: int) -> float:
        try:
            alpha = registrar.level(slot).provisional_alpha
        except StreamExhausted:
            return math.inf
        mantissa = 10.0 ** (math.log10(alpha) % 1.0)
        return min(abs(math.log10(mantissa / step)) for step in (1.0, 2.0, 5.0, 10.0))

    return sorted(range(slots), key=lambda slot: (distance(slot), slot))
