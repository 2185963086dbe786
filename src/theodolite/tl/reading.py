"""From an AnnData in memory to the cells that everything else here reads, by the checks that files go through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.data import CellSet
from theodolite.data.h5ad import anndata_in_memory
from theodolite.data.loading import ReadCells, read_stored
from theodolite.tl.errors import MeasureError
from theodolite.tl.storing import GeneRows

__all__ = ["CELL_OPTIONS", "ReadAnnData", "as_anndata", "check_anndata", "read_anndata"]

CELL_OPTIONS = (
    "name", "species", "gene_column", "ensembl_column", "aliases", "labels", "donor", "batch", "cell_type",
    "condition", "perturbation", "control",
)  # fmt: skip
"""What ``cells=`` may say: keys of the section ``cells:`` of a campaign file (docs/cells.md)."""


@dataclass(frozen=True, eq=False)
class ReadAnnData:
    """An AnnData as it was read.

    Attributes
    ----------
    cells
        The cells.
    rows
        Which gene each row of ``adata.var`` is.
    names
        ``adata.var_names``.
    """

    cells: CellSet
    rows: GeneRows
    names: tuple[str, ...]


def check_anndata(adata: Any) -> None:
    """Refuse what is no AnnData in memory.

    Raises
    ------
    MeasureError
        With the type, and what to give instead.
    """
    import anndata

    if not isinstance(adata, anndata.AnnData):
        raise MeasureError(
            f"adata is of type {type(adata).__name__}; give an anndata.AnnData (of a MuData, one of .mod)"
        )
    if adata.isbacked:
        raise MeasureError(f"adata is backed by {str(adata.filename)!r}; give adata.to_memory()")


def read_anndata(adata: Any, *, counts: str = "X", cells: Mapping[str, Any] | None = None) -> ReadAnnData:
    """Read the counts of an AnnData.

    Parameters
    ----------
    adata
        Cells by genes, in memory.
    counts
        Which matrix holds the counts: ``X``, ``raw``, the name of a layer, or ``auto`` to take the first that does.
    cells
        What else is to be known of the cells: the keys of :data:`CELL_OPTIONS`. The species is taken from the names of
        genes where it is not given.

    Raises
    ------
    MeasureError
        If it is no AnnData, is not in memory, or ``cells`` has another key.
    CellDataError
        Whatever is wrong with the cells, by code and with the remedy.
    """
    check_anndata(adata)
    options = dict(cells or {})
    if unknown := sorted(set(options) - set(CELL_OPTIONS)):
        raise MeasureError(f"cells has the key {unknown[0]!r}; there are {', '.join(CELL_OPTIONS)}")
    stored = anndata_in_memory(adata, Path("AnnData"), "AnnData")
    options = {"name": "anndata", "species": None, **options}
    read = read_stored(stored, layer=counts, origin="an AnnData in memory", asked_by="counts=", **options)
    rows = GeneRows(read.cells.genes, _gene_of_rows(adata, read))
    return ReadAnnData(read.cells, rows, tuple(str(name) for name in adata.var_names))


def _gene_of_rows(adata: Any, read: ReadCells) -> NDArray[np.intp]:
    """Return the gene of each row of ``adata.var``; ``.raw`` has a table of its own, whose rows are found by name."""
    if read.layer != "raw" or "raw" in adata.layers:
        return read.gene_of
    place: dict[str, int] = {}
    for row, name in enumerate(adata.raw.var_names):
        place.setdefault(str(name), row)
    rows = np.array([place.get(str(name), -1) for name in adata.var_names], dtype=np.intp)
    return np.where(rows >= 0, read.gene_of[rows], -1)


def as_anndata(cells: CellSet) -> Any:
    """Return cells as an AnnData: counts in ``X``, labels in ``obs``, Ensembl ids in ``var["ensembl_id"]``."""
    import anndata
    import pandas as pd

    var = pd.DataFrame(index=pd.Index(list(cells.genes), dtype=object))
    if cells.ensembl is not None:
        var["ensembl_id"] = list(cells.ensembl)
    labels = {column: list(values) for column, values in cells.labels.items()}
    obs = pd.DataFrame(labels, index=pd.Index(list(cells.cells), dtype=object))
    return anndata.AnnData(X=cells.counts.astype(np.float32), obs=obs, var=var)
