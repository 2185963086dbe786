"""What a campaign was asked to do, read from its row; the file is not checked a second time.

A row may be older than this code, and its tools may come from plug-ins that are not here. So nothing is refused: what
cannot be read is taken as not given.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

from theodolite.experiments.campaign import LOOKS_AN_EXPERIMENT, REPEATS, TOKENS_AN_EXPERIMENT
from theodolite.store import BudgetName, CampaignRow

__all__ = ["Asked", "asked"]

_BUDGETS: tuple[BudgetName, ...] = ("experiments", "wall_time", "tokens", "money", "looks", "repeats")


@dataclass(frozen=True)
class Asked:
    """A campaign file as its row recorded it.

    Attributes
    ----------
    limits
        What may be spent, by budget; those without a limit are left out.
    stream
        The error stream that levels are drawn from; None where the row does not say.
    tools
        Instruments that may be proposed.
    retire_after
        Tries of an instrument without a support after which it is left alone; None for never.
    round_size
        Slots a round; None where it followed from the budget.
    supports_per_block
        Economy: supports that retire a hold-out block; None in strict mode.
    spent_blocks
        Whether it goes on (``continue``) or stops when no fresh hold-out block is left; None where not said.
    approve
        What people approve; None where nothing.
    executor, reviewer
        Language models by role; None for the offline planner and reviewer.
    describes, searches
        Whether descriptions, or a search for manifolds, were asked for.
    """

    limits: dict[BudgetName, float]
    stream: str | None
    tools: tuple[str, ...]
    retire_after: int | None
    round_size: int | None
    supports_per_block: int | None
    spent_blocks: str | None
    approve: str | None
    executor: str | None
    reviewer: str | None
    describes: bool
    searches: bool


def asked(row: CampaignRow) -> Asked:
    """Return what the row of a campaign says of its file."""
    spec = _part(row.spec)
    budget, error, agents = _part(spec.get("budget")), _part(spec.get("error")), spec.get("agents")
    of_models = isinstance(agents, dict)
    stream, tools = error.get("stream"), spec.get("tools")
    return Asked(
        limits=_limits(budget, of_models=of_models),
        stream=stream if isinstance(stream, str) else None,
        tools=tuple(str(name) for name in tools) if isinstance(tools, list) else (),
        retire_after=_whole(budget.get("retire_after")),
        round_size=_whole(spec.get("round_size")),
        supports_per_block=_whole(error.get("supports_per_block")),
        spent_blocks=_text(spec.get("spent_blocks")),
        approve=_text(spec.get("approve")),
        executor=_text(_part(agents).get("executor")),
        reviewer=_text(_part(agents).get("reviewer")),
        describes=bool(spec.get("descriptions")),
        searches=spec.get("manifold") is not None,
    )


def _limits(budget: dict[str, Any], *, of_models: bool) -> dict[BudgetName, float]:
    found: dict[BudgetName, float] = {}
    for name in _BUDGETS:
        limit = _number(budget.get("wall_time_s" if name == "wall_time" else name))
        if limit is not None:
            found[name] = limit
    if of_models and (experiments := found.get("experiments")) is not None:
        # With a language model these are limited also where the file names no limit.
        found.setdefault("tokens", TOKENS_AN_EXPERIMENT * experiments)
        found.setdefault("looks", LOOKS_AN_EXPERIMENT * experiments)
        found.setdefault("repeats", float(REPEATS))
    return found


def _part(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: Any) -> float | None:
    # Rows hold numbers with a fraction as decimal text.
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)
