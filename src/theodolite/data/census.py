"""Cells of the CELLxGENE Census by a query in a file; needs the extra ``census`` and, once, the network.

A query is fetched once into an ``.h5ad`` file beside it, whose name holds the hash of the query. Whoever reads it
later, worker processes among them, reads that file.
"""

from __future__ import annotations

import importlib
import os
import re
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator

from theodolite.canonical import digest
from theodolite.data.counts import CellDataError, CellErrorCode
from theodolite.records import Closed

__all__ = ["CensusQuery", "fetch_census", "is_census_query", "read_query"]

_ENDINGS = (".census.yaml", ".census.yml")
_COLUMNS = (
    "soma_joinid", "dataset_id", "donor_id", "assay", "cell_type", "cell_type_ontology_term_id", "tissue",
    "tissue_general", "disease", "sex", "development_stage", "suspension_type", "is_primary_data",
)  # fmt: skip
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class CensusQuery(Closed):
    """Which cells of which release."""

    census_version: str = Field(description="date of a long-term release, such as 2025-01-30")
    organism: str = Field(default="Homo sapiens", description="Homo sapiens or Mus musculus, among others")
    obs_value_filter: str = Field(min_length=1, description="which cells, in the Census's own filter language")
    var_value_filter: str | None = Field(default=None, description="which genes; all where not given")
    obs_columns: tuple[str, ...] = Field(default=(), description="further columns of cells to fetch")
    max_cells: int = Field(default=100_000, ge=1, le=5_000_000, description="refuse a query of more cells than this")

    @field_validator("census_version")
    @classmethod
    def _a_date(cls, version: str) -> str:
        if not _DATE.fullmatch(version):
            raise ValueError(f"{version!r} moves with time; give the date of a release, such as 2025-01-30")
        return version


def is_census_query(path: Path) -> bool:
    """Say whether a path is that of a Census query."""
    return path.name.endswith(_ENDINGS)


def read_query(path: Path) -> CensusQuery:
    """Read a query.

    Raises
    ------
    CellDataError
        ``bad_query``, naming key and value.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        # YAML reads a date where the file has one without quotes.
        if isinstance(content, dict) and "census_version" in content:
            content["census_version"] = str(content["census_version"])
        return CensusQuery.model_validate(content)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CellDataError(CellErrorCode.BAD_QUERY, f"{str(path)!r} cannot be read as YAML ({error})") from error
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, item['loc'])) or 'file'}: {item['msg']}" for item in error.errors())
        raise CellDataError(
            CellErrorCode.BAD_QUERY, f"{str(path)!r}: {told}; the keys are {', '.join(CensusQuery.model_fields)}"
        ) from error


def fetch_census(path: Path, census: Any = None) -> Path:
    """Return the ``.h5ad`` file of a query, after fetching it where it is not there yet.

    Parameters
    ----------
    path
        The query.
    census
        The module to ask; ``cellxgene_census`` by default.

    Raises
    ------
    CellDataError
        ``bad_query`` for a query that is none, matches no cell or too many; ``no_census`` without the extra, or when
        the Census cannot be reached.
    """
    query = read_query(path)
    stem = path.name.removesuffix(next(ending for ending in _ENDINGS if path.name.endswith(ending)))
    fetched = path.with_name(f"{stem}.census-{digest(query.model_dump(mode='json'))[:12]}.h5ad")
    if fetched.is_file():
        return fetched
    if census is None:
        try:
            census = importlib.import_module("cellxgene_census")
        except ImportError as error:
            raise CellDataError(
                CellErrorCode.NO_CENSUS,
                f"{str(path)!r} is a Census query, and the package cellxgene-census is not installed ({error}); "
                "install it with `pip install 'theodolite[census]'`",
            ) from error
    data = _ask(query, path, census)
    unfinished = fetched.with_name(f".{fetched.name}.{os.getpid()}")
    data.write_h5ad(unfinished, compression="gzip")
    os.replace(unfinished, fetched)
    return fetched


def _ask(query: CensusQuery, path: Path, census: Any) -> Any:
    columns = list(dict.fromkeys([*_COLUMNS, *query.obs_columns]))
    try:
        with census.open_soma(census_version=query.census_version) as soma:
            obs = census.get_obs(
                soma, query.organism, value_filter=query.obs_value_filter, column_names=["soma_joinid"]
            )
            if not 0 < len(obs) <= query.max_cells:
                raise CellDataError(
                    CellErrorCode.BAD_QUERY,
                    f"{str(path)!r} matches {len(obs):,} cells; it may match 1 to {query.max_cells:,} (max_cells): "
                    f"change obs_value_filter, which is {query.obs_value_filter!r}",
                )
            data = census.get_anndata(
                soma,
                organism=query.organism,
                X_name="raw",
                obs_value_filter=query.obs_value_filter,
                var_value_filter=query.var_value_filter,
                obs_column_names=columns,
                var_column_names=["feature_id", "feature_name"],
            )
    except CellDataError:
        raise
    except Exception as error:
        # No network, no such release or a filter that the Census refuses: each library below has errors of its own.
        raise CellDataError(
            CellErrorCode.NO_CENSUS,
            f"the Census gave no cells for {str(path)!r} ({type(error).__name__}: {error}); check the network, the "
            f"release {query.census_version!r} and the filters, or fetch the file on another machine and copy it here",
        ) from error
    data.obs_names = [f"census-{joinid}" for joinid in data.obs["soma_joinid"]]
    data.var_names = [str(name) for name in data.var["feature_id"]]
    return data
