"""A collection removes what no row names, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from theodolite.canonical import digest
from theodolite.experiments import Workspace
from theodolite.experiments.collecting import leftovers, remove
from theodolite.experiments.replay import verify_decisions
from theodolite.store import Ledger, UpkeepError, verify


@pytest.fixture
def workspace(small_world: Any, tmp_path: Path) -> Workspace:
    """Return a workspace of one's own with a finished campaign, its results and captures."""
    shutil.copytree(small_world.finished(), tmp_path / "workspace")
    shutil.copytree(small_world.cache, tmp_path / "workspace" / "cache")
    return Workspace.at(tmp_path / "workspace")


def files(workspace: Workspace) -> set[Path]:
    return {path for path in workspace.folder.rglob("*") if path.is_file()}


def collected(workspace: Workspace, **named: Any) -> set[str]:
    with Ledger.open(workspace.ledger) as ledger, ledger.coordinator("test"):
        found = leftovers(ledger, workspace, **named)
        remove(found)
    return {f"{item.what} {item.path.name[-8:]}" for item in found.files}


def test_what_rows_name_stays_and_the_ledger_verifies_deep(workspace: Workspace) -> None:
    with Ledger.open(workspace.ledger) as ledger:
        before = set(ledger.artefacts.names())
        stray = ledger.artefacts.put(b"no row names this")
    (workspace.results / digest("no job")).write_bytes(b"nor this")
    part = workspace.artefacts / "ab" / ".part-1-2-cd"
    part.parent.mkdir(exist_ok=True)
    part.write_bytes(b"half")
    found = collected(workspace)
    assert {f"artefact {stray[-8:]}", f"result {digest('no job')[-8:]}", "unfinished file t-1-2-cd"} <= found
    with Ledger.open(workspace.ledger, read_only=True) as ledger:
        assert set(ledger.artefacts.names()) == before
        assert verify(ledger).ok
        assert verify_decisions(ledger, deep=True) == []
    assert collected(workspace) == set()


def test_captures_go_only_where_they_are_asked_for(workspace: Workspace) -> None:
    collected(workspace, captures=True)  # of what other tests took of the same model, nothing is named here
    captures = set(workspace.cache.glob("*.safetensors"))
    assert len(captures) > 3
    useless = workspace.cache / f"{digest('another model')}.safetensors"
    useless.write_bytes(b"a capture of another model")
    collected(workspace)
    assert set(workspace.cache.glob("*.safetensors")) == captures | {useless}
    collected(workspace, captures=True)
    assert set(workspace.cache.glob("*.safetensors")) == captures


def test_a_cache_that_others_may_use_is_left_alone(workspace: Workspace, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shutil.move(workspace.cache, shared)
    workspace = Workspace.at(workspace.folder, shared)
    stray = workspace.results / digest("another workspace's job")
    stray.write_bytes(b"of another workspace")
    with Ledger.open(workspace.ledger) as ledger:
        assert leftovers(ledger, workspace).shared == shared
    collected(workspace)
    assert stray.exists()
    collected(workspace, captures=True)
    assert not stray.exists()


def test_what_the_store_did_not_write_is_not_its_business(workspace: Workspace) -> None:
    note = workspace.artefacts / "README"
    note.write_text("what these files are")
    (workspace.results / "notes.txt").write_text("and these")
    collected(workspace)
    assert note.exists()
    assert (workspace.results / "notes.txt").exists()


def test_nothing_is_collected_from_a_broken_chain(workspace: Workspace) -> None:
    with Ledger.open(workspace.ledger) as ledger, ledger.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER entry_no_update")
        connection.exec_driver_sql("UPDATE entry SET payload = '{}' WHERE kind = 'result'")
    before = files(workspace)
    with Ledger.open(workspace.ledger) as ledger, pytest.raises(UpkeepError, match="nothing is collected"):
        leftovers(ledger, workspace)
    assert files(workspace) == before


def test_captures_of_surveyed_genes_are_kept_wherever_the_model_ran(workspace: Workspace) -> None:
    """Their names hang on genes and device, which no row names; what they are of stands in the file."""
    collected(workspace, captures=True)
    (some, *_) = sorted(workspace.cache.glob("*.safetensors"))
    other = workspace.cache / f"{'e' * 64}.safetensors"
    other.write_bytes(some.read_bytes())
    collected(workspace, captures=True)
    assert other.is_file()
