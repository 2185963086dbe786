"""Cells by the words of a campaign file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from theodolite.data import CellDataError, CellErrorCode, CellSet, load_pbmc
from theodolite.data import load_cells as load_file
from theodolite.data.counts import named_columns
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


# The packaged cells have none of these: what asks for one is refused, not passed by.
_NOT_PACKAGED = {
    "gene_column": CellErrorCode.BAD_GENE_NAMES,
    "ensembl_column": CellErrorCode.BAD_GENE_NAMES,
    "aliases": CellErrorCode.BAD_GENE_NAMES,
    "donor": CellErrorCode.MISSING_LABELS,
    "batch": CellErrorCode.MISSING_LABELS,
}


def _packaged(spec: CellsSpec) -> CellSet:
    cells = load_pbmc()
    if spec.species != cells.species:
        raise CellDataError(
            CellErrorCode.WRONG_SPECIES, f"the packaged cells are human; species is {spec.species!r}: leave it out"
        )
    if spec.layer not in ("X", "auto"):
        raise CellDataError(
            CellErrorCode.MISSING_LAYER,
            f"the packaged cells have one matrix, X; layer is {spec.layer!r}: leave it out",
        )
    for name, code in _NOT_PACKAGED.items():
        if (value := getattr(spec, name)) is None:
            continue
        why = (
            "they keep their names, for the packaged model and tables know the genes by them"
            if code is CellErrorCode.BAD_GENE_NAMES
            else "nothing is known of donors and batches"
        )
        raise CellDataError(code, f"the packaged cells take no {name}, and it is {value!r}; {why}: leave it out")
    named_columns(spec.labels, tuple(cells.labels))
    roles = {name: getattr(spec, name) for name in ("cell_type", "condition", "perturbation", "control")}
    given = {name: value for name, value in roles.items() if value is not None}
    return replace(cells, **given) if given else cells
