"""A campaign that dies between two rows, where a budget or patience runs out, ends in the same rows when taken up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from theodolite.agents import assemble, run_campaign
from theodolite.store import EntryKind, Ledger, diff

CLAIM = {
    "place": {"layer": 0, "axis": 1},
    "reference": "program_1",
    "direction": "less",
    "rationale": "it stands out",
}
FAIR = {
    "objections": [],
    "cap": "none",
    "likely_confound": "hubs",
    "predicted_verdict": "supported",
    "confidence": 0.6,
    "controls": [],
}


def player(models: Any, *, passes: bool) -> Any:
    """Return who looks once and then claims, or always passes; every answer takes 120 tokens."""

    def play(body: dict[str, Any]) -> Any:
        offered = models.offered(body)
        if "review_plan" in offered:
            return models.acting("review_plan", **FAIR)
        if "review_record" in offered:
            return models.acting("review_record", objections=[], cap="none")
        if passes:
            return models.acting("pass", reason="nothing is worth it")
        if "look_geometry_axis_separation" in offered and not models.turns(body):
            return models.acting("look_geometry_axis_separation", layer=0, axis=1)
        return models.acting("claim_geometry_axis_separation", **CLAIM)

    return play


@pytest.mark.parametrize(
    ("passes", "tokens", "kind", "nth"),
    [
        (False, 240, EntryKind.MODEL_CALL, 2),
        (False, 180, EntryKind.MODEL_CALL, 1),
        (False, 120, EntryKind.MODEL_CALL, 1),
        (True, None, EntryKind.ROUND, 3),
    ],
    ids=["the claim took the last tokens", "at a mark", "the look took the last tokens", "asked for the last time"],
)
def test_what_was_paid_for_is_used_and_nobody_is_asked_once_more(
    small_world: Any, models: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_after: Any,
    passes: bool, tokens: int | None, kind: EntryKind, nth: int,
) -> None:  # fmt: skip
    budget = {"experiments": 2} | ({} if tokens is None else {"tokens": tokens})
    agents = {"executor": "llama-3.3", "reviewer": "qwen-3"}
    spec = small_world.spec("killed", agents=agents, tools=["geometry.axis_separation"], budget=budget)

    def go(folder: Path) -> None:
        with small_world.opened(folder, spec) as run:
            wire = models.Wired(player(models, passes=passes))
            team = assemble(run, settings=models.settings(), wire=wire)
            run_campaign(run, team.executor, team.reviewer, meter=team.meter)

    go(tmp_path / "whole")
    dies_after(kind, nth)
    with pytest.raises(BaseException, match="killed"):
        go(tmp_path / "killed")
    monkeypatch.undo()
    go(tmp_path / "killed")
    with (
        Ledger.open(tmp_path / "killed" / "ledger.sqlite", read_only=True) as killed,
        Ledger.open(tmp_path / "whole" / "ledger.sqlite", read_only=True) as whole,
    ):
        assert diff(killed, whole) == []
        assert killed.head().hash == whole.head().hash
