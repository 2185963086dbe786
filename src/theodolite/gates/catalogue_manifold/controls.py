"""G7-, what must fail does fail, and G7+, a planted order is found: both without the observed claim."""

from __future__ import annotations

from theodolite.gates.anchors.panel import anchor_null
from theodolite.gates.anchors.permutation import NothingMoves
from theodolite.gates.anchors.planted import WORLDS, planted_order
from theodolite.gates.anchors.scores import anchor_scores
from theodolite.gates.catalogue2.discipline import margin_for
from theodolite.gates.catalogue2.panel import p_level
from theodolite.gates.catalogue_manifold.case import (
    NULL_BRANCH,
    PANEL,
    AnchorCase,
    fit_positions,
    judged_rows,
    on_null_branch,
)
from theodolite.gates.catalogue_manifold.shape import LEAST_RHO, LEAST_TRUST, MOST_P
from theodolite.gates.controls.positive import NEEDED
from theodolite.gates.kernels import derive_seed
from theodolite.judgements import GateResult
from theodolite.manifolds.distances import latent_distances
from theodolite.measurements import AnchorLatents
from theodolite.measurements.anchors import FIT

__all__ = ["planted_negative", "planted_positive"]

_PANEL_DRAWS = 1_999
"""Draws of the one null of the panel, whose level is fixed."""


def planted_negative(case: AnchorCase) -> GateResult:
    """Return G7-: the paired null branch scores below what counts, and cells in which the claim must fail do fail.

    The null branch leaves branches apart from one another, so that pairs of one branch tell.
    """
    scores = anchor_scores(on_null_branch(case.measurements[NULL_BRANCH], case.plan.seed), case.plan.seed)
    within = [value for value in scores.within.values() if value is not None]
    known = within or [value for value in scores.both.values() if value is not None]
    lowest = min(known) if known else None
    failed = lowest is not None and lowest < LEAST_RHO
    where = "within branches" if within else "over all pairs"
    said = (
        "With stages exchanged within branches no correlation can be computed"
        if lowest is None
        else f"With stages exchanged within branches the lowest correlation {where} is {lowest:.2f}, "
        f"{'below' if failed else 'not below'} {LEAST_RHO:.2f}"
    )
    panel = case.measurements.get(PANEL)
    if panel is None:
        said += "; no cells were given in which the claim must fail"
    else:
        unmet = _unmet(panel, case.plan.draws, derive_seed(case.plan.seed, "panel"))
        failed = failed and bool(unmet)
        said += (
            f"; cells in which the claim must fail fail {', '.join(unmet)}"
            if unmet
            else "; cells in which the claim must fail pass as well"
        )
    return GateResult(
        gate="G7-", title="planted null", number=lowest, threshold=LEAST_RHO, passed=failed, sentence=f"{said}."
    )


def _unmet(panel: AnchorLatents, draws: int, seed: int) -> list[str]:
    """Return which of M1 to M4 the panel fails by a number; what could not be computed has not failed."""
    scores, unmet = anchor_scores(panel, seed), []
    if scores.trust < LEAST_TRUST:
        unmet.append("M1")
    for gate, means in (("M2", scores.both), ("M3", scores.within)):
        if any(value is not None and value < LEAST_RHO for value in means.values()):
            unmet.append(gate)
    if FIT in panel.placements and panel.judged.sum() > 2:
        distance = latent_distances(fit_positions(panel))
        try:
            null = anchor_null(judged_rows(panel), "swap_in_donor", distance, min(draws, _PANEL_DRAWS), seed)
        except NothingMoves:
            return unmet
        if null.p > MOST_P:
            unmet.append("M4")
    return unmet


def planted_positive(case: AnchorCase) -> GateResult:
    """Return G7+: an order of 1.5 times the least that counts is found in 24 of 30 worlds.

    Nulls that cannot be drawn are left out; without them nothing is supported anyway.
    """
    plan = case.plan
    found = planted_order(
        case.rows,
        tuple(case.nulls),
        effect=margin_for() * plan.sesoi,
        dimension=case.main.latent.shape[1],
        level=p_level("p", plan.level, plan.draws),
        draws=plan.draws,
        seed=derive_seed(plan.seed, "planted order"),
    )
    return GateResult(
        gate="G7+",
        title="planted positive",
        number=float(found.detected),
        threshold=float(NEEDED),
        passed=found.detected >= NEEDED,
        sentence=f"Of {WORLDS} worlds in which anchors were given an order of {found.planted:.2f} to follow, "
        f"{found.detected} were found; {NEEDED} are asked for.",
    )
