"""A runner without processes: planted scores are measured in this one, by the real tools."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from theodolite.calibration.planted_workbench import PlantedWorkbench
from theodolite.canonical import digest
from theodolite.experiments import JobOutcome, JobSpec
from theodolite.experiments.workbench import COVARIATES
from theodolite.files import write_atomically
from theodolite.measurements import Variant, VariantKind
from theodolite.models.planted import PlantedModel
from theodolite.tools import ToolError, get_tool

if TYPE_CHECKING:
    from theodolite.calibration.planted_setting import PlantedSetting

__all__ = ["PlantedRunner"]

_OF_MODEL = (VariantKind.MAIN, VariantKind.SHUFFLED_INPUT)


class PlantedRunner:
    """Runs jobs in this process; what was measured once on a structure is not measured again.

    Parameters
    ----------
    setting
        The campaign whose jobs it will be given.
    """

    def __init__(self, setting: PlantedSetting) -> None:
        self._setting = setting
        self._model = PlantedModel(setting.activations, setting.shared.counts)

    def submit(self, jobs: Iterable[JobSpec]) -> Iterator[JobOutcome]:
        """Run jobs and yield one outcome each, in the order given."""
        for job in jobs:
            started = time.monotonic()
            result = Path(self._setting.shared.folder.name) / self._key(job)
            reason = "" if result.is_file() else self._run(job, result)
            yield JobOutcome(
                job_sha256=job.sha256,
                status="tool_error" if reason else "done",
                content_file=None if reason else str(result),
                reason=reason,
                seconds=time.monotonic() - started,
            )

    def close(self) -> None:
        """Do nothing: there is no worker."""

    def _key(self, job: JobSpec) -> str:
        """Return the identity of a measurement: that of its job, without the seed, which no planted score uses.

        Baselines are those of the structure, whichever model they stand beside.
        """
        own = Variant.parse(job.variant).kind in _OF_MODEL
        hidden = {"seed"} if own else {"seed", "model_sha256"}
        return digest([job.model_dump(mode="json", exclude=hidden), self._setting.units])

    def _run(self, job: JobSpec, result: Path) -> str:
        """Measure, write the result, and return why it could not be done, if so."""
        setting, shared = self._setting, self._setting.shared
        named = (job.model_sha256, job.cells_sha256, job.split_sha256)
        if named != (setting.model.sha256, setting.cells.sha256, setting.split.sha256):
            return "the job names another model, other cells or another split than this runner's setting"
        genes = setting.genes(job.split)
        position = {gene: row for row, gene in enumerate(shared.structure.graph.genes)}
        bench = PlantedWorkbench(
            genes=genes,
            families=setting.split_families(job.split),
            regulators=setting.regulators(job.split),
            covariate_names=tuple(covariate.value for covariate in COVARIATES),
            covariates=shared.covariates[[position[gene] for gene in genes]],
            model=self._model,
            variant=Variant.parse(job.variant),
        )
        try:
            tool = get_tool(job.tool)
            content = tool.measure(bench, tool.params(**job.params)).to_bytes()
        except (ToolError, ValueError, KeyError) as error:
            return f"{type(error).__name__}: {error}"
        write_atomically(result, content)
        return ""
