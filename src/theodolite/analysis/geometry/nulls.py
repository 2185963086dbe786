"""A statistic at several places against the draws of a null, with the best of the places drawn again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.evidence import exceeding, monte_carlo_p
from theodolite.gates.schemes import Scheme, family_block_swap, stratified_labels

__all__ = ["NullResult", "against", "gene_schemes", "quantile_strata"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_GENES_A_CLASS = 15
"""Genes in a quantile class of degree. Ends of an axis, and top genes, come from the tails, where degree differs most
within a class: with five classes, what only follows degree often beats the null where its spread is wide."""
_LEAST_CLASSES = 5
"""Of few genes."""


@dataclass(frozen=True, eq=False)
class NullResult:
    """What one null says of a statistic at each place (a layer, or a layer and a window). Large values are evidence.

    Attributes
    ----------
    null
        Name of the null.
    mean, spread
        Mean and standard deviation of the draws at each place, in the unit of the statistic.
    z
        Observed minus mean, in standard deviations; 0 where no draw changes the statistic.
    p
        (1 + b) / (1 + B) at each place.
    p_any
        The same for the largest standardised statistic over all places, chosen again inside every draw.
    draws
        B; no p is below 1 / (1 + B).
    moved
        Mean share of labels that a draw replaces by others; a null that moves nothing shows nothing.
    """

    null: str
    mean: Floats
    spread: Floats
    z: Floats
    p: Floats
    p_any: float
    draws: int
    moved: float

    @property
    def floor(self) -> float:
        """Smallest p that this number of draws can give."""
        return 1.0 / (1.0 + self.draws)


def against(null: str, observed: Floats, drawn: Floats, *, moved: float) -> NullResult:
    """Compare a statistic (places...) with its draws (B, places...), made jointly at all places.

    For the largest over places each place is standardised by mean and spread of draws and observed value together, so
    that the observed one is treated as the draws are (max-T, Westfall and Young 1993).
    """
    draws = len(drawn)
    mean, spread = drawn.mean(axis=0), drawn.std(axis=0)
    still = spread <= 1e-12 * np.maximum(1.0, np.abs(mean))
    z = np.where(still, 0.0, (observed - mean) / np.where(still, 1.0, spread))
    count = exceeding(drawn, observed).sum(axis=0)
    p = np.vectorize(lambda b: monte_carlo_p(int(b), draws), otypes=[np.float64])(count)
    together = np.concatenate([observed[None], drawn])
    width = together.std(axis=0)
    still = width <= 1e-12 * np.maximum(1.0, np.abs(mean))
    scaled = np.where(still, 0.0, (together - together.mean(axis=0)) / np.where(still, 1.0, width))
    best = scaled.reshape(1 + draws, -1).max(axis=1)
    p_any = monte_carlo_p(int(exceeding(best[1:], float(best[0])).sum()), draws)
    return NullResult(null, mean, spread, z, np.asarray(p), p_any, draws, moved)


def quantile_strata(values: Floats, classes: int) -> list[tuple[int, ...]]:
    """Return the quantile class of each gene's value, shape (n,); equal values share a class."""
    cuts = np.quantile(values, np.arange(1, classes) / classes)
    return [(int(stratum),) for stratum in np.searchsorted(cuts, values, side="left")]


def gene_schemes(n: int, *, degree: Floats | None = None, families: Sequence[str] | None = None) -> dict[str, Scheme]:
    """Return the nulls that move genes.

    ``gene_labels`` lets every gene take every other's place. ``degree_strata`` only lets genes of like degree change
    places, in quantile classes of some fifteen, because genes that are studied or expressed more have more partners and
    other vectors. ``family_block_swap`` moves whole families, because paralogues share vectors and partners.

    Parameters
    ----------
    n
        Number of genes.
    degree
        Shape (n,): how often each gene is in the reference.
    families
        Homology family of each gene, n names.

    Raises
    ------
    ValueError
        If ``families`` does not name one family a gene.
    """
    schemes = {"gene_labels": Scheme.build("gene_labels", n, [[[gene] for gene in range(n)]])}
    if degree is not None:
        schemes["degree_strata"] = stratified_labels(quantile_strata(degree, max(n // _GENES_A_CLASS, _LEAST_CLASSES)))
    if families is not None:
        if len(families) != n:
            raise ValueError(f"{len(families)} families for {n} genes; name the family of each gene that is present")
        schemes["family_block_swap"] = family_block_swap(families)
    return schemes
