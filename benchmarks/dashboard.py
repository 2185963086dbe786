"""How long the dashboard takes to answer on a ledger of a million hypotheses, beside a ledger of a few hundred.

Run ``python benchmarks/dashboard.py [--hypotheses N] [--ledger FILE]``. A real server process serves each ledger; every
address is asked fifty times over loopback, once before to warm up, and a browser opens the first page where Chromium is
there. Prints medians, the slowest, the ratio to the small ledger, and the resident memory of the server. Exits 1
where a median is above its limit: 100 ms for default views and single filters, a second for filters together, 300 MB,
a second until the first page is usable.
"""

from __future__ import annotations

import argparse
import http.client
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode, urlsplit

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
sys.path.append(str(Path(__file__).parents[1] / "tests"))

import psutil
from large_ledgers import COMMON, RARE

from theodolite.store import CHOICES, Find, Ledger, choices, find

SMALL, REPEATS, VISITS = 300, 50, 5
MAKE = f"""import sys; sys.path.append({str(Path(__file__).parents[1] / "tests")!r})
from pathlib import Path
from large_ledgers import make_large_ledger
make_large_ledger(Path(sys.argv[1]), int(sys.argv[2]), 1)"""
FAST, SLOW, MEGABYTES, USABLE = 0.1, 1.0, 300, 1.0


def addresses(path: Path) -> dict[str, tuple[str, float]]:
    """Return what is asked of a ledger, by name: an address and its limit in seconds."""
    with Ledger.open(path, read_only=True) as ledger:
        newest = find(ledger, Find(), limit=50)
        deep = find(ledger, Find(), descending=False, limit=50)
        frequent = {field: next(iter(choices(ledger, field))) for field in CHOICES if choices(ledger, field)}
        campaign, subject = newest.rows[0].campaign, newest.rows[0].subject
        day = deep.rows[-1].proposed_at[:10]
    asked = {
        "campaigns": ("/", FAST),
        "a campaign": (f"/campaigns/{campaign}", FAST),
        "the ledger": ("/ledger", FAST),
        "the ledger, from the other end": ("/ledger?order=ascending", FAST),
        "a hypothesis": (f"/hypotheses/{subject}", FAST),
        "the map": ("/map", FAST),
        "error control": ("/error-control", FAST),
        "people": ("/people", FAST),
        "glossary": ("/glossary", FAST),
    }
    if deep.next:
        asked["the ledger, a page further"] = (f"/ledger?order=ascending&cursor={deep.next}", FAST)
    for field, value in frequent.items():
        asked[f"by {field}"] = (f"/ledger?{urlencode({field: value})}", FAST)
    for name, given in {
        "by layer": {"layer": 3},
        "by cost": {"cost_from": 0.5},
        "by date": {"since": day},
        "by text, rare": {"text": RARE},
    }.items():
        asked[name] = (f"/ledger?{urlencode(given)}", FAST)
    for name, given in {
        "outcome, common word": {"outcome": "inconclusive", "text": COMMON},
        "outcome, family, by effect": {"outcome": "refuted", "family": frequent["family"], "sort": "effect"},
        "tag, gate, common word": {"tag": frequent.get("tag", ""), "unmet": frequent.get("unmet", ""), "text": COMMON},
        "family, days, cost": {"family": frequent["family"], "until": day, "cost_from": 0.001},
    }.items():
        asked[name] = (f"/ledger?{urlencode(given)}", SLOW)
    return asked


@contextmanager
def serving(path: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Serve a ledger in a process of its own; yields address and process."""
    words = [sys.executable, "-c", "from theodolite.cli import main; main()", "dashboard", str(path), "--port", "0"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        line = server.stderr.readline()
        address = next((word.rstrip("/") for word in line.split() if word.startswith("http://")), None)
        if address is None:
            raise SystemExit(f"the server did not start: {line}{server.stderr.read()}")
        try:
            yield address, psutil.Process(server.pid)
        finally:
            server.terminate()


def ask(address: str, repeats: int, where: dict[str, tuple[str, float]]) -> dict[str, list[float]]:
    """Return the seconds that each answer took, on one kept connection."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=120)
    took: dict[str, list[float]] = {}
    for name, (target, _) in where.items():
        for number in range(repeats + 1):
            start = time.perf_counter()
            connection.request("GET", target)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise SystemExit(f"{target} answered {answer.status}: {body[:300]!r}")
            if number:
                took.setdefault(name, []).append(time.perf_counter() - start)
    return took


def usable(address: str) -> float | None:
    """Return the median seconds until the first page can be read and used; None without a browser."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        return None
    from playwright.sync_api import sync_playwright

    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for _ in range(VISITS):
            page = browser.new_context().new_page()
            page.goto(address + "/", wait_until="load")
            found.append(page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd") / 1000)
            page.context.close()
        browser.close()
    return statistics.median(found)


def main() -> int:
    """Ask, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hypotheses", type=int, default=1_000_000)
    parser.add_argument("--ledger", type=Path, help="A large ledger that is kept; made there where it is missing.")
    given = parser.parse_args()
    late = []
    with tempfile.TemporaryDirectory(prefix="theodolite-") as folder:
        small, large = (Path(folder) / name / "ledger.sqlite" for name in ("small", "large"))
        large = given.ledger or large
        for path, hypotheses in ((small, SMALL), (large, given.hypotheses)):
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                # In a process of its own, whose memory is given back.
                subprocess.run([sys.executable, "-c", MAKE, str(path), str(hypotheses)], check=True)
        with serving(small) as (address, _):
            few = ask(address, REPEATS, addresses(small))
        where = addresses(large)
        with serving(large) as (address, process):
            begin = usable(address)
            many = ask(address, REPEATS, where)
            megabytes = process.memory_info().rss / 2**20
        print(f"{'':<34} median ms  slowest ms  x {SMALL} hypotheses")
        for name, seconds in many.items():
            median, limit = statistics.median(seconds), where[name][1]
            ratio = f"{median / statistics.median(few[name]):.1f}" if name in few else "-"
            print(f"{name:<34} {1000 * median:>9.1f}  {1000 * max(seconds):>10.1f}  {ratio:>6}", flush=True)
            if median > limit:
                late.append(f"{name}: {1000 * median:.0f} ms, limit {1000 * limit:.0f} ms")
    print(f"server memory {megabytes:.0f} MB (limit {MEGABYTES})")
    if megabytes > MEGABYTES:
        late.append(f"memory {megabytes:.0f} MB")
    if begin is None:
        print("no Chromium: the first page was not opened")
    else:
        print(f"first page usable after {begin:.2f} s, median of {VISITS} visits (limit {USABLE:g} s)")
        if begin > USABLE:
            late.append(f"first page {begin:.2f} s")
    for what in late:
        print(f"LATE  {what}")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
