"""The acceptance run over all instruments: what it counts, and where it says that time goes."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from theodolite.agents import LintReviewer, Planner, run_campaign
from theodolite.experiments import CampaignRun, LocalRunner, Setting, looking, prepare
from theodolite.gates.memo import Memo
from theodolite.store import JobRow, JobState, Ledger


@pytest.fixture
def script(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the acceptance run as a module."""
    monkeypatch.syspath_prepend(checkout / "evidence")
    return importlib.import_module("instruments_campaign")


def job(what: str, seconds: float | None) -> JobRow:
    return JobRow("j", 1, JobState.DONE, None, what, None, None, None, seconds, None, None, None, None)


def test_what_is_neither_tool_nor_gate_is_outside(script: Any) -> None:
    spent = {"tools and models": 60.0, "gates, attention": 20.0, "gates, blinded power": 18.0, "co-expression": 2.0}
    assert script.outside(spent) == pytest.approx(0.02)
    assert script.outside({}) == 0.0


def test_seconds_of_jobs_are_added_by_family(script: Any) -> None:
    jobs = [
        job("attention.edges layer 1 on main, discovery", 1.5),
        job("attention.regulation layer 1 on main, block-1", 0.5),
        job("ablation.zero_ablation part head on counts, block-1", 4.0),
        job("fit.axes on main, discovery", 3.0),
        job("geometry.axis_separation on main, block-1", None),
    ]
    assert script.seconds_of_tools(jobs) == {"ablation": 4.0, "attention": 2.0, "fit": 3.0, "geometry": 0.0}


def test_a_test_is_sensitive_where_both_gates_passed(script: Any) -> None:
    assert script.sensitive({"G12b": True, "G7+": True, "G3": False})
    assert not script.sensitive({"G12b": True, "G7+": False})
    assert not script.sensitive({"G12b": True})
    assert not script.sensitive({})


def test_reasons_are_counted_without_their_numbers(script: Any) -> None:
    one, other = "4 genes in 3 families in block-1 (at least 10)", "7 genes in 5 families in block-1 (at least 10)"
    assert script.kind_of(one) == script.kind_of(other) == "N genes in N families in N (at least N"


def test_shares_count_registered_claims_with_a_spike_only(script: Any) -> None:
    def claim(family: str, verdict: str | None, shape: str = "GeneScores") -> dict[str, Any]:
        return {"family": family, "shape": shape, "verdict": verdict}

    arms = {
        "sham": {"strength": {}, "claims": [claim("geometry", "refuted"), claim("ablation", "refuted")]},
        "planted": {
            "strength": {"GeneScores": 2.0},
            "claims": [claim("geometry", "supported"), claim("ablation", "inconclusive"), claim("ablation", None)],
        },
    }
    assert script.shares(arms) == {"all": 0.5, "GeneScores": 0.5, "ablation": 0.0, "geometry": 1.0}


def test_the_clock_tells_tools_and_gates_of_a_campaign_apart(script: Any, small_world: Any, tmp_path: Path) -> None:
    for remembered in vars(looking).values():
        if isinstance(remembered, Memo):  # what other campaigns of this process read would cost nothing here
            remembered.clear()
    spec = small_world.spec("timed", budget={"experiments": 2}, round_size=2, error={"n_max": 40})
    setting: Setting = prepare(spec, small_world.workspace(tmp_path))
    clock = script.Clock()
    with (
        script.watched(clock),
        Ledger.open(setting.workspace.ledger, create=True) as ledger,
        LocalRunner.for_campaign(setting, ledger.ops) as runner,
    ):
        run_campaign(CampaignRun(setting, ledger, runner), Planner(), LintReviewer())
        spent = clock.read()
        places, gates = script.readable_places(ledger), script.gates_of(ledger)
    families = {name.partition(".")[0] for name in spec.tools}
    assert {"tools and models", "gates, blinded power", "gates, on discovery genes"} <= set(spent)
    assert any(f"gates, {family}" in spent for family in families)
    assert {name for name, found in places.items() if found} == set(spec.tools)
    assert len(gates) == 2 and all(script.sensitive(passed) or passed["G7+"] is False for passed in gates.values())
