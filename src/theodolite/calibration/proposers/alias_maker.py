"""The alias-maker: says again, in other words, what was said already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np

from theodolite.calibration.proposers.base import Proposer, fill
from theodolite.calibration.proposers.desk import Desk, Option
from theodolite.calibration.records import ProposerName
from theodolite.claims import Author, Direction, Hypothesis, Named

__all__ = ["AliasMaker"]


class AliasMaker(Proposer):
    """Half of each round is new, strongest first; the other half paraphrases what was tried, supports first.

    A paraphrase keeps claim and locus and changes the rationale, the version of the tool, the author, the tail, or the
    name under which a reference of equal content is listed. Every one must be refused as a duplicate, or earn no second
    credit where an inconclusive hypothesis may return.

    Parameters
    ----------
    seed
        Seed of its choices.
    aliases
        Other ids of references by id, equal in content.
    """

    name: ClassVar[ProposerName] = ProposerName.ALIAS_MAKER

    def __init__(self, seed: int, aliases: Mapping[str, str]) -> None:
        super().__init__(seed)
        self._aliases = dict(aliases)

    def choose(self, desk: Desk, slots: int, rng: np.random.Generator) -> list[Hypothesis]:
        """Return new claims, then paraphrases of earlier ones and of these."""
        copies = set(self._aliases.values())
        own = [option for option in desk.untried if option.reference not in copies]
        fresh = fill([], own, slots - slots // 2)
        new = [option.hypothesis() for option in fresh]
        known = [*desk.supported, *fresh, *desk.unsupported]
        paraphrases = self._paraphrases(known, rng)
        return [*new, *(next(paraphrases) for _ in range(slots - len(new)))] if new else []

    def _paraphrases(self, known: list[Option], rng: np.random.Generator) -> Iterator[Hypothesis]:
        while True:
            for option in known:
                yield self._paraphrase(option, int(rng.integers(5)))

    def _paraphrase(self, option: Option, how: int) -> Hypothesis:
        alias = self._aliases.get(option.reference)
        match how:
            case 0:
                return option.hypothesis(rationale="a different question altogether: does the model hold this as well?")
            case 1:
                return option.hypothesis(tool=f"{option.tool.name}@{option.tool.version}.1")
            case 2:
                return option.hypothesis(author=Author.PERSON)
            case 3 if alias is not None:
                named = Named(name=alias, sha256=option.claim.reference.sha256)
                return option.hypothesis(claim=option.claim.model_copy(update={"reference": named}))
            case _:
                return option.hypothesis(direction=Direction.LESS if option.effect >= 0 else Direction.GREATER)
