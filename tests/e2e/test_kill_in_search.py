"""``kill -9`` in the search of a campaign about manifolds; the same command again ends in the same rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from killing import finish, kill_at

from theodolite.experiments.replay import verify_decisions
from theodolite.store import EntryKind, Ledger, diff, verify

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def campaign_file(trees: Any) -> Path:
    return Path(trees.file("killed", budget={"experiments": 1}))


@pytest.fixture(scope="module")
def undisturbed(campaign_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("e2e") / "undisturbed"
    finish(campaign_file, folder)
    return folder


@pytest.mark.parametrize(("kind", "number"), [(EntryKind.LOOK, 1), (EntryKind.LOOK, 2), (EntryKind.REGISTRATION, 1)])
def test_the_same_command_again_loses_nothing(
    campaign_file: Path, undisturbed: Path, tmp_path: Path, kind: EntryKind, number: int
) -> None:
    folder = tmp_path / "killed"
    kill_at(campaign_file, folder, kind, number)
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        assert ledger.count(EntryKind.STOP) == 0, "the campaign was over before it was killed"
        assert verify(ledger).ok
    finish(campaign_file, folder)
    with (
        Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger,
        Ledger.open(undisturbed / "ledger.sqlite", read_only=True) as expected,
    ):
        assert diff(ledger, expected) == []
        assert ledger.head().hash == expected.head().hash
        assert verify_decisions(ledger, deep=True) == []
