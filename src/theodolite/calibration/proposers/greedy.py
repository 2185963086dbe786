"""The greedy proposer: retries what nearly worked and digs beside what did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from theodolite.calibration.proposers.base import Proposer, fill
from theodolite.calibration.proposers.desk import Desk, Option
from theodolite.calibration.records import ProposerName
from theodolite.claims import Hypothesis, Verdict

__all__ = ["MOST_RETRIES", "GreedyProposer"]

MOST_RETRIES = 5
"""Tries of a claim key without support after which it is left alone."""


class GreedyProposer(Proposer):
    """Proposes neighbours of supports, then borderline claims again, then what looks strongest.

    Neighbours are other loci of a supported key and other references at a supported locus. Borderline is what looked
    strongest on discovery units and was not supported: it is tried at other loci, and once more at its own after an
    inconclusive verdict was told, up to five times a key.
    """

    name: ClassVar[ProposerName] = ProposerName.GREEDY

    def choose(self, desk: Desk, slots: int, rng: np.random.Generator) -> list[Hypothesis]:
        """Return up to half a round of neighbours, a quarter of retries, and the strongest of the rest."""
        chosen = fill([], _neighbours(desk), slots // 2)
        chosen = fill(chosen, _retries(desk), len(chosen) + slots // 4)
        return [option.hypothesis() for option in fill(chosen, desk.untried, slots)]


def _neighbours(desk: Desk) -> Iterator[Option]:
    loci = {str(option.locus) for option in desk.supported}
    yield from (option for option in desk.untried if option.key in desk.supported_keys)
    yield from (option for option in desk.untried if str(option.locus) in loci)


def _retries(desk: Desk) -> Iterator[Option]:
    inconclusive = {item.hypothesis_id for item in desk.view.released if item.verdict is Verdict.INCONCLUSIVE}
    for option in desk.unsupported:
        if option.key in desk.supported_keys or desk.tries(option.key) >= MOST_RETRIES:
            continue
        if option.id in inconclusive:
            yield option
        yield from (other for other in desk.untried if other.key == option.key)
