"""Cells by the words of a campaign file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from theodolite.data import CellDataError, CellErrorCode, CellSet, load_pbmc
from theodolite.data import load_cells as load_file
from theodolite.experiments.campaign import CellsSpec

__all__ = ["PBMC", "load_cells", "options"]

PBMC = "pbmc"


def load_cells(spec: CellsSpec) -> CellSet:
    """Load the packaged cells or those of a file.

    Raises
    ------
    CellDataError
        If there is no such file or it does not hold counts.
    """
    if spec.source == PBMC:
        return _packaged(spec)
    return load_file(spec.source, **options(spec))


def options(spec: CellsSpec) -> dict[str, Any]:
    """Return what a campaign file says of its cells, as the reader of files takes it."""
    return {name: getattr(spec, name) for name in CellsSpec.model_fields if name != "source"}


def _packaged(spec: CellsSpec) -> CellSet:
    cells = load_pbmc()
    if spec.species != cells.species:
        raise CellDataError(
            CellErrorCode.WRONG_SPECIES, f"the packaged cells are human; species is {spec.species!r}: leave it out"
        )
    for name in ("ensembl_column", "aliases"):
        if getattr(spec, name) is not None:
            raise CellDataError(
                CellErrorCode.BAD_GENE_NAMES,
                f"{name} is {getattr(spec, name)!r}; the packaged cells keep their names, for the packaged model and "
                "tables know the genes by them: leave it out",
            )
    roles = {name: getattr(spec, name) for name in ("cell_type", "condition", "perturbation", "control")}
    given = {name: value for name, value in roles.items() if value is not None}
    return replace(cells, **given) if given else cells
