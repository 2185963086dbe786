"""Where a round waits for people: two nodes, each with one interrupt; the ledger says whether it is over."""

from __future__ import annotations

from typing import Any

from theodolite.agents.halting import CampaignPaused
from theodolite.experiments import CampaignRun
from theodolite.experiments.approvals import ApprovalOf, asks_for, take_up_approvals
from theodolite.store import StopReason

__all__ = ["approve_plans", "approve_verdicts", "pause_for_people"]


def approve_plans(state: Any, runtime: Any) -> dict[str, int]:
    """Wait until people have said of every locked plan whether it may run, where the campaign asks for that."""
    _wait(runtime.context["run"], state["round"], "registration")
    return {}


def approve_verdicts(state: Any, runtime: Any) -> dict[str, int]:
    """Wait until people have said of every verdict whether it may be recorded, where the campaign asks for that."""
    _wait(runtime.context["run"], state["round"], "verdict")
    return {}


def _wait(run: CampaignRun, round_number: int, of: ApprovalOf) -> None:
    if not asks_for(run.setting.spec.approve, of):
        return
    slots = take_up_approvals(run, round_number, of)
    if not slots:
        return
    from langgraph.types import interrupt

    asked = {"of": of, "round": round_number, "slots": slots}
    # The node is run again when the campaign is continued, and finds in the ledger whether everything is approved.
    interrupt(asked)
    raise pause_for_people(run, asked)


def pause_for_people(run: CampaignRun, asked: dict[str, Any]) -> CampaignPaused:
    """Return what ends the command while people are waited for, naming the slots and what to type."""
    slots = ", ".join(run.subject(asked["round"], slot).rpartition("/")[2] for slot in asked["slots"])
    many = "s" if len(asked["slots"]) > 1 else ""
    what = {"registration": f"the locked plan{many} of", "verdict": f"the verdict{many} of"}[asked["of"]]
    folder = run.setting.workspace.folder
    return CampaignPaused(
        StopReason.AWAITING_APPROVAL,
        f"{what} {slots} wait{'' if many else 's'} for a person; `theodolite approve -w {folder}` shows and approves, "
        "then the same command goes on",
    )
