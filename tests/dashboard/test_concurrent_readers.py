"""A hundred readers at once while another process writes: nobody is locked out, and no event is lost."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from event_streams import EventStream

from theodolite.dashboard import DashboardSettings
from theodolite.store import Ledger, campaign_rows, verify

STREAMS, PAGES, ROWS = 60, 40, 300

WRITE = """
import sys, time
sys.path.insert(0, sys.argv[3])
from event_streams import append
from theodolite.store import Ledger
with Ledger.open(sys.argv[1]) as ledger, ledger.coordinator("theodolite run", campaign=sys.argv[2]):
    ledger.ops.start_session(sys.argv[2])
    sys.stdin.readline()
    for number in range(int(sys.argv[4])):
        last = append(ledger, sys.argv[2], 1, start=number)
        ledger.ops.start_job(f"job {number}", campaign=sys.argv[2], what="a job")
        time.sleep(0.01)
    print(last, flush=True)
"""


def test_a_hundred_readers_while_another_process_writes(live_ledger: Path, checkout: Path, serve) -> None:
    with Ledger.open(live_ledger, read_only=True) as ledger:
        head, campaign = ledger.head().seq, campaign_rows(ledger)[0].campaign
    settings = DashboardSettings(live_ledger, poll_seconds=0.2)
    words = (str(live_ledger), campaign, str(checkout / "tests"), str(ROWS))
    over = threading.Event()

    def follow(address: str) -> list[int]:
        with EventStream(address) as stream:
            return stream.ids(head + ROWS)

    def visit(address: str) -> int:
        seen = 0
        while not over.is_set():
            with urlopen(address, timeout=60) as answer:
                assert answer.status == 200 and answer.read()
            seen += 1
        return seen

    with (
        serve(settings) as address,
        subprocess.Popen(
            [sys.executable, "-c", WRITE, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as writer,
        ThreadPoolExecutor(STREAMS + PAGES) as readers,
    ):
        streams = (f"{address}/events?after={head}", f"{address}/campaigns/{campaign}/events?after={head}")
        pages = (f"{address}/", f"{address}/campaigns/{campaign}", f"{address}/campaigns/{campaign}/state")
        following = [readers.submit(follow, streams[number % 2]) for number in range(STREAMS)]
        visiting = [readers.submit(visit, pages[number % 3]) for number in range(PAGES)]
        time.sleep(0.5)
        said, errors = writer.communicate("go\n", timeout=120)
        arrived = [future.result(timeout=60) for future in following]
        over.set()
        visits = [future.result(timeout=60) for future in visiting]
    assert (writer.returncode, errors, int(said)) == (0, "", head + ROWS)
    assert all(ids == list(range(head + 1, head + ROWS + 1)) for ids in arrived)
    assert all(visits) and sum(visits) >= PAGES


@pytest.mark.slow
def test_a_hundred_readers_while_a_campaign_runs(small_world: Any, tmp_path: Path, serve) -> None:
    """The command itself, with its workers, leases and heartbeats, in another process."""
    folder = tmp_path / "read.theodolite"
    shutil.copytree(small_world.finished(), folder)
    ledger_file = folder / "ledger.sqlite"
    file = small_world.campaign_file(tmp_path / "another.yaml", budget={"experiments": 4})
    with Ledger.open(ledger_file, read_only=True) as ledger:
        head = ledger.head().seq
    over = threading.Event()

    def follow(address: str) -> list[int]:
        ids: list[int] = []
        with EventStream(address) as stream:
            while (event := stream.next()) is not None:
                if event.name == "entry":
                    ids.append(int(event.id))
                    if "campaign stopped" in event.data:
                        break
        return ids

    def visit(address: str) -> int:
        seen = 0
        while not over.is_set():
            with urlopen(address, timeout=120) as answer:
                assert answer.status == 200 and answer.read()
            seen += 1
            time.sleep(0.2)
        return seen

    with (
        serve(DashboardSettings(ledger_file, poll_seconds=0.2)) as address,
        ThreadPoolExecutor(STREAMS + PAGES) as pool,
    ):
        following = [pool.submit(follow, f"{address}/events?after={head}") for _ in range(STREAMS)]
        pages = (f"{address}/", f"{address}/ledger", f"{address}/map", f"{address}/error-control")
        visiting = [pool.submit(visit, pages[number % 4]) for number in range(PAGES)]
        run = [sys.executable, "-c", "from theodolite.cli import main; main()", "run", str(file), "-w", str(folder)]
        campaign = subprocess.run(run, capture_output=True, text=True, timeout=900)
        arrived = [future.result(timeout=120) for future in following]
        over.set()
        assert all(future.result(timeout=120) for future in visiting)
    assert campaign.returncode == 0, campaign.stderr
    assert "locked" not in campaign.stderr
    with Ledger.open(ledger_file, read_only=True) as ledger:
        last = ledger.head().seq
    assert last > head + 20 and verify(ledger_file).ok
    assert all(ids == list(range(head + 1, last + 1)) for ids in arrived)
