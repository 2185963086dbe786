"""The page on manifolds: its example runs and shows what it says, and it names only what there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from theodolite.analysis import manifold


def test_the_examples_run_and_show_what_the_page_says(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (checkout / "docs" / "instruments" / "manifold.md").read_text(encoding="utf-8")
    code, searching, on_anndata = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "docs/instruments/manifold.md", "exec"), names)
    printed = capsys.readouterr().out
    tests = re.findall(r"PermutationNull\(.*? p=([\d.]+)", printed)
    assert len(tests) == 3 and max(map(float, tests)) < 0.01
    margins = [float(low) for low in re.findall(r"Margin\(.*? low=([-\d.]+)", printed)]
    assert len(margins) == 2 and min(margins) > 0
    for score in names["scores"]:
        assert score.nulls["branch"].p < 0.05
        assert (score.nulls["depth"] is None) == (score.kind == "branch")
    exec(compile(searching, "docs/instruments/manifold.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "NOT MET" not in printed and names["confirmed"].verdict.passed
    assert printed.count("met ") == len(names["confirmed"].verdict.gates)
    exec(compile(on_anndata, "docs/instruments/manifold.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "it meets all 14 gates" in printed and "this is no claim" in printed


def test_the_page_gives_the_thresholds_that_there_are(checkout: Path) -> None:
    page = (checkout / "docs" / "instruments" / "manifold.md").read_text(encoding="utf-8")
    table = page.split("| gate | threshold | from |")[1].split("\n\n")[0]
    said = [float(number) for row in table.splitlines()[2:] for number in re.findall(r"[\d.]+\d", row.split("|")[2])]
    gates = manifold.ManifoldGates()
    assert said == [
        gates.least_trust, gates.least_rho, gates.most_p, gates.least_within, gates.most_donor_p, gates.least_within,
    ]  # fmt: skip


def test_the_page_names_only_functions_that_there_are_and_all_that_compute(checkout: Path) -> None:
    page = (checkout / "docs" / "instruments" / "manifold.md").read_text(encoding="utf-8")
    table = page.split("## What there is")[1].split("## Traps")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    helpers = {"latent_distances", "neighbour_graph", "pair_spearman", "same_label", "unsupervised"}
    assert named == {name for name in manifold.__all__ if name[0].islower()} - helpers
