"""Cells from whatever file people have, with a report of what was made of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.data.aliases import load_aliases
from theodolite.data.cells import CellSet
from theodolite.data.counts import CellDataError, CellErrorCode, named_columns, validate_names, whole_counts
from theodolite.data.gene_names import GeneReport, name_genes
from theodolite.data.hdf5 import Probe, opened
from theodolite.data.species import SpeciesEvidence, check_orientation, check_species, likely_species, species_evidence
from theodolite.data.stored import StoredCells, choose_matrix, wrong_guess
from theodolite.data.tenx import expressed, expression_only

__all__ = ["FORMS", "ReadCells", "load_cells", "open_cells", "read_cells", "read_stored"]

FORMS = ".h5ad, a 10x .h5, a 10x folder with matrix.mtx, or a Census query (.census.yaml)"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ReadCells:
    """Cells, and how they came to be.

    Attributes
    ----------
    cells
        The cells.
    stored
        What the file holds.
    layer, why
        The matrix that was taken, and the reason.
    genes
        What became of its columns.
    evidence, species
        What names say of the species, and what the check of the declared one came to.
    notes
        What else is to be known.
    gene_of
        Shape (columns,): for each column of the matrix as it is stored the position of its gene in ``cells.genes``, -1
        for one that is no gene.
    """

    cells: CellSet
    stored: StoredCells
    layer: str
    why: str
    genes: GeneReport
    evidence: SpeciesEvidence
    species: str
    notes: tuple[str, ...]
    gene_of: NDArray[np.intp]


def open_cells(source: str | Path, *, probe: Probe | None = None) -> StoredCells:
    """Read the tables of a file of cells, whatever its form; matrices are read when they are asked for.

    HDF5 files are first read whole by a process of their own, for a damaged one can crash or hang whoever reads it.

    Parameters
    ----------
    source
        An ``.h5ad`` file, a 10x ``.h5`` file, a 10x folder (or its ``matrix.mtx``), or a ``.census.yaml`` query.
    probe
        A process that reads HDF5 files first; one is started for this file where none is given.

    Raises
    ------
    CellDataError
        ``missing_file``, ``unreadable``, and what the form's own reader raises.
    """
    from theodolite.data.census import fetch_census, is_census_query
    from theodolite.data.h5ad import open_h5ad
    from theodolite.data.tenx_h5 import open_tenx_h5
    from theodolite.data.tenx_mtx import is_tenx_folder, open_tenx_mtx

    path = Path(source)
    if not path.exists():
        raise CellDataError(CellErrorCode.MISSING_FILE, f"no file {str(path)!r}")
    if is_census_query(path):
        path = fetch_census(path)
    elif is_tenx_folder(path):
        return open_tenx_mtx(path)
    if path.suffix not in (".h5ad", ".h5", ".hdf5") or path.is_dir():
        raise CellDataError(
            CellErrorCode.UNREADABLE, f"{str(path)!r} is none of the forms that are read; these are {FORMS}"
        )
    if probe is not None:
        probe.read(path)
    else:
        with Probe() as own:
            own.read(path)
    if path.suffix == ".h5ad" or _is_anndata(path):
        return open_h5ad(path)
    return open_tenx_h5(path)


def _is_anndata(path: Path) -> bool:
    with opened(path) as file:
        return "obs" in file and "var" in file


def read_cells(
    source: str | Path,
    *,
    layer: str = "X",
    labels: Sequence[str] = (),
    species: str | None,
    gene_column: str | None = None,
    ensembl_column: str | None = None,
    aliases: str | Path | None = None,
    donor: str | None = None,
    batch: str | None = None,
    cell_type: str | None = None,
    condition: str | None = None,
    perturbation: str | None = None,
    control: str | None = None,
    name: str | None = None,
    origin: str | None = None,
    probe: Probe | None = None,
) -> ReadCells:
    """Read cells with integer counts, and say what was made of the file.

    Parameters
    ----------
    source
        See :func:`open_cells`.
    layer
        Which matrix holds the counts: ``X``, ``raw``, the name of a layer, or ``auto`` to take the first that does.
    labels
        Columns of cells to keep as labels; those of roles are kept too.
    species
        Such as ``human``; checked against the names of genes. None to take what they say, ``unknown`` if nothing.
    gene_column, ensembl_column
        Columns of genes with their names and Ensembl ids; see :func:`name_genes`.
    aliases
        ``packaged`` or the path of a table of aliases; names stay as they are without.
    donor, batch, cell_type, condition, perturbation
        Columns of cells by role.
    control
        Value of the perturbation column that stands for unperturbed cells.
    name, origin
        Name of the set (that of the file by default) and where it comes from (the file's name).
    probe
        See :func:`open_cells`.

    Raises
    ------
    CellDataError
        Whatever is wrong, by code and with the remedy.
    """
    path = Path(source)
    return read_stored(
        open_cells(source, probe=probe),
        layer=layer,
        labels=labels,
        species=species,
        gene_column=gene_column,
        ensembl_column=ensembl_column,
        aliases=aliases,
        donor=donor,
        batch=batch,
        cell_type=cell_type,
        condition=condition,
        perturbation=perturbation,
        control=control,
        name=name or _name(path),
        origin=origin or path.name,
    )


def read_stored(
    stored: StoredCells,
    *,
    name: str,
    origin: str,
    layer: str = "X",
    labels: Sequence[str] = (),
    species: str | None,
    gene_column: str | None = None,
    ensembl_column: str | None = None,
    aliases: str | Path | None = None,
    control: str | None = None,
    asked_by: str = "layer ",
    **roles: str | None,
) -> ReadCells:
    """Make cells of what a file, or an object in memory, holds; see :func:`read_cells`.

    Parameters
    ----------
    stored
        What there is.
    name, origin
        Name of the set and where it comes from.
    layer, labels, species, gene_column, ensembl_column, aliases, control
        As for :func:`read_cells`.
    asked_by
        What stands before the name of a matrix where the caller asks for one; for messages.
    roles
        Columns of cells by role: donor, batch, cell_type, condition, perturbation.

    Raises
    ------
    CellDataError
        Whatever is wrong, by code and with the remedy.
    """
    chosen, why = choose_matrix(stored, layer)
    whole = stored.matrices[chosen]
    matrix, notes = expression_only(whole)
    table = None if aliases is None else load_aliases(aliases)
    names = name_genes(matrix.var, gene_column=gene_column, ensembl_column=ensembl_column, aliases=table)
    cells = [str(cell) for cell in stored.obs.index]
    check_orientation(names.genes, cells)
    evidence = species_evidence(names.genes, names.ensembl)
    species = species or likely_species(evidence)
    checked = check_species(species, evidence)
    columns = list(dict.fromkeys([*labels, *(column for column in roles.values() if column is not None)]))
    values = _labels(stored, columns)
    perturbation = roles.get("perturbation")
    if perturbation is not None and control is not None:
        _check_control(values[perturbation], perturbation, control)
    validate_names((len(cells), len(names.genes)), names.genes, cells)
    try:
        counts = names.gather(whole_counts(matrix.read()))
        found = CellSet.from_counts(
            name,
            counts,
            names.genes,
            cells,
            labels=values,
            species=species,
            origin="; ".join(part for part in (origin, names.report.words) if part),
            ensembl=names.ensembl,
            control=control,
            **roles,
        )
    except CellDataError as error:
        if (told := wrong_guess(stored, chosen, error, asked_by)) is error:
            raise
        raise told from error
    if names.report.words:
        _log.warning("genes of %s: %s", stored.path.name, names.report.words, extra={"event": "genes_changed"})
    gene_of = np.full(whole.shape[1], -1, dtype=np.intp)
    gene_of[expressed(whole)] = names.gene_of
    return ReadCells(found, stored, chosen, why, names.report, evidence, checked, (*stored.notes, *notes), gene_of)


def load_cells(source: str | Path, **options: Any) -> CellSet:
    """Read cells with integer counts; the options are those of :func:`read_cells`."""
    return read_cells(source, **options).cells


def _name(path: Path) -> str:
    if path.name.endswith(("matrix.mtx", "matrix.mtx.gz")):
        path = path.absolute().parent
    return path.absolute().name if path.is_dir() else path.stem.removesuffix(".census")


def _labels(stored: StoredCells, columns: Sequence[str]) -> dict[str, list[str]]:
    named_columns(columns, [str(column) for column in stored.obs.columns])
    for column in columns:
        if (missing := int(stored.obs[column].isna().sum())) > 0:
            raise CellDataError(
                CellErrorCode.MISSING_LABELS,
                f"label {column!r} is missing for {missing} of {len(stored.obs)} cells; drop these cells or label them",
            )
    return {column: [str(value) for value in stored.obs[column]] for column in columns}


def _check_control(values: Sequence[str], column: str, control: str) -> None:
    if control not in values:
        there = sorted(set(values))
        raise CellDataError(
            CellErrorCode.MISSING_LABELS,
            f"no cell has {control!r} in {column!r}, which is to mark the unperturbed ones; there is "
            f"{', '.join(map(repr, there[:8]))}{', ...' if len(there) > 8 else ''}",
        )
