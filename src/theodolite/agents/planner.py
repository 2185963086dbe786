"""The offline planner: enumerates testable claims and spends the budget on what agents may know.

It sees what any agent sees: looks at the discovery split, pre-run refusals, and one bit a claim of closed rounds
(:func:`theodolite.store.agent_view`). It reads no p-value, no effect and no gate of a confirmation block.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from theodolite.claims import Author, Direction, Hypothesis, Relation
from theodolite.data import DISCOVERY
from theodolite.experiments import CampaignRun, Event, Look
from theodolite.gates import StreamExhausted
from theodolite.plans import EvidenceKind
from theodolite.store import AgentView, agent_view

__all__ = ["Candidate", "Planner"]


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
        Discovery effect over its standard error under no association; only an order of interest.
    """

    hypothesis: Hypothesis
    shape: str
    reference: str
    family: str
    evidence: EvidenceKind
    strength: float


class Planner:
    """Proposes hypotheses for one round; deterministic given the ledger."""

    name = "offline planner 1"

    def propose(self, run: CampaignRun, looks: Sequence[Look], slots: int) -> list[Hypothesis]:
        """Return up to ``slots`` hypotheses, strongest first, the budget shared between instruments.

        Each instrument may fill an equal share of the slots; what one cannot use goes to the others. The order is by
        strength, because early places in the error stream have the larger levels.
        """
        run.notify(Event("choose", 0, slots))
        view = agent_view(run.ledger, run.setting.campaign_id)
        pool = self._ranked(run, looks, view)
        registrar = run.registrar()
        quota = -(-slots // max(len({candidate.family for candidate in pool}), 1))
        chosen: list[Candidate] = []
        for share in (quota, slots):
            for candidate in pool:
                used = sum(other.family == candidate.family for other in chosen)
                if len(chosen) == slots or used >= share or candidate in chosen:
                    continue
                run.notify(Event("choose", len(chosen), slots, candidate.reference))
                try:
                    level = registrar.level(len(chosen))
                except StreamExhausted:
                    break
                if run.power.sufficient(candidate.shape, candidate.reference, run.block, level, candidate.evidence):
                    chosen.append(candidate)
        run.notify(Event("choose", slots, slots))
        return [candidate.hypothesis for candidate in chosen]

    def _ranked(self, run: CampaignRun, looks: Sequence[Look], view: AgentView) -> list[Candidate]:
        closed = set(view.tried_hypotheses) | {refusal.hypothesis_id for refusal in view.refusals}
        best: dict[str, Candidate] = {}
        supported = {bit.claim_key for bit in view.bits if bit.supported}
        for candidate in self._candidates(run, looks):
            key = candidate.hypothesis.claim.key
            if candidate.hypothesis.id in closed or candidate.family in view.retired_families or key in supported:
                continue
            if key not in best or candidate.strength > best[key].strength:
                best[key] = candidate
        return sorted(best.values(), key=lambda item: (-item.strength, item.hypothesis.id))

    def _candidates(self, run: CampaignRun, looks: Sequence[Look]) -> Iterator[Candidate]:
        setting = run.setting
        universe = len(setting.genes(DISCOVERY))
        testable = setting.testability(run.block)
        for look in looks:
            for reference_id, (effect, n) in look.effects.items():
                if not testable[reference_id].testable:
                    continue
                tool = look.tool
                # Closeness is a one-sided claim; the sign of an axis is arbitrary, so either end of it will do.
                signed = abs(effect) if tool.relation is Relation.SEPARATES else effect
                greater = effect >= 0 or tool.relation is Relation.RANKS_ABOVE
                error = math.sqrt((universe + 1) / (12 * max(n, 1) * max(universe - n, 1)))
                hypothesis = Hypothesis(
                    claim=setting.claim(tool, reference_id),
                    locus=look.params.locus(),
                    direction=Direction.GREATER if greater else Direction.LESS,
                    tool=f"{tool.name}@{tool.version}",
                    rationale=f"on the discovery genes the effect is {effect:+.3f} over {n} genes of the reference",
                    parents=(look.id,),
                    author=Author.PLANNER,
                )
                yield Candidate(hypothesis, tool.shape.shape, reference_id, tool.name, tool.evidence, signed / error)
