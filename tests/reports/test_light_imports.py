"""What pages of people need loads no library that a server could not keep in memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "pandas", "scanpy", "sklearn", "langgraph", "anndata")


@pytest.mark.parametrize(
    "module",
    [
        "theodolite.experiments.previews",
        "theodolite.reports.awaiting",
        "theodolite.reports.menus",
        "theodolite.reports.people",
        "theodolite.reports.plain_words",
        "theodolite.reports.plan_words",
        "theodolite.reports.slot_figures",
        "theodolite.reports.slot_traces",
        "theodolite.reports.waiting",
        "theodolite.tools",
    ],
)
def test_reading_what_people_hand_in_is_light(module: str) -> None:
    words = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
