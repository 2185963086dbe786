"""Campaigns of one round on claims that were drawn beforehand, once with nothing planted and again with spike-ins."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lib.spikes import Spike, SpikedRunner
from theodolite.claims import Direction, Hypothesis, Verdict
from theodolite.experiments import CampaignRun, CampaignSpec, Setting, Workspace, prepare
from theodolite.experiments.bench import Bench
from theodolite.store import EntryKind, Ledger, hypothesis_rows
from theodolite.tools import ToolParams, get_tool

__all__ = ["Drawn", "Places", "plan_spikes", "power", "survey", "tally"]

TAGS_ONLY = ("G10", "G12")
"""Gates that no support waits for."""

Places = Mapping[str, Sequence[ToolParams]]
"""Places that can be read, by tool; every place of a tool that is not named."""


@dataclass(frozen=True)
class Drawn:
    """Which claims to draw: so many of one measurement shape, in turn for each of some tools.

    Each is about another reference, unless these are few and may come ``again``, at further places.
    """

    tools: tuple[str, ...]
    claims: int
    again: bool = False


def plan_spikes(
    run: CampaignRun, kinds: Sequence[Drawn], seed: int, *, standard_errors: float = 0.0, places: Places | None = None
) -> list[Spike]:
    """Return which claims to make, of all kinds in turn, without a planted effect.

    Of each kind: the first references, from the most families down, that are testable and powered at the last level of
    the round, each at a place of its own, drawn without replacement. With ``standard_errors`` the planted effect is at
    least as many null standard deviations of the block.
    """
    rng = np.random.default_rng(seed)
    setting, testable = run.setting, run.setting.testability(run.block)
    last = run.registrar().level(sum(kind.claims for kind in kinds) - 1)
    by_kind: list[list[Spike]] = []
    for kind in kinds:
        instruments = [get_tool(name) for name in kind.tools]
        free = {
            tool.name: list((places or {}).get(tool.name) or tool.params.enumerate(setting.model_shape))
            for tool in instruments
        }
        order = {name: rng.permutation(len(items)) for name, items in free.items()}
        shape = instruments[0].shape.shape
        found: list[Spike] = []
        sizes = {item.id: testable[item.id] for item in setting.references_for(instruments[0])}
        for name in _in_turn(sorted(sizes, key=lambda name: (-sizes[name].families, name)), kind):
            tool = instruments[len(found) % len(instruments)]
            turn = len(found) // len(instruments)
            if len(found) == kind.claims or turn == len(free[tool.name]):
                break
            if sizes[name].testable and run.power.sufficient(shape, name, run.block, last, tool.evidence):
                least = standard_errors * run.power.spread(shape, name, run.block) if standard_errors else 0.0
                found.append(Spike(tool, free[tool.name][order[tool.name][turn]], name, 0.0, least))
        by_kind.append(found)
    most = max(kind.claims for kind in kinds)
    return [spike for turn in range(most) for found in by_kind for spike in found[turn : turn + 1]]


def _in_turn(names: list[str], kind: Drawn) -> list[str]:
    """Return references in the order in which they are drawn; in every further turn by another tool."""
    turns = kind.claims if kind.again else 1
    return [name for turn in range(turns) for name in (*names[turn % 2 :], *names[: turn % 2])]


def hypothesis(run: CampaignRun, spike: Spike) -> Hypothesis:
    """Return the claim that a spike makes true: members score high at its place."""
    return Hypothesis(
        claim=run.setting.claim(spike.tool, spike.reference),
        locus=spike.params.locus(),
        direction=Direction.GREATER,
        tool=f"{spike.tool.name}@{spike.tool.version}",
        rationale="the place was drawn at random",
        parents=tuple(look.id for look in run.explore() if (look.tool, look.params) == (spike.tool, spike.params)),
    )


def seen_on_discovery(run: CampaignRun, spikes: Sequence[Spike]) -> int:
    """Return how many places are the best of all places of their tool for their reference, on discovery genes."""
    looks = list(run.explore())
    best = [
        max(
            (look for look in looks if look.tool == spike.tool and spike.reference in look.effects),
            key=lambda look: look.effects[spike.reference][0],
        )
        for spike in spikes
    ]
    return sum(look.params == spike.params for look, spike in zip(best, spikes, strict=True))


def claims(run: CampaignRun, spikes: Sequence[Spike]) -> list[dict[str, Any]]:
    """Return what became of every claim."""
    settled = {entry.subject: entry.payload["settlement"] for entry in run.ledger.entries(kind=EntryKind.VERDICT)}
    refused = {entry.subject: entry.payload["code"] for entry in run.ledger.entries(kind=EntryKind.REFUSAL)}
    found = []
    for row in sorted(hypothesis_rows(run.ledger), key=lambda row: row.slot):
        gates = settled[row.subject]["gates"] if row.subject in settled else ()
        spike = spikes[row.slot - 1]
        found.append(
            {
                "claim": row.claim_text,
                "family": spike.tool.family,
                "shape": spike.tool.shape.shape,
                "planted": round(spike.effect, 3),
                "refused": refused.get(row.subject),
                "verdict": row.verdict,
                "first_unmet": row.first_unmet,
                "unmet": {
                    gate["gate"]: gate["sentence"]
                    for gate in gates
                    if gate["passed"] is False and gate["gate"] not in TAGS_ONLY
                },
                "p": row.p,
                "measured": row.effect,
                "baseline": row.baseline,
                "gain": row.gain,
            }
        )
    return found


def planted_effect(setting: Setting, spike: Spike, strengths: Mapping[str, float]) -> float:
    """Return the effect to plant, AUROC - 0.5; 0 where nothing is."""
    shape = spike.tool.shape.shape
    strength = strengths.get(shape, 0.0)
    return max(strength * setting.sesoi(shape), spike.least) if strength else 0.0


def run_arm(
    setting: Setting, bench: Bench, strengths: Mapping[str, float], kinds: Sequence[Drawn], seed: int, **drawn: Any
) -> dict[str, Any]:
    """Run one campaign of one round, with spikes of given strengths by shape, and return what became of its claims."""
    with Ledger.open(setting.workspace.ledger, create=True) as ledger:
        planned = plan_spikes(CampaignRun(setting, ledger, SpikedRunner(setting, bench)), kinds, seed, **drawn)
        chosen = [replace(spike, effect=planted_effect(setting, spike, strengths)) for spike in planned]
        run = CampaignRun(setting, ledger, SpikedRunner(setting, bench, [spike for spike in chosen if spike.effect]))
        run.open()
        for slot, spike in enumerate(chosen, start=1):
            run.propose(1, slot, hypothesis(run, spike))
        run.register(1)
        run.run_jobs(1)
        run.judge(1)
        run.record(1)
        run.close_round(1)
        found = claims(run, chosen)
        return {
            "strength": dict(strengths),
            "best_place_on_discovery": seen_on_discovery(run, chosen),
            **{
                f"by_{part}": {
                    name: tally([claim for claim in found if claim[part] == name])
                    for name in dict.fromkeys(claim[part] for claim in found)
                }
                for part in ("shape", "family")
            },
            "claims": found,
        }


def tally(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return counts over claims."""
    registered = [claim for claim in found if claim["verdict"] is not None]
    return {
        "proposed": len(found),
        "refused": dict(Counter(claim["refused"] for claim in found if claim["refused"] is not None)),
        "registered": len(registered),
        "supported": sum(claim["verdict"] == Verdict.SUPPORTED for claim in registered),
        "first_unmet": dict(Counter(claim["first_unmet"] for claim in registered if claim["first_unmet"] is not None)),
    }


