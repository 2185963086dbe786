"""Commands are tried as a person would give them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from theodolite.cli import app

COMMAND = [sys.executable, "-c", "from theodolite.cli import main; main()"]


@pytest.fixture
def command(checkout: Path) -> list[str]:
    """Return the words that start the program in a process of its own."""
    return COMMAND


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run a command in this process; the result has ``exit_code``, ``stdout`` and ``stderr``."""
    monkeypatch.setenv("COLUMNS", "100")
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def finished(small_world: Any, tmp_path: Path) -> Path:
    """Return a workspace of one's own with a finished campaign, and its campaign file beside the ledger."""
    folder = tmp_path / "finished.theodolite"
    shutil.copytree(small_world.finished(), folder)
    return folder


@pytest.fixture
def finished_file(small_world: Any, finished: Path) -> Path:
    """Return the campaign file of ``finished``."""
    return small_world.campaign_file(finished.with_name("finished.yaml"), budget={"experiments": 6})
