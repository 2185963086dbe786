"""Worlds with all baselines of catalogue 2, and plans for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from theodolite.claims import Claim, Covariate, Direction, Hypothesis, Locus, LocusKind, Named, Relation
from theodolite.gates import BASELINES, CATALOGUE_VERSION, DECISION_VERSION, Dossier, level_rule, panel_for
from theodolite.measurements import BipartiteScores, Coexpression, GeneScores, PairScores, Variant
from theodolite.plans import Block, Places, Plan, PlannedPlace

SHA = "0" * 64
VARIANTS = ("main", *BASELINES)
_CLAIMS: dict[str, Any] = {
    "GeneScores": {
        "object": "axis_coordinate",
        "relation": Relation.SEPARATES,
        "adjustment": (Covariate.DROPOUT, Covariate.MEAN, Covariate.VARIANCE),
    },
    "PairScores": {
        "object": "pair_proximity",
        "relation": Relation.RANKS_ABOVE,
        "adjustment": (Covariate.CO_EXPRESSION, Covariate.DEGREE, Covariate.MEAN),
    },
    "BipartiteScores": {
        "object": "attention_to_regulator",
        "relation": Relation.RANKS_ABOVE,
        "adjustment": (Covariate.CO_EXPRESSION, Covariate.DEGREE, Covariate.DROPOUT, Covariate.MEAN),
    },
}
_COUNTED = {"GeneScores": (40, 0.12), "PairScores": (150, 0.10), "BipartiteScores": (200, 0.10)}


@pytest.fixture
def plan_for() -> Callable[..., Plan]:
    """Build a plan of catalogue 2 for a shape; keyword arguments replace its fields."""

    def build(shape: str = "GeneScores", **changes: Any) -> Plan:
        evidence = changes.pop("evidence", "e" if shape == "BipartiteScores" else "p")
        locus = changes.pop("locus", Locus(kind=LocusKind.LAYER, layer=3))
        hypothesis = Hypothesis(
            claim=Claim(
                **{**_CLAIMS[shape], **changes.pop("claim", {})},
                reference=Named(name="secreted", sha256=SHA),
                model=Named(name="planted", sha256=SHA),
                context=Named(name="blood", sha256=SHA),
            ),
            locus=locus,
            direction=changes.pop("direction", Direction.GREATER),
            tool="planted@1",
            rationale="planted",
        )
        reference, detectable = _COUNTED[shape]
        fields: dict[str, Any] = {
            "hypothesis": hypothesis,
            "claim_text": "planted",
            "campaign": "test",
            "round": 1,
            "slot": 1,
            "estimand": "AUROC - 0.5",
            "statistic": "auroc",
            "shape": shape,
            "params": {},
            "variants": VARIANTS,
            "fitted": {},
            "reference_sha256": SHA,
            "families_sha256": SHA,
            "cells_sha256": SHA,
            "model_sha256": SHA,
            "block": Block(id="split/block-1", split_sha256=SHA, reused=False),
            "level": level_rule("main", q=0.10, n_max=200, provisional_t=1, supports_before=0, rule="e-lond"),
            "null_panel": panel_for(shape),
            "draws": 5_000,
            "seed": 7,
            "sesoi": 0.20 if shape == "GeneScores" else 0.10,
            "minimum_detectable_effect": detectable,
            "reference_in_block": reference,
            "families_in_block": 20,
            "catalogue": CATALOGUE_VERSION,
            "decision": DECISION_VERSION,
            "evidence": evidence,
            "unit": "homology family",
            "selected_on": "discovery",
            "loci": {variant: {} for variant in BASELINES},
            "coexpression_sha256": None if shape == "GeneScores" else SHA,
            "sources": {"score": ("model:planted", "cells:blood"), "reference": ("textbook",)},
            "shared_cell_units": 0,
        }
        return Plan.model_validate(fields | changes)

    return build


def _statistics(n: int, rng: np.random.Generator) -> np.ndarray:
    mean = rng.gamma(2.0, 1.0, n)
    return np.column_stack([mean, mean * rng.lognormal(0.0, 0.3, n), np.exp(-mean) + rng.uniform(0.0, 0.05, n)])


_NAMES = ("mean_expression", "variance", "dropout")


@pytest.fixture
def gene_dossier() -> Callable[..., Dossier]:
    """Members score ``signal`` standard deviations higher in the model, ``baseline`` in one of the baselines."""

    def build(
        signal: float = 0.0, *, baseline: tuple[str, float] = ("", 0.0), n: int = 300, size: int = 40, seed: int = 0
    ) -> Dossier:
        rng = np.random.default_rng(seed)
        genes = tuple(f"G{index:04d}" for index in range(n))
        families = tuple(f"F{index // 2:04d}" for index in range(n))
        statistics = _statistics(n, rng)
        member = np.zeros(n, dtype=bool)
        member[rng.choice(n, size, replace=False)] = True

        def measure(effect: float) -> GeneScores:
            score = rng.standard_normal(n) + effect * member
            return GeneScores(genes, score, families, _NAMES, statistics, "axis unit", members=member)

        effects = {"main": signal, baseline[0]: baseline[1]}
        return Dossier({Variant.parse(name): measure(effects.get(name, 0.0)) for name in VARIANTS}, True)

    return build


def _symmetric(rng: np.random.Generator, n: int, spread: float) -> np.ndarray:
    noise = np.triu(rng.normal(0.0, spread, (n, n)), 1)
    return noise + noise.T


@pytest.fixture
def pair_dossier() -> Callable[..., Dossier]:
    """Reference pairs lie closer by ``signal``; scores and pairs follow co-expression by ``confound``."""

    def build(signal: float = 0.0, *, confound: float = 0.0, n: int = 120, edges: int = 150, seed: int = 0) -> Dossier:
        rng = np.random.default_rng(seed)
        genes = tuple(f"G{index:04d}" for index in range(n))
        families = tuple(f"F{index // 2:04d}" for index in range(n))
        statistics = _statistics(n, rng)
        shared = np.clip(_symmetric(rng, n, 0.25), -0.9, 0.9)
        candidate = np.triu(np.array(families)[:, None] != np.array(families)[None, :])
        wanted = np.where(candidate, (shared if confound else 0.0) + _symmetric(rng, n, 0.1), -np.inf)
        edge = np.zeros((n, n), dtype=bool)
        edge.ravel()[np.argsort(wanted.ravel())[-edges:]] = True
        edge |= edge.T

        def measure(effect: float, follows: float) -> PairScores:
            hub = rng.standard_normal(n)
            score = _symmetric(rng, n, 1.0) + (hub[:, None] + hub[None, :]) + effect * edge + follows * shared
            return PairScores(genes, score, families, _NAMES, statistics, "proximity", edges=edge)

        measured = {Variant.parse(name): measure(signal if name == "main" else 0.0, confound if name == "main" else 0.0)
                    for name in VARIANTS}  # fmt: skip
        return Dossier(measured, True, Coexpression(genes, shared, shared, shared, shared))

    return build


@pytest.fixture
def regulon_dossier() -> Callable[..., Dossier]:
    """Edges score ``signal`` standard deviations higher in the model; regulators come in families of three."""

    def build(
        signal: float = 0.0, *, regulators: int = 48, targets: int = 90, edges: int = 200, seed: int = 0
    ) -> Dossier:
        rng = np.random.default_rng(seed)
        rows = tuple(f"R{index:03d}" for index in range(regulators))
        columns = tuple(f"T{index:03d}" for index in range(targets))
        statistics = _statistics(regulators + targets, rng)
        edge = np.zeros((regulators, targets), dtype=bool)
        edge.ravel()[rng.choice(edge.size, edges, replace=False)] = True

        def measure(effect: float) -> BipartiteScores:
            return BipartiteScores(
                regulators=rows,
                targets=columns,
                score=rng.standard_normal(edge.shape) + effect * edge,
                regulator_families=tuple(f"F{index // 3:03d}" for index in range(regulators)),
                target_families=tuple(f"H{index:03d}" for index in range(targets)),
                covariate_names=_NAMES,
                regulator_covariates=statistics[:regulators],
                target_covariates=statistics[regulators:],
                unit="attention",
                edges=edge,
            )

        shared = np.clip(_symmetric(rng, regulators + targets, 0.1), -0.9, 0.9)
        measured = {Variant.parse(name): measure(signal if name == "main" else 0.0) for name in VARIANTS}
        return Dossier(measured, True, Coexpression((*rows, *columns), shared, shared, shared, shared))

    return build


@pytest.fixture
def plan_anywhere(plan_for: Callable[..., Plan]) -> Callable[..., Plan]:
    """Build a plan about any of some layers; keyword arguments replace its fields."""

    def build(shape: str = "GeneScores", count: int = 6, **changes: Any) -> Plan:
        layers = range(1, count + 1)
        listed = tuple(
            PlannedPlace(locus=Locus(kind=LocusKind.LAYER, layer=layer), params={"layer": layer}) for layer in layers
        )
        fields = {
            "locus": Locus(kind=LocusKind.ANY),
            "places": Places(n_layers=count, n_heads=1, read_out=False, listed=listed),
            "loci": None,
        }
        return plan_for(shape, **fields | changes)

    return build


@pytest.fixture
def spread_out() -> Callable[..., Dossier]:
    """Lay a dossier out over places: its own measurements at one of them, like scores without effect at the others.

    ``moved`` gives further variants a place of their own, where they score as they do in the dossier.
    """

    def build(
        dossier: Dossier, places: int = 6, *, at: int = 2, moved: dict[str, int] | None = None, seed: int = 0
    ) -> Dossier:
        rng = np.random.default_rng(seed)
        own = {Variant.parse(name): place for name, place in (moved or {}).items()}

        def measured(variant: Variant, place: int) -> Any:
            measurement: Any = dossier.measurements[variant]
            if place == own.get(variant, at):
                return measurement
            score = rng.standard_normal(measurement.score.shape)
            if isinstance(measurement, PairScores):
                score = (score + score.T) / 2**0.5
            return replace(measurement, score=score)

        listed = tuple(
            {variant: measured(variant, place) for variant in dossier.measurements} for place in range(places)
        )
        return Dossier({}, dossier.provenance_ok, dossier.coexpression, listed)

    return build
