"""``data``: what there is, getting it, the user's own files, and damage."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from file_server import FileServer
from small_tables import TABLES

from theodolite.canonical import sha256_bytes
from theodolite.cli.exit_codes import ExitCode
from theodolite.data.catalogue import CATALOGUE


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use a data folder of one's own."""
    monkeypatch.setenv("THEODOLITE_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("THEODOLITE_SHARED_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "data"


@pytest.fixture
def add(cli: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Add a small file of a resource."""

    def adding(name: str, *words: str) -> Any:
        file = tmp_path / f"{name}.txt"
        file.write_text(TABLES[name][0])
        return cli("data", "add", name, file, *words)

    return adding


def test_every_resource_is_listed_with_its_terms_and_whether_it_is_here(cli, add) -> None:
    assert add("kegg").exit_code == ExitCode.OK
    listed = json.loads(cli("data", "list", "--json").stdout)["resources"]
    assert [item["name"] for item in listed] == list(CATALOGUE)
    assert {item["name"] for item in listed if item["held"]} == {"kegg"}
    text = cli("data", "list").stdout
    assert all(name in text for name in CATALOGUE) and "CC BY-SA 4.0" in text


def test_a_resource_is_shown_with_its_ancestry_and_how_to_get_it(cli, add) -> None:
    text = cli("data", "show", "collectri").stdout
    assert "TRRUST" in text and "DoRothEA A" in text and "theodolite data add collectri FILE" in " ".join(text.split())
    add("trrust", "--licence", "bought", "--version", "v3", "--date", "2030")
    shown = json.loads(cli("data", "show", "trrust", "--json").stdout)
    assert (shown["held"]["licence"], shown["held"]["version"], shown["held"]["date"]) == ("bought", "v3", "2030")
    assert shown["held"]["sha256"] == sha256_bytes(TABLES["trrust"][0].encode())
    assert "bought" in cli("data", "show", "trrust").stdout


def test_fetching_tries_all_that_are_named_and_fails_where_one_does(cli, folder: Path) -> None:
    with FileServer({"/h.all.v7.0.symbols.gmt": b"not the sets"}) as server:
        found = cli("data", "fetch", "kegg", "hallmark", "--mirror", server.url)
        assert server.asked == ["/h.all.v7.0.symbols.gmt"]
    assert found.exit_code == ExitCode.BAD_INPUT
    assert "KEGG does not let others" in found.stderr and "sent another file" in found.stderr
    assert not (folder / "references").exists()


def test_a_published_file_is_fetched_from_a_mirror(cli, shared_data: Path) -> None:
    published = CATALOGUE["liana"].published
    assert published is not None
    content = (shared_data / "references" / published.file).read_bytes()
    with FileServer({f"/mirror/{published.file}": content}) as server:
        found = cli("data", "fetch", "--all", "--mirror", f"{server.url}/mirror")
    # Others are not on this mirror, which is said; what is there is kept.
    assert found.exit_code == ExitCode.BAD_INPUT and "hallmark cannot be fetched" in found.stderr
    assert "liana: Human-2022-Dimitrov-LR-pairs.csv, 190,586 bytes" in found.stderr
    assert cli("data", "verify").stdout == "liana: as noted\n"


@pytest.mark.parametrize("words", [(), ("hallmark", "--all")])
def test_what_to_fetch_is_named_or_all(cli, words) -> None:
    found = cli("data", "fetch", *words)
    assert found.exit_code == ExitCode.BAD_INPUT and "or give --all, not both" in found.stderr


def test_damage_is_found_and_ends_with_one(cli, add, folder: Path) -> None:
    assert cli("data", "verify").exit_code == ExitCode.OK
    add("kegg")
    add("hpa")
    assert cli("data", "verify").stdout.splitlines() == ["kegg: as noted", "hpa: as noted"]
    (file,) = (folder / "references" / "kegg").glob("*.txt")
    file.write_text("changed")
    found = cli("data", "verify", "--json")
    assert found.exit_code == ExitCode.PROBLEM
    assert {item["name"]: item["sound"] for item in json.loads(found.stdout)} == {"kegg": False, "hpa": True}
    assert "damaged" in cli("data", "list").stdout
    assert "was changed or lost" in " ".join(cli("data", "show", "kegg").stdout.split())


def test_a_wrong_name_or_table_is_refused_with_the_remedy(cli, tmp_path: Path) -> None:
    for words in (("show", "trust"), ("fetch", "trust"), ("add", "trust", "x")):
        found = cli("data", *words)
        assert (
            found.exit_code == ExitCode.BAD_INPUT and "there is no resource 'trust'; there are trrust" in found.stderr
        )
    file = tmp_path / "kegg.gmt"
    file.write_text("ONE\tna\tA\t1-Mar\n")
    found = cli("data", "add", "kegg", file)
    assert found.exit_code == ExitCode.BAD_INPUT
    assert "kegg.gmt:1: '1-Mar' is a date" in found.stderr
    found = cli("data", "add", "kegg", tmp_path / "nothing.gmt")
    assert found.exit_code == ExitCode.BAD_INPUT and "nothing.gmt" in found.stderr


def test_a_data_folder_that_cannot_be_written_to_is_named(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("THEODOLITE_DATA", str(tmp_path / "taken"))
    file = tmp_path / "kegg.gmt"
    file.write_text(TABLES["kegg"][0])
    for words in (("add", "kegg", file), ("fetch", "hallmark", "--mirror", "http://127.0.0.1:9")):
        found = cli("data", *words)
        assert found.exit_code == ExitCode.BAD_INPUT and str(tmp_path / "taken") in found.stderr
