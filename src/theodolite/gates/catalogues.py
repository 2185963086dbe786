"""The catalogues of gates by version: a plan is judged and settled by the one under which it was locked, for ever."""

from __future__ import annotations

from typing import Final

from theodolite.claims import ReviewerCap, Tag
from theodolite.gates import catalogue1, catalogue2
from theodolite.gates.catalogue2 import Place
from theodolite.gates.dossier import Dossier
from theodolite.judgements import GateResult, Judgement, Settlement
from theodolite.plans import Plan

__all__ = ["CATALOGUES", "CATALOGUE_VERSION", "CatalogueUnknown", "judge", "preflight", "settle", "settle_failure"]

CATALOGUE_VERSION: Final = catalogue2.CATALOGUE_VERSION
"""The catalogue that new plans are locked under."""

CATALOGUES: Final = (catalogue1.CATALOGUE_VERSION, catalogue2.CATALOGUE_VERSION)
"""Versions that this code can execute, oldest first."""


class CatalogueUnknown(ValueError):
    """A plan names a catalogue that this code does not hold."""


def _is_first(plan: Plan) -> bool:
    if plan.catalogue not in CATALOGUES:
        raise CatalogueUnknown(
            f"the plan was locked under catalogue {plan.catalogue!r}; this version of theodolite holds "
            f"{', '.join(CATALOGUES)}; use the version that wrote the ledger, or a newer one"
        )
    return plan.catalogue == catalogue1.CATALOGUE_VERSION


def preflight(plan: Plan) -> tuple[GateResult, ...]:
    """Return the gates that a plan alone answers, for refusal at registration."""
    return catalogue1.preflight(plan) if _is_first(plan) else catalogue2.preflight(plan)


def judge(plan: Plan, dossier: Dossier) -> Judgement:
    """Compute every gate of the plan's catalogue that does not wait for the level; pure and deterministic.

    Raises
    ------
    CatalogueUnknown
        If this code does not hold the plan's catalogue.
    ValueError
        If a variant of the plan is not among the measurements.
    """
    if _is_first(plan):
        return catalogue1.judge(plan, dossier.measurements, provenance_ok=dossier.provenance_ok)
    return catalogue2.judge(plan, dossier)


def settle(
    plan: Plan,
    judgement: Judgement,
    place: Place,
    *,
    cap: ReviewerCap,
    block_reused: bool,
    advisory: bool = False,
    tags: tuple[Tag, ...] = (),
) -> Settlement:
    """Settle a judged test at record under the plan's catalogue; see :func:`theodolite.gates.catalogue2.settle`."""
    if _is_first(plan):
        return catalogue1.settle(
            plan,
            judgement,
            t=place.t,
            supports_before=place.supports_before,
            cap=cap,
            block_reused=block_reused,
            tags=tags,
        )
    return catalogue2.settle(plan, judgement, place, cap=cap, block_reused=block_reused, advisory=advisory, tags=tags)


def settle_failure(plan: Plan, place: Place, *, cap: ReviewerCap = "none", unsound: bool = False) -> Settlement:
    """Settle a run that crashed, or whose intervention failed its own checks, under the plan's catalogue."""
    if _is_first(plan):
        return catalogue1.settle_failure(plan, place.t, supports_before=place.supports_before, cap=cap)
    return catalogue2.settle_failure(plan, place, cap=cap, unsound=unsound)
