"""Scores of regulators against targets: what instruments that read a regulatory direction return."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from theodolite.measurements.base import Bools, Floats, Measurement, MeasurementError, Names

__all__ = ["BipartiteScores"]


@dataclass(frozen=True)
class BipartiteScores(Measurement):
    """One score per regulator and target: r regulators, t targets. A gene may be both.

    Attributes
    ----------
    regulators, targets
        Symbols, unique within each.
    score
        Shape (r, t), in the tool's unit, rounded to float32, so that what is judged is what is stored. The score of a
        gene with itself is ignored and set to 0.
    regulator_families, target_families
        Shapes r and t: homology families; a gene that is both has one family. A pair inside a family is no candidate.
    covariate_names, regulator_covariates, target_covariates
        Names and arrays of shape (r, k) and (t, k): gene statistics from counts of the same cells.
    unit
        What one unit of the score is.
    edges
        Shape (r, t): the reference pairs; None until the plan attaches them.
    """

    regulators: Names
    targets: Names
    score: Floats
    regulator_families: Names
    target_families: Names
    covariate_names: Names
    regulator_covariates: Floats
    target_covariates: Floats
    unit: str
    edges: Bools | None = None
    shape: ClassVar[str] = "BipartiteScores"
    matrices: ClassVar[frozenset[str]] = frozenset({"score", "edges", "regulator_covariates", "target_covariates"})

    def _check(self) -> None:
        r, t, k = len(self.regulators), len(self.targets), len(self.covariate_names)
        self._require_unique("regulators", self.regulators)
        self._require_unique("targets", self.targets)
        self._require_lengths("regulators", r, regulator_families=self.regulator_families)
        self._require_lengths("targets", t, target_families=self.target_families)
        for name, matrix, expected in (
            ("regulator_covariates", self.regulator_covariates, (r, k)),
            ("target_covariates", self.target_covariates, (t, k)),
            ("score", self.score, (r, t)),
            ("edges", self.edges, (r, t)),
        ):
            if matrix is not None and matrix.shape != expected:
                raise MeasurementError(f"BipartiteScores.{name} has shape {matrix.shape}, expected {expected}")
        family = dict(zip(self.targets, self.target_families, strict=True))
        for gene, regulator_family in zip(self.regulators, self.regulator_families, strict=True):
            if family.get(gene, regulator_family) != regulator_family:
                raise MeasurementError(
                    f"BipartiteScores gives {gene!r} the family {regulator_family!r} as a regulator and "
                    f"{family[gene]!r} as a target; a gene has one family"
                )
        if np.abs(self.score).max(initial=0.0) > np.finfo(np.float32).max:
            raise MeasurementError("BipartiteScores.score is not finite in single precision; choose a larger unit")
        rounded = self.score.astype(np.float32).astype(np.float64)
        rounded[self._same_gene()] = 0.0
        rounded.setflags(write=False)
        object.__setattr__(self, "score", rounded)

    @classmethod
    def _pack(cls, name: str, array: NDArray[Any]) -> NDArray[Any]:
        return array.astype(np.float32) if name == "score" else super()._pack(name, array)

    def _same_gene(self) -> Bools:
        return ~_different(self.regulators, self.targets)

    def candidates(self) -> Bools:
        """Return the (r, t) mask of pairs that count: two different genes of two different families."""
        return _different(self.regulator_families, self.target_families)

    def with_edges(self, pairs: frozenset[tuple[str, str]]) -> BipartiteScores:
        """Attach the reference: (regulator, target) pairs; those that are no candidates or not here are ignored."""
        return replace(self, edges=_edges(self.regulators, self.targets, pairs) & self.candidates())


# Measurements of one block have the same genes, and are held against the same references.
@lru_cache(maxsize=64)
def _different(rows: Names, columns: Names) -> Bools:
    """Return (r, t): whether the names differ; read-only."""
    found = np.asarray(np.array(rows)[:, None] != np.array(columns)[None, :])
    found.setflags(write=False)
    return found


@lru_cache(maxsize=64)
def _edges(rows: Names, columns: Names, pairs: frozenset[tuple[str, str]]) -> Bools:
    """Return (r, t): whether the pair of names is listed; read-only."""
    row = {gene: index for index, gene in enumerate(rows)}
    column = {gene: index for index, gene in enumerate(columns)}
    found = np.zeros((len(rows), len(columns)), dtype=bool)
    for first, second in pairs:
        if first in row and second in column:
            found[row[first], column[second]] = True
    found.setflags(write=False)
    return found
