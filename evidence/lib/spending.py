"""Where the wall time of a campaign goes: waiting for tools, gates by family of instruments, and what is neither."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from lib.record import ROOT
from theodolite import experiments
from theodolite.agents import loop
from theodolite.calibration.plants import clean
from theodolite.experiments import LocalRunner, Setting, looking, registration, rounds
from theodolite.gates.exploration import Shown
from theodolite.store import JobRow
from theodolite.tools import get_tool

sys.path.append(str(ROOT / "benchmarks"))
from parts.clock import Clock  # noqa: E402  # one clock for benchmarks and acceptance runs

__all__ = ["GATES", "TOOLS", "outside", "seconds_of_tools", "watched"]

TOOLS, GATES = "tools and models", "gates"
_PLACES: tuple[tuple[Any, tuple[str, ...], str], ...] = (
    (rounds, ("settle", "settle_failure", "spends"), f"{GATES}, levels and verdicts"),
    (registration, ("identity_gate", "level_rule", "minimum_detectable_effect", "panel_for", "power_gate", "preflight"),
     f"{GATES}, at registration"),
    (Setting, ("blinded_spread",), f"{GATES}, blinded power"),
    (looking, ("shown",), f"{GATES}, on discovery genes"),
    (Shown, ("effect", "margin"), f"{GATES}, on discovery genes"),
    (clean, ("judge",), f"{GATES}, sealed plants"),
)  # fmt: skip


@contextmanager
def watched(clock: Clock) -> Iterator[None]:
    """Let a clock see, while it is entered, what the main thread of a coordinator waits for or computes."""
    with ExitStack() as stack:
        for place, names, label in _PLACES:
            for name in names:
                stack.enter_context(patch.object(place, name, clock.timed(label, getattr(place, name))))
        stack.enter_context(patch.object(rounds, "judge", _judging(clock, rounds.judge)))
        stack.enter_context(patch.object(LocalRunner, "_outcomes", _waiting(clock, LocalRunner._outcomes)))
        for place, name, label in (
            (experiments, "prepare", "reading file, cells and references"),
            (Setting, "coexpression", "co-expression of the cells"),
            (experiments.CampaignRun, "open", "opening"),
        ):
            stack.enter_context(patch.object(place, name, clock.timed(label, getattr(place, name))))
        steps = {name: clock.timed(f"step {name}", node) for name, node in loop.NODES.items()}
        stack.enter_context(patch.dict(loop.NODES, steps))
        yield


def _judging(clock: Clock, judge: Callable[..., Any]) -> Callable[..., Any]:
    def judged(plan: Any, dossier: Any) -> Any:
        with clock.during(f"{GATES}, {get_tool(plan.hypothesis.tool.partition('@')[0]).family}"):
            return judge(plan, dossier)

    return judged


def _waiting(clock: Clock, outcomes: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """Return a runner's outcomes such that every wait for one counts as time of tools."""

    def waited(self: Any, tasks: Any) -> Iterator[Any]:
        found = outcomes(self, tasks)
        while True:
            with clock.during(TOOLS):
                outcome = next(found, None)
            if outcome is None:
                return
            yield outcome

    return waited


def outside(spent: Mapping[str, float]) -> float:
    """Return the share of wall time in which neither a tool or model was waited for nor a gate computed."""
    total = sum(spent.values())
    inside = sum(seconds for name, seconds in spent.items() if name.partition(",")[0] in (TOOLS, GATES))
    return (total - inside) / total if total else 0.0


def seconds_of_tools(jobs: list[JobRow]) -> dict[str, float]:
    """Return the seconds of jobs in their workers by family of instruments; fits of axes by themselves."""
    spent: Counter[str] = Counter()
    for job in jobs:
        name = (job.what or "").partition(" ")[0]
        spent[name.partition(".")[0] if "." in name else "axes"] += job.seconds or 0.0
    return {name: round(seconds, 1) for name, seconds in sorted(spent.items())}
