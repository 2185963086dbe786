"""A locked plan as lines that people read: what was fixed before any number of the test existed."""

from __future__ import annotations

from theodolite.plans import Plan
from theodolite.reports.plain_terms import baselines_said, covariates_said, null_said, number_said, things, units
from theodolite.reports.verdict_table import SCALES

__all__ = ["PlanLine", "plan_lines"]

PlanLine = tuple[str, str, str]
"""What it is, its value in words, and the term of the glossary that explains it, empty where none does."""


def plan_lines(plan: Plan) -> list[PlanLine]:
    """Return the plan in words."""
    scale, chance = SCALES["Spearman's rho" if plan.statistic == "spearman" else "AUROC - 0.5"]
    places = "" if plan.places is None else f": the best of {len(plan.places.listed)}, chosen again in every draw"
    level, found = plan.level, plan.minimum_detectable_effect
    lines: list[PlanLine] = [
        ("what is estimated", plan.estimand, ""),
        ("statistic", "AUROC" if plan.statistic == "auroc" else "Spearman's rank correlation", scale_term(plan)),
        ("place in the model", f"{plan.hypothesis.locus}{places}", ""),
        ("direction that is evidence", plan.hypothesis.direction.value, ""),
        ("instrument", plan.hypothesis.tool, ""),
        ("parameters", _parameters(plan) or "those of each place", ""),
        ("model", f"{plan.hypothesis.claim.model.name}{'' if not plan.runs_on else f', on {plan.runs_on}'}", ""),
        ("cells", plan.hypothesis.claim.context.name, ""),
        ("held fixed", covariates_said(item.value for item in plan.hypothesis.claim.adjustment), ""),
        ("held against", baselines_said(plan.variants) or "no baseline", ""),
        ("nulls", "; ".join(null_said(null) for null in plan.null_panel), "null"),
        ("draws of each null", f"{plan.draws:,} at most", ""),
        ("hold-out block", f"{plan.block.id}{' (used before)' if plan.block.reused else ''}", "hold-out-block"),
        (
            "reference there",
            f"{things(plan, plan.reference_in_block)} of {units(plan, plan.families_in_block)}",
            "",
        ),
        ("chosen on", plan.selected_on or "not named", ""),
        ("smallest effect that counts", f"{plan.sesoi:g} ({scale} {chance + plan.sesoi:.2f})", "sesoi"),
        (
            "smallest effect that can be found",
            f"{found:.2f} ({scale} {chance + found:.2f}), nine times in ten",
            "",
        ),
        (
            "level, if all of its round spend and none is supported",
            f"{number_said(level.provisional_alpha)}, as test {level.provisional_t} of the stream {level.stream} "
            f"({level.rule}, false discoveries at most {100 * level.q:g} %)",
            level.rule,
        ),
        ("seed", str(plan.seed), ""),
        ("catalogue of gates, decision", f"{plan.catalogue}, {plan.decision}", ""),
    ]
    if plan.unverified_model:
        lines.append(("the model", "was not shown to do what it was trained for", ""))
    return lines


def _parameters(plan: Plan) -> str:
    return ", ".join(f"{key} {value}" for key, value in plan.params.items() if value is not None)


def scale_term(plan: Plan) -> str:
    """Return the term of the glossary that explains the statistic of a plan."""
    return "auroc" if plan.statistic == "auroc" else "rho"
