"""Reading count matrices from AnnData files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from theodolite.data.cells import CellSet
from theodolite.data.counts import CellDataError, CellErrorCode, named_columns

__all__ = ["load_h5ad"]


def load_h5ad(
    path: str | Path,
    *,
    layer: str,
    labels: Sequence[str] = (),
    species: str,
    gene_column: str | None = None,
    donor: str | None = None,
    batch: str | None = None,
    name: str | None = None,
    origin: str | None = None,
) -> CellSet:
    """Read cells with integer counts from an ``.h5ad`` file.

    Parameters
    ----------
    path
        The file.
    layer
        Which matrix holds the counts: ``X``, ``raw`` (the ``.raw`` attribute) or the name of a layer.
    labels
        Columns of ``obs`` to keep as labels.
    species
        Such as ``human``.
    gene_column
        Column of ``var`` with the gene names; the index of ``var`` by default.
    donor, batch
        Columns of ``obs`` that name donors and batches; kept as labels too.
    name, origin
        Name of the set (the file's stem by default) and where it comes from (the file's name).

    Raises
    ------
    CellDataError
        ``missing_file``, ``missing_layer``, ``missing_labels``, or what :func:`validate_counts` refuses.
    """
    import anndata

    path = Path(path)
    if not path.is_file():
        raise CellDataError(CellErrorCode.MISSING_FILE, f"no file {str(path)!r}")
    try:
        data = anndata.read_h5ad(path)
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise CellDataError(
            CellErrorCode.UNREADABLE, f"{str(path)!r} is no whole .h5ad file ({error}); write it again with anndata"
        ) from error
    matrix, var, var_names = _matrix(data, layer)
    if gene_column is not None:
        named_columns([gene_column], list(var.columns))
    columns = list(dict.fromkeys([*labels, *(column for column in (donor, batch) if column is not None)]))
    named_columns(columns, list(data.obs.columns))
    for column in columns:
        if (missing := int(data.obs[column].isna().sum())) > 0:
            raise CellDataError(
                CellErrorCode.MISSING_LABELS,
                f"label {column!r} is missing for {missing} of {data.n_obs} cells; drop these cells or label them",
            )
    return CellSet.from_counts(
        name or path.stem,
        matrix,
        [str(gene) for gene in (var_names if gene_column is None else var[gene_column])],
        [str(cell) for cell in data.obs_names],
        labels={column: [str(value) for value in data.obs[column]] for column in columns},
        species=species,
        origin=origin or path.name,
        donor=donor,
        batch=batch,
    )


def _matrix(data: Any, layer: str) -> tuple[Any, Any, Any]:
    if layer == "X" and data.X is not None:
        return data.X, data.var, data.var_names
    if layer == "raw" and data.raw is not None:
        return data.raw.X, data.raw.var, data.raw.var_names
    if layer in data.layers:
        return data.layers[layer], data.var, data.var_names
    there = [*(["X"] if data.X is not None else []), *(["raw"] if data.raw is not None else []), *data.layers]
    raise CellDataError(
        CellErrorCode.MISSING_LAYER, f"no matrix {layer!r}; there is {', '.join(map(repr, there)) or 'none'}"
    )
