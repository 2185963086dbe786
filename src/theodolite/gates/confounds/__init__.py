"""What else could explain it: co-expression and gene statistics, taken out of scores without sight of the labels."""

from __future__ import annotations

from theodolite.gates.confounds.refusals import refused_covariates
from theodolite.gates.confounds.residuals import reliability, residual_bipartite, residual_pairs
from theodolite.gates.confounds.retention import RETENTION_LIMIT, retention

__all__ = [
    "RETENTION_LIMIT",
    "refused_covariates",
    "reliability",
    "residual_bipartite",
    "residual_pairs",
    "retention",
]
