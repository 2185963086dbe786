"""Cells by the words of a campaign file."""

from __future__ import annotations

from theodolite.data import CellSet, load_h5ad, load_pbmc
from theodolite.experiments.campaign import CellsSpec

__all__ = ["PBMC", "load_cells"]

PBMC = "pbmc"


def load_cells(spec: CellsSpec, source: str | None = None) -> CellSet:
    """Load the packaged cells or an ``.h5ad`` file, from ``source`` where it is given in place of the file's words.

    Raises
    ------
    CellDataError
        If there is no such file or it does not hold counts.
    """
    if spec.source == PBMC:
        return load_pbmc()
    return load_h5ad(
        source or spec.source,
        layer=spec.layer,
        labels=spec.labels,
        species=spec.species,
        gene_column=spec.gene_column,
        donor=spec.donor,
        batch=spec.batch,
    )
