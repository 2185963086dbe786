"""Sealed trials: plants and as many shams, given to a reviewer by the calls that give it everything else.

A reviewer sees no difference: plans and records are made or judged by the same code, and nothing says which is which.
What it answered becomes a row of the ledger that no agent is shown, outside of every error stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, get_args

import numpy as np
from numpy.random import SeedSequence

from theodolite.agents import Reviewer
from theodolite.calibration.plants.clean import TOOLS, clean_item
from theodolite.calibration.plants.defects import ACCEPTED, DEFECTS, plant
from theodolite.calibration.plants.items import Item
from theodolite.claims import ReviewerCap
from theodolite.judgements import Objection, ObjectionCode
from theodolite.store import ReviewTrialRecord

__all__ = ["PER_CLASS", "SealedItem", "Trial", "give", "sealed_items", "sealed_trials"]

PER_CLASS: Final = 10
"""Plants of each class in a whole set of trials, and as many shams as plants."""

_CAPS: Final[tuple[ReviewerCap, ...]] = ("none", "inconclusive", "invalid")
_PAIR_TOOLS: Final = tuple(name for name in TOOLS if name != "geometry.axis_separation")
_NEEDS_PAIRS: Final = frozenset({"own_embedding_covariate"})
"""Classes that show best in claims about pairs, which hold co-expression fixed."""


@dataclass(frozen=True)
class SealedItem:
    """An item and what is hidden in it.

    Attributes
    ----------
    name
        Name of the trial.
    item
        What the reviewer is shown.
    defect
        The class of the plant; None for a clean sham.
    """

    name: str
    item: Item
    defect: ObjectionCode | None


Trial = ReviewTrialRecord
"""What a reviewer made of a sealed item: the record that the ledger keeps."""


def sealed_items(seed: int, per_class: int = PER_CLASS) -> Iterator[SealedItem]:
    """Yield the items of a set of trials, plants and shams mixed.

    An item depends on the seed, its class and its number alone, so that a larger set holds a smaller one. Each plant
    has a sham of the same instrument and strength, on another world's numbers and under other names.

    Parameters
    ----------
    seed
        Fixes the set.
    per_class
        Plants of each class, their forms in turn, and as many shams.

    Raises
    ------
    ValueError
        If there would be none.
    """
    if per_class < 1:
        raise ValueError(f"per_class is {per_class!r}; give each class at least one plant")
    classes = get_args(ObjectionCode)
    order = np.random.default_rng(SeedSequence([seed, len(classes), per_class])).permutation(
        2 * len(classes) * per_class
    )
    for place in map(int, order):
        number, sham = divmod(place, 2)
        defect: ObjectionCode = classes[number % len(classes)]
        yield _sealed(seed, defect, number // len(classes), sham=bool(sham))


def _sealed(seed: int, defect: ObjectionCode, number: int, *, sham: bool) -> SealedItem:
    entropy = [seed, list(DEFECTS).index(defect), number]
    shape = np.random.default_rng(SeedSequence([*entropy, 0]))
    tool = str(shape.choice(_PAIR_TOOLS if defect in _NEEDS_PAIRS else TOOLS))
    strong = bool(shape.random() < 0.75)
    item = clean_item(SeedSequence([*entropy, 2 if sham else 1]), tool=tool, strong=strong)
    if sham:
        return SealedItem(f"s{seed}-sham-{defect}-{number + 1:02d}", item, None)
    planted = plant(item, defect, number, np.random.default_rng(SeedSequence([*entropy, 3])))
    return SealedItem(f"s{seed}-{defect}-{number + 1:02d}", planted, defect)


def give(reviewer: Reviewer, sealed: SealedItem) -> Trial:
    """Give one sealed item to a reviewer, by the two calls that it gets for every claim, and note what it said.

    A plant is caught by an objection under its own name, or one of :data:`ACCEPTED`, at either stage.
    """
    item = sealed.item
    first = reviewer.review_plan(item.plan)
    second = reviewer.review_record(item.plan, first, item.judgement, item.result_prereg)
    right = None if sealed.defect is None else ACCEPTED.get(sealed.defect, frozenset({sealed.defect}))
    stage = next(
        (
            review.stage
            for review in (first, second)
            if any(right is None or objection.code in right for objection in review.objections)
            or (right is None and review.cap != "none")
        ),
        None,
    )
    return Trial(
        trial=sealed.name,
        reviewer=second.reviewer,
        item="sham" if sealed.defect is None else "plant",
        item_sha256=item.sha256,
        defect=sealed.defect,
        stage=stage,
        caught=sealed.defect is not None and stage is not None,
        objections=_together(first.objections, second.objections),
        cap=max(first.cap, second.cap, key=_CAPS.index),
        predicted_verdict=first.predicted_verdict,
        confidence=first.confidence,
        verdict=item.verdict,
    )


def _together(first: tuple[Objection, ...], second: tuple[Objection, ...]) -> tuple[Objection, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def sealed_trials(reviewer: Reviewer, seed: int, per_class: int = PER_CLASS) -> list[Trial]:
    """Give a reviewer a whole set of sealed items outside of any campaign; see :func:`sealed_items`."""
    return [give(reviewer, sealed) for sealed in sealed_items(seed, per_class)]
