"""What all forms of defects share: a form changes one thing of a clean item, or says that the item cannot carry it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from numpy.random import Generator

from theodolite.calibration.plants.items import Item

__all__ = ["Form"]


@dataclass(frozen=True)
class Form:
    """One way in which a class of defect shows.

    Attributes
    ----------
    what
        What is done, in words.
    make
        Returns the item with the defect, or None where this item has nothing to work it into (a claim about genes has
        no co-expression to fake).
    in_words
        Whether it shows in prose alone, where code does not look.
    """

    what: str
    make: Callable[[Item, Generator], Item | None]
    in_words: bool = False
