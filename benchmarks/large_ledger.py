"""What a view of a ledger of a million hypotheses asks: pages, filters, counts and full text, beside plain SQL.

Run ``python benchmarks/large_ledger.py [--hypotheses N] [--ledger FILE]``. The ledger is made in a folder for
temporary files beside this program unless one is kept in FILE. Each question is asked fifty times, each time through a
connection of the process that has asked before, as a server does; medians and the slowest. Rivals are what the same
question costs without what the ledger keeps for it, five times each. Exits 1 where a median is above its limit: 100 ms
for default views and single filters, a second for filters together.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
sys.path.append(str(Path(__file__).parents[1] / "tests"))

from large_ledgers import COMMON, HALF, NOWHERE, RARE

from theodolite.store import CHOICES, SORTS, Find, Ledger, choices, count_found, find, neighbours, tallies

HYPOTHESES, SEED, REPEATS, RIVALS = 1_000_000, 1, 50, 5
FAST, SLOW, MEGABYTES = 0.1, 1.0, 300
Question = tuple[str, Callable[[], object], float]


def singles(ledger: Ledger) -> dict[str, Find]:
    """Return every filter alone, of a value that is frequent and of one that is not."""
    found: dict[str, Find] = {}
    for field in CHOICES:
        values = list(choices(ledger, field))
        found[f"{field}, most frequent"] = Find(**{field: values[0]})
        if len(values) > 1:
            found[f"{field}, rarest"] = Find(**{field: values[-1]})
    newest = find(ledger, Find()).rows[-1]
    oldest = find(ledger, Find(), descending=False).rows[0].proposed_at
    return {
        **found,
        "layer": Find(layer=3),
        "block": Find(block="split/block-2"),
        "cost, wide": Find(cost_from=0.0),
        "cost, narrow": Find(cost_from=0.5),
        "cost, none": Find(cost_from=1e9),
        "until the first day": Find(until=oldest[:10]),
        "since a day of the last": Find(since=newest.proposed_at[:10]),
        "a time to a time": Find(since=f"{oldest[:4]}-06-01T10:00", until=f"{oldest[:4]}-06-20T10:00"),
        "text, rare": Find(text=RARE),
        "text, half": Find(text=HALF),
        "text, common": Find(text=COMMON),
        "text, none": Find(text=NOWHERE),
        "text, three words": Find(text=f"{COMMON} {HALF} draws"),
    }


def together(ledger: Ledger) -> dict[str, tuple[Find, str]]:
    """Return filters together, with an order; bad ones too."""
    rare = list(choices(ledger, "campaign"))[-1]
    return {
        "outcome and family": (Find(outcome="supported", family="geometry"), "proposed"),
        "two that never meet": (Find(family="depth", layer=3), "proposed"),
        "two frequent that never meet": (Find(outcome="refused", cost_from=0.0, unmet="G3"), "proposed"),
        "rare campaign, common word": (Find(campaign=rare, text=COMMON), "proposed"),
        "common word, frequent outcome": (Find(outcome="inconclusive", text=COMMON), "proposed"),
        "half the words, rare author": (Find(author="person", text=HALF), "proposed"),
        "rare word, frequent outcome": (Find(outcome="inconclusive", text=RARE), "proposed"),
        "family by effect": (Find(family="attention"), "effect"),
        "refuted by effect": (Find(outcome="refuted"), "effect"),
        "refused by effect": (Find(outcome="refused"), "effect"),
        "common word by p": (Find(text=COMMON), "p"),
        "costs of an outcome by cost": (Find(outcome="inconclusive", cost_from=0.001), "cost"),
        "old days, family": (Find(family="attention", until="2024-03-01"), "proposed"),
        "a day by e": (Find(since="2025-01-01", until="2025-01-01"), "e"),
        "two tags and gates": (Find(tag="[one block]", unmet="G5", outcome="refuted"), "decided"),
        "six filters": (
            Find(outcome="inconclusive", tag="[one block]", unmet="G5", family="geometry", layer=4, text=HALF),
            "effect",
        ),
        "nothing meets": (
            Find(outcome="inconclusive", tag="[reused hold-out]", unmet="G5", cost_to=1e-9, text=COMMON),
            "p",
        ),
    }


def questions(ledger: Ledger) -> Iterator[Question]:
    """Yield what is asked, and in what time it must be answered."""
    yield "default page", partial(find, ledger, Find()), FAST
    deep = find(ledger, Find(), descending=False, limit=50)
    for _ in range(3):
        deep = find(ledger, Find(), descending=False, cursor=deep.next, limit=50)
    yield "a page at the other end", partial(find, ledger, Find(), backwards=True), FAST
    yield "a page by cursor", partial(find, ledger, Find(), descending=False, cursor=deep.next), FAST
    for sort in SORTS:
        for way in (True, False):
            name = f"all by {sort}, {'most' if way else 'least'} first"
            yield name, partial(find, ledger, Find(), sort=sort, descending=way), FAST
    for name, what in singles(ledger).items():
        yield f"page: {name}", partial(find, ledger, what), FAST
        yield f"count: {name}", partial(count_found, ledger, what), FAST
    middle = find(ledger, Find(family="geometry")).rows[20].subject
    yield "count: all", partial(count_found, ledger, Find()), FAST
    yield "neighbours", partial(neighbours, ledger, Find(), middle), FAST
    yield "neighbours of a filter", partial(neighbours, ledger, Find(family="geometry"), middle), FAST
    campaign = next(iter(choices(ledger, "campaign")))
    for field in CHOICES:
        yield f"choices: {field}", partial(choices, ledger, field), FAST
    for by, of in (
        (("campaign", "outcome"), None),
        (("outcome",), campaign),
        (("family", "locus"), None),
        (("family", "locus", "outcome"), campaign),
        (("locus", "reference"), None),
        (("model", "cells", "outcome"), None),
    ):
        name = f"tallies: {' x '.join(by)}{' of a campaign' if of else ''}"
        yield name, partial(tallies, ledger, by=by, campaign=of), FAST
    for name, (what, sort) in together(ledger).items():
        yield f"page: {name}", partial(find, ledger, what, sort=sort), SLOW
        yield f"count: {name}", partial(count_found, ledger, what), SLOW
    yield "neighbours by effect", partial(neighbours, ledger, Find(family="geometry"), middle, sort="effect"), SLOW


def rivals(ledger: Ledger) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield plain SQL for the same questions."""

    def ask(query: str) -> object:
        with ledger.read() as connection:
            return connection.exec_driver_sql(query).all()

    total = count_found(ledger, Find()).number
    for name, query in {
        "page by OFFSET": f"SELECT * FROM hypothesis ORDER BY seq LIMIT 50 OFFSET {total * 9 // 10}",
        "LIKE, rare": f"SELECT seq FROM hypothesis WHERE rationale LIKE '%{RARE}%' ORDER BY seq DESC LIMIT 50",
        "GROUP BY family, locus": "SELECT family, locus, count(*) FROM hypothesis GROUP BY family, locus",
        "GROUP BY campaign, outcome": "SELECT campaign, outcome, count(*) FROM hypothesis GROUP BY campaign, outcome",
        "family by effect": "SELECT seq FROM hypothesis WHERE family = 'attention' ORDER BY effect DESC LIMIT 50",
    }.items():
        yield name, partial(ask, query)


