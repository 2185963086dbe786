"""The jobs of a locked plan, made from what the plan and its campaign's row state and from nothing else."""

from __future__ import annotations

from theodolite.experiments.jobs import JobSpec
from theodolite.experiments.seeds import derived_seed
from theodolite.plans import Params, Plan

__all__ = ["GIVEN", "given_name", "planned_job", "planned_jobs"]


GIVEN = "given to "
"""How names of what jobs are given of a reference begin, in a plan."""


def given_name(variant: str) -> str:
    """Return under which name a plan keeps what the job of a variant is given of its reference."""
    return f"{GIVEN}{variant}"


def planned_job(
    plan: Plan, variant: str, params: Params, *, name: str, seed: int, fitted: str | None = None
) -> JobSpec | None:
    """Return the job by which a plan measures a variant, None where the plan does not state its instrument's source.

    Parameters
    ----------
    plan
        The plan.
    variant, params
        What is measured, and where.
    name, seed
        Of the campaign file.
    fitted
        Artefact fitted for the variant; the plan's own where not given.
    """
    if plan.tool_sha256 is None:
        return None
    tool, _, version = plan.hypothesis.tool.partition("@")
    return JobSpec(
        tool=tool,
        version=version,
        source_sha256=plan.tool_sha256,
        params=params,
        model_sha256=plan.model_sha256,
        cells_sha256=plan.cells_sha256,
        split_sha256=plan.block.split_sha256,
        split=plan.block.id.rpartition("/")[2],
        variant=variant,
        seed=derived_seed(seed, name, "job", tool),
        fitted=fitted or plan.fitted.get(variant),
        references=plan.fitted.get(given_name(variant)),
        runs_on=plan.runs_on,
    )


def planned_jobs(plan: Plan, *, name: str, seed: int) -> dict[str, JobSpec]:
    """Return the jobs of a plan by the names of its readings; none where it does not state its instrument's source."""
    found = {
        reading: planned_job(plan, variant, params, name=name, seed=seed)
        for reading, (variant, params) in plan.readings.items()
    }
    return {reading: job for reading, job in found.items() if job is not None}
