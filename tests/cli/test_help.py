"""Help is instant: it loads none of the libraries that a campaign needs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from theodolite.cli.exit_codes import MEANINGS, ExitCode

HEAVY = {"torch", "scanpy", "langgraph", "pydantic", "numpy", "sqlalchemy", "pandas", "pooch", "requests"}
COMMANDS = [
    "demo", "init", "plan", "run", "status", "doctor", "ledger list", "ledger show", "ledger verify", "ledger rebuild",
    "ledger diff", "ledger export", "ledger rejudge", "ledger audit", "ledger nodes",
    "ledger invalidate", "tools list", "tools describe", "tools check",
    "tools new", "models list", "models add", "models verify",
    "models train compact", "models train geneformer-mini", "saes train", "saes describe",
    "data describe", "data list", "data show",
    "data fetch", "data add", "data verify", "approve", "propose", "stop",
]  # fmt: skip


def test_help_loads_no_heavy_library():
    code = (
        "import sys; from theodolite.cli import app\n"
        "try: app(['--help'], prog_name='theodolite')\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "print('MODULES', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    help_text, _, modules = done.stdout.partition("MODULES")
    assert "Usage: theodolite" in help_text
    assert not HEAVY & {name.partition(".")[0] for name in modules.split()}


def test_help_names_every_exit_code(cli):
    text = cli("--help").stdout
    for code, meaning in MEANINGS.items():
        assert f"{code.value:>3}  {meaning}" in text


def test_exit_codes_are_frozen():
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0, "PROBLEM": 1, "BAD_INPUT": 2, "LEDGER": 3, "CAMPAIGN": 4, "INTERRUPTED": 130,
    }  # fmt: skip
    assert set(MEANINGS) == set(ExitCode)


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_has_help(cli, words):
    found = cli(*words.split(), "--help")
    assert found.exit_code == 0
    assert found.stdout.split("\n")[0].startswith("Usage: ") and f" {words} " in found.stdout.split("\n")[0]


READING = ["plan", "status", "approve", "ledger list", "ledger show", "ledger verify", "ledger diff", "ledger audit",
           "ledger rejudge", "tools list",
           "tools describe", "models list", "saes train", "saes describe",
           "data describe", "data list", "data show", "data verify",
           "doctor"]  # fmt: skip


@pytest.mark.parametrize("words", READING)
def test_every_reading_command_speaks_json(cli, words):
    assert "--json" in cli(*words.split(), "--help").stdout


def test_the_version(cli):
    from theodolite import __version__

    assert cli("--version").stdout == f"theodolite {__version__}\n"


@pytest.mark.parametrize("words", [["lst"], ["ledger", "lst"], ["run"], ["plan", "a.yaml", "--nope"]])
def test_wrong_use_is_answered_with_code_2(cli, words):
    found = cli(*words)
    assert found.exit_code == ExitCode.BAD_INPUT
    assert "Error" in found.stderr and "Traceback" not in found.stderr


def test_a_reader_that_goes_away_is_no_crash(command):
    """As in ``theodolite --help | head -1``."""
    process = subprocess.Popen(
        [*command, "ledger", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    )
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    process.wait()
