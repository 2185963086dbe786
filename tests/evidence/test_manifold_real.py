"""The page on manifolds in real cells holds what the records hold, in every table."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def lib() -> Any:
    return importlib.import_module("lib.manifold_page")


def test_every_number_of_every_table_is_of_the_records(checkout: Path, lib: Any) -> None:
    page = (checkout / lib.PAGE).read_text("utf-8")
    assert lib.filled(page, lib.records(checkout)) == page
    assert set(re.findall(r"<!-- table: ([a-z ]+) -->", page)) == set(lib.TABLES)
    # No table stands outside the marks, where nothing would hold it to a record.
    outside = re.sub(r"<!-- table: .*?<!-- end -->", "", page, flags=re.DOTALL)
    assert not [line for line in outside.splitlines() if line.startswith("|")]


def test_a_number_that_changed_is_found(checkout: Path, lib: Any) -> None:
    page = (checkout / lib.PAGE).read_text("utf-8")
    found = lib.records(checkout)
    found["rna_mixtures"]["rows"][0]["error"]["mean"]["value"] += 0.1
    assert lib.filled(page, found) != page
    with pytest.raises(KeyError):
        lib.filled("<!-- table: none -->\n<!-- end -->", found)


def test_what_must_be_beaten_stands_first(checkout: Path, lib: Any) -> None:
    found = lib.records(checkout)
    rows = [row["row"] for row in found["rna_mixtures"]["rows"]]
    assert rows[:3] == [
        "least squares on log1p CP10K", "least squares on counts", "principal components, then least squares",
    ]  # fmt: skip
    for columns in found["marrow"]["tables"].values():
        assert [column["row"] for column in columns][:3] == [
            "principal components of expression", "random projection", "static embedding",
        ]  # fmt: skip
        assert columns[-1]["row"] == "search in the trained model"


def test_the_records_are_of_whole_mixtures_and_of_one_data_set(checkout: Path) -> None:
    folder = checkout / "docs" / "evidence"
    mixtures, marrow = (
        json.loads((folder / f"{name}.json").read_text("utf-8"))["result"] for name in ("rna_mixtures", "marrow")
    )
    assert len(mixtures["mixtures"]) == 7 and sum(mixtures["mixtures"].values()) == mixtures["pseudo_cells"] == 340
    for row in mixtures["rows"]:
        assert set(row["chosen"]) == set(mixtures["mixtures"])
    assert marrow["replicates"] == 12 and len(marrow["discovery"]) == 6 and marrow["anchors"] == 84
    assert marrow["intervals"].startswith("within one data set")
    assert marrow["wrong_trees"]
