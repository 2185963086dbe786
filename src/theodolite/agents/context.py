"""What an executor is told first: a query over ``agent_view``, bounded in tokens, and its record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from theodolite.agents.llm.usage import estimated_tokens
from theodolite.canonical import digest
from theodolite.claims import Author
from theodolite.data import Reference
from theodolite.experiments import CampaignRun
from theodolite.gates import StreamExhausted, level_rule
from theodolite.prompts import Prompts, clean_text, fence
from theodolite.store import AgentView, agent_view, open_block_observed
from theodolite.store.agent_view import Released
from theodolite.tools import Tool

__all__ = ["Lean", "executor_context", "lean_view"]

_SECTIONS: Final = ("supported", "tried", "refused", "looked")
"""Sections that grow with the campaign, newest first; they are cut in turn until the context fits."""
_MOST: Final[Mapping[str, int]] = {"supported": 60, "tried": 200, "refused": 40, "looked": 60}
_LONGEST_REASON: Final = 240
_MOST_EFFECTS: Final = 6


def executor_context(
    run: CampaignRun,
    prompts: Prompts,
    *,
    round_number: int,
    conversation: int,
    looks: int,
    left: Mapping[str, float | None],
    most_tokens: int,
) -> tuple[str, dict[str, Any]]:
    """Return the first message of an executor's conversation, and the record of the query that it was made by.

    Parameters
    ----------
    run
        The campaign.
    prompts
        The templates.
    round_number, conversation
        Which conversation of which round.
    looks
        Looks that this conversation may take.
    left
        What is left of each budget; None for no limit.
    most_tokens
        Estimated length that the message must not exceed; what has to be left out is said in it, and in the record.

    Returns
    -------
    str
        The message.
    dict
        The query: the view, its limits, how much of each section is shown and left out, and the hash of the message.
    """
    view = agent_view(run.ledger, run.setting.campaign_id)
    lean = lean_view(view, _MOST)
    totals = {**lean.totals, "looked": len(view.looks)}
    rows = {
        "supported": lean.supported,
        "tried": lean.tried,
        "refused": lean.refused,
        "looked": _looked(view, _MOST["looked"]),
    }
    shown = {name: len(rows[name]) for name in _SECTIONS}
    fixed = {
        "conversation": conversation,
        "round": round_number,
        "looks": looks,
        "looks_left": "without limit" if left.get("looks") is None else int(left["looks"] or 0),
        "setting": fence("model and tools", _setting(run)),
        "references": fence("references", _references(run)),
        "round_so_far": fence("proposals of this round", _proposed(run, round_number)),
        "budgets": fence("what is left", {**left, "next_level": _next_level(run, view)}),
    }
    while True:
        sections = {name: fence(_LABELS[name], _cut(rows[name], shown[name], totals[name])) for name in _SECTIONS}
        text = prompts.render("context", **fixed, **sections)
        tokens = estimated_tokens(text)
        longest = max(_SECTIONS, key=lambda name: shown[name])
        if tokens <= most_tokens or shown[longest] == 0:
            break
        shown[longest] //= 2
    query = {
        "view": "agent_view",
        "campaign": view.campaign,
        "rounds_finished": view.rounds_finished,
        "most_tokens": most_tokens,
        "tokens": tokens,
        "looks": looks,
        "shown": shown,
        "left_out": {name: totals[name] - shown[name] for name in _SECTIONS},
        "sha256": digest(text),
    }
    return text, query


_LABELS: Final[Mapping[str, str]] = {
    "supported": "supported claims",
    "tried": "tried hypotheses",
    "refused": "refusals",
    "looked": "earlier looks",
}


def _cut(rows: Sequence[Any], most: int, total: int) -> dict[str, Any]:
    return {"shown": list(rows[:most]), "left_out": total - min(most, len(rows))}


def _looked(view: AgentView, most: int) -> list[Any]:
    return [
        {"look": look.id.rpartition("/")[2], "tool": look.tool, "at": look.params, "strongest": _strongest(look)}
        for look in islice(reversed(view.looks), most)
    ]


def _proposed(run: CampaignRun, round_number: int) -> list[Any]:
    """Return the proposals of a round; of people's, none while they may rest on what agents are not told (rule 4)."""
    hidden = {Author.PERSON} if open_block_observed(run.ledger, run.setting.campaign_id) else set()
    return [
        {"claim": item.claim.reference.name, "tool": item.tool, "at": str(item.locus)}
        for item in run.proposed(round_number).values()
        if item.author not in hidden
    ]


