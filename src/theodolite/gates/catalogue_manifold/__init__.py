"""Catalogue manifold-1: what is asked of a claim that distances between anchors follow a ruler."""

from theodolite.gates.catalogue_manifold.judging import judge, preflight
from theodolite.gates.catalogue_manifold.settling import CATALOGUE_VERSION, settle, settle_failure

__all__ = ["CATALOGUE_VERSION", "judge", "preflight", "settle", "settle_failure"]
