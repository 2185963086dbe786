"""Geometry of gene vectors layer by layer (arXiv 2602.22247), each description with its controls beside it.

Every function takes vectors (layers, genes, width) and gene names and returns a frozen record. None of them is a claim:
axes are fitted on the genes that they describe, layers and windows are chosen in sight of the result, and p-values here
spend no level. A claim goes through ``theodolite.tools.geometry`` and the gates.
"""

from __future__ import annotations

from theodolite.analysis.geometry.classes import ClassProfile, ClassSeparation, class_profile, class_separation
from theodolite.analysis.geometry.compartments import (
    DepthSignals,
    Progression,
    compartment_progression,
    depth_signals,
    oriented,
)
from theodolite.analysis.geometry.convergence import Convergence, GeneNull, centroid_ranks, lineage_convergence
from theodolite.analysis.geometry.depth import DepthTrend, depth_trend, directions
from theodolite.analysis.geometry.edges import (
    EdgeRecovery,
    SignedRecovery,
    edge_recovery,
    signed_edge_recovery,
    sliding_windows,
)
from theodolite.analysis.geometry.gradient import (
    ConfidenceGradient,
    ScoreBins,
    bin_trend,
    confidence_gradient,
    score_bins,
)
from theodolite.analysis.geometry.inputs import GeneVectors, gene_vectors, layer_coordinates
from theodolite.analysis.geometry.nulls import NullResult
from theodolite.analysis.geometry.poles import CoPole, PoleEnrichment, co_pole, pole_enrichment
from theodolite.analysis.geometry.residuals import (
    RankBiserial,
    SimilarityResiduals,
    rank_biserial,
    similarity_residuals,
)
from theodolite.analysis.geometry.spectrum import LayerSpectra, SpectrumShape, layer_spectra, spectrum_shape
from theodolite.manifolds.two_nn import IntrinsicDimension, two_nn

__all__ = [
    "ClassProfile",
    "ClassSeparation",
    "CoPole",
    "ConfidenceGradient",
    "Convergence",
    "DepthSignals",
    "DepthTrend",
    "EdgeRecovery",
    "GeneNull",
    "GeneVectors",
    "IntrinsicDimension",
    "LayerSpectra",
    "NullResult",
    "PoleEnrichment",
    "Progression",
    "RankBiserial",
    "ScoreBins",
    "SignedRecovery",
    "SimilarityResiduals",
    "SpectrumShape",
    "bin_trend",
    "centroid_ranks",
    "class_profile",
    "class_separation",
    "co_pole",
    "compartment_progression",
    "confidence_gradient",
    "depth_signals",
    "depth_trend",
    "directions",
    "edge_recovery",
    "gene_vectors",
    "layer_coordinates",
    "layer_spectra",
    "lineage_convergence",
    "oriented",
    "pole_enrichment",
    "rank_biserial",
    "score_bins",
    "signed_edge_recovery",
    "similarity_residuals",
    "sliding_windows",
    "spectrum_shape",
    "two_nn",
]
