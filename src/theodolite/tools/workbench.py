"""What a tool may see: one split's genes, and of the model what was captured for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from theodolite.models.components import Component, How

__all__ = ["N_FEATURES", "Axes", "BenchSize", "ModelShape", "Workbench", "fit_axes"]

N_FEATURES = 16
"""Features that are looked at in each layer, those whose mean values differ most between discovery genes."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ModelShape:
    """Size of a model: ``n_layers`` blocks of ``n_heads`` heads each, and whether it has a read-out vector a gene."""

    n_layers: int
    n_heads: int
    read_out: bool = False

    @property
    def sites(self) -> tuple[int | None, ...]:
        """Where the model has gene vectors: each layer from the embedding (0) on, then the read-out (None)."""
        return (*range(self.n_layers + 1), *((None,) if self.read_out else ()))


@dataclass(frozen=True)
class BenchSize:
    """Sizes of a workbench, known before it is made.

    Attributes
    ----------
    genes, regulators
        Genes of the split, and those of them that are regulators.
    cells
        Cells of the whole set.
    width
        Components of a gene's vector.
    shape
        Size of the model.
    """

    genes: int
    regulators: int
    cells: int
    width: int
    shape: ModelShape


@dataclass(frozen=True)
class Axes:
    """Singular axes of a layer, fitted on discovery genes.

    Attributes
    ----------
    centre
        Shape (width,): mean of the discovery genes' vectors.
    components
        Shape (k, width): right singular vectors, by falling singular value.
    singular_values
        Shape (k,).
    """

    centre: Floats
    components: Floats
    singular_values: Floats

    def coordinates(self, hidden: Floats) -> Floats:
        """Project vectors (n, width) onto the axes; returns (n, k) in residual-stream units."""
        return np.asarray((hidden - self.centre) @ self.components.T)


def fit_axes(hidden: Floats, n_axes: int) -> Axes:
    """Fit singular axes to the gene vectors (n, width) of a layer.

    Rows of zeros (genes outside a model's vocabulary) are dropped, for after centring they would turn the first axis
    into "present against absent". Each axis is signed so that its largest component is positive, so that two fits of
    the same rows agree.

    Raises
    ------
    ValueError
        If fewer than ``n_axes + 1`` rows are left.
    """
    rows = hidden[np.linalg.norm(hidden, axis=1) > 0]
    if len(rows) <= n_axes:
        raise ValueError(f"{len(rows)} non-zero gene vectors cannot fix {n_axes} axes; use a larger discovery split")
    if rows.shape[1] < n_axes:
        raise ValueError(f"vectors of width {rows.shape[1]} have no {n_axes} axes; survey a wider model")
    centre = rows.mean(axis=0)
    _, singular_values, components = np.linalg.svd(rows - centre, full_matrices=False)
    components = components[:n_axes]
    largest = np.abs(components).argmax(axis=1)
    signs = np.sign(components[np.arange(len(components)), largest])
    return Axes(centre, components * signs[:, None], singular_values[:n_axes])


class Workbench(Protocol):
    """One split's genes with what the model and the counts say of them.

    A workbench of the confirmation split holds axes, or features, that were fitted on discovery genes; a tool cannot
    refit them.
    """

    @property
    def genes(self) -> tuple[str, ...]:
        """Symbols of the n genes of the split that have a homology family."""
        ...

    @property
    def families(self) -> tuple[str, ...]:
        """Homology family of each gene."""
        ...

    @property
    def regulators(self) -> tuple[str, ...]:
        """Those of :attr:`genes`, in their order, that regulate anything in the campaign's regulons."""
        ...

    @property
    def covariate_names(self) -> tuple[str, ...]:
        """Names of the columns of :attr:`covariates`."""
        ...

    @property
    def covariates(self) -> Floats:
        """Gene statistics (n, k) from counts of the same cells."""
        ...

    @property
    def shape(self) -> ModelShape:
        """Size of the model."""
        ...

    def hidden(self, layer: int | None) -> Floats:
        """Return the gene vectors (n, width) of a site.

        For a layer, the residual stream at each gene's token after that many blocks, averaged over cells; for None,
        the vectors with which the model reads its predictions out.
        """
        ...

    def axes(self, layer: int | None) -> Axes:
        """Return the axes of a site that were fitted on discovery genes."""
        ...

    def features(self, layer: int) -> Floats:
        """Return what ranked features of a layer do at each gene's tokens, (n, k), k as many as are looked at.

        Features are those of a dictionary that was trained on the tokens of discovery genes, in the order of how much
        their mean values differ between these. A gene's number is the feature's mean value over its tokens, above 0,
        along a unit decoder vector; where the feature is active at none of them it is the mean distance to being
        active, below 0.

        Raises
        ------
        ToolError
            If there is no dictionary, or a gene is a token of none of the cells.
        """
        ...

    def attention(self, layer: int, head: int | None) -> Floats:
        """Return attention (n, n) from row gene to column gene, averaged over cells, of a head or over all heads."""
        ...

    def ablated(self, component: Component, how: How) -> Floats:
        """Return what taking a component out does to each gene (n,).

        The mean squared change of the prediction at the gene's token, over the cells that are read for ablations.

        Raises
        ------
        ToolError
            If there is no model to intervene in, or a gene is a token of none of the cells.
        NothingMovedError
            If the last residual stream of no token turned by a cosine distance of 0.02 or more; not of a baseline.
        InterventionError
            If the intervention does not do what it says.
        """
        ...
