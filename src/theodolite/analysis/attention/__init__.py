"""Attention as a score of gene pairs, held against references and gene-level baselines (arXiv 2602.17532).

Every function takes plain arrays: attention (layers, genes, genes) or (layers, heads, genes, genes), whose entry (i, j)
scores the edge from gene i to gene j, and a reference as :class:`EdgeLabels`. ``docs/instruments/attention.md`` says
what each measures and which published numbers it answers.
"""

from __future__ import annotations

from theodolite.analysis.attention.choosing import (
    DiscoveryChoice,
    Fold,
    NestedChoice,
    choose_nested,
    choose_on_discovery,
)
from theodolite.analysis.attention.edges import EdgeLabels, edge_labels
from theodolite.analysis.attention.incremental import Gain, IncrementalValue, incremental_value
from theodolite.analysis.attention.matching import Balance, Match, MatchedScore, matched_scores
from theodolite.analysis.attention.nulls import NullSummary, null_aurocs
from theodolite.analysis.attention.perturbation import (
    Comparison,
    PerturbationLabels,
    PerturbationRanking,
    perturbation_labels,
    perturbation_ranking,
    row_aurocs,
)
from theodolite.analysis.attention.places import Place, each_place
from theodolite.analysis.attention.profile import (
    DepthProfile,
    DepthProfiles,
    ProfileContrast,
    depth_profiles,
    profile_contrast,
)
from theodolite.analysis.attention.ranking import Ranking, TopK
from theodolite.analysis.attention.recovery import Decomposition, EdgeRecovery, Recovered, edge_recovery
from theodolite.analysis.attention.residual import Residual, gene_features, residualised
from theodolite.analysis.attention.retained import Retained, RetainedSignals, retained_signals
from theodolite.analysis.attention.strata import (
    StratifiedRecovery,
    aggregated,
    rank_correlations,
    stratified_recovery,
)

__all__ = [
    "Balance",
    "Comparison",
    "Decomposition",
    "DepthProfile",
    "DepthProfiles",
    "DiscoveryChoice",
    "EdgeLabels",
    "EdgeRecovery",
    "Fold",
    "Gain",
    "IncrementalValue",
    "Match",
    "MatchedScore",
    "NestedChoice",
    "NullSummary",
    "PerturbationLabels",
    "PerturbationRanking",
    "Place",
    "ProfileContrast",
    "Ranking",
    "Recovered",
    "Residual",
    "Retained",
    "RetainedSignals",
    "StratifiedRecovery",
    "TopK",
    "aggregated",
    "choose_nested",
    "choose_on_discovery",
    "depth_profiles",
    "each_place",
    "edge_labels",
    "edge_recovery",
    "gene_features",
    "incremental_value",
    "matched_scores",
    "null_aurocs",
    "perturbation_labels",
    "perturbation_ranking",
    "profile_contrast",
    "rank_correlations",
    "residualised",
    "retained_signals",
    "row_aurocs",
    "stratified_recovery",
]
