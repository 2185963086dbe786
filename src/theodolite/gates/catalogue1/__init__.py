"""Catalogue 1, the gates of version 0.1: kept executable so that what was judged under it can be judged again."""

from theodolite.gates.catalogue1.judging import CATALOGUE_VERSION, judge, preflight, spends
from theodolite.gates.catalogue1.settling import settle, settle_failure

__all__ = ["CATALOGUE_VERSION", "judge", "preflight", "settle", "settle_failure", "spends"]
