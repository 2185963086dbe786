"""Regulators against genes that are only targets: a claim about two classes of gene (arXiv 2602.22247 §TF and target).

That coordinates tell transcription factors from target genes says that the model knows what kind of gene a gene is. It
says nothing about which factor regulates which target: no pair enters. The result names its estimand so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theodolite.analysis.geometry.depth import DepthTrend, depth_trend
from theodolite.analysis.geometry.edges import Window
from theodolite.analysis.geometry.inputs import (
    Pairs,
    families_of,
    gene_vectors,
    layer_coordinates,
    pair_positions,
    statistics_of,
)
from theodolite.analysis.geometry.nulls import NullResult, against, gene_schemes
from theodolite.data import GeneStatistics
from theodolite.gates.adjust import midranks, spline_basis
from theodolite.gates.kernels import derive_seed, permutations
from theodolite.gates.schemes import expression_strata, stratified_labels

__all__ = ["CLASS_WINDOW", "ClassProfile", "ClassSeparation", "class_profile", "class_separation"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CLASS_WINDOW: Final[Window] = (2, 7)
"""The published axes."""


@dataclass(frozen=True, eq=False)
class ClassProfile:
    """Cross-validated AUROC of regulators against target-only genes by layer.

    Attributes
    ----------
    estimand
        ``gene class``: whether a gene regulates at all. Not edges.
    auroc
        Profile over depth.
    regulators, targets
        Numbers of genes of either class.
    """

    estimand: Literal["gene class"]
    auroc: DepthTrend
    regulators: int
    targets: int


def class_profile(auroc: ArrayLike, regulators: int, targets: int) -> ClassProfile:
    """Describe AUROCs (layers,) of regulators against target-only genes."""
    return ClassProfile("gene class", depth_trend(auroc), regulators, targets)


@dataclass(frozen=True, eq=False)
class ClassSeparation:
    """What axis coordinates say of the class of a gene, and what expression says of it.

    Attributes
    ----------
    profile
        AUROC of the axis coordinates by layer; names the estimand.
    null
        For it: labels permuted and every fit repeated. Whole families move where families are given.
    covariates
        AUROC of splines of mean, variance and dropout alone; None without statistics.
    both
        Shape (layers,): AUROC of coordinates and these splines together; None without statistics.
    gain
        Shape (layers,): ``both`` minus ``covariates``, what the model adds to expression; None without statistics.
    gain_null
        For ``gain``: coordinates permuted among genes of like expression, labels and covariates left in place.
    """

    profile: ClassProfile
    null: NullResult
    covariates: float | None
    both: Floats | None
    gain: Floats | None
    gain_null: NullResult | None


def class_separation(
    vectors: ArrayLike,
    genes: Sequence[str],
    edges: Pairs,
    *,
    window: Window = CLASS_WINDOW,
    statistics: GeneStatistics | None = None,
    families: Mapping[str, str] | None = None,
    folds: int = 5,
    draws: int = 100,
    seed: int = 0,
) -> ClassSeparation:
    """Tell regulators from genes that are only targets by logistic regression on axis coordinates, cross-validated.

    Axes are fitted to all present genes of a layer without sight of the classes; the regression is fitted on four
    folds and scored on the fifth, the AUROC being the mean over folds. Families, where given, stay within a fold.

    Parameters
    ----------
    vectors, genes
        As in :func:`theodolite.analysis.geometry.edge_recovery`.
    edges
        Regulators and targets; only the two classes are taken from it.
    window
        First and last axis of the coordinates.
    statistics
        Statistics of the genes from counts, for what expression alone can do.
    families
        Homology family by gene.
    folds
        Folds of the cross-validation.
    draws, seed
        Draws of each null, all fits anew in each, and the seed of draws and folds.

    Raises
    ------
    ValueError
        If a class has fewer genes than there are folds, or the input does not fit.
    """
    kept = gene_vectors(vectors, genes)
    first, second = pair_positions(edges, kept.genes, directed=True)
    regulators = np.unique(first)
    targets = np.setdiff1d(second, regulators)
    if min(len(regulators), len(targets)) < folds:
        raise ValueError(
            f"{len(regulators)} regulators and {len(targets)} target-only genes cannot fill {folds} folds; give a "
            "larger reference or fewer folds"
        )
    chosen = np.sort(np.concatenate([regulators, targets]))
    label = np.isin(chosen, regulators)
    names = [kept.genes[place] for place in chosen]
    family = np.unique(families_of(families, names), return_inverse=True)[1] if families else None
    coordinates = layer_coordinates(kept.vectors, window[1])[:, chosen, window[0] - 1 :]
    fit = _Validation(folds, seed, family)

    observed = np.array([fit.auroc(layer, label) for layer in coordinates])
    schemes = gene_schemes(len(chosen), families=families_of(families, names) if families else None)
    # Whole families where they are known: labels of paralogues are one draw, not several.
    name, scheme = list(schemes.items())[-1]
    images = permutations(scheme, draws, derive_seed(seed, "class", name))
    drawn = np.array([[fit.auroc(layer, label[image]) for layer in coordinates] for image in images])
    null = against(name, observed, drawn, moved=1.0 - float(label[images][:, label].mean()))
    profile = class_profile(observed, len(regulators), len(targets))
    if statistics is None:
        return ClassSeparation(profile, null, None, None, None, None)

    values = statistics_of(statistics, names)
    basis = spline_basis(values) * np.sqrt(len(chosen))
    alone = fit.auroc(basis, label)
    both = np.array([fit.auroc(np.column_stack([layer, basis]), label) for layer in coordinates])
    strata = stratified_labels(expression_strata(values[:, 0], values[:, 1]))
    images = permutations(strata, draws, derive_seed(seed, "class", "expression_strata"))
    drawn = np.array(
        [[fit.auroc(np.column_stack([layer[image], basis]), label) for layer in coordinates] for image in images]
    )
    moved = 1.0 - float((images == np.arange(len(chosen))).mean())
    gain_null = against("expression_strata", both - alone, drawn - alone, moved=moved)
    return ClassSeparation(profile, null, alone, both, both - alone, gain_null)


@dataclass(frozen=True, eq=False)
class _Validation:
    folds: int
    seed: int
    family: Ints | None

    def auroc(self, features: Floats, label: Bools) -> float:
        """Return the mean AUROC over the folds that hold both classes; 0.5 where none does."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

        kind = StratifiedKFold if self.family is None else StratifiedGroupKFold
        cut = kind(self.folds, shuffle=True, random_state=self.seed % 2**32)
        found = []
        for train, test in cut.split(features, label, self.family):
            if label[train].all() or not label[train].any() or label[test].all() or not label[test].any():
                continue
            centre, spread = features[train].mean(axis=0), features[train].std(axis=0)
            scaled = (features - centre) / np.where(spread > 0.0, spread, 1.0)
            model = LogisticRegression(solver="newton-cholesky").fit(scaled[train], label[train])
            inside = label[test]
            m, n = int(inside.sum()), len(inside)
            wins = midranks(model.decision_function(scaled[test]))[inside].sum() - m * (m + 1) / 2.0
            found.append(wins / (m * (n - m)))
        return float(np.mean(found)) if found else 0.5
