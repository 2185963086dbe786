"""Where an acceptance run leaves its result: command, commit, machine, numbers."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def write_evidence(name: str, title: str, result: dict[str, Any], passed: bool) -> None:
    """Write ``docs/evidence/<name>.json``; a run on a changed tree says so beside the commit."""
    import numpy
    import torch

    changed = _git("status", "--porcelain", "src", "evidence")
    document = {
        "title": title,
        "command": f"python evidence/{Path(sys.argv[0]).name}",
        "commit": _git("rev-parse", "HEAD") + (" + changes" if changed else ""),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {
            "system": platform.system(),
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": numpy.__version__,
        },
        "passed": passed,
        "result": result,
    }
    folder = ROOT / "docs" / "evidence"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"{'PASSED' if passed else 'FAILED'}: {title}; docs/evidence/{name}.json")
