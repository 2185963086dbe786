"""What the eight proposers have in common: a name, a seed, and one round at a time from what agents are told."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar

import numpy as np

from theodolite.calibration.proposers.desk import Desk, Option
from theodolite.calibration.records import ProposerName
from theodolite.claims import Hypothesis
from theodolite.experiments import CampaignRun, Look

__all__ = ["Proposer", "fill"]


class Proposer(ABC):
    """An executor of the loop that follows a fixed strategy; deterministic given its seed and the ledger.

    Parameters
    ----------
    seed
        Seed of whatever it draws; each round draws from a stream of its own.
    """

    name: ClassVar[ProposerName]

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._seen: tuple[tuple[str, ...], tuple[Option, ...]] = ((), ())

    def propose(self, run: CampaignRun, looks: Sequence[Look], slots: int) -> list[Hypothesis]:
        """Return up to ``slots`` hypotheses for the next round; none if nothing new is left to try."""
        known = tuple(look.id for look in looks)
        # A claim key and an identity are hashes: looks of a campaign do not change, so they are made once.
        if self._seen[0] != known:
            self._seen = (known, Desk.enumerate(run, looks))
        desk = Desk.at(run, self._seen[1], slots)
        chosen = self.choose(desk, slots, np.random.default_rng([self._seed, desk.round]))
        # What only repeats earlier claims makes no round: the campaign would never end.
        return chosen if any(desk.is_new(hypothesis) for hypothesis in chosen) else []

    @abstractmethod
    def choose(self, desk: Desk, slots: int, rng: np.random.Generator) -> list[Hypothesis]:
        """Return at most ``slots`` hypotheses."""


def fill(chosen: list[Option], more: Iterable[Option], slots: int) -> list[Option]:
    """Return the options chosen so far with others appended, each once, until there are ``slots``."""
    taken = {option.id for option in chosen}
    result = chosen[:slots]
    for option in more:
        if len(result) >= slots:
            break
        if option.id not in taken:
            taken.add(option.id)
            result.append(option)
    return result
