"""Cell Ranger's ``.h5`` files, in the layout of version 3 and later and in that of version 2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from theodolite.data.counts import CellDataError, CellErrorCode
from theodolite.data.hdf5 import checked_sparse, opened, sampled, unreadable
from theodolite.data.stored import StoredCells, StoredMatrix
from theodolite.data.tenx import tables

__all__ = ["open_tenx_h5"]


def open_tenx_h5(path: Path) -> StoredCells:
    """Read the tables of a 10x ``.h5`` file; its matrix, with features of every type, is read when it is asked for.

    Raises
    ------
    CellDataError
        ``unreadable``, ``wrong_shape``, or ``wrong_species`` for a file of version 2 with several genomes.
    """
    with opened(path) as file:
        group, columns = ("matrix", _features(file["matrix/features"])) if "matrix" in file else _old(path, file)
        barcodes = _texts(file[group]["barcodes"])
        shape = tuple(int(size) for size in file[group]["shape"][:])
        obs, var = tables(barcodes, columns)
        if shape != (len(var), len(obs)):
            raise CellDataError(
                CellErrorCode.WRONG_SHAPE,
                f"{str(path)!r} has a matrix of shape {shape} for {len(var)} features and {len(obs)} barcodes; "
                "fetch the file again",
            )

    def read() -> sparse.csr_array:
        with opened(path) as file:
            found = file[group]
            # Features by barcodes by columns is barcodes by features by rows: the parts are taken as they are.
            parts = (found["data"][:], found["indices"][:], found["indptr"][:])
            return checked_sparse(*parts, shape=(len(obs), len(var)))

    def sample() -> Any:
        with opened(path) as file:
            return sampled(file[group]["data"])

    matrix = StoredMatrix((len(obs), len(var)), var, read, sample)
    return StoredCells(path, "10x .h5", obs, {"X": matrix})


def _texts(dataset: Any) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else str(value) for value in np.asarray(dataset[:]).tolist()]


def _features(group: Any) -> dict[str, list[str]]:
    names = {"gene_ids": "id", "symbol": "name", "feature_types": "feature_type", "genome": "genome"}
    return {column: _texts(group[name]) for column, name in names.items() if name in group}


def _old(path: Path, file: Any) -> tuple[str, dict[str, list[str]]]:
    genomes = [name for name in file if hasattr(file[name], "keys") and "barcodes" in file[name]]
    if not genomes:
        raise unreadable(path, "it has neither a group 'matrix' nor one of a genome with 'barcodes' in it")
    if len(genomes) > 1:
        raise CellDataError(
            CellErrorCode.WRONG_SPECIES,
            f"{str(path)!r} holds several genomes ({', '.join(map(repr, genomes))}); write a file of one of them",
        )
    group = file[genomes[0]]
    return genomes[0], {"gene_ids": _texts(group["genes"]), "symbol": _texts(group["gene_names"])}
