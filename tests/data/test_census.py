"""A Census query, against a small module in place of ``cellxgene_census``: no Census was reachable to test against."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from cell_files import COUNTS, GENES, IDS
from scipy import sparse

from theodolite.data import CellDataError, CellErrorCode, load_cells
from theodolite.data.census import fetch_census

QUERY = """\
census_version: 2025-01-30
organism: Homo sapiens
obs_value_filter: tissue == 'blood' and is_primary_data == True
obs_columns: [self_reported_ethnicity]
"""


def census(asked: list[Any], cells: int = 4, error: Exception | None = None) -> Any:
    """Return a module that answers as the Census does, and notes what it was asked."""

    @contextmanager
    def open_soma(*, census_version: str) -> Any:
        asked.append(("open_soma", census_version))
        if error is not None:
            raise error
        yield "soma"

    def get_obs(soma: Any, organism: str, *, value_filter: str, column_names: list[str]) -> Any:
        asked.append(("get_obs", soma, organism, value_filter))
        return pd.DataFrame({name: range(cells) for name in column_names})

    def get_anndata(soma: Any, **words: Any) -> Any:
        asked.append(("get_anndata", soma, words))
        obs = {name: ["x", "x", "y", "y"] for name in words["obs_column_names"]} | {"soma_joinid": [7, 8, 9, 12]}
        return anndata.AnnData(
            X=sparse.csr_matrix(COUNTS.astype(np.float32)),
            obs=pd.DataFrame(obs, index=list("0123")),
            var=pd.DataFrame({"feature_id": IDS, "feature_name": GENES}, index=[str(place) for place in range(6)]),
        )

    return SimpleNamespace(open_soma=open_soma, get_obs=get_obs, get_anndata=get_anndata)


@pytest.fixture
def query(tmp_path: Path) -> Path:
    (tmp_path / "blood.census.yaml").write_text(QUERY)
    return tmp_path / "blood.census.yaml"


def test_a_query_becomes_cells_and_is_asked_once(query: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setitem(sys.modules, "cellxgene_census", census(asked))
    cells = load_cells(query, species="human", donor="donor_id", labels=["self_reported_ethnicity"])
    assert (cells.name, cells.genes, cells.ensembl) == ("blood", GENES, IDS)
    assert cells.cells == ("census-7", "census-8", "census-9", "census-12")
    assert cells.units == ("x", "x", "y", "y") and (cells.counts.toarray() == COUNTS).all()
    assert asked[0] == ("open_soma", "2025-01-30")
    words = asked[2][2]
    assert (words["organism"], words["X_name"]) == ("Homo sapiens", "raw")
    assert words["obs_value_filter"] == "tissue == 'blood' and is_primary_data == True"
    assert {"donor_id", "cell_type", "self_reported_ethnicity"} <= set(words["obs_column_names"])
    # From here on neither the package nor the network is needed, in this process or in a worker.
    monkeypatch.setitem(sys.modules, "cellxgene_census", None)
    assert load_cells(query, species="human", donor="donor_id", labels=["self_reported_ethnicity"]).sha256 == (
        cells.sha256
    )


def test_without_the_extra_the_remedy_is_named(query: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cellxgene_census", None)
    with pytest.raises(CellDataError, match="pip install 'theodolite.census.'") as caught:
        load_cells(query, species="human")
    assert caught.value.code is CellErrorCode.NO_CENSUS


def test_without_a_network_nothing_is_left_behind(query: Path) -> None:
    with pytest.raises(CellDataError, match="OSError: no route.*check the network") as caught:
        fetch_census(query, census([], error=OSError("no route to host")))
    assert caught.value.code is CellErrorCode.NO_CENSUS
    assert list(query.parent.iterdir()) == [query]


@pytest.mark.parametrize("cells", [0, 100_001])
def test_a_query_of_no_cell_or_of_too_many_is_refused_before_it_is_fetched(query: Path, cells: int) -> None:
    asked: list[Any] = []
    with pytest.raises(CellDataError, match=f"matches {cells:,} cells") as caught:
        fetch_census(query, census(asked, cells=cells))
    assert caught.value.code is CellErrorCode.BAD_QUERY
    assert "get_anndata" not in [call[0] for call in asked]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (QUERY.replace("2025-01-30", "stable"), "moves with time"),
        (QUERY.replace("obs_value_filter", "filter"), "obs_value_filter: Field required"),
        ("- a\n", "the keys are"),
        ("a: [", "cannot be read as YAML"),
    ],
)
def test_a_query_that_is_none_is_named(query: Path, text: str, words: str) -> None:
    query.write_text(text)
    with pytest.raises(CellDataError, match=words) as caught:
        fetch_census(query, census([]))
    assert caught.value.code is CellErrorCode.BAD_QUERY
