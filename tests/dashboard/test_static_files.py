"""What the package carries of others is what its manifest says."""

from __future__ import annotations

import hashlib

from starlette.testclient import TestClient

from theodolite.dashboard.static_files import VENDORED, static_address, vendored_files


def test_every_vendored_file_has_its_checksum_and_licence() -> None:
    listed = vendored_files()
    for item in listed:
        assert hashlib.sha256((VENDORED / item["file"]).read_bytes()).hexdigest() == item["sha256"], item["file"]
        assert (VENDORED / item["license_file"]).read_text(encoding="utf-8").strip()
    known = {item["file"] for item in listed} | {item["license_file"] for item in listed} | {"MANIFEST.json"}
    assert {path.name for path in VENDORED.iterdir()} == known


def test_an_address_names_the_content_and_may_be_kept(client: TestClient) -> None:
    answer = client.get(static_address("theodolite.css"))
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
