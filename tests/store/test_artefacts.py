"""Files by the hash of their content."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.store import ArtefactCorrupt, ArtefactError, ArtefactMissing, ArtefactStore


@pytest.fixture
def store(tmp_path):
    return ArtefactStore(tmp_path / "artefacts")


def test_content_is_filed_under_its_hash(store):
    sha256 = store.put(b"scores")
    assert sha256 == hashlib.sha256(b"scores").hexdigest()
    assert (store.folder / sha256[:2] / sha256[2:]).read_bytes() == b"scores"
    assert store.get(sha256) == b"scores"
    assert sha256 in store
    assert hashlib.sha256(b"other").hexdigest() not in store


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=50)))
def test_names_are_the_hashes_of_what_was_put(tmp_path_factory, contents):
    store = ArtefactStore(tmp_path_factory.mktemp("artefacts"))
    names = {store.put(content): content for content in contents}
    assert list(store.names()) == sorted(names)
    assert {name: store.get(name) for name in store.names()} == names


def test_putting_twice_leaves_the_file_alone_but_repairs_a_damaged_one(store):
    path = store.path(store.put(b"scores"))
    before = path.stat().st_mtime_ns, path.stat().st_ino
    store.put(b"scores")
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before
    path.write_bytes(b"scoreS")
    store.put(b"scores")
    assert path.read_bytes() == b"scores"


def test_a_damaged_or_missing_file_is_named(store):
    sha256 = store.put(b"scores")
    store.path(sha256).write_bytes(b"scoreS")
    with pytest.raises(ArtefactCorrupt, match=str(store.path(sha256))):
        store.get(sha256)
    store.path(sha256).unlink()
    with pytest.raises(ArtefactMissing, match=str(store.path(sha256))):
        store.get(sha256)
    with pytest.raises(ArtefactError, match="'../../etc/passwd' is not the SHA-256"):
        store.get("../../etc/passwd")


def test_a_write_that_is_interrupted_leaves_nothing(store, monkeypatch):
    def interrupted(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("theodolite.files.os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.put(b"scores")
    assert list(store.names()) == []
    assert [path for path in store.folder.rglob("*") if path.is_file()] == []
    assert list(ArtefactStore(store.folder / "absent").names()) == []
