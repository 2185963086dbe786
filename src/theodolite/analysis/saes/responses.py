"""Features that respond to perturbations, with the cell as the unit (arXiv 2603.02952, perturbation response).

It was reported that features respond to 92 % of the perturbed targets. Twenty cells of a target were compared with
controls position by position, as if two thousand tokens of a cell were two thousand observations. Tokens of one cell
share the cell, so any two groups of cells differ, by that count. Here a feature is averaged over the tokens of a cell
before it is tested.

``specificity`` compares a label with all other cells, by permutation. Here each target is compared with the controls
only, and thousands of features for each of a hundred targets are corrected together, which needs p far below what
draws can give; so p is of the rank sum's normal approximation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["Responses", "responses"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_LEAST_CELLS = 10
"""Fewest cells on either side, below which a rank sum is not near to normal in its tails."""


@dataclass(frozen=True, eq=False)
class Responses:
    """Every feature in the cells of every target against control cells.

    Attributes
    ----------
    targets
        Names of the T targets.
    cells
        Shape (T,): cells of each.
    controls
        Control cells.
    effect
        Shape (T, F): AUROC - 0.5, from -0.5 to 0.5: chance of a perturbed cell to have a higher mean activation than a
        control cell, ties counting half, over even odds. Below 0 the feature is less active.
    p, q
        Shape (T, F): two-sided rank-sum test over cells (Mann and Whitney 1947), normal approximation corrected for
        ties, and its Benjamini-Hochberg value over all targets and features. Cells of one well or batch are no more
        independent than tokens of a cell: where a target was grown apart from its controls, the batch responds.
    """

    targets: tuple[str, ...]
    cells: Ints
    controls: int
    effect: Floats
    p: Floats
    q: Floats

    def responding(self, level: float = 0.05, least_effect: float = 0.2) -> Bools:
        """Return which features respond to which target, shape (T, F): a small q and an effect worth naming."""
        return np.asarray((self.q <= level) & (np.abs(self.effect) >= least_effect))

    def frame(self) -> DataFrame:
        """Return a table: one row for each target and feature."""
        import pandas as pd

        shape = self.p.shape
        return pd.DataFrame(
            {
                "target": np.repeat(self.targets, shape[1]),
                "feature": np.tile(np.arange(shape[1]), shape[0]),
                **{name: getattr(self, name).ravel() for name in ("effect", "p", "q")},
            }
        )


def responses(activation: ArrayLike, labels: Sequence[str], *, control: str) -> Responses:
    """Test every feature for a response to every target.

    Parameters
    ----------
    activation
        Shape (n_cells, F): mean activation of each feature over the tokens of each cell
        (:func:`theodolite.analysis.saes.cell_means`).
    labels
        Perturbed target of each cell, or the control's label.
    control
        Label of control cells. All targets are compared with the same ones, so their tests are dependent: a control
        that is unlike the others by chance is so for every target.

    Raises
    ------
    ValueError
        If lengths differ, there is no control or no target, a label has fewer than ten cells, or an activation is not
        finite.
    """
    from scipy.stats import false_discovery_control, mannwhitneyu

    values, names = np.asarray(activation, dtype=np.float64), np.array(labels, dtype=str)
    if values.ndim != 2 or not values.shape[1] or len(names) != len(values):
        raise ValueError(
            f"activations of shape {values.shape}, {len(names)} labels; give a row for each cell, averaged over its "
            "tokens, and a label"
        )
    if not np.isfinite(values).all():
        raise ValueError("an activation is not finite; leave cells without tokens out")
    found, cells = np.unique(names, return_counts=True)
    if control not in found or len(found) < 2:
        raise ValueError(f"labels are {', '.join(found[:5])}; need the control {control!r} and a target beside it")
    if cells.min() < _LEAST_CELLS:
        fewest = str(found[np.argmin(cells)])
        raise ValueError(f"{fewest!r} has {cells.min()} cells; leave out targets with fewer than {_LEAST_CELLS}")
    targets, of_target = found[found != control], cells[found != control]
    controls = values[names == control]
    effect, p = np.empty((len(targets), values.shape[1])), np.empty((len(targets), values.shape[1]))
    # Features that are 0 in every cell of both have p = 1: all ranks are equal.
    for row, target in enumerate(targets):
        perturbed = values[names == target]
        tested = mannwhitneyu(perturbed, controls, alternative="two-sided", method="asymptotic")
        effect[row] = tested.statistic / (len(perturbed) * len(controls)) - 0.5
        p[row] = np.where(np.isnan(tested.pvalue), 1.0, tested.pvalue)
    q = false_discovery_control(p, axis=None).reshape(p.shape)
    return Responses(tuple(targets.tolist()), of_target.astype(np.int64), len(controls), effect, p, q)
