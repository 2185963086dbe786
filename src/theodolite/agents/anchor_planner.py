"""The offline planner of campaigns about manifolds: for each ruler what a search put first, then the next place."""

from __future__ import annotations

from collections.abc import Sequence

from theodolite.agents.planner import Planner
from theodolite.claims import Author, Direction, Hypothesis
from theodolite.experiments import CampaignRun, Event, Look
from theodolite.experiments.manifolds.candidates import Candidate
from theodolite.experiments.manifolds.run import ManifoldRun
from theodolite.store import agent_view
from theodolite.tools import get_tool
from theodolite.tools.manifold import follows

__all__ = ["AnchorPlanner"]


class AnchorPlanner(Planner):
    """Proposes what the search put first, from its rows alone; deterministic given the ledger.

    What is not fit for the gates is claimed too where nothing better is left: a refutation is a result.
    """

    name = "offline planner of manifolds 1"

    def propose(self, run: CampaignRun, looks: Sequence[Look], slots: int) -> list[Hypothesis]:
        """Return up to ``slots`` hypotheses: one for each ruler, the best place first; a place is claimed once.

        A ruler whose claim was supported is left alone, as is one that the block cannot test.
        """
        assert isinstance(run, ManifoldRun)
        run.notify(Event("choose", 0, slots))
        view = agent_view(run.ledger, run.setting.campaign_id)
        closed = set(view.tried_hypotheses) | {refusal.hypothesis_id for refusal in view.refusals}
        supported = {bit.claim_key for bit in view.bits if bit.supported}
        testable = run.setting.testability(run.block)
        chosen: dict[str, Hypothesis] = {}
        for candidate in run.search():
            ruler = candidate.ruler
            if ruler is None or candidate.score is None or not testable[ruler].testable or ruler in chosen:
                continue
            hypothesis = self._hypothesis(run, candidate, ruler)
            if hypothesis.id not in closed and hypothesis.claim.key not in supported:
                chosen[ruler] = hypothesis
        run.notify(Event("choose", slots, slots))
        return list(chosen.values())[:slots]

    @staticmethod
    def _hypothesis(run: CampaignRun, candidate: Candidate, ruler: str) -> Hypothesis:
        tool, params = get_tool(follows.name), candidate.params
        return Hypothesis(
            claim=run.setting.claim(tool, ruler),
            locus=params.locus(),
            direction=Direction.GREATER,
            tool=f"{tool.name}@{tool.version}",
            rationale=f"on discovery donors the least of the mean correlations with the ruler is "
            f"{candidate.score or 0.0:+.3f}, and held-out donors are {candidate.gain or 0.0:+.3f} beyond the best "
            f"baseline ({params.features}, {params.fitter})",
            parents=(candidate.id,),
            author=Author.PLANNER,
        )
