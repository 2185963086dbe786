"""What a reconstruction model must beat: the gene mean, and a regression on a shrunken covariance.

Both predict the hidden genes of a cell; both are fitted on training cells only and scored on the same masks as the
model. The regression is the conditional mean of a Gaussian (Bishop 2006, eq. 2.96), which no transformer trained on
a few hundred cells beats for free.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]

SHRINKAGES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


def masked_mse(predicted: Array, values: Array, masks: Mask) -> float:
    """Return the mean squared error over hidden entries.

    Parameters
    ----------
    predicted, values
        Log1p CP10K, ``[K, cells, genes]`` and ``[cells, genes]``.
    masks
        True where hidden, ``[K, cells, genes]``: K masks for each cell.

    Raises
    ------
    ValueError
        When no entry is hidden.
    """
    if not masks.any():
        raise ValueError("no entry is hidden: draw the masks with a larger share")
    errors = np.square(np.asarray(predicted, dtype=np.float64) - values)
    return float(np.broadcast_to(errors, masks.shape)[masks].mean())


def gene_mean_mse(training: Array, held_out: Array, masks: Mask) -> float:
    """Return the error of predicting each hidden entry by the training cells' mean of its gene.

    Parameters
    ----------
    training, held_out
        Log1p CP10K, ``[cells, genes]`` each.
    masks
        True where hidden, ``[K, held-out cells, genes]``.
    """
    means = np.asarray(training, dtype=np.float64).mean(axis=0)
    return masked_mse(np.broadcast_to(means, masks.shape), held_out, masks)


@dataclass(frozen=True)
class ShrinkageRegression:
    """Gaussian conditional mean of hidden genes given seen ones, with a shrunken covariance.

    The covariance is ``(1 - shrinkage) S + shrinkage * mean(diag S) * I`` (Ledoit and Wolf 2004). Their formula for
    the intensity minimises the error of the covariance, not of a prediction made with it, and shrinks far too little
    for cells fewer than genes; :meth:`tune` therefore also offers the intensity that predicts best.

    Attributes
    ----------
    mean
        Mean of the training cells, ``[genes]``.
    precision
        Inverse of the shrunken covariance, ``[genes, genes]``.
    shrinkage
        Intensity in (0, 1].
    """

    mean: Array
    precision: Array
    shrinkage: float

    @classmethod
    def fit(cls, training: Array, shrinkage: float | None = None) -> ShrinkageRegression:
        """Fit on training cells ``[cells, genes]``, by default with the Ledoit-Wolf intensity.

        Raises
        ------
        ValueError
            When the intensity is outside (0, 1] or every gene is constant.
        """
        from sklearn.covariance import empirical_covariance, ledoit_wolf_shrinkage, shrunk_covariance

        cells = np.asarray(training, dtype=np.float64)
        intensity = float(ledoit_wolf_shrinkage(cells)) if shrinkage is None else float(shrinkage)
        if not 0 < intensity <= 1:
            raise ValueError(f"shrinkage={intensity!r} must be in (0, 1]: without any the covariance has no inverse")
        sample = empirical_covariance(cells)
        if not np.trace(sample) > 0:
            raise ValueError("every gene is constant in the training cells: there is nothing to regress on")
        covariance = shrunk_covariance(sample, shrinkage=intensity)
        return cls(cells.mean(axis=0), np.linalg.inv(covariance), intensity)

    @classmethod
    def tune(cls, training: Array, mask_share: float, seed: int) -> ShrinkageRegression:
        """Fit with the intensity that best predicts a fifth of the training cells from the other four fifths.

        Parameters
        ----------
        training
            Log1p CP10K, ``[cells, genes]``, at least five cells.
        mask_share
            Share of genes hidden in the inner cells.
        seed
            Seed of the inner split and masks.
        """
        if len(training) < 5:
            raise ValueError(f"{len(training)} training cells cannot be split into fifths: give five or more")
        draw = np.random.default_rng(np.random.SeedSequence(seed))
        order = draw.permutation(len(training))
        inner, outer = training[order[: len(order) // 5]], training[order[len(order) // 5 :]]
        masks = draw.random((1, *inner.shape)) < mask_share
        errors = [masked_mse(cls.fit(outer, each).predict(inner, masks), inner, masks) for each in SHRINKAGES]
        return cls.fit(training, SHRINKAGES[int(np.argmin(errors))])

    def predict(self, values: Array, masks: Mask) -> Array:
        """Return ``[K, cells, genes]``: the conditional mean where hidden, the value itself where seen.

        With precision P, the conditional mean of hidden genes m given seen genes o is
        ``mean_m - inv(P_mm) P_mo (x_o - mean_o)``: one solve of the hidden size instead of the seen size.

        Parameters
        ----------
        values
            Log1p CP10K, ``[cells, genes]``; hidden entries are not read.
        masks
            True where hidden, ``[K, cells, genes]``.
        """
        predicted = np.broadcast_to(np.asarray(values, dtype=np.float64), masks.shape).copy()
        for repeat, cell in np.ndindex(masks.shape[:2]):
            hidden = np.flatnonzero(masks[repeat, cell])
            deviation = np.where(masks[repeat, cell], 0.0, values[cell] - self.mean)
            pull = self.precision[hidden] @ deviation
            shift = np.linalg.solve(self.precision[np.ix_(hidden, hidden)], pull)
            predicted[repeat, cell, hidden] = self.mean[hidden] - shift
        return predicted
