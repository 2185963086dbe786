"""Files come whole and as known, or not at all: from a server, a mirror, or the user; and damage is noticed."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
from file_server import FileServer
from small_tables import TABLES

from theodolite.canonical import sha256_bytes
from theodolite.data import ReferenceTableError
from theodolite.data.catalogue import (
    CATALOGUE,
    CatalogueError,
    Resource,
    add_file,
    data_folder,
    fetch,
    find_held,
    held_in,
    kept,
    load_resource,
)

SETS = TABLES["hallmark"][0].encode()


def at(resource: Resource, url: str) -> Resource:
    """Return a resource that is published elsewhere."""
    return replace(resource, files=(replace(resource.files[0], url=url),))


def everything_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file()) if folder.exists() else []


def test_a_file_is_fetched_checked_and_noted(folder: Path, hallmark: Resource) -> None:
    with FileServer({"/sets/small.gmt": SETS}) as server:
        held = fetch(at(hallmark, f"{server.url}/sets/small.gmt"))
    assert held.path.read_bytes() == SETS and held.path.is_relative_to(folder)
    note = json.loads((held.path.parent / "note.json").read_text())
    assert note == {
        "resource": "hallmark", "path": held.path.name, "file": "small.gmt", "sha256": sha256_bytes(SETS),
        "size": len(SETS), "licence": "CC BY 4.0", "version": "1", "date": "2020", "url": held.url,
    }  # fmt: skip
    assert held_in(CATALOGUE["hallmark"]) == held and list(kept()) == [held]
    assert [reference.id for reference in load_resource("hallmark")] == [
        "hallmark.SET_ONE", "hallmark.SET_TWO", "hallmark.GO:0051084",
    ]  # fmt: skip


def test_a_mirror_stands_in_place_of_all_but_the_name_of_the_file(folder: Path, hallmark: Resource) -> None:
    with FileServer({"/copies/small.gmt": SETS}) as server:
        held = fetch(hallmark, mirror=f"{server.url}/copies/")
        assert server.asked == ["/copies/small.gmt"] and held.url == f"{server.url}/copies/small.gmt"
        server.files["/copies/small.gmt"] = SETS + b"MORE\tna\tA\n"
        with pytest.raises(CatalogueError, match="sent another file than the one that the catalogue knows"):
            fetch(hallmark, mirror=f"{server.url}/copies/")
    assert find_held(hallmark).content() == SETS, "what was here before stays"


def test_what_is_published_packed_is_known_by_what_is_in_it(folder: Path, hallmark: Resource) -> None:
    with FileServer({f"/{level}.gz": gzip.compress(SETS, level) for level in (1, 9)}) as server:
        for level in (1, 9):
            assert fetch(at(hallmark, f"{server.url}/{level}.gz")).content() == SETS
        server.files["/9.gz"] = gzip.compress(b"something else")
        with pytest.raises(CatalogueError, match="sent another file"):
            fetch(at(hallmark, f"{server.url}/9.gz"))


@pytest.mark.parametrize(
    ("files", "cut", "words"),
    [
        ({}, None, "the server answered 404 Not Found"),
        ({"/small.gmt": SETS}, 30, "the connection ended before the file did"),
        ({"/small.gmt": SETS}, 0, "the connection ended before the file did"),
        (
            {"/small.gmt": b"<html>please log in</html>"},
            None,
            "sent another file than the one that the catalogue knows",
        ),
        ({"/small.gmt": b""}, None, "sent another file than the one that the catalogue knows"),
    ],
)
def test_a_server_that_fails_leaves_nothing_behind(
    folder: Path, hallmark: Resource, files: dict[str, bytes], cut: int | None, words: str
) -> None:
    with FileServer(files, cut) as server, pytest.raises(CatalogueError, match=words) as raised:
        fetch(hallmark, mirror=server.url)
    assert f"{server.url}/small.gmt" in str(raised.value)
    assert "`theodolite data add hallmark FILE`" in str(raised.value)
    assert everything_in(folder) == [] and held_in(hallmark) is None


def test_without_a_server_the_message_names_address_and_ways_out(folder: Path, hallmark: Resource) -> None:
    with FileServer({}) as server:
        gone = server.url
    with pytest.raises(CatalogueError, match="cannot be reached; nothing was kept.*--mirror.*data add hallmark FILE"):
        fetch(hallmark, mirror=gone)
    with pytest.raises(CatalogueError, match="the mirror is 'ftp://x'; give an address that begins with http"):
        fetch(hallmark, mirror="ftp://x")
    assert everything_in(folder) == []


@pytest.mark.parametrize("name", [name for name, resource in CATALOGUE.items() if resource.published is None])
def test_what_has_no_known_hash_is_asked_of_the_user(folder: Path, name: str) -> None:
    resource = CATALOGUE[name]
    with pytest.raises(CatalogueError, match="cannot be fetched") as raised:
        fetch(resource)
    assert resource.page in str(raised.value) and f"`theodolite data add {name} FILE`" in str(raised.value)
    assert ("KEGG does not let others" in str(raised.value)) == (name == "kegg")


def test_the_users_file_is_copied_with_its_own_hash_terms_and_date(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "my pathways (new).gmt"
    file.write_bytes(SETS)
    held = add_file(CATALOGUE["kegg"], file, licence="licence 123", version="109", date="2024-01-01")
    file.unlink()
    assert (held.sha256, held.licence, held.version, held.date, held.url) == (
        sha256_bytes(SETS), "licence 123", "109", "2024-01-01", "",
    )  # fmt: skip
    assert held.file == "my pathways (new).gmt" and " " not in held.path.name
    assert held_in(CATALOGUE["kegg"]) == held and held.content() == SETS


def test_another_file_takes_the_place_of_the_first(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.gmt"
    file.write_bytes(SETS)
    add_file(CATALOGUE["kegg"], file)
    file.write_bytes(gzip.compress(b"ONE\tna\tA\tB\n"))
    held = add_file(CATALOGUE["kegg"], file)
    # What lay there before stays, and is not read any more.
    assert {held.path.name, "note.json"} < set(everything_in(folder)) and len(everything_in(folder)) == 3
    assert [reference.id for reference in load_resource("kegg")] == ["kegg.ONE"]


def test_a_file_that_is_none_of_the_resource_is_not_taken(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "trrust.tsv"
    file.write_text("AATF\tBAX\tRepression\n")
    with pytest.raises(ReferenceTableError, match=r"trrust\.tsv:1: .*four filled columns"):
        add_file(CATALOGUE["trrust"], file)
    assert everything_in(folder) == []
    with pytest.raises(FileNotFoundError):
        add_file(CATALOGUE["trrust"], tmp_path / "nothing")


def test_a_changed_or_lost_file_is_noticed_before_it_is_read(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.gmt"
    file.write_bytes(SETS)
    held = add_file(CATALOGUE["kegg"], file)
    held.path.write_bytes(SETS + b"MORE\tna\tA\n")
    with pytest.raises(CatalogueError, match="is not the file that was noted for 'kegg'.*data add kegg FILE"):
        load_resource("kegg")
    held.path.unlink()
    with pytest.raises(CatalogueError, match="changed or lost"):
        load_resource("kegg")
    for words in ("{", "[]", '{"path": "a"}', '{"path": 3}', "null"):
        (held.path.parent / "note.json").write_text(words)
        with pytest.raises(CatalogueError, match="is no note of a file"):
            load_resource("kegg")


def test_a_published_file_is_found_in_the_developers_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = CATALOGUE["hallmark"].files[0]
    (tmp_path / "shared" / "references").mkdir(parents=True)
    file = tmp_path / "shared" / "references" / published.file
    with pytest.raises(CatalogueError, match="'hallmark' .* is not here; `theodolite data fetch hallmark` gets it"):
        find_held(CATALOGUE["hallmark"])
    monkeypatch.setenv("THEODOLITE_SHARED_DATA", str(tmp_path / "shared"))
    file.write_bytes(SETS)
    held = find_held(CATALOGUE["hallmark"])
    assert held.path == file
    with pytest.raises(CatalogueError, match="is not the file that was noted"):
        held.content()


def test_the_data_folder_is_the_users_unless_another_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("THEODOLITE_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    monkeypatch.delenv("THEODOLITE_DATA")
    assert data_folder().name == "theodolite" and data_folder().is_absolute()


def test_the_file_of_another_resource_is_refused_by_its_hash(
    folder: Path, hallmark: Resource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CATALOGUE, "hallmark", hallmark)  # type: ignore[arg-type]
    file = tmp_path / "sets.gmt"
    file.write_bytes(SETS)
    with pytest.raises(
        CatalogueError, match=r"is the file of hallmark, not of reactome; give `theodolite data add hallmark"
    ):
        add_file(CATALOGUE["reactome"], file)
    assert not everything_in(folder)
