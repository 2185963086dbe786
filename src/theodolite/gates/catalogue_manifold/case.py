"""What a claim about anchors is judged from: rows that count, their distances by variant, and defects of both (G1)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.anchors.panel import JudgedRows, drawable
from theodolite.gates.anchors.permutation import null_branch
from theodolite.gates.catalogue_manifold.discipline import LEAST_ANCHORS, LEAST_UNITS
from theodolite.gates.dossier import Dossier
from theodolite.manifolds.distances import latent_distances, same_label
from theodolite.measurements import AnchorLatents, Measurement, Variant, VariantKind
from theodolite.measurements.anchors import FIT
from theodolite.plans import NullName, Plan

__all__ = ["MAIN", "NULL_BRANCH", "PANEL", "AnchorCase", "input_defects", "judged_rows", "on_null_branch"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MAIN = Variant(VariantKind.MAIN)
NULL_BRANCH = Variant(VariantKind.NULL_BRANCH)
PANEL = Variant(VariantKind.PANEL)
_LEAST_BRANCHES = 2
_LEAST_PLACES = 3


def judged_rows(measurement: AnchorLatents) -> JudgedRows:
    """Return labels and ruler of the rows that count.

    Raises
    ------
    ValueError
        If no ruler is attached.
    """
    if measurement.ruler is None or measurement.depth is None:
        raise ValueError("the anchors have no ruler; attach it before they are judged")
    at = np.flatnonzero(measurement.judged)
    donor, block, branch, depth = (
        tuple(labels[row] for row in at)
        for labels in (measurement.donor, measurement.block, measurement.branch, measurement.depth)
    )
    return JudgedRows(donor, block, branch, depth, measurement.ruler[np.ix_(at, at)])


def fit_positions(measurement: AnchorLatents) -> Floats:
    """Return coordinates of the judged rows in the placement by the fit of all that may be read."""
    return measurement.positions(measurement.placements.index(FIT))[measurement.judged]


def on_null_branch(measurement: AnchorLatents, seed: int) -> AnchorLatents:
    """Return a measurement with a ruler on which stages changed places within their branch and donor."""
    if measurement.ruler is None or measurement.depth is None:
        raise ValueError("the anchors have no ruler; attach it before it is permuted")
    image = null_branch(measurement.branch, donors=measurement.donor, seed=seed)
    return measurement.with_ruler(
        measurement.ruler[np.ix_(image, image)], tuple(measurement.depth[row] for row in image)
    )


class AnchorCase:
    """A plan and its measurements without defects; what costs is computed once."""

    def __init__(self, plan: Plan, measurements: Mapping[Variant, AnchorLatents]) -> None:
        self.plan = plan
        self.measurements = measurements
        self.main = measurements[MAIN]
        self.rows = judged_rows(self.main)

    @cached_property
    def nulls(self) -> dict[NullName, float]:
        """Log10 of the arrangements of every null that can be drawn."""
        return drawable(self.rows)

    @cached_property
    def inside(self) -> Bools:
        """Pairs of judged rows that share a branch."""
        return same_label(self.rows.branch)

    def distance(self, variant: Variant) -> Floats:
        """Return latent distances between judged rows in a variant."""
        return latent_distances(fit_positions(self.measurements[variant]))

    @property
    def baselines(self) -> tuple[Variant, ...]:
        """Variants that the claim is held against, in the order of the plan."""
        return tuple(variant for variant in map(Variant.parse, self.plan.variants) if variant.baseline)

    @property
    def refits(self) -> tuple[Variant, ...]:
        """Main, and what was made of cells drawn anew."""
        listed = map(Variant.parse, self.plan.variants)
        return (MAIN, *(variant for variant in listed if variant.kind is VariantKind.REFITTED))


def input_defects(plan: Plan, dossier: Dossier) -> tuple[list[str], dict[Variant, AnchorLatents]]:
    """Return what is wrong with the measurements of a plan, in words, and the measurements; no claim is looked at."""
    found: dict[Variant, AnchorLatents] = {}
    defects = []
    for text in dict.fromkeys(("main", *plan.variants)):
        try:
            variant = Variant.parse(text)
        except ValueError as error:
            defects.append(str(error))
            continue
        measured: Measurement | None = dossier.measurements.get(variant)
        if measured is None:
            defects.append(f"{text} was not measured")
        elif not isinstance(measured, AnchorLatents):
            defects.append(f"{text} returned {measured.shape}, not anchors")
        elif measured.ruler is None or measured.depth is None:
            defects.append(f"no ruler is attached to {text}")
        elif FIT not in measured.placements or not np.isfinite(measured.latent).all():
            defects.append(f"{text} lacks the placement by the one fit, or has coordinates that are no numbers")
        else:
            found[variant] = measured
    main = found.get(MAIN)
    if main is None:
        return defects, found
    defects += _of_rows(main)
    for variant, measurement in found.items():
        if variant != PANEL:
            defects += _of_variant(variant, measurement, main)
    if not defects:
        defects += _of_distances(found, plan)
    return defects, found


def _of_rows(main: AnchorLatents) -> list[str]:
    """Return what is wrong with the anchors, whatever the latent space."""
    rows = judged_rows(main)
    defects = []
    if len(rows.donor) < LEAST_ANCHORS:
        defects.append(f"{len(rows.donor)} anchors count; a test needs {LEAST_ANCHORS}")
    if (units := len(set(rows.donor))) < LEAST_UNITS:
        defects.append(f"the anchors are of {units} donors; a test needs {LEAST_UNITS}")
    branches = sum(name.startswith("branch ") for name in main.placements)
    if branches < _LEAST_BRANCHES:
        defects.append(f"{branches} branches were left out of a fit; a test needs {_LEAST_BRANCHES}")
    places = len(np.unique(rows.ruler, axis=0)) if len(rows.donor) else 0
    if places < _LEAST_PLACES:
        defects.append(f"the anchors lie at {places} places of the ruler; a test needs {_LEAST_PLACES}")
    nulls = drawable(rows) if places else {}
    defects += [
        f"the null {null} is stuck: no anchor may change its place on the ruler"
        for null in ("swap_in_donor", "swap_in_branch")
        if null not in nulls
    ]
    return defects


def _of_variant(variant: Variant, measurement: AnchorLatents, main: AnchorLatents) -> list[str]:
    names = ("anchors", "donor", "block", "branch", "depth")
    same = all(getattr(measurement, name) == getattr(main, name) for name in names)
    arrays = ((measurement.judged, main.judged), (measurement.ruler, main.ruler))
    if not same or any(
        not np.array_equal(own, other) for own, other in arrays if own is not None and other is not None
    ):
        return [f"{variant} measured other anchors than main, or on another ruler"]
    fit = measurement.placements.index(FIT)
    if not (measurement.read[fit] | measurement.held[fit])[measurement.judged].all():
        return [f"the fit of {variant} placed only some of the anchors that count"]
    return []


def _of_distances(found: Mapping[Variant, AnchorLatents], plan: Plan) -> list[str]:
    """Return which latent spaces rank nothing."""
    defects = []
    positions = fit_positions(found[MAIN])
    if same := len(positions) - len(np.unique(positions, axis=0)):
        defects.append(f"{same} anchors have the coordinates of another, as equal rows do")
    for variant, measurement in found.items():
        if variant in (NULL_BRANCH, PANEL):
            continue
        distance, upper = latent_distances(fit_positions(measurement)), np.triu_indices(measurement.judged.sum(), 1)
        inside = same_label(judged_rows(measurement).branch)[upper]
        if any(np.ptp(chosen) == 0.0 for chosen in (distance[upper], distance[upper][inside])):
            defects.append(f"all distances of {variant} are equal, over all pairs or within branches")
    return defects
