"""What can be computed off the ledger by whoever holds model, cells and labels: statistics that nobody records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from theodolite.calibration.proposers.desk import Option
from theodolite.claims import Direction
from theodolite.experiments import CampaignRun, JobSpec, Refusal, Runner, Setting
from theodolite.experiments.journal import judged_shape, with_labels
from theodolite.experiments.setting import adjustment_of
from theodolite.gates import Dossier, judge
from theodolite.gates.exploration import exploratory_effects
from theodolite.judgements import GateId
from theodolite.measurements import Variant, load_measurement
from theodolite.tools import Tool, ToolParams

__all__ = ["Peep", "job_of"]

_DECIDING: frozenset[GateId] = frozenset({"G1", "G4", "G5", "G7+", "G7-", "G9"})
"""Gates of a judgement that stand between strong evidence and a support."""


class Peep:
    """Computes effects of any part of the split without a row in the ledger.

    Parameters
    ----------
    runner
        Runs the jobs, outside the campaign.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._seen: dict[tuple[str, ...], dict[str, float]] = {}

    def margins(self, run: CampaignRun, options: Sequence[Option], part: str) -> dict[str, tuple[float, float]]:
        """Return by identity the adjusted effect in a part, and what it gains over the best baseline there."""
        return {option.id: self._margin(run, option, part) for option in options}

    def evidence(self, run: CampaignRun, option: Option, part: str) -> tuple[bool, float, float]:
        """Return what the confirmatory test itself would find in a block, were it run now and not recorded.

        Returns
        -------
        tuple
            Whether every gate beside the level is met, the evidence (e, or one over p), and the effect.
        """
        plan = run.registrar().register(
            option.hypothesis(direction=Direction.GREATER), round_number=1, slot=1, earlier=0
        )
        if isinstance(plan, Refusal):
            return False, 0.0, 0.0
        setting, tool = run.setting, option.tool
        own = plan.loci or {}
        measurements = {}
        for variant in plan.variants:
            job = job_of(setting, tool, tool.params(**own.get(variant, plan.params)), part, variant)
            outcome = next(iter(self._runner.submit([job])))
            if outcome.content_file is None:
                return False, 0.0, 0.0
            measured = load_measurement(Path(outcome.content_file).read_bytes())
            measurements[Variant.parse(variant)] = with_labels(
                measured, setting.references[option.reference].member_set
            )
        coexpression = setting.coexpression(part) if plan.coexpression_sha256 is not None else None
        judgement = judge(plan, Dossier(measurements, True, coexpression))
        met = {gate.gate for gate in judgement.gates if gate.passed}
        evidence = 1.0 / judgement.p if judgement.e is None else judgement.e
        return met >= _DECIDING, evidence, judgement.effect.estimate

    def _margin(self, run: CampaignRun, option: Option, part: str) -> tuple[float, float]:
        setting, tool, reference = run.setting, option.tool, option.reference
        params = setting.params_at(tool, option.locus)
        effect = self._effects(run, tool, params, part, "main").get(reference, 0.0)
        baselines = (
            self._effects(run, tool, tool.params(**own), part, variant).get(reference, 0.0)
            for variant, own in setting.baseline_params(tool, reference, params).items()
        )
        return effect, effect - max(baselines, default=0.0)

    def _effects(self, run: CampaignRun, tool: Tool, params: ToolParams, part: str, variant: str) -> dict[str, float]:
        place = (tool.name, params.model_dump_json(), part, variant)
        if place not in self._seen:
            outcome = next(iter(self._runner.submit([job_of(run.setting, tool, params, part, variant)])))
            self._seen[place] = {}
            if outcome.content_file is not None:
                setting = run.setting
                shown = judged_shape(load_measurement(Path(outcome.content_file).read_bytes()))
                labels = {item.id: setting.labels(item.id, part) for item in setting.references_for(tool)}
                shape = tool.shape.shape
                coexpression = setting.coexpression(part) if shape != "GeneScores" else None
                found = exploratory_effects(shown, labels, adjustment_of(shape), coexpression)
                self._seen[place] = {reference: effect for reference, (effect, _) in found.items()}
        return self._seen[place]


def job_of(setting: Setting, tool: Tool, params: ToolParams, part: str, variant: str) -> JobSpec:
    """Return the job that reads a place of a part of the split, as a campaign would ask for it."""
    return JobSpec(
        tool=tool.name,
        version=tool.version,
        source_sha256=tool.source_sha256,
        params=params.model_dump(mode="json"),
        model_sha256=setting.model.sha256,
        cells_sha256=setting.cells.sha256,
        split_sha256=setting.split.sha256,
        split=part,
        variant=variant,
        seed=setting.seed("job", tool.name),
        fitted=setting.fitted_of(tool)[variant] if tool.fits else None,
    )
