"""Staging: campaigns of the small world, and plans with dossiers whose every number is in the test's hand."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from theodolite.claims import (
    Claim,
    Covariate,
    Direction,
    Hypothesis,
    Locus,
    LocusKind,
    Named,
    Relation,
    ReviewerCap,
)
from theodolite.experiments import CampaignRun
from theodolite.gates import (
    BASELINES,
    CATALOGUE_VERSION,
    DECISION_VERSION,
    Dossier,
    Place,
    b_max,
    judge,
    level_rule,
    panel_for,
    settle,
    spends,
)
from theodolite.judgements import Judgement, Settlement
from theodolite.measurements import BipartiteScores, Coexpression, GeneScores, PairScores, Variant
from theodolite.plans import Block, Plan
from theodolite.store import refusal_rows


def _steps() -> ModuleType:
    found = importlib.util.spec_from_file_location(
        "theodolite_test_steps", Path(__file__).parents[1] / "experiments" / "conftest.py"
    )
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


_STEPS = _steps()
open_campaign = _STEPS.open_campaign
make_hypothesis = _STEPS.make_hypothesis
strongest = _STEPS.strongest
go_round = _STEPS.go_round

Floats = NDArray[np.float64]

SHA = "0" * 64
STATISTICS = (Covariate.MEAN.value, Covariate.VARIANCE.value, Covariate.DROPOUT.value)
GENE_LEVEL = (Covariate.DROPOUT, Covariate.MEAN, Covariate.VARIANCE)
PAIR_LEVEL = tuple(sorted((*GENE_LEVEL, Covariate.CO_EXPRESSION, Covariate.DEGREE)))
VARIANTS = tuple(map(Variant.parse, ("main", *BASELINES)))
_TOOLS: Mapping[str, tuple[str, Locus, dict[str, Any]]] = {
    "GeneScores": (
        "geometry.axis_separation",
        Locus(kind=LocusKind.AXIS, layer=1, index=(1,)),
        {"layer": 1, "axis": 1},
    ),
    "PairScores": (
        "geometry.pair_proximity",
        Locus(kind=LocusKind.WINDOW, layer=1, index=(1, 3)),
        {"layer": 1, "first": 1, "last": 3},
    ),
    "BipartiteScores": (
        "attention.regulation",
        Locus(kind=LocusKind.HEAD, layer=1, index=(1,)),
        {"layer": 1, "head": 1},
    ),
}
_OBJECTS = {
    "GeneScores": ("axis_coordinate", Relation.SEPARATES, GENE_LEVEL, 0.20),
    "PairScores": ("axis_window_proximity", Relation.RANKS_ABOVE, PAIR_LEVEL, 0.10),
    "BipartiteScores": ("attention_to_regulator", Relation.RANKS_ABOVE, PAIR_LEVEL, 0.10),
}


def plan_of(shape: str = "GeneScores", *, t: int = 1, **changes: Any) -> Plan:
    """Return a flawless plan of the current catalogue for a shape, the t-th test of its stream; changes replace it."""
    tool, locus, params = _TOOLS[shape]
    thing, relation, adjustment, sesoi = _OBJECTS[shape]
    texts = tuple(map(str, VARIANTS))
    level = level_rule("main", q=0.10, n_max=40, provisional_t=t, supports_before=0, rule="e-lond")
    counted = {item.value: ("cells:blood",) for item in adjustment if item is not Covariate.DEGREE}
    fields: dict[str, Any] = {
        "hypothesis": Hypothesis(
            claim=Claim(
                object=thing,
                relation=relation,
                reference=Named(name="secreted", sha256=SHA),
                model=Named(name="planted", sha256=SHA),
                context=Named(name="blood", sha256=SHA),
                adjustment=adjustment,
            ),
            locus=locus,
            direction=Direction.GREATER,
            tool=f"{tool}@1",
            rationale="on the discovery genes the effect is large",
            parents=("small-00000000/look/1",),
        ),
        "claim_text": "secreted genes stand out",
        "campaign": "small-00000000",
        "round": 1,
        "slot": 1,
        "estimand": "AUROC - 0.5",
        "statistic": "auroc",
        "shape": shape,
        "params": params,
        "variants": texts,
        "fitted": dict.fromkeys(texts, "1" * 64),
        "reference_sha256": SHA,
        "families_sha256": SHA,
        "cells_sha256": SHA,
        "model_sha256": SHA,
        "block": Block(id="split/block-1", split_sha256=SHA, reused=False),
        "level": level,
        "null_panel": panel_for(shape),
        "draws": b_max("p", level),
        "seed": 7,
        "sesoi": sesoi,
        "minimum_detectable_effect": 0.12,
        "reference_in_block": 60,
        "families_in_block": 20,
        "catalogue": CATALOGUE_VERSION,
        "decision": DECISION_VERSION,
        "evidence": "p",
        "unit": "homology family",
        "selected_on": "discovery",
        "loci": dict.fromkeys(BASELINES, params),
        "sources": {"score": ("model:planted", "cells:blood"), "reference": ("reference:secreted",), **counted},
        "shared_cell_units": 0,
    }
    return Plan.model_validate(fields | changes)


def statistics_of(n: int, rng: np.random.Generator) -> Floats:
    """Return mean, variance and dropout of n genes, shape (n, 3)."""
    mean = rng.gamma(2.0, 1.0, n)
    return np.column_stack([mean, mean * rng.lognormal(0.0, 0.3, n), 1.0 / (1.0 + mean * rng.lognormal(0.0, 0.3, n))])


class Sets:
    """A set claim's dossier: 400 genes in families of two, 60 of them members; scores by variant, else noise."""

    def __init__(self, n: int = 400, size: int = 60, family_size: int = 2, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.n, self.rng = n, rng
        self.families = tuple(f"F{index // family_size:03d}" for index in range(n))
        self.covariates = statistics_of(n, rng)
        self.member = np.zeros(n, dtype=bool)
        self.member[rng.choice(n, size, replace=False)] = True

    def noise(self) -> Floats:
        return self.rng.standard_normal(self.n)

    def measure(self, score: Floats, **changes: Any) -> GeneScores:
        genes = tuple(f"G{index:03d}" for index in range(self.n))
        fields = (genes, score, self.families, STATISTICS, self.covariates, "axis units", self.member)
        names = ("genes", "score", "families", "covariate_names", "covariates", "unit", "members")
        return GeneScores(**(dict(zip(names, fields, strict=True)) | changes))

    def dossier(self, main: Floats, **scores: Floats) -> Dossier:
        """Return a dossier; ``scores`` are those of baselines by kind, all seeds alike."""
        found = {
            variant: self.measure(main if variant == VARIANTS[0] else scores.get(variant.kind.value, self.noise()))
            for variant in VARIANTS
        }
        return Dossier(found, provenance_ok=True)


def pair_dossier(signal: float, *, n: int = 120, edges: int = 150, seed: int = 0) -> tuple[Dossier, Coexpression]:
    """Return a pair claim's dossier, and the co-expression that it holds: reference pairs score ``signal`` higher."""
    rng = np.random.default_rng(seed)
    genes, families = tuple(f"G{i:03d}" for i in range(n)), tuple(f"F{i // 2:03d}" for i in range(n))
    family = np.array(families)
    i, j = np.nonzero(np.triu(family[:, None] != family[None, :]))
    chosen = rng.choice(len(i), edges, replace=False)
    edge = np.zeros((n, n), dtype=bool)
    edge[i[chosen], j[chosen]] = edge[j[chosen], i[chosen]] = True
    covariates = statistics_of(n, rng)

    def symmetric() -> Floats:
        upper = np.triu(rng.standard_normal((n, n)), 1)
        return upper + upper.T

    # kept away from 0, so that no correlation is rounded to it
    halves = [np.tanh(0.2 * np.sign(noise := symmetric()) + 0.1 * noise) for _ in range(4)]
    coexpression = Coexpression(genes, *halves)
    found = {
        variant: PairScores(
            genes,
            symmetric() + signal * edge * (variant == VARIANTS[0]),
            families,
            STATISTICS,
            covariates,
            "proximity",
            edges=edge,
        )
        for variant in VARIANTS
    }
    return Dossier(found, True, coexpression), coexpression


def regulon_dossier(edge: NDArray[np.bool_], *, seed: int = 0) -> tuple[Dossier, Coexpression]:
    """Return a regulon claim's dossier in noise for a graph (r, t), and the co-expression that it holds."""
    rng = np.random.default_rng(seed)
    r, t = edge.shape
    regulators, targets = tuple(f"R{i:03d}" for i in range(r)), tuple(f"T{j:03d}" for j in range(t))
    of_regulators, of_targets = statistics_of(r, rng), statistics_of(t, rng)
    genes = (*regulators, *targets)

    def symmetric() -> Floats:
        upper = np.triu(np.sign(rng.standard_normal((len(genes), len(genes)))) * 0.3, 1)
        return upper + upper.T

    coexpression = Coexpression(genes, *(symmetric() for _ in range(4)))
    found = {
        variant: BipartiteScores(
            regulators=regulators,
            targets=targets,
            score=rng.standard_normal(edge.shape),
            regulator_families=tuple(f"RF{i // 2:03d}" for i in range(r)),
            target_families=tuple(f"TF{j:03d}" for j in range(t)),
            covariate_names=STATISTICS,
            regulator_covariates=of_regulators,
            target_covariates=of_targets,
            unit="log attention",
            edges=edge,
        )
        for variant in VARIANTS
    }
    return Dossier(found, True, coexpression), coexpression


@pytest.fixture
def make_plan() -> Callable[..., Plan]:
    """Return :func:`plan_of`."""
    return plan_of


@pytest.fixture
def make_sets() -> Callable[..., Sets]:
    """Return :class:`Sets`."""
    return Sets


@pytest.fixture
def make_pairs() -> Callable[..., tuple[Dossier, Coexpression]]:
    """Return :func:`pair_dossier`."""
    return pair_dossier


@pytest.fixture
def make_regulon() -> Callable[..., tuple[Dossier, Coexpression]]:
    """Return :func:`regulon_dossier`."""
    return regulon_dossier


@pytest.fixture
def settled() -> Callable[..., tuple[Judgement, Settlement]]:
    """Judge a plan and settle it as the t-th test of its stream, after ``supports`` and under a reviewer's ``cap``."""

    def run(
        plan: Plan, dossier: Dossier, *, t: int | None = None, supports: int = 0, cap: ReviewerCap = "none"
    ) -> tuple[Judgement, Settlement]:
        judgement = judge(plan, dossier)
        place = Place((t or plan.level.provisional_t) if spends(judgement) else None, supports)
        return judgement, settle(plan, judgement, place, cap=cap, block_reused=False)

    return run


@pytest.fixture
def refusals() -> Callable[..., list[str]]:
    """Propose and register a round; return for each slot the code of its refusal, or ``registered``."""

    def register(run: CampaignRun, *hypotheses: Hypothesis, number: int = 1) -> list[str]:
        for slot, hypothesis in enumerate(hypotheses, start=1):
            run.propose(number, slot, hypothesis)
        run.register(number)
        codes = {row.subject: row.code for row in refusal_rows(run.ledger)}
        return [codes.get(run.subject(number, slot), "registered") for slot in range(1, len(hypotheses) + 1)]

    return register


@pytest.fixture
def two_rounds(
    open_campaign: Callable[..., CampaignRun],
    make_hypothesis: Callable[..., Hypothesis],
    strongest: Callable[..., Hypothesis],
    go_round: Callable[..., None],
) -> CampaignRun:
    """Return a campaign with a round that supports nothing and one that does."""
    run = open_campaign(tools=("geometry.axis_separation",))
    go_round(run, 1, [make_hypothesis(run, "decoy_1"), make_hypothesis(run, "decoy_2")])
    go_round(run, 2, [strongest(run, "program_1"), make_hypothesis(run, "too_small")])
    return run
