"""Dossiers: a plan's measurements and what stands beside them, read back from the artefacts that the ledger names."""

from __future__ import annotations

from collections.abc import Mapping

from theodolite.gates import Dossier
from theodolite.measurements import Measurement, Variant, load_measurement
from theodolite.plans import Plan
from theodolite.store import Ledger

__all__ = ["dossier_of"]


def dossier_of(ledger: Ledger, plan: Plan, measurements: Mapping[Variant, Measurement], provenance_ok: bool) -> Dossier:
    """Return the dossier of a plan whose measurements have their labels.

    Raises
    ------
    ArtefactError
        If the co-expression that the plan names cannot be read.
    """
    coexpression = None
    if plan.coexpression_sha256 is not None:
        coexpression = load_measurement(ledger.artefacts.get(plan.coexpression_sha256))
    return Dossier(measurements, provenance_ok, coexpression)
