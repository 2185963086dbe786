"""Singular spectrum of the gene vectors of each layer: how many axes they spread over (arXiv 2602.22247 §SVD axes).

Genes that a model lacks have rows of zeros. After centring, the largest axis of a matrix with many such rows is
"present against absent", and its share grows with the length of the mean vector: an effective rank that seems to
collapse with depth can be nothing else. So the spectrum is that of the rows that are there, and what the zero rows
would have made of it stands beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theodolite.analysis.geometry.depth import DepthTrend, depth_trend
from theodolite.analysis.geometry.inputs import gene_vectors
from theodolite.gates.kernels import derive_seed

__all__ = ["LayerSpectra", "SpectrumShape", "layer_spectra", "singular_values", "spectrum_shape"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SpectrumShape:
    """Summary of singular values s with p = s**2 / sum(s**2).

    Attributes
    ----------
    rows
        Rows of the matrix.
    effective_rank
        exp(-sum p ln p) (Roy and Vetterli 2007), between 1 and the rank.
    participation_ratio
        1 / sum p**2, never above the effective rank.
    k90
        Fewest axes that hold 90 % of the variance.
    first_share
        Share of the variance on the first axis.
    """

    rows: int
    effective_rank: float
    participation_ratio: float
    k90: int
    first_share: float


@dataclass(frozen=True, eq=False)
class LayerSpectra:
    """Spectra of all layers.

    Attributes
    ----------
    present
        One summary a layer, of the rows that are not zero.
    with_zero_rows
        The same with the rows of absent genes as zeros, as published figures sometimes have it. Not the model's
        geometry; equal to ``present`` where no gene is absent.
    absent
        Genes without a vector.
    shuffled, shuffled_spread
        Shape (layers,): mean and standard deviation of the effective rank of the present rows after each column was
        shuffled by itself, which keeps every column's values and breaks what joins them.
    effective_rank, effective_rank_with_zero_rows
        Profiles of the two over depth.
    """

    present: tuple[SpectrumShape, ...]
    with_zero_rows: tuple[SpectrumShape, ...]
    absent: tuple[str, ...]
    shuffled: Floats
    shuffled_spread: Floats
    effective_rank: DepthTrend
    effective_rank_with_zero_rows: DepthTrend


def singular_values(rows: Floats) -> Floats:
    """Return the singular values of rows (n, width) after their columns were centred, by falling size."""
    centred = rows - rows.mean(axis=0)
    # The smaller Gram matrix: its eigenvalues err by 1e-16 of the largest, which no summary here sees.
    gram = centred.T @ centred if len(rows) >= rows.shape[1] else centred @ centred.T
    return np.asarray(np.sqrt(np.maximum(np.linalg.eigvalsh(gram)[::-1], 0.0)))


def spectrum_shape(values: ArrayLike, rows: int) -> SpectrumShape:
    """Summarise singular values (k,) of a centred matrix of so many rows.

    Raises
    ------
    ValueError
        If all singular values are zero: equal rows have no geometry.
    """
    energy = np.square(np.asarray(values, dtype=np.float64))
    total = float(energy.sum())
    if not total > 0.0:
        raise ValueError(f"{rows} equal rows have no axis; check that the layer was captured")
    share = np.sort(energy / total)[::-1]
    held = share[share > 0.0]
    # A share of exactly 90 % up to rounding counts as 90 %.
    k90 = int(np.searchsorted(np.cumsum(share), 0.9 - 1e-12)) + 1
    return SpectrumShape(
        rows=rows,
        effective_rank=float(np.exp(-(held * np.log(held)).sum())),
        participation_ratio=float(1.0 / np.square(share).sum()),
        k90=k90,
        first_share=float(share[0]),
    )


def layer_spectra(vectors: ArrayLike, genes: Sequence[str], *, shuffles: int = 20, seed: int = 0) -> LayerSpectra:
    """Describe the singular spectrum of every layer, with and without the rows of absent genes.

    Parameters
    ----------
    vectors
        Shape (layers, genes, width): mean residual stream at each gene's token; zeros where a gene is absent.
    genes
        Name of each row.
    shuffles
        Matrices with shuffled columns a layer, for the null.
    seed
        Seed of the shuffles.

    Raises
    ------
    ValueError
        If the input does not fit (see :func:`gene_vectors`), or the rows of a layer are all equal.
    """
    if shuffles < 1:
        raise ValueError(f"{shuffles} shuffles give no null; ask for at least 1, and 20 for a spread")
    kept = gene_vectors(vectors, genes)
    present, padded, nulls = [], [], []
    rng = np.random.default_rng(derive_seed(seed, "column_shuffle"))
    for rows in kept.vectors:
        present.append(spectrum_shape(singular_values(rows), len(rows)))
        whole = np.zeros((len(genes), rows.shape[1]))
        whole[kept.present] = rows
        padded.append(spectrum_shape(singular_values(whole), len(whole)) if kept.absent else present[-1])
        ranks = [
            spectrum_shape(singular_values(rng.permuted(rows, axis=0)), len(rows)).effective_rank
            for _ in range(shuffles)
        ]
        nulls.append((np.mean(ranks), np.std(ranks)))
    shuffled, spread = np.array(nulls).T
    return LayerSpectra(
        present=tuple(present),
        with_zero_rows=tuple(padded),
        absent=kept.absent,
        shuffled=shuffled,
        shuffled_spread=spread,
        effective_rank=depth_trend([shape.effective_rank for shape in present]),
        effective_rank_with_zero_rows=depth_trend([shape.effective_rank for shape in padded]),
    )
