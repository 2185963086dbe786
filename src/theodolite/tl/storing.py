"""Writing results into an AnnData: one number a gene, a gene pair, a gene and regulator, vectors, and facts.

Results are of genes. A row of ``var`` gets what its gene got, so that two rows of one gene hold the same; a row whose
gene was not measured holds NaN. A gene has no score with itself: the diagonal of a matrix is NaN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.measurements import BipartiteScores, GeneScores, Measurement, PairScores
from theodolite.tl.errors import MeasureError

__all__ = [
    "STORED",
    "GeneRows",
    "check_key",
    "into",
    "put_column",
    "put_facts",
    "put_measurement",
    "put_names",
    "put_vectors",
]

STORED: Mapping[str, str] = {"GeneScores": "var", "PairScores": "varp", "BipartiteScores": "varm"}
"""Where a measurement of a shape goes, under its key."""

Floats = NDArray[np.floating]
Numbers = NDArray[np.floating] | NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class GeneRows:
    """Which gene each row of ``adata.var`` is.

    Attributes
    ----------
    genes
        Genes of the cells that were read.
    gene_of
        Shape (n_vars,): position in ``genes``, -1 for a row that is none of them.
    """

    genes: tuple[str, ...]
    gene_of: NDArray[np.intp]

    def match(self, genes: Sequence[str]) -> NDArray[np.intp]:
        """Return for each row of ``var`` the position of its gene among ``genes``, -1 where it is not there."""
        position = {gene: place for place, gene in enumerate(genes)}
        places = np.array([position.get(gene, -1) for gene in self.genes], dtype=np.intp)
        return np.where(self.gene_of >= 0, places[self.gene_of], -1)


def check_key(key: Any) -> str:
    """Return a key under which results can be stored.

    Raises
    ------
    MeasureError
        If it is no text, is empty, or has a slash, which separates groups in an ``.h5ad`` file.
    """
    if not isinstance(key, str) or not key or "/" in key:
        raise MeasureError(f"key_added is {key!r}; give a text that is not empty and has no '/'")
    return key


def into(adata: Any, *, copy: bool) -> Any:
    """Return the AnnData to write into: a copy, or the one that was given."""
    return adata.copy() if copy else adata


def put_column(adata: Any, key: str, rows: GeneRows, genes: Sequence[str], values: Numbers) -> None:
    """Write one number a gene, (n,), into ``adata.var[key]``."""
    match = rows.match(genes)
    adata.var[key] = np.where(match >= 0, np.asarray(values, dtype=np.float64)[match], np.nan)


def put_names(adata: Any, key: str, names: Sequence[str], rows: Sequence[Sequence[int]]) -> None:
    """Write the name of the group that each cell is in into ``adata.obs[key]``, missing for a cell of none.

    Parameters
    ----------
    adata, key
        Where to.
    names, rows
        Of each group, and the rows of its cells.
    """
    import pandas as pd

    codes = np.full(adata.n_obs, -1, dtype=np.intp)
    for code, cells in enumerate(rows):
        codes[list(cells)] = code
    adata.obs[key] = pd.Categorical.from_codes(codes, categories=list(names))


def put_vectors(adata: Any, key: str, rows: GeneRows, genes: Sequence[str], vectors: Floats) -> None:
    """Write one vector a gene, (n, width), into ``adata.varm[key]`` in single precision."""
    match = rows.match(genes)
    spread = np.full((len(match), vectors.shape[1]), np.nan, dtype=np.float32)
    spread[match >= 0] = vectors[match[match >= 0]]
    adata.varm[key] = spread


def put_measurement(adata: Any, key: str, rows: GeneRows, measurement: Measurement) -> None:
    """Write scores under a key: of genes into ``var``, of pairs into ``varp``, of regulators into ``varm``.

    Pairs are a dense matrix (n_vars, n_vars) and regulators a table with one column a regulator, both in single
    precision, in which such measurements are rounded anyhow.

    Raises
    ------
    MeasureError
        For a measurement of another shape.
    """
    if isinstance(measurement, GeneScores):
        put_column(adata, key, rows, measurement.genes, measurement.score)
    elif isinstance(measurement, PairScores):
        adata.varp[key] = _pairs(rows, measurement)
    elif isinstance(measurement, BipartiteScores):
        adata.varm[key] = _table(adata, rows, measurement)
    else:
        raise MeasureError(f"{measurement.shape} has no place in an AnnData; these have: {', '.join(STORED)}")


def _pairs(rows: GeneRows, measurement: PairScores) -> NDArray[np.float32]:
    match = rows.match(measurement.genes)
    there = np.flatnonzero(match >= 0)
    spread = np.full((len(match), len(match)), np.nan, dtype=np.float32)
    for row in there:
        spread[row, there] = measurement.score[match[row], match[there]]
        spread[row, match == match[row]] = np.nan
    return spread


def _table(adata: Any, rows: GeneRows, measurement: BipartiteScores) -> Any:
    import pandas as pd

    match = rows.match(measurement.targets)
    spread = np.full((len(match), len(measurement.regulators)), np.nan, dtype=np.float32)
    spread[match >= 0] = measurement.score.T[match[match >= 0]]
    for column, regulator in enumerate(measurement.regulators):
        spread[rows.match([regulator]) >= 0, column] = np.nan
    return pd.DataFrame(spread, index=adata.var_names, columns=list(measurement.regulators))


def put_facts(adata: Any, key: str, facts: Mapping[str, Any]) -> None:
    """Write what a result is of into ``adata.uns[key]``: texts, numbers, arrays, tables, and mappings of these.

    Raises
    ------
    TypeError
        For a value that an ``.h5ad`` file cannot hold.
    """
    adata.uns[key] = _plain(facts)


def _plain(value: Any) -> Any:
    import pandas as pd

    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (str, bool, int, float, np.ndarray, pd.DataFrame)) or value is None:
        return value
    if isinstance(value, (list, tuple)):
        return np.array(value, dtype=object if all(isinstance(item, str) for item in value) else None)
    raise TypeError(f"{value!r} of type {type(value).__name__} cannot be kept in an AnnData; turn it into plain data")
