"""``tools check`` and ``tools new``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import theodolite
from theodolite.cli.exit_codes import ExitCode
from theodolite.store import Ledger, tool_check_rows

pytestmark = pytest.mark.usefixtures("fresh_plugins")


def test_a_new_package_has_a_test_that_passes_and_an_instrument_that_passes_its_check(cli, tmp_path):
    found = cli("tools", "new", "plug_in_new", "--dir", tmp_path)
    assert found.exit_code == 0, found.stderr
    package = tmp_path / "plug_in_new"
    assert f"tools check plug_in_new.distance --plugin {package}" in " ".join(found.stdout.split())
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(package)]
    source = str(Path(theodolite.__file__).parents[1])
    env = {**os.environ, "PYTHONPATH": source}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout

    checked = cli("tools", "check", "plug_in_new.distance", "--plugin", package)
    assert checked.exit_code == 0, checked.stderr
    for words in ("power: ", "error: ", "of 40 worlds", "of 200 worlds", "places tried: 3", "At its level"):
        assert words in checked.stdout


@pytest.mark.parametrize("name", ["MyTool", "my-tool", "1st", "class", "statistics", "theodolite", ""])
def test_what_is_no_name_of_a_package_is_refused(cli, tmp_path, name):
    found = cli("tools", "new", name, "--dir", tmp_path)
    assert found.exit_code == ExitCode.BAD_INPUT and repr(name) in found.stderr
    assert not list(tmp_path.iterdir())


def test_a_folder_that_exists_is_left_alone(cli, tmp_path):
    (tmp_path / "plug_in_new").mkdir()
    found = cli("tools", "new", "plug_in_new", "--dir", tmp_path)
    assert found.exit_code == ExitCode.BAD_INPUT and "exists" in found.stderr
    assert cli("tools", "new", "plug_in_new", "--dir", tmp_path / "absent").exit_code == ExitCode.BAD_INPUT


def test_an_instrument_above_its_level_is_said_to_be_and_its_check_is_a_row(cli, checkout, finished):
    plugin = checkout / "tests" / "plugins" / "mistaken.py"
    words = ["tools", "check", "mistaken.expression", "--plugin", plugin]
    found = cli(*words, "-w", finished)
    assert found.exit_code == ExitCode.PROBLEM
    assert "Above its level" in found.stdout and "cannot be used for verdicts" in found.stdout
    with Ledger.open(finished / "ledger.sqlite", read_only=True) as ledger:
        (row,) = tool_check_rows(ledger)
        head = ledger.head()
    assert (row.tool, row.fit) == ("mistaken.expression", False)
    assert json.loads(cli(*words, "--json", "-w", finished).stdout)["passed_empty"] == row.passed_empty
    with Ledger.open(finished / "ledger.sqlite", read_only=True) as ledger:
        assert ledger.head() == head


@pytest.mark.parametrize("name", ["broken", "bare"])
def test_an_instrument_that_cannot_be_checked_is_an_error_of_one_message(cli, checkout, name):
    found = cli("tools", "check", f"mistaken.{name}", "--plugin", checkout / "tests" / "plugins" / "mistaken.py")
    assert found.exit_code == ExitCode.BAD_INPUT
    assert f"mistaken.{name}" in found.stderr and "Traceback" not in found.stderr


def test_a_plugin_that_is_not_there(cli):
    for command in (["list"], ["describe", "attention.edges"], ["check", "attention.edges"]):
        found = cli("tools", *command, "--plugin", Path("no_such_plugin"))
        assert found.exit_code == ExitCode.BAD_INPUT and "no_such_plugin" in found.stderr
