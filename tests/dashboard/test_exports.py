"""Every table leaves as CSV and Parquet, in the order and with the filter of the list, and as pages of JSON."""

from __future__ import annotations

import csv
import io
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.request import urlopen

import pytest
from starlette.testclient import TestClient

from theodolite.dashboard.app import WORKERS
from theodolite.reports.export import COLUMNS
from theodolite.reports.table_exports import TABLES
from theodolite.store import Find, find

parquet = pytest.importorskip("pyarrow.parquet")


def _csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def _subjects(client: TestClient, what: Find, **order: Any) -> list[str]:
    app: Any = client.app
    return [row.subject for row in find(app.state.ledger, what, **order).rows]


def test_a_list_leaves_with_its_filter_and_order(client: TestClient) -> None:
    asked = {"outcome": "supported", "sort": "effect", "order": "ascending"}
    expected = _subjects(client, Find(outcome="supported"), sort="effect", descending=False)
    answer = client.get("/export/hypotheses.csv", params=asked)
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="hypotheses.csv"'
    assert tuple(answer.text.splitlines()[0].split(",")) == COLUMNS
    assert [row["subject"] for row in _csv(answer.text)] == expected
    table = parquet.read_table(io.BytesIO(client.get("/export/hypotheses.parquet", params=asked).content))
    assert table.column("subject").to_pylist() == expected and tuple(table.column_names) == COLUMNS
    assert str(table.schema.field("effect").type) == "double" and str(table.schema.field("layer").type) == "int64"


def test_types_do_not_depend_on_what_the_rows_hold(client: TestClient) -> None:
    files = [
        parquet.read_table(io.BytesIO(client.get(f"/export/hypotheses.parquet?text={text}").content))
        for text in ("", "nosuchword")
    ]
    assert files[1].num_rows == 0 and files[0].schema == files[1].schema


def test_it_leaves_in_batches(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = client.get("/export/hypotheses.csv?sort=p").text
    gates = client.get("/export/gates.csv").text
    monkeypatch.setattr("theodolite.reports.export._BATCH", 2)
    monkeypatch.setattr("theodolite.reports.table_exports._BATCH", 3)
    assert client.get("/export/hypotheses.csv?sort=p").text == whole
    assert client.get("/export/gates.csv").text == gates
    file = parquet.ParquetFile(io.BytesIO(client.get("/export/hypotheses.parquet?sort=p").content))
    assert file.num_row_groups == 3
    assert file.read().column("subject").to_pylist() == [row["subject"] for row in _csv(whole)]


@pytest.mark.parametrize("name", list(TABLES))
def test_every_other_table_leaves_alike_in_both_formats(client: TestClient, name: str) -> None:
    rows = _csv(client.get(f"/export/{name}.csv").text)
    table = parquet.read_table(io.BytesIO(client.get(f"/export/{name}.parquet").content))
    assert table.num_rows == len(rows)
    assert table.column_names == [column.name for column in TABLES[name].columns]


@pytest.mark.parametrize("file", ["hypotheses", "hypotheses.xlsx", "entry.csv", "sqlite_master.csv", ".csv", "%00.csv"])
def test_what_is_no_table_is_answered_with_those_there_are(client: TestClient, file: str) -> None:
    answer = client.get(f"/export/{file}")
    assert answer.status_code == 404
    assert "hypotheses, campaigns, references" in answer.text


@pytest.mark.parametrize(
    "asked", [{"since": "yesterday"}, {"sort": "no"}, {"layer": "x"}, {"text": "x" * 10_000}, {"cost_to": "nan"}]
)
def test_what_cannot_be_asked_is_refused_before_a_file_begins(client: TestClient, asked: dict[str, str]) -> None:
    assert client.get("/export/hypotheses.csv", params=asked).status_code == 400
    assert client.get("/export/hypotheses.parquet", params=asked).status_code == 400
    answer = client.get("/api/hypotheses", params=asked)
    assert answer.status_code == 400 and answer.json()["error"]


def test_json_comes_page_by_page(client: TestClient) -> None:
    expected = _subjects(client, Find(), sort="effect")
    found: list[str] = []
    asked = {"sort": "effect", "limit": "4"}
    while True:
        said = client.get("/api/hypotheses", params=asked).json()
        found += [row["subject"] for row in said["hypotheses"]]
        if said["next"] is None:
            break
        asked["cursor"] = said["next"]
    assert found == expected and said["count"] == {"number": len(expected), "more": False}
    before = client.get("/api/hypotheses", params=asked | {"cursor": said["previous"], "backwards": "true"}).json()
    assert [row["subject"] for row in before["hypotheses"]] == expected[:4]
    assert set(said["hypotheses"][0]) == set(COLUMNS)


@pytest.mark.parametrize("asked", [{"limit": "0"}, {"limit": "501"}, {"limit": "9" * 40}, {"cursor": "\0"}])
def test_json_refuses_what_it_cannot_answer(client: TestClient, asked: dict[str, str]) -> None:
    assert client.get("/api/hypotheses", params=asked).status_code == 400


def test_the_api_says_what_it_takes_and_gives(client: TestClient) -> None:
    described = client.get("/api/openapi.json").json()
    one = described["paths"]["/api/hypotheses"]["get"]
    assert {"outcome", "unmet", "cursor", "limit"} <= {parameter["name"] for parameter in one["parameters"]}
    assert one["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/HypothesisPage")
    assert "/ledger" not in described["paths"]


def test_the_ledger_links_to_its_files_with_the_filter(client: TestClient) -> None:
    page = client.get("/ledger?outcome=supported").text
    for address in ("/export/hypotheses.csv", "/export/hypotheses.parquet", "/api/hypotheses"):
        assert f'href="{address}?outcome=supported"' in page
    assert 'href="/export/gates.parquet"' in page


def test_one_piece_of_parquet_is_made_at_a_time_and_whoever_waits_holds_no_thread(
    served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once, most, made = 0, 0, threading.Event()

    def slow(columns: Any, batches: Any) -> Iterator[bytes]:
        nonlocal at_once, most
        for _ in range(2):
            at_once += 1
            most = max(most, at_once)
            made.set()
            time.sleep(0.05)
            at_once -= 1
            yield b"piece"

    monkeypatch.setattr("theodolite.dashboard.routes.exports.parquet_pieces", slow)

    def fetched(address: str) -> bytes:
        with urlopen(f"{served}{address}", timeout=30) as answer:
            return bytes(answer.read())

    readers = 2 * WORKERS
    with ThreadPoolExecutor(readers + 1) as pool:
        taking = [pool.submit(fetched, "/export/gates.parquet") for _ in range(readers)]
        assert made.wait(10)
        pool.submit(fetched, "/glossary").result()
        assert not all(future.done() for future in taking)
        assert {future.result() for future in taking} == {b"piecepiece"}
    assert most == 1
