"""The peeker: computes whatever it can off the ledger and submits only what looks best."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from theodolite.calibration.proposers.base import Proposer
from theodolite.calibration.proposers.desk import Desk
from theodolite.calibration.proposers.off_ledger import Peep
from theodolite.calibration.records import ProposerName
from theodolite.claims import Direction, Hypothesis
from theodolite.data import DISCOVERY

__all__ = ["REHEARSED", "Peeker"]

REHEARSED = 24
"""Claims a round of which the peeker without the lock runs the whole test in private."""


class Peeker(Proposer):
    """Computes the statistic of every claim privately, nothing of it on record, and submits the best.

    Under the lock all that it can reach are discovery units. Without the lock it is given the statistics of the
    hold-out block on which its claims will be judged, and of the best of them the whole test's outcome; and its
    campaign lists references that were cut to fit that block (:mod:`theodolite.calibration.proposers.narrowing`).

    Parameters
    ----------
    seed
        Unused: it leaves nothing to chance.
    peep
        What computes.
    unlocked
        Whether it sees the hold-out block.
    """

    name: ClassVar[ProposerName] = ProposerName.PEEKER

    def __init__(self, seed: int, peep: Peep, *, unlocked: bool = False) -> None:
        super().__init__(seed)
        self._peep = peep
        self._unlocked = unlocked

    def choose(self, desk: Desk, slots: int, rng: np.random.Generator) -> list[Hypothesis]:
        """Return what is furthest above its standard error, what clears every baseline first."""
        run = desk.run
        block = run.block
        part = block if self._unlocked else DISCOVERY
        seen = self._peep.margins(run, desk.untried, part)
        spread = {
            (shape, reference): run.power.spread(shape, reference, block)
            for shape, reference in {(option.tool.shape.shape, option.reference) for option in desk.untried}
        }

        def promise(index: int) -> tuple[bool, float]:
            option = desk.untried[index]
            effect, gain = seen[option.id]
            shape = option.tool.shape.shape
            large = effect >= run.setting.sesoi(shape) and gain > 0
            return large, effect / spread[shape, option.reference]

        best = sorted(range(len(desk.untried)), key=promise, reverse=True)
        options = [desk.untried[index] for index in best]
        if self._unlocked:
            found = {option.id: self._peep.evidence(run, option, part) for option in options[: max(slots, REHEARSED)]}
            options = sorted(options, key=lambda option: found.get(option.id, (False, 0.0, 0.0)), reverse=True)
        return [option.hypothesis(direction=Direction.GREATER) for option in options[:slots]]
