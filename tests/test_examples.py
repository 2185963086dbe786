"""The example plug-in: listed, described, checked, used and judged without a line changed in ``src/``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import theodolite
from theodolite.cli import app
from theodolite.store import Ledger, hypothesis_rows, refusal_rows, tool_check_rows

pytestmark = pytest.mark.usefixtures("fresh_plugins")

EXAMPLE = "mutual-attention"
TOOL = "attention.mutual"


@pytest.fixture
def package(checkout: Path, tmp_path: Path) -> Path:
    """Return a copy of the example somewhere else."""
    return shutil.copytree(
        checkout / "examples" / EXAMPLE, tmp_path / "elsewhere", ignore=shutil.ignore_patterns(".*", "__pycache__")
    )


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run a command in this process."""
    monkeypatch.setenv("COLUMNS", "100")
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def test_no_file_of_the_package_mentions_the_example(checkout: Path) -> None:
    for file in (checkout / "src").rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert EXAMPLE not in text and EXAMPLE.replace("-", "_") not in text and TOOL not in text, file


@pytest.mark.slow
def test_the_example_is_listed_described_and_checked(cli: Callable[..., Any], package: Path) -> None:
    assert TOOL in cli("tools", "list", "--plugin", package).stdout
    described = json.loads(cli("tools", "describe", TOOL, "--plugin", package, "--json").stdout)
    assert described["shape"] == "PairScores" and "never looks back" in described["help"]
    checked = cli("tools", "check", TOOL, "--plugin", package, "--json")
    assert checked.exit_code == 0, checked.stderr
    found = json.loads(checked.stdout)
    assert found["fit"] and found["power_low"] > 0.8


def test_the_example_has_a_test_that_passes(package: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(Path(theodolite.__file__).parents[1])}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(package)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=package, env=env)
    assert done.returncode == 0, done.stdout + done.stderr


def campaign(package: Path, small_world: Any, **changes: Any) -> Path:
    """Write a campaign of the small world, from the file that comes with the example."""
    content = yaml.safe_load((package / "campaign.yaml").read_text(encoding="utf-8"))
    given = {
        "plugins": content["plugins"], "tools": content["tools"], "references": small_world.two_blocks["references"],
        "budget": {"experiments": 4}, "round_size": 4,
    }  # fmt: skip
    path = package / "small.yaml"
    path.write_text(yaml.safe_dump(small_world.content("small", **given | changes)), encoding="utf-8")
    return path


@pytest.mark.slow
def test_the_example_is_used_and_judged(
    cli: Callable[..., Any], package: Path, small_world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The worker is a process of its own.
    monkeypatch.setenv("PYTHONPATH", str(Path(theodolite.__file__).parents[1]))
    folder = tmp_path / "ledger"
    done = cli("run", campaign(package, small_world), "-w", folder)
    assert done.exit_code == 0, done.stderr
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        rows = [row for row in hypothesis_rows(ledger) if row.tool.startswith(TOOL)]
        (check,) = tool_check_rows(ledger)
    assert any(row.verdict not in (None, "error") for row in rows), rows
    assert check.tool == TOOL and check.fit
    assert cli("ledger", "verify", "--deep", "-w", folder).exit_code == 0


def test_a_mistaken_instrument_is_refused_for_verdicts(
    cli: Callable[..., Any], checkout: Path, package: Path, small_world: Any, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Mean expression under another name, with the covariates set to zero."""
    monkeypatch.setenv("PYTHONPATH", str(Path(theodolite.__file__).parents[1]))
    shutil.copy(checkout / "tests" / "plugins" / "mistaken.py", package / "mistaken.py")
    file = campaign(package, small_world, plugins=["mistaken.py"], tools=["mistaken.expression"])
    folder = tmp_path / "ledger"
    done = cli("run", file, "-w", folder)
    assert done.exit_code == 0, done.stderr
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        (check,) = tool_check_rows(ledger)
        refusals = refusal_rows(ledger)
        assert not check.fit and not any(row.verdict for row in hypothesis_rows(ledger))
    assert refusals and {row.code for row in refusals} == {"unfit_tool"}
    assert "its error is at least 0.9" in refusals[0].reason and "0.05 is allowed" in refusals[0].reason
