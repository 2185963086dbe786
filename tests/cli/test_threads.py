"""Linear algebra of a command runs in one thread, unless the person has said how many."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
from theodolite.cli.app import app
app(["doctor", "--help"], standalone_mode=False)
import numpy
from threadpoolctl import threadpool_info
print("threads", {pool["num_threads"] for pool in threadpool_info()})
"""


@pytest.mark.parametrize(("chosen", "threads"), [(None, "{1}"), ("2", "{2}")])
def test_thread_pools_have_one_thread_where_nobody_chose(chosen: str | None, threads: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    if chosen is not None:
        environment["OPENBLAS_NUM_THREADS"] = chosen
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.splitlines()[-1] == f"threads {threads}"
