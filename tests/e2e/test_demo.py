"""The demonstration, as `make demo` runs it: the packaged model, real cells, no key, no question."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from theodolite.store import Ledger, gate_rows

pytestmark = pytest.mark.slow


def theodolite(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "theodolite", *words],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("demo") / "theodolite-demo"
    run = theodolite("demo", "--dir", str(folder))
    assert run.returncode == 0, run.stderr
    return folder, run.stdout


def test_the_demo_tests_at_least_twelve_hypotheses_through_all_three_instruments(demo: tuple[Path, str]) -> None:
    rows = json.loads(theodolite("ledger", "list", "-w", str(demo[0]), "--json").stdout)
    registered = [row for row in rows if row["outcome"] not in ("refused", "pending")]
    assert len(registered) >= 12
    assert {row["family"] for row in registered} == {
        "attention.edges",
        "geometry.axis_separation",
        "geometry.pair_proximity",
    }


def test_verdicts_differ_and_every_absence_was_sensitive(demo: tuple[Path, str]) -> None:
    rows = json.loads(theodolite("ledger", "list", "-w", str(demo[0]), "--json").stdout)
    verdicts = Counter(row["outcome"] for row in rows)
    assert verdicts["inconclusive"] > 0
    assert verdicts["supported"] + verdicts["refuted"] > 0, "something is decided, one way or the other"
    assert not verdicts.keys() & {"error", "pending"}
    with Ledger.open(demo[0] / "ledger.sqlite", read_only=True) as ledger:
        planted = {gate.subject: gate.passed for gate in gate_rows(ledger) if gate.gate == "G7+"}
    # 1.5 times the least effect that counts, planted on these cells and blocks, was found wherever a claim was tested.
    assert all(planted[row["subject"]] for row in rows if row["outcome"] in ("supported", "refuted", "inconclusive"))


def test_the_table_says_what_a_biologist_needs(demo: tuple[Path, str]) -> None:
    for word in ("AUROC", "unmet:", "next:", "Supported", "inconclusive", "T lineage"):
        assert word in demo[1]


def test_its_ledger_verifies_down_to_the_gate_numbers(demo: tuple[Path, str]) -> None:
    checked = theodolite("ledger", "verify", "--deep", "-w", str(demo[0]))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_second_demo_in_the_same_folder_adds_nothing(demo: tuple[Path, str]) -> None:
    before = theodolite("ledger", "verify", "-w", str(demo[0]), "--json").stdout
    again = theodolite("demo", "--dir", str(demo[0]))
    assert again.returncode == 0
    assert theodolite("ledger", "verify", "-w", str(demo[0]), "--json").stdout == before
