"""Coverage: what could be asked, and what was looked at, tried, judged and never tried."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from theodolite.agents import LintReviewer, Planner, run_campaign
from theodolite.experiments import CampaignRun, Setting
from theodolite.experiments.matrix import load_matrix
from theodolite.experiments.matrix_preparing import prepare_matrix
from theodolite.reports.coverage import Coverage, coverage
from theodolite.store import Ledger, hypothesis_rows, look_rows, reference_rows, refusal_rows

KEPT = Path(__file__).parents[1] / "ledgers" / "pbmc-demo-0.1.0"


def check_that_it_adds_up(found: Coverage) -> None:
    for child in found.children:
        for tool in child.tools:
            assert tool.registered == sum(tool.outcomes.values()) <= tool.proposed
            assert tool.judged <= tool.registered
            assert tool.claims is not None and tool.never_tried is not None
            assert 0 <= tool.looked <= tool.claims
            assert tool.claims - tool.registered <= tool.never_tried <= tool.claims


def test_a_campaign_by_itself_is_counted_by_instrument(ledger: Ledger) -> None:
    found = coverage(ledger)
    (child,) = found.children
    check_that_it_adds_up(found)
    assert (child.matrix, child.place, child.budget, child.state) == (None, None, 6, "stopped: budget")
    testable = sum(row.testable for row in reference_rows(ledger))
    for tool in child.tools:
        rows = [row for row in hypothesis_rows(ledger) if row.family == tool.tool]
        places = [look for look in look_rows(ledger) if look.tool.startswith(f"{tool.tool}@")]
        assert tool.proposed == len({row.hypothesis_id for row in rows})
        assert tool.registered == len({row.hypothesis_id for row in rows if row.prereg_sha256})
        assert tool.claims is not None and tool.claims % len(places) == 0 and tool.claims <= len(places) * testable
        assert sum(tool.refused.values()) == len(
            {row.hypothesis_id for row in refusal_rows(ledger) if row.subject in {slot.subject for slot in rows}}
        )
    assert found.totals.registered == len({row.hypothesis_id for row in hypothesis_rows(ledger) if row.prereg_sha256})
    supported = [row for row in hypothesis_rows(ledger) if row.verdict == "supported"]
    outcomes = found.totals.outcomes
    # What a spent block supports is none of the supports of a headline.
    assert outcomes["supported"] == sum(not row.reused for row in supported) > 0
    assert outcomes["supported on a reused hold-out"] == sum(bool(row.reused) for row in supported) > 0


def test_a_ledger_of_an_earlier_version_is_counted_too(tmp_path: Path) -> None:
    shutil.copytree(KEPT, tmp_path / "kept")
    with Ledger.open(tmp_path / "kept" / "ledger.sqlite") as ledger:
        found = coverage(ledger)
        check_that_it_adds_up(found)
        assert found.totals.registered == len(
            {row.hypothesis_id for row in hypothesis_rows(ledger) if row.prereg_sha256}
        )


@pytest.fixture
def seeds(small_world: Any, tmp_path: Path) -> list[Setting]:
    """Return the campaigns of a matrix of three seeds."""
    content = small_world.content("many", budget={"experiments": 2}, error={"n_max": 40})
    (tmp_path / "many.yaml").write_text(yaml.safe_dump({**content, "matrix": {"seeds": [1, 2, 3]}}), encoding="utf-8")
    matrix = load_matrix(tmp_path / "many.yaml")
    assert matrix is not None
    return prepare_matrix(matrix, small_world.workspace(tmp_path / "w"))


def test_without_a_ledger_everything_of_a_file_is_never_tried(seeds: list[Setting]) -> None:
    found = coverage(None, seeds)
    assert found.ledger is None and [child.place for child in found.children] == [1, 2, 3]
    for child in found.children:
        assert child.state == "not begun" and child.matrix == "many"
        assert all(tool.never_tried == tool.claims and tool.claims for tool in child.tools)
    claims = sum(tool.claims or 0 for tool in found.children[0].tools)
    # Three seeds of one model and cell set can make the same claims.
    assert found.totals.claims == found.totals.never_tried == claims


def test_what_is_not_begun_is_never_tried_and_not_missing(small_world: Any, seeds: list[Setting]) -> None:
    with Ledger.open(seeds[0].workspace.ledger, create=True) as ledger:
        runs = [CampaignRun(setting, ledger, small_world.runner(setting)) for setting in seeds[:2]]
        for run in runs:
            run.declare()
        run_campaign(runs[0], Planner(), LintReviewer())
        by_ledger, by_file = coverage(ledger), coverage(ledger, seeds)
    assert [child.state for child in by_ledger.children] == ["stopped: budget", "not begun"]
    assert [child.state for child in by_file.children] == ["stopped: budget", "not begun", "not begun"]
    # The ledger knows of itself what its campaigns could ask, begun or not.
    assert by_file.children[:2] == by_ledger.children
    for found in (by_ledger, by_file):
        check_that_it_adds_up(found)
    first, second = by_ledger.children
    assert sum(tool.registered for tool in first.tools) == 2 == first.budget
    assert all(tool.looked == 0 and tool.never_tried == tool.claims for tool in second.tools)
    assert [tool.claims for tool in first.tools] == [tool.claims for tool in second.tools]
