"""Features that are more active in some cells than in others, with the replicate as the unit (arXiv 2603.02952).

Positions of one cell share the cell, and cells of one donor share the donor, so thousands of positions are few
observations. With positions as the unit 99 % of the features were enriched in some cell type, and 92 % responded to a
perturbation. Here features are averaged per cell before anything is tested, labels are permuted over what was sampled
independently, and an effect size stands beside every p.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import comb
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theodolite.gates.evidence import exceeding
from theodolite.gates.kernels import derive_seed, permutations
from theodolite.gates.schemes import blocked_labels

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["Specificity", "Unit", "cell_means", "specificity"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Unit = Literal["donors", "donors_within", "cells"]
"""What a p treats as independent. ``donors``: each donor has one label, and labels change places among donors.
``donors_within``: donors hold cells with the label and cells without, and the sign of each donor's difference is drawn,
which is exact where differences without an effect are symmetric about 0.
``cells``: labels change places among the cells of each donor, or among all where no donors are given; such a p is about
these donors' cells and says nothing of other donors."""


@dataclass(frozen=True, eq=False)
class Specificity:
    """Every feature in the cells of every label against all other cells.

    Attributes
    ----------
    labels
        Names of the L labels.
    cells
        Shape (L,): cells of each.
    unit
        What the p of each label treats as independent.
    units
        Shape (L,): how many of these there are.
    difference
        Shape (L, F): mean over the label's cells minus that over the others, in standard deviations of cells within
        either (pooled); 0 where a feature does not vary within them.
    auroc
        Shape (L, F): chance of a cell of the label to have a higher mean activation than another cell; ties count half.
    p, q
        Shape (L, F): one-sided for more activity, (b + 1) / (B + 1), or exact where donors can be arranged in at most
        B ways, and its Benjamini-Hochberg value over all labels and features.
    floor
        Shape (L,): smallest p that there can be, 1 / (1 + B) or the chance of a single arrangement of the units. Two
        donors on either side have 1 / 6, and can show nothing.
    """

    labels: tuple[str, ...]
    cells: Ints
    unit: tuple[Unit, ...]
    units: Ints
    difference: Floats
    auroc: Floats
    p: Floats
    q: Floats
    floor: Floats

    def found(self, level: float = 0.05, least_auroc: float = 0.7) -> Bools:
        """Return which features are specific to which label, shape (L, F): a small q and an effect worth naming."""
        return np.asarray((self.q <= level) & (self.auroc >= least_auroc))

    def frame(self) -> DataFrame:
        """Return a table: one row for each label and feature."""
        import pandas as pd

        shape = self.p.shape
        return pd.DataFrame(
            {
                "label": np.repeat(self.labels, shape[1]),
                "feature": np.tile(np.arange(shape[1]), shape[0]),
                "unit": np.repeat(self.unit, shape[1]),
                **{name: getattr(self, name).ravel() for name in ("difference", "auroc", "p", "q")},
            }
        )


def cell_means(activation: ArrayLike, cell: ArrayLike, n_cells: int) -> Floats:
    """Return the mean activation of each feature over the tokens of each cell, shape (n_cells, F).

    Parameters
    ----------
    activation
        Shape (tokens, F).
    cell
        Shape (tokens,): the cell of each token, from 0.
    n_cells
        Cells; each needs a token.

    Raises
    ------
    ValueError
        If shapes do not fit, or a cell has no token.
    """
    values, of = np.asarray(activation, dtype=np.float64), np.asarray(cell, dtype=np.int64)
    if values.ndim != 2 or of.shape != (len(values),):
        raise ValueError(f"activations of shape {values.shape} with cells of {of.shape}; give (tokens, features)")
    if len(of) and not 0 <= of.min() <= of.max() < n_cells:
        raise ValueError(f"cells are numbered {of.min()} to {of.max()}; of {n_cells} cells they are 0 to {n_cells - 1}")
    count = np.bincount(of, minlength=n_cells)
    if (count == 0).any():
        raise ValueError(f"cell {int(np.argmin(count))} of {n_cells} has no token; leave it out")
    total = np.zeros((n_cells, values.shape[1]))
    np.add.at(total, of, values)
    return total / count[:, None]


