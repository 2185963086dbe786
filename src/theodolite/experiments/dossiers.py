"""Dossiers: a plan's measurements and what stands beside them, read back from the artefacts that the ledger names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from theodolite.claims import Locus
from theodolite.data.rulers import Ruler
from theodolite.experiments.journal import Members, labelled
from theodolite.gates import Dossier
from theodolite.gates.memo import Memo
from theodolite.measurements import Measurement, MeasurementError, Variant, load_measurement
from theodolite.plans import Plan, reading_name
from theodolite.store import Ledger

__all__ = ["dossier_of", "members_of"]

_read: Memo[Measurement] = Memo(64)


def members_of(name: str, listed: Mapping[str, Any]) -> Members:
    """Return the members of a reference, genes or pairs, or a ruler, from what a ledger's document says of it."""
    if listed["kind"] == "ruler":
        return Ruler.from_document(name, listed)
    return frozenset(tuple(item) if isinstance(item, list) else item for item in listed["members"])


def dossier_of(
    ledger: Ledger, plan: Plan, measured: Mapping[str, str], members: Members, *, provenance_ok: bool
) -> Dossier:
    """Return the dossier of a plan.

    Parameters
    ----------
    ledger
        Holds the artefacts.
    plan
        Names the co-expression, if any.
    measured
        Artefact of each measurement by its name (:attr:`~theodolite.plans.Plan.readings`).
    members
        Of the reference.
    provenance_ok
        Whether the result names this plan.

    Raises
    ------
    ArtefactError, MeasurementError
        If a measurement, or the co-expression that the plan names, cannot be read.
    """
    named = plan.coexpression_sha256
    coexpression = None if named is None else _measurement(ledger, named)
    if plan.places is not None:
        places = tuple(_at(ledger, plan, place.locus, measured, members) for place in plan.places.listed)
        return Dossier({}, provenance_ok, coexpression, places)
    measurements = {Variant.parse(variant): _measurement(ledger, sha256) for variant, sha256 in measured.items()}
    return Dossier(labelled(measurements, members), provenance_ok, coexpression)


def _at(
    ledger: Ledger, plan: Plan, locus: Locus, measured: Mapping[str, str], members: Members
) -> dict[Variant, Measurement]:
    """Return what was measured at one of several places, by variant."""
    names = {variant: reading_name(variant, locus) for variant in plan.variants}
    missing = [name for name in names.values() if name not in measured]
    if missing:
        raise MeasurementError(f"the result names no measurement of {missing[0]}")
    found = {Variant.parse(variant): _measurement(ledger, measured[name]) for variant, name in names.items()}
    return labelled(found, members)


def _measurement(ledger: Ledger, sha256: str) -> Measurement:
    """Read an artefact, whose bytes are checked against its hash every time; equal bytes are parsed once."""
    content = ledger.artefacts.get(sha256)
    return _read.get(sha256, lambda: load_measurement(content))
