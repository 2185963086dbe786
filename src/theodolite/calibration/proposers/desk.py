"""A proposer's desk: what the system tells agents, laid out by claim, locus and reference."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from theodolite.claims import Author, Claim, Direction, Hypothesis, Locus
from theodolite.experiments import CampaignRun, Look
from theodolite.gates import StreamExhausted
from theodolite.store import AgentView, agent_view
from theodolite.tools import Tool

__all__ = ["Desk", "Option"]


@dataclass(frozen=True, eq=False)
class Option:
    """One claim at one locus, and what the discovery units show of it.

    Attributes
    ----------
    tool, locus, reference
        What would read it where, and the reference's id.
    claim
        The claim as the setting words it.
    id
        Identity of the hypothesis.
    look
        Ledger id of the look that shows it.
    effect, n
        On discovery units, in the direction of the relation.
    """

    tool: Tool
    locus: Locus
    reference: str
    claim: Claim
    id: str
    look: str
    effect: float
    n: int

    @cached_property
    def key(self) -> str:
        """Claim key."""
        return self.claim.key

    @property
    def strength(self) -> float:
        """Effect over its standard error if the reference's items were independent; only an order of interest."""
        return self.effect * math.sqrt(12.0 * max(self.n, 1))

    def hypothesis(
        self,
        *,
        direction: Direction | None = None,
        rationale: str | None = None,
        tool: str | None = None,
        author: Author = Author.EXECUTOR,
        claim: Claim | None = None,
    ) -> Hypothesis:
        """Return the hypothesis, by default with the tail that the discovery units show."""
        shown = Direction.GREATER if self.effect >= 0 else Direction.LESS
        return Hypothesis(
            claim=claim or self.claim,
            locus=self.locus,
            direction=direction or shown,
            tool=tool or f"{self.tool.name}@{self.tool.version}",
            rationale=rationale or f"on the discovery units the effect is {self.effect:+.3f}",
            parents=(self.look,),
            author=author,
        )


@dataclass(frozen=True, eq=False)
class Desk:
    """The state of a campaign at the start of a round, as agents know it.

    Attributes
    ----------
    run
        The campaign; read by blinded questions only (levels, power, testability).
    round
        Number of the round to come.
    options
        Everything that can be claimed of a reference which the block can test, with enough blinded power.
    view
        What agents may know.
    """

    run: CampaignRun
    round: int
    options: tuple[Option, ...]
    view: AgentView

    @staticmethod
    def enumerate(run: CampaignRun, looks: Sequence[Look]) -> tuple[Option, ...]:
        """Return every option that the looks show."""
        found: list[Option] = []
        claims: dict[tuple[str, str], Claim] = {}
        for look in looks:
            locus = look.params.locus()
            for reference, (effect, n) in look.effects.items():
                claim = claims.setdefault((look.tool.name, reference), run.setting.claim(look.tool, reference))
                plain = Hypothesis(claim=claim, locus=locus, direction=Direction.GREATER, tool="", rationale="")
                found.append(Option(look.tool, locus, reference, claim, plain.id, look.id, effect, n))
        return tuple(found)

    @classmethod
    def at(cls, run: CampaignRun, options: Sequence[Option], slots: int) -> Desk:
        """Lay out the desk for the next round of up to ``slots`` claims."""
        view = agent_view(run.ledger, run.setting.campaign_id)
        block = run.block
        testable = run.setting.testability(block)
        powered = _powered(run, options, slots, block)
        usable = tuple(
            option
            for option in options
            if option.tool.name not in view.retired_families
            and testable[option.reference].testable
            and powered[option.tool.name, option.reference]
        )
        return cls(run, run.rounds_closed() + 1, usable, view)

    @cached_property
    def untried(self) -> tuple[Option, ...]:
        """Options that were neither registered nor refused before, those that look strongest first."""
        closed = set(self.view.tried_hypotheses) | {refusal.hypothesis_id for refusal in self.view.refusals}
        left = (option for option in self.options if option.id not in closed)
        return tuple(sorted(left, key=lambda option: (-option.strength, option.id)))

    @cached_property
    def by_id(self) -> Mapping[str, Option]:
        """Options by identity; of references that are equal in content, the one that is listed first."""
        return {option.id: option for option in reversed(self.options)}

    @cached_property
    def supported(self) -> tuple[Option, ...]:
        """Options that were supported in a finished round."""
        bits = [bit.hypothesis_id for bit in self.view.bits if bit.supported]
        return tuple(self.by_id[item] for item in bits if item in self.by_id)

    @cached_property
    def unsupported(self) -> tuple[Option, ...]:
        """Options that were tried in a finished round without support, the strongest on discovery units first."""
        bits = {bit.hypothesis_id for bit in self.view.bits if not bit.supported}
        found = (self.by_id[item] for item in bits if item in self.by_id)
        return tuple(sorted(found, key=lambda option: (-option.strength, option.id)))

    @property
    def supported_keys(self) -> frozenset[str]:
        """Claim keys that have a support."""
        return frozenset(option.key for option in self.supported)

    def tries(self, key: str) -> int:
        """Return how many hypotheses of a claim key were tried in finished rounds."""
        return sum(bit.claim_key == key for bit in self.view.bits)

    def is_new(self, hypothesis: Hypothesis) -> bool:
        """Return whether an identity was never registered, and never refused in this campaign."""
        return hypothesis.id not in self._closed

    @cached_property
    def _closed(self) -> frozenset[str]:
        return frozenset(self.view.tried_hypotheses) | {refusal.hypothesis_id for refusal in self.view.refusals}


def _powered(run: CampaignRun, options: Sequence[Option], slots: int, block: str) -> dict[tuple[str, str], bool]:
    """Return by tool and reference whether a test at the last level of the round has the power to be registered."""
    kinds = {(option.tool.name, option.reference): option.tool for option in options}
    registrar = run.registrar()
    for last in range(max(slots, 1) - 1, -1, -1):
        try:
            level = registrar.level(last)
        except StreamExhausted:
            continue
        return {
            (name, reference): run.power.sufficient(
                tool.shape.shape, reference, block, level, tool.evidence, tool.relation
            )
            for (name, reference), tool in kinds.items()
        }
    return dict.fromkeys(kinds, False)
