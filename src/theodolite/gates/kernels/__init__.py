"""Compiled loops: draws of the nulls, AUROCs of bootstrap resamples, and differences counted.

Scores are ranked once; a draw only looks ranks up at permuted indices. Draw ``k`` of a seed is a function of (scheme,
seed, k) alone, so it is the same whatever the number of draws and whatever is tested, and claims can share draws.
"""

from __future__ import annotations

from theodolite.data.seeded import derive_seed
from theodolite.gates.kernels.bootstrap import family_weights, weighted_aurocs
from theodolite.gates.kernels.differences import differences_within
from theodolite.gates.kernels.edges import edge_statistics, strata_statistics
from theodolite.gates.kernels.permuted import (
    UnitCosts,
    assigned_statistics,
    pair_statistics,
    permutations,
    set_statistics,
    unit_costs,
)

__all__ = [
    "UnitCosts",
    "assigned_statistics",
    "derive_seed",
    "differences_within",
    "edge_statistics",
    "family_weights",
    "pair_statistics",
    "permutations",
    "set_statistics",
    "strata_statistics",
    "unit_costs",
    "weighted_aurocs",
]