@dataclass(frozen=True)
class Lean:
    """What a view says of claims, newest first and no more than so many; ``totals`` says how many there are of each."""

    supported: list[Any]
    tried: list[Any]
    refused: list[Any]
    totals: dict[str, int]


def lean_view(view: AgentView, most: Mapping[str, int]) -> Lean:
    """Return what a view says of claims: supported, tried with their bit, refused with reasons; newest first.

    Tried claims on a retired block have their verdict. Retired families come first of what was tried. Claims of a round
    that is not finished have no bit yet; those of its own round an executor is told apart.
    """
    first = [{"retired_tool": family} for family in sorted(view.retired_families)][: most["tried"]]
    bits = list(islice(reversed(view.bits), most["tried"] - len(first)))
    # What was released last is what was tried last, but for claims whose block is still open.
    released = {_place(item): item for item in islice(reversed(view.released), 4 * most["tried"])}
    told = [{**_seen(bit), "supported": bit.supported, **_told(released.get(_place(bit)))} for bit in bits]
    supported = [bit for bit in view.bits if bit.supported]
    refused = [*reversed(view.refusals), *reversed(view.failures)]
    return Lean(
        supported=[_seen(bit) for bit in islice(reversed(supported), most["supported"])],
        tried=[*first, *told],
        refused=[_explained(item) for item in refused[: most["refused"]]],
        totals={
            "supported": len(supported),
            "tried": len(view.retired_families) + len(view.bits),
            "refused": len(refused),
        },
    )


def _place(item: Any) -> tuple[str, int, int]:
    return item.campaign, item.round, item.slot


def _told(item: Released | None) -> dict[str, Any]:
    return {} if item is None else {"verdict": item.verdict.value, "first_unmet": item.first_unmet}


def _explained(item: Any) -> dict[str, Any]:
    return {**_seen(item), "code": item.code, "reason": clean_text(item.reason, _LONGEST_REASON)}


def _seen(item: Any) -> dict[str, str]:
    return {"reference": item.reference, "tool": item.family, "at": item.locus, "round": item.round}


def _strongest(look: Any) -> dict[str, float]:
    best = sorted(look.effects.items(), key=lambda pair: (-abs(pair[1].effect), pair[0]))[:_MOST_EFFECTS]
    return {name: round(effect.effect, 3) for name, effect in best}


def _setting(run: CampaignRun) -> dict[str, Any]:
    setting = run.setting
    model, shape = setting.model, setting.model_shape
    return {
        "model": {"name": model.name, "layers": model.n_layers, "heads": model.n_heads, "read_out": model.read_out},
        "cells": setting.cells.name,
        "tools": [
            {
                "name": tool.name,
                "reads": tool.object,
                "claims": f"{tool.object} {tool.relation.value} a reference",
                "references": _kind_of(tool),
                "places": sum(1 for _ in tool.params.enumerate(shape)),
                "summary": tool.summary,
            }
            for tool in setting.tools
        ],
    }


def _kind_of(tool: Tool) -> str:
    return {"GeneScores": "set", "PairScores": "pairs", "BipartiteScores": "regulon"}[tool.shape.shape]


def _references(run: CampaignRun) -> dict[str, list[dict[str, str]]]:
    """Return the references that the block in use can test, by kind, where any tool of the campaign reads that kind."""
    setting = run.setting
    testable = setting.testability(run.block)
    kinds = {_kind_of(tool) for tool in setting.tools}

    def usable(kind: str) -> Iterable[Reference]:
        return (item for item in setting.references.values() if item.kind == kind and testable[item.id].testable)

    return {
        kind: [{"name": item.id, "title": clean_text(item.title, 120)} for item in usable(kind)]
        for kind in sorted(kinds)
    }


def _next_level(run: CampaignRun, view: AgentView) -> float | str:
    """Return about the level of the next test, from what agents may know: tests that were bits, and supported keys.

    The level of the stream itself would tell of claims that are hidden, and of tests that spent nothing.
    """
    spec = run.setting.spec
    supported = {bit.claim_key for bit in view.bits if bit.supported}
    try:
        rule = level_rule(
            spec.error.stream,
            q=spec.error.q,
            n_max=spec.n_max,
            provisional_t=len(view.bits) + 1,
            supports_before=len(supported),
            rule="e-lond",
        )
    except StreamExhausted:
        return "the error stream has no level left"
    return float(f"{rule.provisional_alpha:.3g}")
