"""Manifolds of cells: fitters, rulers and scores of what a latent space says of a known order (arXiv 2603.10261).

Every function takes arrays. None of them is a claim: no level is spent here, and nothing is locked.
"""

from __future__ import annotations

from theodolite.analysis.manifold.anchors import Anchors, anchors
from theodolite.analysis.manifold.candidates import Candidate, Drift, Layer, Mixture, candidates
from theodolite.analysis.manifold.confirm import Confirmation, confirm
from theodolite.analysis.manifold.gates import CandidateEvidence, Gate, ManifoldGates, ManifoldVerdict, judge
from theodolite.analysis.manifold.holdouts import HeldOut, held_out
from theodolite.analysis.manifold.panel import Panel, PanelSplit, panel, split_by_donor
from theodolite.analysis.manifold.search import ManifoldSearch, SearchRow, search
from theodolite.data.rulers.distances import GraphRuler, graph_ruler, mixture_ruler, rank_ruler
from theodolite.gates.anchors.margin import Margin, margins
from theodolite.gates.anchors.pairs import pair_spearman
from theodolite.gates.anchors.permutation import (
    BranchStructure,
    PermutationNull,
    StageShuffle,
    blocked_permutation,
    branch_structure,
    null_branch,
    refitted_permutation,
    stage_shuffle,
)
from theodolite.manifolds.baselines import (
    LinearMap,
    principal_components,
    random_projection,
    static_features,
)
from theodolite.manifolds.diffusion import DiffusionMap, diffusion_map
from theodolite.manifolds.dimension import DonorDimension, donor_dimension
from theodolite.manifolds.distances import latent_distances, same_label
from theodolite.manifolds.embedding import Embedding, Fitter, unsupervised
from theodolite.manifolds.fitters import FitterChoice
from theodolite.manifolds.graph import NeighbourGraph, neighbour_graph
from theodolite.manifolds.holdouts import Holdout, HoldoutKind, label_holdouts, random_holdouts
from theodolite.manifolds.isomap import Isomap, LandmarkIsomap, isomap, landmark_isomap
from theodolite.manifolds.let import LET, let
from theodolite.manifolds.scaling import GeodesicMDS, geodesic_mds
from theodolite.manifolds.trust import trustworthiness

__all__ = [
    "LET",
    "Anchors",
    "BranchStructure",
    "Candidate",
    "CandidateEvidence",
    "Confirmation",
    "DiffusionMap",
    "DonorDimension",
    "Drift",
    "Embedding",
    "Fitter",
    "FitterChoice",
    "Gate",
    "GeodesicMDS",
    "GraphRuler",
    "HeldOut",
    "Holdout",
    "HoldoutKind",
    "Isomap",
    "LandmarkIsomap",
    "Layer",
    "LinearMap",
    "ManifoldGates",
    "ManifoldSearch",
    "ManifoldVerdict",
    "Margin",
    "Mixture",
    "NeighbourGraph",
    "Panel",
    "PanelSplit",
    "PermutationNull",
    "SearchRow",
    "StageShuffle",
    "anchors",
    "blocked_permutation",
    "branch_structure",
    "candidates",
    "confirm",
    "diffusion_map",
    "donor_dimension",
    "geodesic_mds",
    "graph_ruler",
    "held_out",
    "isomap",
    "judge",
    "label_holdouts",
    "landmark_isomap",
    "latent_distances",
    "let",
    "margins",
    "mixture_ruler",
    "neighbour_graph",
    "null_branch",
    "pair_spearman",
    "panel",
    "principal_components",
    "random_holdouts",
    "random_projection",
    "rank_ruler",
    "refitted_permutation",
    "same_label",
    "search",
    "split_by_donor",
    "stage_shuffle",
    "static_features",
    "trustworthiness",
    "unsupervised",
]
