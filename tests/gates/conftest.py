"""Small worlds with known truth, and plans for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from theodolite.claims import Claim, Covariate, Direction, Hypothesis, Locus, LocusKind, Named, Relation
from theodolite.gates import DECISION_VERSION, level_rule
from theodolite.gates.catalogue1.judging import CATALOGUE_VERSION, SESOI
from theodolite.measurements import GeneScores, PairScores, Variant, VariantKind
from theodolite.plans import Block, Plan

SHA = "0" * 64
MAIN, UNTRAINED = Variant(VariantKind.MAIN), Variant(VariantKind.UNTRAINED, 1)

World = dict[Variant, Any]


@pytest.fixture
def make_plan() -> Callable[..., Plan]:
    """Build a plan for a shape; keyword arguments replace its fields (``hypothesis`` fields: locus, direction...)."""

    def build(shape: str = "GeneScores", **changes: Any) -> Plan:
        genes = shape == "GeneScores"
        hypothesis = Hypothesis(
            claim=Claim(
                object="axis_coordinate" if genes else "pair_proximity",
                relation=Relation.SEPARATES if genes else Relation.RANKS_ABOVE,
                reference=Named(name="secreted", sha256=SHA),
                model=Named(name="planted", sha256=SHA),
                context=Named(name="blood", sha256=SHA),
                adjustment=changes.pop("adjustment", (Covariate.MEAN,) if genes else ()),
            ),
            locus=changes.pop(
                "locus",
                Locus(kind=LocusKind.AXIS, layer=3, index=(1,))
                if genes
                else Locus(kind=LocusKind.WINDOW, layer=3, index=(1, 3)),
            ),
            direction=changes.pop("direction", Direction.GREATER),
            tool="axis_coordinate@1",
            rationale="planted",
        )
        fields: dict[str, Any] = {
            "hypothesis": hypothesis,
            "claim_text": "planted",
            "campaign": "test",
            "round": 1,
            "slot": 1,
            "estimand": "separation",
            "statistic": "auroc",
            "shape": shape,
            "params": {},
            "variants": ("main", "untrained(1)"),
            "fitted": {"main": SHA, "untrained(1)": SHA},
            "reference_sha256": SHA,
            "families_sha256": SHA,
            "cells_sha256": SHA,
            "model_sha256": SHA,
            "block": Block(id="split/block-1", split_sha256=SHA, reused=False),
            "level": level_rule("main", q=0.10, n_max=200, provisional_t=1, supports_before=0),
            "null_panel": ("family_block_swap", "stratified_labels"),
            "draws": 2_000,
            "seed": 7,
            "sesoi": SESOI[shape],
            "minimum_detectable_effect": 0.12,
            "reference_in_block": 40 if genes else 120,
            "families_in_block": 20,
            "catalogue": CATALOGUE_VERSION,
            "decision": DECISION_VERSION,
        }
        return Plan.model_validate(fields | changes)

    return build


def _universe(n: int, family_size: int, rng: np.random.Generator) -> tuple[tuple[str, ...], tuple[str, ...], Any]:
    genes = tuple(f"G{index:04d}" for index in range(n))
    families = tuple(f"F{index // family_size:04d}" for index in range(n))
    mean = rng.gamma(2.0, 1.0, n)
    variance = mean * rng.lognormal(0.0, 0.3, n)
    return genes, families, np.column_stack([mean, variance])


@pytest.fixture
def gene_world() -> Callable[..., World]:
    """Build a set claim's measurements: members score ``signal`` standard deviations higher in the trained model."""

    def build(
        signal: float = 0.0,
        *,
        untrained: float = 0.0,
        n: int = 300,
        size: int = 40,
        family_size: int = 2,
        seed: int = 0,
    ) -> World:
        rng = np.random.default_rng(seed)
        genes, families, covariates = _universe(n, family_size, rng)
        member = np.zeros(n, dtype=bool)
        member[rng.choice(n, size, replace=False)] = True

        def measure(effect: float) -> GeneScores:
            score = rng.standard_normal(n) + effect * member
            return GeneScores(
                genes, score, families, ("mean_expression", "variance"), covariates, "axis unit", members=member
            )

        return {MAIN: measure(signal), UNTRAINED: measure(untrained)}

    return build


@pytest.fixture
def pair_world() -> Callable[..., World]:
    """Build a pair claim's measurements: reference pairs lie ``signal`` standard deviations closer when trained."""

    def build(
        signal: float = 0.0,
        *,
        untrained: float = 0.0,
        n: int = 120,
        edges: int = 120,
        family_size: int = 2,
        seed: int = 0,
    ) -> World:
        rng = np.random.default_rng(seed)
        genes, families, covariates = _universe(n, family_size, rng)
        family = np.array(families)
        i, j = np.nonzero(np.triu(family[:, None] != family[None, :]))
        chosen = rng.choice(len(i), edges, replace=False)
        edge = np.zeros((n, n), dtype=bool)
        edge[i[chosen], j[chosen]] = edge[j[chosen], i[chosen]] = True

        def measure(effect: float) -> PairScores:
            noise = np.triu(rng.standard_normal((n, n)), 1)
            hub = rng.standard_normal(n)
            score = noise + noise.T + (hub[:, None] + hub[None, :]) + effect * edge
            return PairScores(
                genes, score, families, ("mean_expression", "variance"), covariates, "proximity", edges=edge
            )

        return {MAIN: measure(signal), UNTRAINED: measure(untrained)}

    return build