def survey(
    spec: CampaignSpec,
    folder: Path,
    cache: Path,
    arms: Mapping[str, Mapping[str, float]],
    kinds: Sequence[Drawn],
    seed: int,
    **drawn: Any,
) -> dict[str, Any]:
    """Run every arm in a folder of its own and return what became of its claims; the model is read once for all.

    ``arms`` gives the planted effect by shape, in smallest effects of interest; further words go to
    :func:`plan_spikes`.
    """
    found: dict[str, Any] = {}
    bench: Bench | None = None
    for name, strengths in arms.items():
        started = time.monotonic()
        setting = prepare(spec, Workspace.at(folder / name, cache))
        bench = bench or Bench(setting.materials())
        found[name] = run_arm(setting, bench, strengths, kinds, seed, **drawn)
        print(name, round(time.monotonic() - started), "s", found[name]["by_shape"], flush=True)
    return found


def power(arms: Mapping[str, Any], *names: str, by: str = "shape", least: float = 2.0) -> float:
    """Return the share of registered claims on some shapes that are supported where the spike is strong."""
    strong = [
        claim
        for arm in arms.values()
        for claim in arm["claims"]
        if claim[by] in names and claim["verdict"] is not None and arm["strength"].get(claim["shape"], 0.0) >= least
    ]
    return sum(claim["verdict"] == Verdict.SUPPORTED for claim in strong) / len(strong) if strong else 0.0
