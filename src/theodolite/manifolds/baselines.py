"""What a latent space must beat: principal components, a random projection, and static embeddings of genes.

A model that is frozen is often no better than a random projection of its input of the same width, so that none of
these may be left out. Each places held-out rows as a fitter does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theodolite.data.seeded import derive_seed
from theodolite.manifolds.embedding import Fitter, axis_signs, checked_rows, rows_to_place, unsupervised

__all__ = ["BASELINES", "LinearMap", "baseline_fitters", "principal_components", "random_projection", "static_features"]

Floats = NDArray[np.float64]

BASELINES: Final = ("principal components", "random projection", "static embedding")
"""Names of what a search compares with."""


@dataclass(frozen=True, eq=False)
class LinearMap:
    """A linear embedding.

    Attributes
    ----------
    centre
        Shape (width,): what is subtracted.
    axes
        Shape (width, dimension).
    latent
        Shape (n, dimension).
    """

    centre: Floats
    axes: Floats
    latent: Floats

    def place(self, rows: ArrayLike) -> Floats:
        """Return coordinates (m, dimension) of other rows (m, width).

        Raises
        ------
        ValueError
            If the rows are not of the width that was fitted.
        """
        return np.asarray((rows_to_place(rows, len(self.centre)) - self.centre) @ self.axes)


def principal_components(rows: ArrayLike, *, dimension: int) -> LinearMap:
    """Keep the directions in which the rows vary most.

    Parameters
    ----------
    rows
        Shape (n, width).
    dimension
        Directions to keep.

    Raises
    ------
    ValueError
        If the rows do not span so many dimensions.
    """
    array = checked_rows(rows, dimension=dimension)
    centre = array.mean(axis=0)
    _, size, axes = np.linalg.svd(array - centre, full_matrices=False)
    rank = int((size > 1e-10 * size[0]).sum()) if size[0] > 0.0 else 0
    if rank < dimension:
        raise ValueError(f"the rows vary in {rank} dimensions, not {dimension}; ask for at most {rank}")
    turned = axes[:dimension].T
    turned = turned * axis_signs((array - centre) @ turned)
    return LinearMap(centre, turned, (array - centre) @ turned)


def random_projection(rows: ArrayLike, *, dimension: int, seed: int = 0) -> LinearMap:
    """Project on directions that were drawn at random (Johnson and Lindenstrauss 1984), which see nothing of the rows.

    Parameters
    ----------
    rows
        Shape (n, width).
    dimension
        Directions to draw: normal entries of variance 1 / dimension, which keep squared distances on average.
    seed
        Of the draw.

    Raises
    ------
    ValueError
        If rows and dimension do not fit.
    """
    array = checked_rows(rows, dimension=dimension)
    draw = np.random.default_rng(derive_seed(seed, "random projection"))
    axes = draw.standard_normal((array.shape[1], dimension)) / np.sqrt(dimension)
    centre = array.mean(axis=0)
    return LinearMap(centre, axes, (array - centre) @ axes)


def static_features(expression: ArrayLike, table: ArrayLike) -> Floats:
    """Return features (n, width) that a model's table of gene vectors gives without the model: weighted mean vectors.

    Parameters
    ----------
    expression
        Shape (n, genes): weights of the genes of each row, not negative.
    table
        Shape (genes, width): one vector a gene.

    Raises
    ------
    ValueError
        If shapes do not fit, a weight is negative, or a row has none.
    """
    weights, vectors = np.asarray(expression, dtype=np.float64), np.asarray(table, dtype=np.float64)
    if weights.ndim != 2 or vectors.ndim != 2 or weights.shape[1] != len(vectors):
        raise ValueError(
            f"expression of shape {weights.shape} and a table of shape {vectors.shape} are not of the same genes"
        )
    total = weights.sum(axis=1, keepdims=True)
    if not (np.isfinite(weights).all() and np.isfinite(vectors).all()) or (weights < 0.0).any() or (total <= 0.0).any():
        raise ValueError("expression must be finite and not negative with something in every row, and the table finite")
    return np.asarray((weights / total) @ vectors)


def baseline_fitters(
    expression: Floats, static: Floats | None, *, dimension: int, seed: int = 0
) -> Mapping[str, tuple[Floats, Fitter]]:
    """Return every baseline's rows and fitter by its name in :data:`BASELINES`.

    Principal components and a random projection of expression, and principal components of static features.

    Parameters
    ----------
    expression
        Shape (n, genes).
    static
        Shape (n, width), from :func:`static_features`; None leaves that baseline out.
    dimension
        Latent dimensions of what is compared; static features that are narrower keep all components.
    seed
        Of the random projection.
    """
    components, projection, embedding = BASELINES
    found: dict[str, tuple[Floats, Fitter]] = {
        components: (expression, unsupervised(principal_components, dimension=dimension)),
        projection: (expression, unsupervised(random_projection, dimension=dimension, seed=seed)),
    }
    if static is not None:
        kept = min(dimension, static.shape[1])
        found[embedding] = (static, unsupervised(principal_components, dimension=kept))
    return found
