"""Measurements of anchors on planted trees, and plans for them, for the tests of gates about anchors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from planted_tree import Planted, planted_anchors

from theodolite.claims import Claim, Direction, Hypothesis, Locus, LocusKind, Named, Relation
from theodolite.gates import DECISION_VERSION, Dossier, level_rule
from theodolite.gates.anchors.panel import ANCHOR_NULLS
from theodolite.gates.anchors.planted import classical_coordinates
from theodolite.gates.catalogue_manifold.discipline import REQUIRED
from theodolite.manifolds.baselines import principal_components
from theodolite.manifolds.trust import trustworthiness
from theodolite.measurements import AnchorLatents, Variant
from theodolite.plans import Block, Plan

SHA = "0" * 64
DIMENSION = 4
Fit = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Rows that a fit may read, and all rows: coordinates of all."""


def components(rows: np.ndarray) -> Fit:
    """Place rows by principal components of those that are read."""
    return lambda read, _: principal_components(rows[read], dimension=DIMENSION).place(rows)


def fixed(rows: np.ndarray) -> Fit:
    """Place rows where they are, whatever is read."""
    return lambda *_: rows


def features(world: Planted, noise: float, seed: int, *, knows: str = "tree") -> np.ndarray:
    """Return true positions of the rows, or their depth or branch alone, with Gaussian noise."""
    true = classical_coordinates(world.ruler, DIMENSION)
    if knows == "line":
        true = np.outer(world.depth - world.depth.mean(), np.eye(DIMENSION)[0])
    elif knows == "clusters":
        names = sorted(set(world.branches))
        true = 3.0 * np.eye(DIMENSION)[[names.index(name) for name in world.branches]]
    elif knows == "none":
        true = np.zeros_like(true)
    return true + noise * np.random.default_rng([seed, 5]).standard_normal(true.shape)


def latents(world: Planted, fit: Fit, *, discovery: bool = False, ruler: bool = True) -> AnchorLatents:
    """Return a measurement: the last half of the donors judged in confirmation, and all in discovery."""
    donor, branch = np.asarray(world.donors), np.asarray(world.branches)
    names = sorted(set(world.donors))
    judged = np.ones(len(donor), dtype=bool) if discovery else np.isin(donor, names[len(names) // 2 :])
    tips = [name for name in sorted(set(world.branches)) if name != "trunk"]
    readable = judged if discovery else ~judged
    out: dict[str, np.ndarray] = {"fit": np.zeros_like(judged) if discovery else judged}
    if discovery:
        draw = np.random.default_rng(3)
        out |= {f"random {k + 1}": draw.permutation(len(donor)) < len(donor) // 5 for k in range(5)}
        out |= {f"donor {name}": donor == name for name in names}
    out |= {f"branch {tip}": judged & (branch == tip) for tip in tips}
    read, held, rows = [], [], []
    for name, rest in out.items():
        seen = readable & ~rest & ((branch != name.removeprefix("branch ")) if name.startswith("branch") else True)
        found = np.asarray(fit(seen, np.arange(len(donor))))
        found = np.where((seen | rest)[:, None], found, 0.0)
        read.append(seen), held.append(rest), rows.append(found)
    place = fit(readable, np.arange(len(donor)))[judged]
    measured = AnchorLatents(
        anchors=tuple(f"{a}|{b}|{k}" for k, (a, b) in enumerate(zip(donor, branch, strict=True))),
        donor=world.donors,
        block=world.blocks,
        branch=world.branches,
        judged=judged,
        placements=tuple(out),
        read=np.array(read),
        held=np.array(held),
        latent=np.concatenate(rows),
        trust=np.array([trustworthiness(place, place)]),
        dimension=np.array([4.0, 3.0, 5.0]),
        unit="distance",
    )
    return measured.with_ruler(world.ruler, tuple(str(depth) for depth in world.depth)) if ruler else measured


def anchor_dossier(
    seed: int = 0, *, knows: str = "tree", noise: float = 0.8, others: float = 4.0, panel: str | None = None
) -> Dossier:
    """Return all variants: what belongs to the model knows what is said, baselines the tree with more noise."""
    world = planted_anchors("tree", seed)
    measured: dict[str, AnchorLatents] = {}
    for number, name in enumerate(REQUIRED):
        own = not Variant.parse(name).baseline
        # The null branch is the model's own measurement, on another ruler.
        draw = 100 * seed + (0 if name == "null_branch(0)" else number)
        rows = features(world, noise if own else others, draw, knows=knows if own else "tree")
        measured[name] = latents(world, fixed(rows))
    if panel is not None:
        measured["panel"] = latents(world, fixed(features(world, noise, 100 * seed + 99, knows=panel)))
    return Dossier({Variant.parse(name): item for name, item in measured.items()}, True)


def changed(dossier: Dossier, name: str, **changes: Any) -> Dossier:
    """Return a dossier with one measurement changed."""
    variant = Variant.parse(name)
    return replace(
        dossier, measurements={**dossier.measurements, variant: replace(dossier.measurements[variant], **changes)}
    )


def without(dossier: Dossier, name: str) -> Dossier:
    """Return a dossier that lacks one measurement."""
    left: Mapping[Variant, Any] = {
        variant: item for variant, item in dossier.measurements.items() if str(variant) != name
    }
    return replace(dossier, measurements=left)


def anchor_plan(**changes: Any) -> Plan:
    """Return a plan of catalogue manifold-1; keyword arguments replace its fields."""
    hypothesis = Hypothesis(
        claim=Claim(
            object="residual_stream",
            relation=changes.pop("relation", Relation.FOLLOWS),
            reference=Named(name="stages", sha256=SHA),
            model=Named(name="planted", sha256=SHA),
            context=Named(name="blood", sha256=SHA),
        ),
        locus=Locus(kind=LocusKind.LAYER, layer=3),
        direction=changes.pop("direction", Direction.GREATER),
        tool="planted@1",
        rationale="planted",
    )
    fields: dict[str, Any] = {
        "hypothesis": hypothesis,
        "claim_text": "planted",
        "campaign": "test",
        "round": 1,
        "slot": 1,
        "estimand": "Spearman's rho",
        "statistic": "spearman",
        "shape": "AnchorLatents",
        "params": {"layer": 3, "fitter": "isomap"},
        "variants": REQUIRED,
        "fitted": {},
        "reference_sha256": SHA,
        "families_sha256": SHA,
        "cells_sha256": SHA,
        "model_sha256": SHA,
        "block": Block(id="split/block-1", split_sha256=SHA, reused=False),
        "level": level_rule("main", q=0.10, n_max=200, provisional_t=1, supports_before=0, rule="e-lond"),
        "null_panel": ANCHOR_NULLS,
        "draws": 1_999,
        "seed": 7,
        "sesoi": 0.20,
        "minimum_detectable_effect": 0.12,
        "reference_in_block": 84,
        "families_in_block": 6,
        "catalogue": "manifold-1",
        "decision": DECISION_VERSION,
        "evidence": "p",
        "unit": "donor",
        "selected_on": "discovery",
        "loci": {f"untrained({seed})": {"layer": 1} for seed in range(3)},
        "shared_cell_units": 0,
    }
    return Plan.model_validate(fields | changes)
