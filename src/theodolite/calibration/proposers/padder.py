"""The padder: half of what it tests is what it already has."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from theodolite.calibration.proposers.base import Proposer, fill
from theodolite.calibration.proposers.desk import Desk
from theodolite.calibration.records import ProposerName
from theodolite.claims import Hypothesis

__all__ = ["Padder"]


class Padder(Proposer):
    """Fills half of each round with other loci of supported claim keys, the rest with the strongest new keys.

    Under a rule that pays for every rejection it would earn levels with what is true already and spend them on what is
    not; credit is earned once a key here (statistics §0, conclusion 3).
    """

    name: ClassVar[ProposerName] = ProposerName.PADDER

    def choose(self, desk: Desk, slots: int, rng: np.random.Generator) -> list[Hypothesis]:
        """Return variants of supported keys, and the best locus of each key that is new."""
        padding = [option for option in desk.untried if option.key in desk.supported_keys]
        fresh = {option.key: option for option in reversed(desk.untried) if option.key not in desk.supported_keys}
        strongest = sorted(fresh.values(), key=lambda option: (-option.strength, option.id))
        chosen = fill([], padding, slots // 2)
        return [option.hypothesis() for option in fill(fill(chosen, strongest, slots), desk.untried, slots)]
