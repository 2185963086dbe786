"""What tools that score regulators against genes share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from theodolite.measurements import BipartiteScores
from theodolite.tools.registry import ToolError
from theodolite.tools.workbench import Floats, Workbench

__all__ = ["regulator_rows", "regulator_scores"]


def regulator_rows(bench: Workbench) -> NDArray[np.intp]:
    """Return where the regulators of a workbench stand among its genes, shape (r,).

    Raises
    ------
    ToolError
        If there is none.
    """
    if not bench.regulators:
        raise ToolError("no gene of this split is a regulator; give the campaign regulons that name some of its genes")
    position = {gene: row for row, gene in enumerate(bench.genes)}
    return np.array([position[gene] for gene in bench.regulators], dtype=np.intp)


def regulator_scores(bench: Workbench, score: Floats, unit: str) -> BipartiteScores:
    """Return scores (r, n) of a workbench's regulators against all its genes, with families and covariates of both."""
    rows = regulator_rows(bench)
    return BipartiteScores(
        regulators=bench.regulators,
        targets=bench.genes,
        score=score,
        regulator_families=tuple(bench.families[row] for row in rows),
        target_families=bench.families,
        covariate_names=bench.covariate_names,
        regulator_covariates=bench.covariates[rows],
        target_covariates=bench.covariates,
        unit=unit,
    )
