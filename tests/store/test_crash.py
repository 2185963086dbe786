"""A process killed in the middle of appending leaves a whole ledger."""

from __future__ import annotations

import signal
import subprocess
import sys

from theodolite.store import Ledger, verify

APPEND = """
import sys
from theodolite.store import Ledger
with Ledger.open(sys.argv[1]) as ledger, ledger.coordinator("doomed"):
    number = ledger.count()
    while True:
        number += 1
        sha256 = ledger.artefacts.put(b"axes %d" % number)
        payload = {"variant": "main", "artefact": sha256, "what": "axes"}
        ledger.append("fit", f"c/fit/{number}", "c", payload)
        print(number, flush=True)
"""


def test_a_killed_writer_leaves_a_ledger_that_verifies_and_continues(ledger):
    known = 0
    for lines in (1, 7, 20):
        writer = subprocess.Popen([sys.executable, "-c", APPEND, str(ledger.path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        for _ in range(lines):
            reported = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        rest, _ = writer.communicate()
        reported = max([reported, *map(int, rest.split("\n")[:-1])])
        assert writer.returncode == -signal.SIGKILL
        report = verify(ledger.path)
        assert report.ok, str(report)
        assert report.entries in (reported, reported + 1), "what was reported as written is there"
        assert report.entries > known
        known = report.entries
    with Ledger.open(ledger.path) as again, again.coordinator("next"):
        again.append("stop", "c/stop", "c", {"reason": "person", "detail": ""})
        assert again.count() == known + 1
    assert verify(ledger.path).ok
