"""The catalogues of gates by version: a plan is judged and settled by the one under which it was locked, for ever."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from theodolite.claims import ReviewerCap, Tag
from theodolite.gates import catalogue1, catalogue2, catalogue_manifold
from theodolite.gates.catalogue2 import Place
from theodolite.gates.dossier import Dossier
from theodolite.judgements import GateResult, Judgement, Settlement
from theodolite.plans import Plan

__all__ = [
    "CATALOGUES",
    "CATALOGUE_VERSION",
    "CatalogueUnknown",
    "judge",
    "preflight",
    "settle",
    "settle_failure",
    "successor",
]

CATALOGUE_VERSION: Final = catalogue2.CATALOGUE_VERSION
"""The catalogue that new plans of claims about genes are locked under."""


class CatalogueUnknown(ValueError):
    """A plan names a catalogue that this code does not hold."""


class _Catalogue(Protocol):
    """What every catalogue does; a module is one."""

    def preflight(self, plan: Plan) -> tuple[GateResult, ...]: ...

    def judge(self, plan: Plan, dossier: Dossier) -> Judgement: ...

    def settle(
        self,
        plan: Plan,
        judgement: Judgement,
        place: Place,
        *,
        cap: ReviewerCap,
        block_reused: bool,
        advisory: bool = False,
        tags: tuple[Tag, ...] = (),
    ) -> Settlement: ...

    def settle_failure(
        self, plan: Plan, place: Place, *, cap: ReviewerCap = "none", unsound: bool = False
    ) -> Settlement: ...


class _First:
    """Catalogue 1, which knows neither dossiers, nor economy mode, nor advisory reviewers."""

    def preflight(self, plan: Plan) -> tuple[GateResult, ...]:
        return catalogue1.preflight(plan)

    def judge(self, plan: Plan, dossier: Dossier) -> Judgement:
        return catalogue1.judge(plan, dossier.measurements, provenance_ok=dossier.provenance_ok)

    def settle(
        self,
        plan: Plan,
        judgement: Judgement,
        place: Place,
        *,
        cap: ReviewerCap,
        block_reused: bool,
        advisory: bool = False,
        tags: tuple[Tag, ...] = (),
    ) -> Settlement:
        return catalogue1.settle(
            plan,
            judgement,
            t=place.t,
            supports_before=place.supports_before,
            cap=cap,
            block_reused=block_reused,
            tags=tags,
        )

    def settle_failure(
        self, plan: Plan, place: Place, *, cap: ReviewerCap = "none", unsound: bool = False
    ) -> Settlement:
        return catalogue1.settle_failure(plan, place.t, supports_before=place.supports_before, cap=cap)


_CATALOGUES: Final[Mapping[str, _Catalogue]] = {
    catalogue1.CATALOGUE_VERSION: _First(),
    catalogue2.CATALOGUE_VERSION: catalogue2,
    catalogue_manifold.CATALOGUE_VERSION: catalogue_manifold,
}

CATALOGUES: Final = tuple(_CATALOGUES)
"""Versions that this code can execute: those for claims about genes, oldest first, then that for anchors."""

_NEWEST: Final[Mapping[str, str]] = {
    catalogue1.CATALOGUE_VERSION: catalogue2.CATALOGUE_VERSION,
    catalogue2.CATALOGUE_VERSION: catalogue2.CATALOGUE_VERSION,
    catalogue_manifold.CATALOGUE_VERSION: catalogue_manifold.CATALOGUE_VERSION,
}


def _of(plan: Plan) -> str:
    """Return the version of the plan's catalogue."""
    if plan.catalogue not in CATALOGUES:
        raise CatalogueUnknown(
            f"the plan was locked under catalogue {plan.catalogue!r}; this version of theodolite holds "
            f"{', '.join(CATALOGUES)}; use the version that wrote the ledger, or a newer one"
        )
    return plan.catalogue


def successor(plan: Plan) -> str:
    """Return the newest catalogue for claims like the plan's, under which it may be judged again.

    Raises
    ------
    CatalogueUnknown
        If this code does not hold the plan's catalogue.
    """
    return _NEWEST[_of(plan)]


def preflight(plan: Plan) -> tuple[GateResult, ...]:
    """Return the gates that a plan alone answers, for refusal at registration."""
    return _CATALOGUES[_of(plan)].preflight(plan)


def judge(plan: Plan, dossier: Dossier) -> Judgement:
    """Compute every gate of the plan's catalogue that does not wait for the level; pure and deterministic.

    Raises
    ------
    CatalogueUnknown
        If this code does not hold the plan's catalogue.
    ValueError
        If a variant of the plan is not among the measurements.
    """
    return _CATALOGUES[_of(plan)].judge(plan, dossier)


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
    return _CATALOGUES[_of(plan)].settle(
        plan, judgement, place, cap=cap, block_reused=block_reused, advisory=advisory, tags=tags
    )


def settle_failure(plan: Plan, place: Place, *, cap: ReviewerCap = "none", unsound: bool = False) -> Settlement:
    """Settle a run that crashed, or whose intervention failed its own checks, under the plan's catalogue."""
    return _CATALOGUES[_of(plan)].settle_failure(plan, place, cap=cap, unsound=unsound)