def specificity(
    activation: ArrayLike,
    labels: Sequence[str],
    *,
    donors: Sequence[str] | None = None,
    draws: int = 1_000,
    seed: int = 0,
) -> Specificity:
    """Compare every feature between the cells of each label and all others.

    The unit is chosen for each label by how it was sampled, never by the result. Where donors have one label each and
    at least two have the label and two have not, whole donors are relabelled. Where at least two donors hold cells of
    both kinds, each gives one difference, and its sign is drawn. Else cells are relabelled, within donors where these
    are known.

    Parameters
    ----------
    activation
        Shape (n_cells, F): mean activation of each feature over the tokens of each cell (:func:`cell_means`).
    labels
        Label of each cell, such as its type or its perturbation, found without sight of the features.
    donors
        Donor of each cell: what was sampled independently (a donor, a mouse, a well).
    draws, seed
        Draws of each label, and their seed.

    Raises
    ------
    ValueError
        If lengths differ, there are fewer than two labels, a label has one cell, or an activation is not finite.
    """
    from scipy.stats import false_discovery_control, rankdata

    values = np.asarray(activation, dtype=np.float64)
    if values.ndim != 2 or len(labels) != len(values) or (donors is not None and len(donors) != len(values)):
        raise ValueError(
            f"activations of shape {values.shape}, {len(labels)} labels, {donors and len(donors)} donors; give a row, "
            "a label and a donor for each cell"
        )
    if not np.isfinite(values).all():
        raise ValueError("an activation is not finite; leave cells without tokens out")
    if draws < 1:
        raise ValueError(f"{draws} draws give no null; ask for 1 or more")
    names, label, cells = np.unique(np.array(labels, dtype=str), return_inverse=True, return_counts=True)
    if len(names) < 2 or cells.min() < 2:
        raise ValueError(
            f"{len(names)} labels, the rarest ({names[cells.argmin()]}) of {cells.min()} cells; give two labels of two "
            "cells or more"
        )
    donor = None if donors is None else np.unique(np.array(donors, dtype=str), return_inverse=True)[1]
    rank = rankdata(values, axis=0)
    tests, difference, auroc = [], [], []
    for index, name in enumerate(names.tolist()):
        inside = label == index
        tests.append(_tested(values, inside, donor, draws, derive_seed(seed, name)))
        difference.append(_standardised(values, inside))
        m, rest = int(inside.sum()), int((~inside).sum())
        auroc.append((rank[inside].sum(axis=0) - m * (m + 1) / 2.0) / (m * rest))
    unit, units, floor, p = zip(*tests, strict=True)
    stacked = np.stack(p)
    return Specificity(
        labels=tuple(names.tolist()),
        cells=cells.astype(np.int64),
        unit=unit,
        units=np.array(units, dtype=np.int64),
        difference=np.stack(difference),
        auroc=np.stack(auroc),
        p=stacked,
        q=false_discovery_control(stacked, axis=None).reshape(stacked.shape),
        floor=np.array(floor),
    )


def _standardised(values: Floats, inside: Bools) -> Floats:
    """Return the difference of means in pooled standard deviations, shape (F,)."""
    groups = values[inside], values[~inside]
    squares = sum(np.square(group - group.mean(axis=0)).sum(axis=0) for group in groups)
    spread = np.sqrt(squares / max(len(values) - 2, 1))
    gap = groups[0].mean(axis=0) - groups[1].mean(axis=0)
    still = spread <= 1e-12 * np.maximum(1.0, np.abs(values).max(axis=0))
    return np.where(still, 0.0, gap / np.where(still, 1.0, spread))


def _tested(
    values: Floats, inside: Bools, donor: Ints | None, draws: int, seed: int
) -> tuple[Unit, int, float, Floats]:
    """Return the unit of a label, how many there are, the smallest p, and p, shape (F,)."""
    if donor is not None:
        count = np.bincount(donor)
        with_label = np.bincount(donor, weights=inside)
        mixed = (with_label > 0) & (with_label < count)
        pure = int((with_label == count).sum())
        if not mixed.any() and 2 <= pure <= len(count) - 2:
            means = np.stack([values[donor == each].mean(axis=0) for each in range(len(count))])
            # The mean of the others falls as that of the labelled rises, so a sum has the p of their difference.
            labelled, scheme = with_label > 0, blocked_labels([""] * len(count))
            ways = comb(len(count), pure)
            if ways <= draws:
                drawn = np.zeros((ways, len(count)))
                np.put_along_axis(drawn, np.array(list(combinations(range(len(count)), pure))), 1.0, axis=1)
            else:
                drawn = labelled[permutations(scheme, draws, seed)].astype(np.float64)
            return "donors", len(count), *_p(drawn @ means, labelled @ means, ways)
        if mixed.sum() >= 2:
            gaps = np.stack(
                [
                    values[(donor == each) & inside].mean(axis=0) - values[(donor == each) & ~inside].mean(axis=0)
                    for each in np.flatnonzero(mixed)
                ]
            )
            ways = 2 ** len(gaps)
            if ways <= draws:
                signs = np.array(list(product([-1.0, 1.0], repeat=len(gaps))))
            else:
                signs = np.random.default_rng(seed).choice([-1.0, 1.0], (draws, len(gaps)))
            return "donors_within", len(gaps), *_p(signs @ gaps, gaps.sum(axis=0), ways)
    scheme = blocked_labels([""] * len(inside) if donor is None else [str(each) for each in donor.tolist()])
    drawn = inside[permutations(scheme, draws, seed)].astype(np.float64)
    floor, p = _p(drawn @ values, inside.astype(np.float64) @ values, None)
    return "cells", len(inside), max(floor, float(10.0 ** -scheme.log10_arrangements(inside))), p


def _p(drawn: Floats, observed: Floats, ways: int | None) -> tuple[float, Floats]:
    """Return the smallest p that there can be, and p, shape (F,).

    Where ``drawn`` holds all the ``ways`` to arrange units, one of which is the observed one, p is exact.
    """
    reached = exceeding(drawn, observed).sum(axis=0)
    if ways is not None and ways == len(drawn):
        return 1.0 / ways, np.asarray(reached / ways)
    return 1.0 / (len(drawn) + 1.0), np.asarray((reached + 1.0) / (len(drawn) + 1.0))
