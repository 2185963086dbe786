"""The calibration of every change: whole campaigns by three adversaries in planted worlds, a bound that must hold."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_the_quick_study_crosses_no_bound(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "theodolite", "calibrate", "--quick", "--processes", "2", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    found = json.loads((tmp_path / "calibration.json").read_text("utf-8"))
    assert all(item["passed"] for item in found["criteria"])
    tests = {arm["world"]: arm["tests"] for arm in found["summary"]["arms"]}
    assert set(tests) == {"standard", "global_null"} and min(tests.values()) > 100
