"""Catalogue 2: every gate of the specification, one module each, judged from a plan and a dossier."""

from theodolite.gates.catalogue2.judging import judge, preflight
from theodolite.gates.catalogue2.settling import CATALOGUE_VERSION, Place, settle, settle_failure, spends

__all__ = ["CATALOGUE_VERSION", "Place", "judge", "preflight", "settle", "settle_failure", "spends"]
