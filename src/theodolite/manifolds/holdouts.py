"""Rows that a fit does not see: at random, of one donor, of one branch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.data.seeded import derive_seed

__all__ = ["Holdout", "HoldoutKind", "label_holdouts", "random_holdouts"]

Bools = NDArray[np.bool_]

HoldoutKind = Literal["random", "donor", "branch"]


@dataclass(frozen=True, eq=False)
class Holdout:
    """Rows that a fit does not see.

    Attributes
    ----------
    kind, name
        How they were chosen, and which ones: the donor, the branch, or the number of the draw.
    held
        Shape (n,).
    """

    kind: HoldoutKind
    name: str
    held: Bools

    @property
    def key(self) -> tuple[str, str]:
        """Kind and name."""
        return self.kind, self.name


def random_holdouts(n: int, *, share: float = 0.2, repeats: int = 5, seed: int = 0) -> tuple[Holdout, ...]:
    """Hold out a share of the rows at random, several times over.

    Raises
    ------
    ValueError
        If the share leaves fewer than 3 rows on either side.
    """
    count = round(share * n)
    if not 3 <= count <= n - 3:
        raise ValueError(f"a share of {share!r} of {n} rows is {count}; leave 3 rows or more on both sides")
    found = []
    for number in range(repeats):
        held = np.zeros(n, dtype=np.bool_)
        draw = np.random.default_rng(derive_seed(seed, "random hold-out", str(number)))
        held[draw.permutation(n)[:count]] = True
        found.append(Holdout("random", str(number + 1), held))
    return tuple(found)


def label_holdouts(
    labels: Sequence[str], kind: HoldoutKind, *, names: Iterable[str] | None = None
) -> tuple[Holdout, ...]:
    """Hold out all rows of one label, each label in turn.

    Parameters
    ----------
    labels
        Donor or branch of each row.
    kind
        What they are.
    names
        The labels to hold out; all where None. A trunk is no branch whose place could be told from the others.

    Raises
    ------
    ValueError
        If a name is no label, or all rows have one label, and nothing would be left to fit.
    """
    values = np.asarray(labels, dtype=str)
    known = sorted(set(values.tolist()))
    chosen = known if names is None else list(names)
    if missing := [name for name in chosen if name not in known]:
        raise ValueError(f"no row has the {kind} {', '.join(map(repr, missing))}; there are {', '.join(known)}")
    if len(known) < 2:
        raise ValueError(f"all rows have the {kind} {known[0]!r}; holding it out leaves nothing to fit")
    return tuple(Holdout(kind, name, np.asarray(values == name)) for name in chosen)
