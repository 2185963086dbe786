"""Standard streams are there, whatever started the program."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import sys
from theodolite.cli.streams import open_standard_streams
open_standard_streams()
print("into nothing"); print("into nothing", file=sys.stderr); assert sys.stdin.read() == ""
with open(sys.argv[1], "w") as file:
    assert file.fileno() > 2
    file.write("mine")
"""


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_no_file_takes_the_place_of_a_closed_stream(tmp_path, closed):
    path = tmp_path / "file"
    shell = f'exec "$0" -c "$1" "$2" < /dev/null {closed}'
    done = subprocess.run(["bash", "-c", shell, sys.executable, CODE, str(path)], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert path.read_text() == "mine"


def test_the_command_itself_runs_without_any(command):
    shell = 'exec "$@" --version 0<&- 1>&- 2>&-'
    assert subprocess.run(["bash", "-c", shell, "bash", *command]).returncode == 0
