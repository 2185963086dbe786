"""Claims on a model, one at a time and each with a whole level to itself, through a campaign's own steps and gates.

What a campaign does before its first test is done once, on a ledger: axes are fitted, co-expression is counted, the
best place of every baseline is found, and every place is looked at on discovery genes. A claim is then registered,
measured, judged and settled as the first test of the stream, and not recorded, so that the next one is the first too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from lib.spikes import spiked
from theodolite.calibration.toolcheck import LEVEL
from theodolite.claims import Direction, Hypothesis, Relation, Verdict
from theodolite.data import DISCOVERY
from theodolite.experiments import CampaignRun, JobSpec, Runner
from theodolite.experiments.journal import labelled
from theodolite.experiments.planned_jobs import planned_job, planned_jobs
from theodolite.experiments.registration import Refusal
from theodolite.experiments.setting import adjustment_of
from theodolite.gates import Dossier, Place, b_max, judge, settle, spends
from theodolite.gates.exploration import shown
from theodolite.measurements import (
    BipartiteScores,
    GeneScores,
    Measurement,
    PairScores,
    Variant,
    VariantKind,
    load_measurement,
)
from theodolite.plans import Plan
from theodolite.tools import Tool, ToolError, ToolParams

__all__ = ["Claimant", "Ending", "suggested", "tally"]

Scores = GeneScores | PairScores | BipartiteScores

_MAIN = Variant(VariantKind.MAIN)
_load = lru_cache(maxsize=4_096)(lambda path: load_measurement(Path(path).read_bytes()))


@dataclass(frozen=True)
class Ending:
    """What became of a claim.

    Attributes
    ----------
    locus
        Where it was made.
    refused
        Code of the refusal at registration, or ``unplanted``, ``unmeasured``; None where it was judged.
    p
        Of the hardest null; None where no statistic was computed, for a gate before it failed.
    verdict, first_unmet
        At the level of the check.
    """

    locus: str
    refused: str | None = None
    p: float | None = None
    verdict: str | None = None
    first_unmet: str | None = None

    @property
    def passed(self) -> bool:
        """Whether it beats every null at the level."""
        return self.p is not None and self.p <= LEVEL


def suggested(effects: Mapping[ToolParams, float], relation: Relation) -> tuple[ToolParams, Direction] | None:
    """Return the place with the largest effect on discovery genes, and its tail; None where no place shows any."""
    if not effects:
        return None
    either = relation is Relation.SEPARATES
    best = max(effects, key=lambda params: abs(effects[params]) if either else effects[params])
    return best, Direction.LESS if either and effects[best] < 0 else Direction.GREATER


def tally(endings: Sequence[Ending]) -> dict[str, Any]:
    """Return counts over claims; ``judged`` are those whose statistic was computed."""
    registered = [ending for ending in endings if ending.refused is None]
    return {
        "claims": len(endings),
        "refused": dict(Counter(ending.refused for ending in endings if ending.refused is not None)),
        "registered": len(registered),
        "judged": sum(ending.p is not None for ending in registered),
        "passed": sum(ending.passed for ending in registered),
        "supported": sum(ending.verdict == Verdict.SUPPORTED for ending in registered),
        "verdicts": dict(Counter(str(ending.verdict) for ending in registered)),
        "first_unmet": dict(Counter(str(ending.first_unmet) for ending in registered if ending.first_unmet)),
        "places": len({ending.locus for ending in registered}),
    }


class Claimant:
    """Makes claims on one model.

    Parameters
    ----------
    run
        A campaign that was opened, with a stream of one test at the level of the check.
    runner
        Its runner.
    """

    def __init__(self, run: CampaignRun, runner: Runner) -> None:
        self._run, self._setting, self._runner = run, run.setting, runner
        self._registrar = run.registrar()
        self._looks = {(look.tool.name, look.params): look for look in run.explore()}

    def places(self, tool: Tool) -> list[ToolParams]:
        """Return where an instrument could be read."""
        return [params for (name, params), look in self._looks.items() if name == tool.name and look.effects]

    def sham(self, tool: Tool, reference: str) -> Ending:
        """Claim what discovery genes suggest of a reference."""
        return self._claimed(tool, reference, self._effects(tool, reference), {})

    def spiked(self, tool: Tool, reference: str, params: ToolParams, effect: float) -> Ending:
        """Raise the members of a reference at a place, on all genes, and claim what discovery genes suggest then.

        Baselines and whatever was fitted are left as they are.

        Parameters
        ----------
        tool, reference, params
            The instrument, the reference and the place.
        effect
            Expected AUROC - 0.5 of a reference that lies at random.
        """
        plan = self._plan(tool, reference, params, Direction.GREATER)
        if isinstance(plan, Refusal):
            return Ending(str(params.locus()), refused=plan.code)
        try:
            planted = {
                split: self._planted(plan, params, reference, split, effect) for split in (DISCOVERY, self._run.block)
            }
        except ValueError:
            return Ending(str(params.locus()), refused="unplanted")
        coexpression = None if isinstance(planted[DISCOVERY], GeneScores) else self._setting.coexpression(DISCOVERY)
        ranked = shown(planted[DISCOVERY], adjustment_of(tool.shape.shape), coexpression)
        found = ranked.effect(self._setting.labels(reference, DISCOVERY))
        effects = self._effects(tool, reference)
        if found is not None:
            effects[params] = found[0]
        return self._claimed(tool, reference, effects, {params: planted[self._run.block]})

    def _effects(self, tool: Tool, reference: str) -> dict[ToolParams, float]:
        return {
            params: look.effects[reference][0]
            for (name, params), look in self._looks.items()
            if name == tool.name and reference in look.effects
        }

    def _claimed(
        self,
        tool: Tool,
        reference: str,
        effects: Mapping[ToolParams, float],
        planted: Mapping[ToolParams, Scores],
    ) -> Ending:
        best = suggested(effects, tool.relation)
        if best is None:
            return Ending("nowhere", refused="nothing shown")
        params, direction = best
        locus = str(params.locus())
        plan = self._plan(tool, reference, params, direction)
        if isinstance(plan, Refusal):
            return Ending(locus, refused=plan.code)
        jobs = planned_jobs(plan, name=self._setting.spec.name, seed=self._setting.spec.seed)
        try:
            measured = {Variant.parse(name): self._measured(job) for name, job in jobs.items()}
        except ToolError:
            return Ending(locus, refused="unmeasured")
        measured[_MAIN] = planted.get(params, measured[_MAIN])
        members = self._setting.references[reference].member_set
        beside = None if plan.coexpression_sha256 is None else self._setting.coexpression(self._run.block)
        judgement = judge(plan, Dossier(labelled(measured, members), True, beside))
        place = Place(t=1 if spends(judgement) else None, supports_before=0)
        settlement = settle(plan, judgement, place, cap="none", block_reused=False)
        return Ending(
            locus,
            p=judgement.p if spends(judgement) else None,
            verdict=str(settlement.verdict),
            first_unmet=settlement.first_unmet,
        )

    def _plan(self, tool: Tool, reference: str, params: ToolParams, direction: Direction) -> Plan | Refusal:
        """Return the plan that registration locks, with p for the evidence of every instrument."""
        look = self._looks[tool.name, params]
        hypothesis = Hypothesis(
            claim=self._setting.claim(tool, reference),
            locus=params.locus(),
            direction=direction,
            tool=f"{tool.name}@{tool.version}",
            rationale="the largest effect on discovery genes",
            parents=(look.id,),
        )
        plan = self._registrar.register(hypothesis, round_number=1, slot=1, earlier=0)
        if isinstance(plan, Refusal):
            return plan
        return Plan.model_validate(plan.model_dump() | {"evidence": "p", "draws": b_max("p", plan.level)})

    def _planted(self, plan: Plan, params: ToolParams, reference: str, split: str, effect: float) -> Scores:
        """Return what is measured at a place of the model, with the members of a reference raised."""
        spec = self._setting.spec
        job = planned_job(plan, "main", params.model_dump(mode="json"), name=spec.name, seed=spec.seed)
        assert job is not None
        measurement = self._measured(JobSpec.model_validate(job.model_dump() | {"split": split}))
        assert isinstance(measurement, (GeneScores, PairScores, BipartiteScores))
        coexpression = None if isinstance(measurement, GeneScores) else self._setting.coexpression(split)
        return spiked(measurement, self._setting.labels(reference, split), effect, coexpression)

    def _measured(self, job: JobSpec) -> Measurement:
        outcome = next(iter(self._runner.submit([job])))
        if outcome.status != "done":
            raise ToolError(outcome.reason)
        return _load(str(outcome.content_file))
