"""Appends a second, one by one and in rounds of 20, with what SQLite alone does beside them.

Run ``python benchmarks/appends.py``. The entries are those of real campaigns in the order in which the loop writes
them, each with its projections, on a file of this machine's disk. "SQLite alone" inserts the same rows into a table
like the chain's, indexes and all, with the same settings and as many rows a transaction: no hashing, no checks, no
projections.

Both use the ledger's settings: a write-ahead log with ``synchronous=NORMAL``. A commit is in the file when it returns,
so that a killed program loses nothing; the disk is waited for at checkpoints only, so that a loss of power may take
the last commits with it, and never damages what was before them. Checkpoints happen while it runs, as in a campaign.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

from overhead import planted, setting_of
from parts.history import Line, lines

from theodolite.store import Ledger

ENTRIES, ROUND, REPEATS = 2_000, 20, 5
LIMITS = {1: 300, ROUND: 1_000}
"""Entries a second that must be appended, by entries a transaction."""
PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "recursive_triggers=ON")


def rounds(entries: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Yield so many at a time."""
    for start in range(0, len(entries), size):
        yield entries[start : start + size]


def appended(folder: Path, entries: Sequence[Line], size: int) -> float:
    """Return the entries a second that a new ledger takes, so many to a transaction."""
    with Ledger.create(folder / "ledger.sqlite") as ledger:
        started = time.perf_counter()
        for part in rounds(entries, size):
            if size == 1:
                ledger.append(*part[0])
                continue
            with ledger.batch():
                for entry in part:
                    ledger.append(*entry)
        return len(entries) / (time.perf_counter() - started)


def rows_of(folder: Path) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the statements that make the chain's table, and its rows."""
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as connection:
        query = "SELECT sql FROM sqlite_master WHERE tbl_name = 'entry' AND type != 'trigger' AND sql IS NOT NULL"
        return [sql for (sql,) in connection.execute(query)], connection.execute("SELECT * FROM entry").fetchall()


def alone(folder: Path, tables: Sequence[str], rows: Sequence[tuple[Any, ...]], size: int) -> float:
    """Return the rows a second that SQLite alone takes."""
    with closing(sqlite3.connect(folder / "bare.sqlite", isolation_level=None)) as connection:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        for sql in tables:
            connection.execute(sql)
        insert = f"INSERT INTO entry VALUES ({', '.join('?' * len(rows[0]))})"
        started = time.perf_counter()
        for part in rounds(rows, size):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(insert, part)
            connection.execute("COMMIT")
        return len(rows) / (time.perf_counter() - started)


def profile(folder: Path, entries: Sequence[Line], size: int) -> None:
    """Print where the time of appends goes."""
    import cProfile
    import pstats

    watch = cProfile.Profile()
    watch.runcall(appended, folder, entries, size)
    pstats.Stats(watch).sort_stats("tottime").print_stats(25)


def main() -> None:
    """Print medians and ranges over repeats, and exit 1 if a median is below its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=ENTRIES)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--profile", action="store_true", help="print what cProfile finds")
    options = parser.parse_args()
    world = planted()
    missed = False
    began = time.process_time(), time.perf_counter()
    # Beside the program, not in the folder for temporary files, which may be in memory.
    with tempfile.TemporaryDirectory(prefix="appends-", dir=Path(__file__).parent) as name:
        here = Path(name)
        told = setting_of(world, here / "told", "told", 8, 24)
        source = lines(told, world.runner(told), max(100, options.entries // 5))
        entries = [line for line, _ in zip(source, range(options.entries), strict=False)]
        size = statistics.mean(len(json.dumps(line[3])) for line in entries)
        print(f"{len(entries):,} entries of {size / 1024:.1f} KB on average, {options.repeats} times")
        print(f"{'a transaction':>14}{'ledger':>24}{'SQLite alone':>28}{'limit':>8}")
        for each, limit in LIMITS.items():
            found: list[float] = []
            bare: list[float] = []
            for number in range(options.repeats):
                folder = here / f"{each}-{number}"
                folder.mkdir()
                found.append(appended(folder, entries, each))
                bare.append(alone(folder, *rows_of(folder), each))
            median = statistics.median(found)
            missed |= median < limit
            print(f"{each:>14}{_range(found):>24}{_range(bare):>28}{limit:>8}{'  MISSED' if median < limit else ''}")
            if options.profile:
                (here / f"profile-{each}").mkdir()
                profile(here / f"profile-{each}", entries, each)
    busy = (time.process_time() - began[0]) / (time.perf_counter() - began[1])
    print(f"this program had a core for {100 * busy:.0f} % of the time")
    print(f"entries a second: median (smallest to largest); load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print("write-ahead log, synchronous=NORMAL: a kill loses nothing, a loss of power at most the last commits")
    sys.exit(missed)


def _range(found: Sequence[float]) -> str:
    return f"{statistics.median(found):,.0f} ({min(found):,.0f} to {max(found):,.0f})"


if __name__ == "__main__":
    main()