def timed(ask: Callable[[], object], repeats: int) -> list[float]:
    """Return how long an answer took, each time, after a first one that is not counted."""
    ask()
    spent = []
    for _ in range(repeats):
        began = time.perf_counter()
        ask()
        spent.append(time.perf_counter() - began)
    return spent


def main() -> None:
    """Print medians and exit 1 if one is above its limit, or memory is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hypotheses", type=int, default=HYPOTHESES)
    parser.add_argument("--ledger", type=Path, help="a ledger that an earlier run kept, or where to keep it")
    parser.add_argument("--only", default="", help="only questions whose names hold this")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="large-ledger-", dir=Path(__file__).parent) as name:
        path = options.ledger or Path(name) / "ledger.sqlite"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            began = time.perf_counter()
            # In a process of its own, whose memory does not count.
            make = "import sys; sys.path.append(sys.argv[1]); from pathlib import Path; import large_ledgers as made; "
            make += "made.make_large_ledger(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))"
            wanted = (Path(__file__).parents[1] / "tests", path, options.hypotheses, SEED)
            subprocess.run([sys.executable, "-c", make, *map(str, wanted)], check=True)
            print(f"made in {time.perf_counter() - began:.0f} s: {path.stat().st_size / 2**30:.2f} GiB")
        sys.exit(ask_all(path, options.only))


def ask_all(path: Path, only: str) -> bool:
    """Ask everything; return whether a limit was missed."""
    missed = False
    with Ledger.open(path, read_only=True) as ledger:
        print(f"{count_found(ledger, Find()).number:,} hypotheses; milliseconds, median (slowest) of {REPEATS}")
        for name, ask, limit in questions(ledger):
            if only in name:
                spent = timed(ask, REPEATS)
                above = statistics.median(spent) > limit
                missed |= above
                print(f"{name:<56}{_range(spent):>20} {limit * 1000:>6.0f}{'  MISSED' if above else ''}", flush=True)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"memory at its peak: {peak:.0f} MB, {MEGABYTES} at most")
        for name, ask in rivals(ledger):
            if only in name:
                print(f"rival: {name:<49}{_range(timed(ask, RIVALS)):>20}", flush=True)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    return missed or peak > MEGABYTES


def _range(spent: list[float]) -> str:
    return f"{1000 * statistics.median(spent):,.1f} ({1000 * max(spent):,.1f})"


if __name__ == "__main__":
    main()
