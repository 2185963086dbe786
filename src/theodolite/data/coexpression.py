"""Co-expression from counts: two estimates within cell types, and the first again in two halves of the cells.

Cell types co-vary in almost every pair of genes, so cell-type means are taken out first where cells carry a
``cell_type``. The first estimate is the correlation of log1p counts per 10,000, what the models themselves mostly see.
It shrinks for weakly expressed genes and keeps what differences in depth leave behind. The second one does not share
these faults: with six donors or more it is the rank correlation of pseudobulk sums, in which hardly a zero is left and
donors, not cells, are the unit (Squair et al. 2021); with fewer it is the correlation of analytic Pearson residuals,
which hold a cell's depth and a gene's abundance fixed under counting noise (Lause, Berens and Kobak 2021).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from theodolite.data.cells import CellSet
from theodolite.data.seeded import seeded_bits, stable_permutation
from theodolite.measurements import Coexpression

__all__ = ["coexpression"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_TYPE = "cell_type"
_LEAST_DONORS = 6
_LEAST_CELLS = 10
"""Cells that a pseudobulk sum is made of at the least."""
_DISPERSION = 100.0
"""Inverse overdispersion of counting noise (theta) for UMI counts, from Lause, Berens and Kobak."""
_HALVES_STREAM = 5


def coexpression(cells: CellSet, genes: Sequence[str]) -> Coexpression:
    """Return the co-expression of genes in cells; a gene that does not vary is correlated with nothing.

    The halves keep donors (else batches) whole and are drawn by the content of the cells, so equal cells give equal
    bytes. Cells of a single donor or batch are halved cell by cell.

    Raises
    ------
    ValueError
        If a gene is not among the cells' genes, or there are fewer than four cells.
    """
    position = {gene: column for column, gene in enumerate(cells.genes)}
    absent = [gene for gene in genes if gene not in position]
    if absent:
        raise ValueError(f"{cells.name!r} has no counts of {', '.join(map(repr, absent[:5]))}; leave such genes out")
    if len(cells.cells) < 4:
        raise ValueError(f"{cells.name!r} has {len(cells.cells)} cells; halves of them need two each")
    columns = [position[gene] for gene in genes]
    values, types = _log_values(cells, columns), _index(cells.labels.get(_TYPE, ("",) * len(cells.cells)))
    half = _half(cells)
    return Coexpression(
        genes=tuple(genes),
        pearson=_correlation(values, types),
        robust=_robust(cells, columns, types),
        half_a=_correlation(values[half], types[half]),
        half_b=_correlation(values[~half], types[~half]),
    )


def _index(labels: Sequence[str]) -> Ints:
    return np.unique(np.array(labels), return_inverse=True)[1].astype(np.int64)


def _log_values(cells: CellSet, columns: list[int]) -> Floats:
    if cells.scale is None:
        assert cells.normalised is not None
        return np.asarray(cells.normalised[:, columns].toarray(), dtype=np.float64)
    return np.asarray(np.log1p(cells.counts[:, columns].toarray() * cells.scale[:, None]))


def _correlation(values: Floats, types: Ints) -> Floats:
    """Return the correlation over rows (cells, genes) of what their types leave, shape (genes, genes)."""
    left = values.copy()
    for kind in np.unique(types):
        left[types == kind] -= left[types == kind].mean(axis=0)
    size = np.einsum("cg,cg->g", left, left)
    # what is left of a gene that is constant within types is rounding error
    varies = size > 1e-12 * np.einsum("cg,cg->g", values, values)
    left *= np.where(varies, 1.0 / np.sqrt(np.where(varies, size, 1.0)), 0.0)
    product = left.T @ left
    return np.asarray(np.clip((product + product.T) / 2.0, -1.0, 1.0))


def _robust(cells: CellSet, columns: list[int], types: Ints) -> Floats:
    depth = np.asarray(cells.counts.sum(axis=1), dtype=np.float64) if cells.scale is None else 1e4 / cells.scale
    counts = cells.counts[:, columns]
    if cells.donor is not None:
        donor = _index(cells.labels[cells.donor])
        group = donor * (types.max() + 1) + types
        kept = np.bincount(group) >= _LEAST_CELLS
        if len(np.unique(donor[kept[group]])) >= _LEAST_DONORS:
            return _pseudobulk(counts, depth, group, kept, int(types.max()) + 1)
    return _correlation(_residuals(np.asarray(counts.toarray(), dtype=np.float64), depth, types), types)


def _pseudobulk(counts: sparse.csr_array, depth: Floats, group: Ints, kept: NDArray[np.bool_], kinds: int) -> Floats:
    """Return the rank correlation of log1p sums per 10,000 over groups of donor and cell type, types' means out."""
    from scipy.stats import rankdata

    cells = np.nonzero(kept[group])[0]
    member = sparse.csr_array((np.ones(len(cells)), (group[cells], cells)), shape=(len(kept), len(group)))[kept]
    values = np.log1p((member @ counts).toarray() * (1e4 / (member @ depth))[:, None])
    types = np.nonzero(kept)[0] % kinds
    for kind in np.unique(types):
        values[types == kind] -= values[types == kind].mean(axis=0)
    return _correlation(rankdata(np.round(values, 12), axis=0), np.zeros(len(values), dtype=np.int64))


def _residuals(counts: Floats, depth: Floats, types: Ints) -> Floats:
    """Return analytic Pearson residuals within types, clipped at the root of the number of cells."""
    residual = np.zeros_like(counts)
    for kind in np.unique(types):
        inside = types == kind
        share = counts[inside].sum(axis=0) / depth[inside].sum()
        expected = depth[inside, None] * share
        spread = np.sqrt(expected + expected**2 / _DISPERSION)
        residual[inside] = np.divide(counts[inside] - expected, spread, out=residual[inside], where=spread > 0.0)
    limit = float(np.sqrt(len(counts)))
    return np.clip(residual, -limit, limit)


def _half(cells: CellSet) -> NDArray[np.bool_]:
    """Return which cells are in the first half: whole units in random order, each to the smaller half."""
    units = _index(cells.units)
    if not units.any():
        units = np.arange(len(units))
    size = np.bincount(units)
    first = np.zeros(len(size), dtype=bool)
    filled = [0, 0]
    for unit in stable_permutation(seeded_bits(int(cells.sha256[:13], 16), _HALVES_STREAM), len(size)):
        first[unit] = filled[0] <= filled[1]
        filled[0 if first[unit] else 1] += int(size[unit])
    return np.asarray(first[units])
