"""Installed from a wheelhouse and nothing else, the dashboard serves every page, and no page asks another host.

The wheels of the project and of all that it requires are gathered in one folder (from the usual index; this is the only
step that needs one). A fresh environment is installed from the folder by ``pip install --no-index``; its ``theodolite``
serves the ledger of a finished campaign, and Chromium opens every page.

Criterion, written before the first run: the installation resolves from the folder alone; every page answers and has its
heading; no request goes to another host; no script fails and no policy is violated.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lib.record import ROOT, write_evidence

PIP = [sys.executable, "-m", "pip"]


def main() -> None:
    """Gather, install, serve, walk; write the evidence."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        house = Path(scratch) / "wheelhouse"
        # The project's pins hold for every requirement; torch is one of them.
        gather = [*PIP, "wheel", "--quiet", "-c", str(ROOT / "constraints.txt"), "--wheel-dir", str(house), str(ROOT)]
        subprocess.run(gather, check=True)
        wheels = sorted(path.name for path in house.iterdir())
        size = sum(path.stat().st_size for path in house.iterdir())
        tests = [sys.executable, "-m", "pytest", "-q", "-rs", str(ROOT / "tests/dashboard/test_installed.py")]
        walked = subprocess.run(
            tests, cwd=ROOT, env={**os.environ, "THEODOLITE_WHEELHOUSE": str(house)}, capture_output=True, text=True
        )
    print(walked.stdout)
    said = walked.stdout.strip().splitlines()[-1]
    passed = walked.returncode == 0 and "skipped" not in said
    result = {
        "wheels": len(wheels),
        "megabytes": round(size / 1e6),
        "torch": next((name for name in wheels if name.startswith("torch-")), None),
        "said": said.partition(" in ")[0],
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    write_evidence("dashboard_wheelhouse", "the dashboard installed from a wheelhouse alone", result, passed)
    raise SystemExit(not passed)


if __name__ == "__main__":
    main()
