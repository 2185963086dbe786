"""The p-hackers: pick the claim that looks best and hammer it with variants until something gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np

from theodolite.calibration.proposers.base import Proposer, fill
from theodolite.calibration.proposers.desk import Desk, Option
from theodolite.calibration.records import ProposerName
from theodolite.claims import Direction, Hypothesis

__all__ = ["EarlyHammer", "PHacker"]

SCOUTED = 8
"""Claims that the early hammer looks at before it picks one."""
LARGE_LEVEL = 4.0
"""A level is large while it is this many times the stream's average level, q over the tests it is planned for."""


class PHacker(Proposer):
    """Scouts every discovery look, then hammers the best unaccepted claim with variants.

    Variants are other loci and, of what was tried already, the other tail and another wording. Half of each round
    goes to the best key without support, the rest to the next best.
    """

    name: ClassVar[ProposerName] = ProposerName.P_HACKER

    def choose(self, desk: Desk, slots: int, rng: np.random.Generator) -> list[Hypothesis]:
        """Return variants of the best unaccepted keys, best first."""
        reworded = [
            option.hypothesis(
                direction=Direction.LESS if option.effect >= 0 else Direction.GREATER,
                rationale=f"seen another way, round {desk.round}: the tail may be the other one",
            )
            for option in desk.unsupported[: slots // 4]
        ]
        chosen: list[Option] = []
        for key in _best_keys(desk.untried, desk.supported_keys):
            variants = (option for option in desk.untried if option.key == key)
            chosen = fill(chosen, variants, min(len(chosen) + max(slots // 2, 1), slots - len(reworded)))
            if len(chosen) >= slots - len(reworded):
                break
        # Variants of what is accepted are better than an empty slot.
        chosen = fill(chosen, desk.untried, slots - len(reworded))
        return [option.hypothesis() for option in chosen] + reworded


class EarlyHammer(Proposer):
    """Scouts eight untried claims at random and hammers the best of them at every locus while levels are large.

    Once levels are small it takes the strongest of what is left.
    """

    name: ClassVar[ProposerName] = ProposerName.EARLY_HAMMER

    def choose(self, desk: Desk, slots: int, rng: np.random.Generator) -> list[Hypothesis]:
        """Return variants of the best of eight, or the strongest claims."""
        left = [option for option in desk.untried if option.key not in desk.supported_keys]
        chosen: list[Option] = []
        while _levels_are_large(desk) and left and len(chosen) < slots:
            # What is left is in order of strength, so the best of those scouted is the one that comes first.
            best = left[int(rng.permutation(len(left))[:SCOUTED].min())].key
            chosen = fill(chosen, (option for option in left if option.key == best), slots)
            left = [option for option in left if option.key != best]
        return [option.hypothesis() for option in fill(chosen, desk.untried, slots)]


def _best_keys(untried: Sequence[Option], accepted: frozenset[str]) -> Iterator[str]:
    """Yield the keys without support, in the order of their strongest option."""
    yield from dict.fromkeys(option.key for option in untried if option.key not in accepted)


def _levels_are_large(desk: Desk) -> bool:
    level = desk.run.registrar().level(0)
    return level.provisional_alpha >= LARGE_LEVEL * level.q / level.n_max
