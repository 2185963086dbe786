"""Clean items from a seed: real gates on small worlds, dressed as claims of campaigns that never were."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.random import Generator, SeedSequence

from theodolite.calibration.plants.items import Item
from theodolite.calibration.plants.worlds import World, make_world
from theodolite.canonical import digest
from theodolite.claims import Claim, Covariate, Direction, Hypothesis, Named
from theodolite.experiments.setting import adjustment_of
from theodolite.experiments.wording import claim_text
from theodolite.gates import (
    BASELINES,
    CATALOGUE_VERSION,
    DECISION_VERSION,
    b_max,
    judge,
    level_rule,
    minimum_detectable_effect,
    p_level,
    panel_for,
    power_gate,
)
from theodolite.judgements import Judgement
from theodolite.plans import Block, Plan
from theodolite.tools import Tool, get_tool
from theodolite.tools.workbench import ModelShape

__all__ = ["TOOLS", "clean_item"]

TOOLS: Final = ("geometry.axis_separation", "geometry.pair_proximity", "attention.edges", "attention.regulation")
"""Instruments whose claims clean items are made of."""
_STRENGTHS: Final = (1.0, 1.2, 1.4, 1.6, 1.8, 0.5, 0.0, 0.0)
"""Of the reference in the scores of the worlds of an instrument: strong ones, a faint one, and none."""
_STRONG: Final = 5
_MODEL: Final = ModelShape(n_layers=6, n_heads=4, read_out=True)
_SESOI: Final = {"GeneScores": 0.20, "PairScores": 0.10, "BipartiteScores": 0.10}
_ROOT: Final = 20_261

_SUFFIX: Final = {"GeneScores": "", "PairScores": "_pairs", "BipartiteScores": "_regulon"}
_MODELS: Final = ("compact-pbmc", "compact-marrow", "compact-lung", "blood-12l", "atlas-small")
_CELLS: Final = ("pbmc", "marrow", "lung", "blood", "spleen")
_SETS: Final = (
    ("myeloid", "Myeloid lineage"),
    ("t_cell", "T lineage"),
    ("b_cell", "B lineage"),
    ("lysosome", "Lysosomes and late endosomes"),
    ("rna_splicing", "Pre-mRNA splicing"),
    ("cytoskeleton", "Cytoskeleton"),
    ("interferon_response", "Interferon response"),
    ("protein_synthesis", "Protein synthesis"),
    ("ubiquitin_proteasome", "The proteasome"),
    ("oxidative_phosphorylation", "Oxidative phosphorylation"),
)
_ORIGINS: Final = ("a textbook of cell biology", "a curated database", "a review of the literature")


def clean_item(seed: SeedSequence, *, tool: str | None = None, strong: bool | None = None) -> Item:
    """Return a clean item: a plan that a registrar could have locked, and the record that the gates make of it.

    Numbers are those of one of a few small worlds, judged by the gates themselves; names, hashes, places in the
    campaign and reasons are the item's own.

    Parameters
    ----------
    seed
        Fixes the item.
    tool
        One of :data:`TOOLS`; drawn where not given.
    strong
        Whether the reference is plain in the scores; drawn where not given, and mostly it is.
    """
    rng = np.random.default_rng(seed)
    name = tool or str(rng.choice(TOOLS))
    plain = bool(rng.random() < 0.75) if strong is None else strong
    world = int(rng.integers(_STRONG)) if plain else int(rng.integers(_STRONG, len(_STRENGTHS)))
    return _dressed(*_judged(name, world), rng)


@lru_cache(maxsize=len(TOOLS) * len(_STRENGTHS))
def _judged(name: str, number: int) -> tuple[Plan, Judgement]:
    """Return one of the worlds of an instrument as a bare plan with its record."""
    tool = get_tool(name)
    rng = np.random.default_rng(SeedSequence([_ROOT, TOOLS.index(name), number]))
    world = make_world(tool.shape.shape, _STRENGTHS[number], rng)
    plan = _plan(tool, world, number + 1, rng)
    judgement = judge(plan, world.dossier)
    # What the plan says of power comes from the nulls' spread, which is known once they were drawn.
    spread = max(found.spread for found in judgement.evidence)
    alpha = p_level(tool.evidence, plan.level, plan.draws)
    detectable = round(minimum_detectable_effect(spread, alpha), 6)
    gates = [power_gate(detectable, plan.sesoi) if gate.gate == "G12b" else gate for gate in judgement.gates]
    return (
        plan.model_copy(update={"minimum_detectable_effect": detectable}),
        judgement.model_copy(update={"gates": tuple(gates)}),
    )


def _plan(tool: Tool, world: World, t: int, rng: Generator) -> Plan:
    shape = tool.shape.shape
    places = list(tool.params.enumerate(_MODEL))
    params = [
        places[int(index)].model_dump(mode="json") for index in rng.permutation(len(places))[: len(BASELINES) + 1]
    ]
    named = Named(name="x", sha256=digest("x"))
    level = level_rule("main", q=0.10, n_max=160, provisional_t=t, supports_before=0, rule="e-lond")
    variants = ("main", *BASELINES)
    fitted = {variant: digest(["axes", variant]) for variant in variants} if tool.fits else {}
    return Plan(
        hypothesis=Hypothesis(
            claim=Claim(
                object=tool.object,
                relation=tool.relation,
                reference=named,
                model=named,
                context=named,
                adjustment=adjustment_of(shape),
            ),
            locus=tool.params(**params[0]).locus(),
            direction=Direction.GREATER,
            tool=f"{tool.name}@{tool.version}",
            rationale="",
        ),
        claim_text="x",
        campaign="x",
        round=1,
        slot=1,
        estimand="AUROC - 0.5 of the adjusted score, reference against the rest, in the confirmation block",
        statistic="auroc",
        shape=shape,  # type: ignore[arg-type]
        params=params[0],
        variants=variants,
        fitted={**fitted, **{f"loci of {variant}": digest(["loci", variant]) for variant in BASELINES}},
        reference_sha256=named.sha256,
        families_sha256=named.sha256,
        cells_sha256=named.sha256,
        model_sha256=named.sha256,
        block=Block(id="x/block-1", split_sha256=named.sha256, reused=False),
        level=level,
        null_panel=panel_for(shape),
        draws=b_max(tool.evidence, level),
        seed=int(rng.integers(2**62)),
        sesoi=_SESOI[shape],
        minimum_detectable_effect=_SESOI[shape],
        reference_in_block=world.items,
        families_in_block=world.families,
        catalogue=CATALOGUE_VERSION,
        decision=DECISION_VERSION,
        evidence=tool.evidence,
        unit="homology family",
        selected_on="discovery",
        loci=dict(zip(BASELINES, params[1:], strict=True)),
        coexpression_sha256=None if world.dossier.coexpression is None else world.dossier.coexpression.sha256,
        sources={},
        shared_cell_units=1,
        tool_sha256=tool.source_sha256,
    )


def _dressed(plan: Plan, judgement: Judgement, rng: Generator) -> Item:
    def sha() -> str:
        return digest([int(word) for word in rng.integers(2**62, size=4)])

    model, cells = str(rng.choice(_MODELS)), str(rng.choice(_CELLS))
    topic, title = _SETS[int(rng.integers(len(_SETS)))]
    reference = (
        topic if plan.shape == "GeneScores" else f"{topic}_{'pairs' if plan.shape == 'PairScores' else 'regulon'}"
    )
    claim = plan.hypothesis.claim.model_copy(
        update={
            "reference": Named(name=reference, sha256=sha()),
            "model": Named(name=model, sha256=sha()),
            "context": Named(name=cells, sha256=sha()),
        }
    )
    campaign, split = f"{cells}-{sha()[:8]}", sha()
    tool = plan.hypothesis.tool.partition("@")[0]
    seen = judgement.effect.estimate + float(rng.normal(0.0, 0.05))
    hypothesis = plan.hypothesis.model_copy(
        update={
            "claim": claim,
            "rationale": f"on the discovery genes the effect is {seen:+.3f} over {int(rng.integers(10, 60))} genes of "
            "the reference",
            "parents": (f"{campaign}/look/{tool}-{sha()[:12]}",),
        }
    )
    counted = {item.value: (f"cells:{cells}",) for item in claim.adjustment if item is not Covariate.DEGREE}
    changes: dict[str, Any] = {
        "hypothesis": hypothesis,
        "claim_text": claim_text(claim, hypothesis.locus, hypothesis.direction, title),
        "campaign": campaign,
        "round": int(rng.integers(1, 5)),
        "slot": int(rng.integers(1, 17)),
        "fitted": {name: sha() for name in plan.fitted},
        "reference_sha256": claim.reference.sha256,
        "families_sha256": sha(),
        "cells_sha256": claim.context.sha256,
        "model_sha256": claim.model.sha256,
        "block": Block(id=f"{split[:12]}/block-{int(rng.integers(1, 4))}", split_sha256=split, reused=False),
        "coexpression_sha256": None if plan.coexpression_sha256 is None else sha(),
        "sources": {
            "score": (f"model:{model}", f"cells:{cells}"),
            "reference": tuple(sorted((f"reference:{reference}", str(rng.choice(_ORIGINS))))),
            **counted,
        },
        "shared_cell_units": int(rng.integers(300, 12_000)),
    }
    return Item.of(plan.model_copy(update=changes), judgement)
