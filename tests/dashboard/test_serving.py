"""The process that serves keeps little memory however many read at once."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from theodolite.dashboard import DashboardSettings, serving
from theodolite.dashboard.app import WORKERS

_HEAPS = """
import ctypes, re, sys, threading
from theodolite.dashboard.serving import spare_memory
if sys.argv[1] == "spared":
    spare_memory()
here = threading.Barrier(16)
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
def work():
    here.wait()
    libc.malloc(50_000)
    here.wait()
threads = [threading.Thread(target=work) for _ in range(16)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
file = ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
import pyarrow
print(len(re.findall("<heap nr", open(sys.argv[2]).read())), pyarrow.default_memory_pool().backend_name)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc")
def test_threads_share_two_heaps_and_pyarrow_keeps_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow")
    for name in ("MALLOC_ARENA_MAX", "ARROW_DEFAULT_MEMORY_POOL"):
        monkeypatch.delenv(name, raising=False)

    def heaps(how: str) -> tuple[int, str]:
        words = [sys.executable, "-c", _HEAPS, how, str(tmp_path / how)]
        number, pool = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
        return int(number), pool

    assert heaps("plain")[0] > 2
    number, pool = heaps("spared")
    assert number <= 2 and pool == "system"


def test_a_c_library_without_arenas_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARROW_DEFAULT_MEMORY_POOL", "mimalloc")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    serving.spare_memory()


def test_memory_is_spared_before_anything_is_opened(finished_ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    real = serving.create_app
    monkeypatch.setattr(serving, "spare_memory", lambda: done.append("spared"))
    monkeypatch.setattr(serving, "create_app", lambda settings: (done.append("made"), real(settings))[1])
    monkeypatch.setattr(serving.DashboardServer, "run", lambda self, sockets: sockets[0].close())
    serving.serve(DashboardSettings(finished_ledger, port=0), ready=lambda address: None)
    assert done == ["spared", "made"]


def test_so_many_requests_are_worked_on_at_once(finished_ledger: Path, serve: Any) -> None:
    now, most, lock = 0, 0, threading.Lock()

    def slow() -> str:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.1)
        with lock:
            now -= 1
        return "done"

    dashboard = serve(DashboardSettings(finished_ledger))
    dashboard.app.get("/slow")(slow)
    with dashboard as address, ThreadPoolExecutor(3 * WORKERS) as readers:
        asked = [readers.submit(lambda: urlopen(f"{address}/slow", timeout=30).read()) for _ in range(3 * WORKERS)]
        assert all(future.result() for future in asked)
    assert 1 < most <= WORKERS
