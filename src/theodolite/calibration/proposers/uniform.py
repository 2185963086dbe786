"""The random proposer: no strategy at all."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from theodolite.calibration.proposers.base import Proposer
from theodolite.calibration.proposers.desk import Desk
from theodolite.calibration.records import ProposerName
from theodolite.claims import Direction, Hypothesis

__all__ = ["RandomProposer"]


class RandomProposer(Proposer):
    """Proposes untried claims in random order, in the direction of their relation, whatever discovery shows."""

    name: ClassVar[ProposerName] = ProposerName.RANDOM

    def choose(self, desk: Desk, slots: int, rng: np.random.Generator) -> list[Hypothesis]:
        """Return a random sample of what is untried."""
        untried = sorted(desk.untried, key=lambda option: option.id)
        order = rng.permutation(len(untried))[:slots].tolist()
        return [untried[index].hypothesis(direction=Direction.GREATER) for index in order]
