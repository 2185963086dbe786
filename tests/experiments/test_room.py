"""What a campaign will still write is taken from what its ledger holds, and from the model where it holds nothing."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from theodolite.experiments import Workspace, prepare
from theodolite.experiments.room import BYTES_A_HYPOTHESIS, place_concerns, to_write
from theodolite.models.capture import CAPTURE_SUFFIX
from theodolite.store import Ledger


def test_a_new_campaign_writes_its_captures_and_so_much_for_each_experiment(small_world: Any, tmp_path: Path) -> None:
    setting = prepare(small_world.spec(budget={"experiments": 10}), Workspace.at(tmp_path / "new"))
    found = to_write(setting)
    assert found.workspace == 10 * BYTES_A_HYPOTHESIS

    # A cache of its own: the shared one holds what other tests of the session read, of other cells too.
    own = Workspace.at(tmp_path / "own")
    small_world.run_in_process(own, small_world.spec(budget={"experiments": 2}))
    taken = sum(path.stat().st_size for path in own.cache.glob(f"*{CAPTURE_SUFFIX}"))
    assert 0.5 * taken <= found.cache <= 2 * taken
    again = replace(setting, workspace=Workspace.at(tmp_path / "again", own.cache))
    assert to_write(again).cache == max(0, found.cache - taken)


def test_a_campaign_writes_on_as_it_did_and_nothing_once_it_is_over(small_world: Any, tmp_path: Path) -> None:
    shutil.copytree(small_world.finished(), tmp_path / "finished")
    workspace = Workspace.at(tmp_path / "finished", small_world.cache)
    over = prepare(small_world.finished_spec(), workspace)
    other = prepare(small_world.spec(budget={"experiments": 10}), workspace)
    with Ledger.open(workspace.ledger, read_only=True) as ledger:
        assert to_write(over, ledger).workspace == to_write(over, ledger).files == 0
        assert 0 < to_write(other, ledger).workspace < 10 * BYTES_A_HYPOTHESIS
    assert place_concerns(over) == []


def test_a_ledger_that_cannot_be_read_does_not_hide_the_disk(small_world: Any, tmp_path: Path) -> None:
    workspace = Workspace.at(tmp_path / "odd")
    workspace.ledger.write_bytes(b"no ledger")
    assert place_concerns(prepare(small_world.spec(), workspace)) == []
