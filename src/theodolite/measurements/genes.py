"""Scores of genes and of gene pairs: what instruments that read a gene vocabulary return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from theodolite.measurements.base import Bools, Floats, Measurement, MeasurementError, Names

__all__ = ["GeneScores", "PairScores"]


@dataclass(frozen=True)
class GeneScores(Measurement):
    """One score per gene.

    Attributes
    ----------
    genes
        Symbols, unique; n of them.
    score
        Shape (n,), in the tool's unit.
    families
        Shape n: the homology family of each gene, the unit of exchangeability.
    covariate_names, covariates
        Names and array of shape (n, k): gene statistics from counts of the same cells.
    unit
        What one unit of the score is.
    members
        Shape (n,), the reference set; None until the plan attaches it.
    """

    genes: Names
    score: Floats
    families: Names
    covariate_names: Names
    covariates: Floats
    unit: str
    members: Bools | None = None
    shape: ClassVar[str] = "GeneScores"
    matrices: ClassVar[frozenset[str]] = frozenset({"covariates"})

    def _check(self) -> None:
        n = len(self.genes)
        self._require_unique("genes", self.genes)
        self._require_lengths(
            "genes", n, score=self.score, families=self.families, covariates=self.covariates, members=self.members
        )
        if self.covariates.shape != (n, len(self.covariate_names)):
            raise MeasurementError(
                f"GeneScores.covariates has shape {self.covariates.shape}, expected {(n, len(self.covariate_names))}"
            )

    def with_members(self, members: frozenset[str]) -> GeneScores:
        """Attach the reference set; genes outside the universe are ignored."""
        return replace(self, members=np.array([gene in members for gene in self.genes]))


@dataclass(frozen=True)
class PairScores(Measurement):
    """One score per unordered pair of genes.

    Attributes
    ----------
    genes
        Symbols, unique; n of them.
    score
        Shape (n, n), symmetric, in the tool's unit, rounded to float32 and stored as its upper triangle, so that what
        is judged is what is stored. The diagonal is ignored and set to 0.
    families
        Shape n: homology families. A pair inside a family is no candidate.
    covariate_names, covariates
        Names and array of shape (n, k).
    unit
        What one unit of the score is.
    edges
        Shape (n, n), symmetric: the reference pairs; None until the plan attaches them.
    """

    genes: Names
    score: Floats
    families: Names
    covariate_names: Names
    covariates: Floats
    unit: str
    edges: Bools | None = None
    shape: ClassVar[str] = "PairScores"
    matrices: ClassVar[frozenset[str]] = frozenset({"score", "edges", "covariates"})

    def _check(self) -> None:
        n = len(self.genes)
        self._require_unique("genes", self.genes)
        self._require_lengths("genes", n, families=self.families, covariates=self.covariates)
        if self.covariates.shape != (n, len(self.covariate_names)):
            raise MeasurementError(
                f"PairScores.covariates has shape {self.covariates.shape}, expected {(n, len(self.covariate_names))}"
            )
        for name, matrix in (("score", self.score), ("edges", self.edges)):
            if matrix is not None and (matrix.shape != (n, n) or not np.array_equal(matrix, matrix.T)):
                raise MeasurementError(
                    f"PairScores.{name} must be a symmetric {n} x {n} matrix, got shape {matrix.shape}; "
                    "average a directed score with its transpose"
                )
        if np.abs(self.score).max(initial=0.0) > np.finfo(np.float32).max:
            raise MeasurementError("PairScores.score is not finite in single precision; choose a larger unit")
        rounded = self.score.astype(np.float32).astype(np.float64)
        np.fill_diagonal(rounded, 0.0)
        rounded.setflags(write=False)
        object.__setattr__(self, "score", rounded)

    @classmethod
    def _pack(cls, name: str, array: NDArray[Any]) -> NDArray[Any]:
        if name not in ("score", "edges"):
            return super()._pack(name, array)
        return array[np.triu_indices(len(array), 1)].astype(np.float32 if name == "score" else np.uint8)

    @classmethod
    def _unpack(cls, name: str, stored: NDArray[Any], rest: Mapping[str, Any]) -> NDArray[Any]:
        if name not in ("score", "edges"):
            return stored
        n = len(rest["genes"])
        matrix = np.zeros((n, n), dtype=stored.dtype)
        matrix[np.triu_indices(n, 1)] = stored
        return matrix + matrix.T

    def candidates(self) -> Bools:
        """Return the (n, n) mask of pairs that count: two different genes of two different families."""
        families = np.array(self.families)
        return np.asarray(families[:, None] != families[None, :])

    def with_edges(self, pairs: frozenset[tuple[str, str]]) -> PairScores:
        """Attach the reference pairs (either order); pairs inside a family or outside the universe are ignored."""
        position = {gene: index for index, gene in enumerate(self.genes)}
        edges = np.zeros((len(self.genes), len(self.genes)), dtype=bool)
        for first, second in pairs:
            if first in position and second in position:
                edges[position[first], position[second]] = edges[position[second], position[first]] = True
        return replace(self, edges=edges & self.candidates())
