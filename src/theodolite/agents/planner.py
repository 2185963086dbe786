"""The offline planner: enumerates testable claims and spends the budget on what agents may know.

It sees what any agent sees: looks at the discovery split, pre-run refusals, and one bit a claim of closed rounds
(:func:`theodolite.store.agent_view`). It reads no p-value, no effect and no gate of a confirmation block.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from theodolite.claims import Author, Direction, Hypothesis
from theodolite.data import DISCOVERY
from theodolite.experiments import CampaignRun, Event, Look
from theodolite.experiments.proposals import slots_of_people
from theodolite.gates import StreamExhausted, baselines_for
from theodolite.gates.catalogue2.baselines import GAIN
from theodolite.gates.exploration import Margin
from theodolite.plans import EvidenceKind, LevelRule
from theodolite.store import AgentView, agent_view

__all__ = ["Candidate", "Planner", "in_order", "steadiness", "strength"]

_LEAST_ERROR = 1e-6
"""Keeps members that all score alike from counting as certainty."""


@dataclass(frozen=True)
class Candidate:
    """A claim that the discovery split suggests.

    Attributes
    ----------
    hypothesis
        What would be proposed.
    shape, reference
        What decides its power.
    family
        The instrument.
    evidence
        What its tool's nulls give.
    strength
        See :func:`strength`; only an order of interest.
    compared
        Whether it was compared with the best baseline. Strengths of claims that were not are on another scale.
    """

    hypothesis: Hypothesis
    shape: str
    reference: str
    family: str
    evidence: EvidenceKind
    strength: float
    compared: bool

    @property
    def interest(self) -> tuple[bool, float]:
        """What larger is more interesting: claims that were compared first, then the stronger ones."""
        return self.compared, self.strength


def strength(effect: float, sesoi: float, null_error: float, margin: Margin | None) -> float:
    """Return by how many standard errors discovery exceeds what a support asks for.

    A support asks for an effect of interest and for a gain over the best baseline; the lesser of the two margins
    counts. A look that knows nothing of baselines is measured by its effect alone.

    Parameters
    ----------
    effect
        Towards the claimed side.
    sesoi
        Smallest effect of interest.
    null_error
        Standard error of the effect under no association, for looks without a margin.
    margin
        What the effect adds to the best baseline, and errors.
    """
    if margin is None:
        return (effect - sesoi) / null_error
    return min(
        (effect - sesoi) / max(margin.error, _LEAST_ERROR),
        (margin.gain - GAIN) / max(margin.gain_error, _LEAST_ERROR),
    )


def steadiness(effect: float, sesoi: float, null_error: float, margin: Margin | None) -> float:
    """Return by how many standard errors discovery lies within what a claim of no effect has to rule out.

    Parameters as for :func:`strength`; the effect is of either sign, and baselines play no part.
    """
    error = null_error if margin is None else max(margin.error, _LEAST_ERROR)
    return (sesoi - abs(effect)) / error


def in_order(latest: Sequence[int]) -> list[int]:
    """Return the order in which items, strongest first, take places so that none comes too late.

    Parameters
    ----------
    latest
        For each item the number of places from the first at which it may stand.

    Returns
    -------
    list of int
        Indices of the items by place. From the last place backwards, the weakest item that may stand there takes it.

    Raises
    ------
    ValueError
        If there is no such order.
    """
    left, placed = list(range(len(latest))), []
    for place in range(len(latest), 0, -1):
        item = next((item for item in reversed(left) if latest[item] >= place), None)
        if item is None:
            raise ValueError(f"{len(left)} items are left for place {place}, and each would come too late there")
        left.remove(item)
        placed.append(item)
    return placed[::-1]


class Planner:
    """Proposes hypotheses for one round; deterministic given the ledger."""

    name = "offline planner 2"

    def propose(self, run: CampaignRun, looks: Sequence[Look], slots: int) -> list[Hypothesis]:
        """Return up to ``slots`` hypotheses, the budget shared between instruments.

        Each instrument may fill an equal share of the slots, from its strongest claims down; what one cannot use goes
        to the others. Early places in the error stream have the larger levels: they are for the strongest claims, but
        a claim whose reference is powered only at a large level goes before stronger ones that can wait.
        """
        run.notify(Event("choose", 0, slots))
        view = agent_view(run.ledger, run.setting.campaign_id)
        pool = self._ranked(run, looks, view)
        levels = self._levels(run, slots)
        quota = -(-slots // max(len({candidate.family for candidate in pool}), 1))
        chosen: dict[str, tuple[Candidate, int]] = {}
        used: Counter[str] = Counter()
        due: list[int] = []
        for share in (quota, slots):
            for candidate in pool:
                key = candidate.hypothesis.id
                if len(chosen) == len(levels) or used[candidate.family] >= share or key in chosen:
                    continue
                run.notify(Event("choose", len(chosen), slots, candidate.reference))
                latest = self._latest(run, candidate, levels)
                insort(due, latest)
                if any(last <= place for place, last in enumerate(due)):
                    del due[bisect_left(due, latest)]
                    continue
                chosen[key] = (candidate, latest)
                used[candidate.family] += 1
        run.notify(Event("choose", slots, slots))
        # What filled another instrument's share is weaker than what was chosen before it, or waits behind it.
        found = sorted(chosen.values(), key=lambda item: item[0].hypothesis.id)
        found.sort(key=lambda item: item[0].interest, reverse=True)
        return [found[index][0].hypothesis for index in in_order([latest for _, latest in found])]

    @staticmethod
    def _levels(run: CampaignRun, slots: int) -> list[LevelRule]:
        registrar, levels = run.registrar(), []
        first = slots_of_people(run, run.rounds_closed() + 1)
        try:
            for place in range(first, first + slots):
                levels.append(registrar.level(place))
        except StreamExhausted:
            pass
        return levels

    @staticmethod
    def _latest(run: CampaignRun, candidate: Candidate, levels: Sequence[LevelRule]) -> int:
        """Return at how many of the places a claim has power; levels fall from place to place."""
        return bisect_left(
            levels,
            True,
            key=lambda level: (
                not run.power.sufficient(
                    candidate.shape,
                    candidate.reference,
                    run.block,
                    level,
                    candidate.evidence,
                    candidate.hypothesis.claim.relation,
                )
            ),
        )

    def _ranked(self, run: CampaignRun, looks: Sequence[Look], view: AgentView) -> list[Candidate]:
        closed = set(view.tried_hypotheses) | {refusal.hypothesis_id for refusal in view.refusals}
        best: dict[str, Candidate] = {}
        supported = {bit.claim_key for bit in view.bits if bit.supported}
        for candidate in self._candidates(run, looks):
            key = candidate.hypothesis.claim.key
            if candidate.hypothesis.id in closed or candidate.family in view.retired_families or key in supported:
                continue
            if key not in best or candidate.interest > best[key].interest:
                best[key] = candidate
        by_id = sorted(best.values(), key=lambda item: item.hypothesis.id)
        return sorted(by_id, key=lambda item: item.interest, reverse=True)

    def _candidates(self, run: CampaignRun, looks: Sequence[Look]) -> Iterator[Candidate]:
        setting = run.setting
        universe = len(setting.genes(DISCOVERY))
        testable = setting.testability(run.block)
        for look in looks:
            for reference_id, (effect, n) in look.effects.items():
                if not testable[reference_id].testable:
                    continue
                tool, margin = look.tool, look.margins.get(reference_id)
                # Closeness is a one-sided claim; of an axis or a trend either end will do.
                signed = abs(effect) if tool.relation.two_sided else effect
                greater = effect >= 0 or not tool.relation.two_sided
                error = math.sqrt((universe + 1) / (12 * max(n, 1) * max(universe - n, 1)))
                beyond = ""
                if margin is not None and baselines_for(tool.relation):
                    beyond = f", {margin.gain:+.3f} beyond the best baseline"
                hypothesis = Hypothesis(
                    claim=setting.claim(tool, reference_id),
                    locus=look.params.locus(),
                    direction=Direction.GREATER if greater else Direction.LESS,
                    tool=f"{tool.name}@{tool.version}",
                    rationale=f"on the discovery genes the effect is {effect:+.3f} over {n} genes of the reference"
                    + beyond,
                    parents=(look.id,),
                    author=Author.PLANNER,
                )
                shape = tool.shape.shape
                interest = steadiness if tool.relation.of_no_effect else strength
                strong = interest(signed, setting.sesoi(shape), error, margin)
                compared = margin is not None
                yield Candidate(hypothesis, shape, reference_id, tool.name, tool.evidence, strong, compared)
