"""How good a sparse autoencoder is on rows that it was not trained on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from theodolite.saes.autoencoder import SparseAutoencoder
from theodolite.saes.rows import Rows
from theodolite.saes.settings import SAETrainingError

__all__ = ["SAEScores", "score"]

_DRAWS, _SIZE = 16, 4_096


@dataclass(frozen=True)
class SAEScores:
    """Scores of an autoencoder on rows.

    Attributes
    ----------
    rows
        How many.
    explained_variance
        One less the sum of squares that was missed over that about the mean of these rows.
    active
        Active features of a row, on average (L0).
    dead
        Share of the features that are active in none of these rows.
    dense
        Share of the features that are active in more than a tenth of them.
    """

    rows: int
    explained_variance: float
    active: float
    dead: float
    dense: float

    def plain(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def score(found: SparseAutoencoder, rows: Rows, seed: int, *, held_out: bool = True) -> SAEScores:
    """Score an autoencoder on drawn rows, 65,536 of them.

    Parameters
    ----------
    found
        The autoencoder.
    rows
        Where they are drawn from.
    seed
        Of the draws.
    held_out
        Whether from those that were held out.

    Raises
    ------
    SAETrainingError
        If all drawn rows are the same.
    """
    missed, squares, total = 0.0, 0.0, np.zeros(found.width)
    active = np.zeros(found.features, dtype=np.int64)
    for _, drawn in zip(range(_DRAWS), rows.draws(_SIZE, seed, held_out=held_out), strict=False):
        codes = found.encode(drawn)
        missed += float(np.square(drawn - found.decode(codes), dtype=np.float64).sum())
        # About the decoder's bias, which is near the mean: squares about it lose no digits.
        about = drawn.astype(np.float64) - found.decoder_bias
        squares += float(np.square(about).sum())
        total += about.sum(axis=0)
        active += codes.active_rows()
    count = _DRAWS * _SIZE
    spread = squares - float(np.square(total).sum()) / count
    if not spread > 1e-9 * squares:
        raise SAETrainingError("the rows to score are all the same; hold out others")
    return SAEScores(
        rows=count,
        explained_variance=1.0 - missed / spread,
        active=float(active.sum()) / count,
        dead=float((active == 0).mean()),
        dense=float((active > count / 10).mean()),
    )
