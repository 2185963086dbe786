"""Dossiers: a plan's measurements and what stands beside them, read back from the artefacts that the ledger names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from theodolite.experiments.journal import Members, labelled
from theodolite.gates import Dossier
from theodolite.gates.memo import Memo
from theodolite.measurements import Measurement, Variant, load_measurement
from theodolite.plans import Plan
from theodolite.store import Ledger

__all__ = ["dossier_of", "members_of"]

_read: Memo[Measurement] = Memo(64)


def members_of(listed: Iterable[Any]) -> Members:
    """Return the members of a reference, genes or pairs, from the lists of a ledger's document."""
    return frozenset(tuple(item) if isinstance(item, list) else item for item in listed)


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
        Artefact of each variant's measurement.
    members
        Of the reference.
    provenance_ok
        Whether the result names this plan.

    Raises
    ------
    ArtefactError, MeasurementError
        If a measurement, or the co-expression that the plan names, cannot be read.
    """
    measurements = {Variant.parse(variant): _measurement(ledger, sha256) for variant, sha256 in measured.items()}
    named = plan.coexpression_sha256
    coexpression = None if named is None else _measurement(ledger, named)
    return Dossier(labelled(measurements, members), provenance_ok, coexpression)


def _measurement(ledger: Ledger, sha256: str) -> Measurement:
    """Read an artefact, whose bytes are checked against its hash every time; equal bytes are parsed once."""
    content = ledger.artefacts.get(sha256)
    return _read.get(sha256, lambda: load_measurement(content))
