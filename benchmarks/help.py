"""How long ``theodolite --help`` takes beside importing typer and rich: medians of interleaved runs."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

RUNS = 15
LIMIT = 2.0
HELP = [sys.executable, "-c", "from theodolite.cli import main; main()", "--help"]
IMPORTS = [sys.executable, "-c", "import typer, rich"]


def seconds(command: list[str]) -> float:
    """Return the wall time of one run."""
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "COLUMNS": "100"})
    return time.perf_counter() - started


def main() -> None:
    """Print both medians and their ratio; exit 1 if help takes more than twice as long."""
    for command in (HELP, IMPORTS):
        seconds(command)
    pairs = [(seconds(HELP), seconds(IMPORTS)) for _ in range(RUNS)]
    help_s, imports_s = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = help_s / imports_s
    print(f"theodolite --help  {1000 * help_s:6.0f} ms")
    print(f"import typer, rich {1000 * imports_s:6.0f} ms")
    print(f"ratio              {ratio:6.2f}  (at most {LIMIT})")
    sys.exit(ratio > LIMIT)


if __name__ == "__main__":
    main()
