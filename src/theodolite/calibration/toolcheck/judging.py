"""One world, one claim: the place that discovery genes suggest, against every null on the genes of other families."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from theodolite.calibration.toolcheck.worlds import Part, World
from theodolite.canonical import digest
from theodolite.claims import Claim, Direction, Hypothesis, Named, Relation
from theodolite.experiments.journal import Labelled, with_labels
from theodolite.experiments.setting import adjustment_of
from theodolite.gates import CATALOGUE_VERSION, DECISION_VERSION, level_rule, panel_for
from theodolite.gates.catalogue2.panel import quick_p
from theodolite.gates.catalogue2.views import view
from theodolite.gates.exploration import shown
from theodolite.measurements import AnchorLatents, GeneScores
from theodolite.plans import Block, Plan
from theodolite.tools import ModelShape, Tool, ToolError, ToolParams

__all__ = ["passes", "readable"]


def readable(tool: Tool, shape: ModelShape) -> list[ToolParams]:
    """Return every place that an instrument admits in a model of a shape.

    Raises
    ------
    ToolError
        If it has none, or cannot list them.
    """
    try:
        listed = list(tool.params.enumerate(shape))
    except Exception as error:
        raise ToolError(f"{tool.name} cannot list its places: {type(error).__name__}: {error}") from error
    if not listed:
        raise ToolError(
            f"{tool.name} has no place in a model of {shape.n_layers} layers and {shape.n_heads} heads, on which "
            "instruments are checked"
        )
    return listed


def passes(tool: Tool, places: Sequence[ToolParams], world: World, seed: int, level: float) -> bool:
    """Return whether the claim that an instrument suggests in a world beats every null at a level.

    Parameters
    ----------
    tool, places
        The instrument, and where it may be read.
    world
        Where.
    seed
        Root of the draws of the nulls; 999 of each at most, fewer where the answer is plain (Besag and Clifford 1991).
    level
        What the largest p of the panel is held to.

    Raises
    ------
    ToolError
        If it cannot measure at any place, or its measurement cannot be judged.
    """
    found = _best(tool, places, world.discovery)
    if found is None:
        return False
    params, direction = found
    labelled = _measured(tool, params, world.confirmation)
    plan = _plan(tool.shape.shape, tool.relation, direction).model_copy(update={"seed": seed})
    try:
        p = quick_p(view(plan, labelled, world.confirmation.coexpression).main, plan)
    except (KeyError, ValueError) as error:
        raise ToolError(_unjudged(tool, error)) from error
    return p is not None and p <= level


def _best(tool: Tool, places: Sequence[ToolParams], part: Part) -> tuple[ToolParams, Direction] | None:
    """Return the place with the largest effect on discovery genes, and its tail; None where no place shows any."""
    best: tuple[float, ToolParams, Direction] | None = None
    failure: ToolError | None = None
    measured = 0
    for params in places:
        try:
            labelled = _measured(tool, params, part)
        except ToolError as error:
            failure = error
            continue
        measured += 1
        assert not isinstance(labelled, AnchorLatents)
        labels = labelled.members if isinstance(labelled, GeneScores) else labelled.edges
        assert labels is not None
        try:
            effect = shown(labelled, adjustment_of(tool.shape.shape), part.coexpression).effect(labels)
        except (KeyError, ValueError) as error:
            raise ToolError(_unjudged(tool, error)) from error
        if effect is None:
            continue
        either = tool.relation.two_sided
        size = abs(effect[0]) if either else effect[0]
        direction = Direction.LESS if either and effect[0] < 0 else Direction.GREATER
        if best is None or size > best[0]:
            best = size, params, direction
    if not measured and failure is not None:
        raise failure
    return None if best is None else best[1:]


def _measured(tool: Tool, params: ToolParams, part: Part) -> Labelled:
    """Return what an instrument measures at a place, with the reference attached."""
    try:
        return with_labels(tool.measure(part.bench, params), part.members)
    except Exception as error:
        # A plug-in may raise anything; a campaign would write it down as that job's end.
        raise ToolError(f"at {params.locus()}: {type(error).__name__}: {error}") from error


def _unjudged(tool: Tool, error: Exception) -> str:
    return (
        f"what {tool.name} measures cannot be judged ({type(error).__name__}: {error}); return the genes, families, "
        "covariate names and covariates of the workbench with the scores"
    )


@lru_cache(maxsize=64)
def _plan(shape: str, relation: Relation, direction: Direction) -> Plan:
    """Return what the nulls read of a plan: shape, tail, adjustment and panel; the rest names nothing."""
    nothing = Named(name="world", sha256=digest("world"))
    return Plan(
        hypothesis=Hypothesis(
            claim=Claim(
                object="world",
                relation=relation,
                reference=nothing,
                model=nothing,
                context=nothing,
                adjustment=adjustment_of(shape),
            ),
            locus={"kind": "layer", "layer": 1},  # type: ignore[arg-type]
            direction=direction,
            tool="world@1",
            rationale="",
        ),
        claim_text="world",
        campaign="world",
        round=1,
        slot=1,
        estimand="AUROC - 0.5",
        statistic="auroc",
        shape=shape,  # type: ignore[arg-type]
        params={},
        variants=("main",),
        fitted={},
        reference_sha256=nothing.sha256,
        families_sha256=nothing.sha256,
        cells_sha256=nothing.sha256,
        model_sha256=nothing.sha256,
        block=Block(id="world", split_sha256=nothing.sha256, reused=False),
        level=level_rule("world", q=0.1, n_max=1, provisional_t=1, supports_before=0, rule="e-lond"),
        null_panel=panel_for(shape),
        draws=999,
        seed=0,
        sesoi=0.1,
        minimum_detectable_effect=0.1,
        reference_in_block=1,
        families_in_block=1,
        catalogue=CATALOGUE_VERSION,
        decision=DECISION_VERSION,
    )
