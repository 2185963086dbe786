"""The page on geometry: its example runs and prints what it says, and its figure is what its script draws."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from theodolite.analysis import geometry


def test_the_example_runs_and_shows_what_the_page_says(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (checkout / "docs" / "instruments" / "geometry.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "docs/instruments/geometry.md", "exec"), names)
    assert "gene class" in capsys.readouterr().out
    p = names["recovery"].p[:, 0]
    assert p[0] <= 0.01 and p[1] <= 0.01 and p[2] > 0.05
    assert names["recovery"].trend().spearman.p >= 1 / 3
    assert names["classes"].null.p_any > 0.05 and names["spectra"].absent == ("ABSENT1", "ABSENT2")


def test_the_page_names_only_functions_that_there_are(checkout: Path) -> None:
    page = (checkout / "docs" / "instruments" / "geometry.md").read_text(encoding="utf-8")
    table = page.split("## What there is")[1].split("## Traps")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert len(named) >= 10 and named <= set(geometry.__all__)


def test_the_figure_is_drawn_by_its_script(checkout: Path, tmp_path: Path) -> None:
    script = checkout / "docs" / "instruments" / "figures" / "geometry.py"
    drawn = tmp_path / "geometry.svg"
    runpy.run_path(str(script))["draw"](drawn)
    text = drawn.read_text(encoding="utf-8")
    assert "with rows of zeros, unsound" in text and "edges, without hubs" in text
    committed = (checkout / "docs" / "instruments" / "geometry.svg").read_text(encoding="utf-8")
    assert sorted(re.findall(r">([^<>]*[a-z][^<>]*)</text>", text)) == sorted(
        re.findall(r">([^<>]*[a-z][^<>]*)</text>", committed)
    )
