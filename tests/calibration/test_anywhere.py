"""Regulons anywhere in planted worlds: supported where some place holds them, and by bettors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from theodolite.calibration.records import Terms
from theodolite.claims import Direction, Hypothesis, Locus, LocusKind
from theodolite.experiments import CampaignRun, Workspace
from theodolite.experiments.replay import verify_decisions
from theodolite.store import Ledger, hypothesis_rows, verify
from theodolite.tools import get_tool

TOOL = get_tool("attention.regulation")
ANY = Locus(kind=LocusKind.ANY)


@pytest.fixture
def opened(small_planted: Callable[..., Any], tmp_path: Path) -> Iterator[tuple[Any, CampaignRun]]:
    """A planted world, and a campaign on it."""
    world = small_planted()
    setting = world.setting(Terms(tests=12, round_size=12), Workspace.at(tmp_path), None)
    with Ledger.open(setting.workspace.ledger, create=True) as ledger:
        run = CampaignRun(setting, ledger, world.runner(setting))
        run.open()
        yield world, run


def hypotheses(run: CampaignRun) -> Iterator[Hypothesis]:
    for reference in run.setting.references_for(TOOL):
        yield Hypothesis(
            claim=run.setting.claim(TOOL, reference.id),
            locus=ANY,
            direction=Direction.GREATER,
            tool=f"{TOOL.name}@{TOOL.version}",
            rationale="it may be anywhere",
        )


@pytest.mark.slow
def test_what_some_place_holds_is_found_and_nothing_else(opened: tuple[Any, CampaignRun]) -> None:
    world, run = opened
    effects: dict[str, float] = {}
    for (reference, _), found in world.activations.truth.items():
        effects[reference] = max(effects.get(reference, 0.0), found.effect)
    strongest_first = sorted(hypotheses(run), key=lambda item: -effects[item.claim.reference.name])
    for slot, hypothesis in enumerate(strongest_first[:4], start=1):
        run.propose(1, slot, hypothesis)
    run.register(1)
    run.run_jobs(1)
    run.judge(1)
    run.record(1)
    run.close_round(1)
    rows = [row for row in hypothesis_rows(run.ledger) if row.verdict is not None]
    assert rows
    supported = [row for row in rows if row.verdict == "supported"]
    assert all(effects[row.reference] > 0.0 for row in supported), "no false support"
    strong = [row for row in rows if effects[row.reference] >= 0.2]
    assert strong
    assert sum(row.verdict == "supported" for row in strong) >= 0.7 * len(strong)
    assert all(row.evidence == "e" for row in rows)
    assert verify(run.ledger).ok
    assert verify_decisions(run.ledger, deep=True) == []
