"""What the features of a sparse autoencoder are, each description with its nulls and controls beside it.

Every function takes arrays and returns a frozen record. None of them is a claim: no level is spent here, and nothing
is locked.
"""

from __future__ import annotations

from theodolite.analysis.saes.alignment import (
    AxisAlignment,
    ExplainedVariance,
    axis_alignment,
    explained_variance,
    subspace_share,
)
from theodolite.analysis.saes.annotation import AnnotationNull, Annotations, GeneSets, annotate
from theodolite.analysis.saes.cell_pairs import CellPairs, cell_pairs
from theodolite.analysis.saes.edges import EdgeDensity, EdgeNull, edge_density
from theodolite.analysis.saes.firing import FiringControlled, firing_controlled
from theodolite.analysis.saes.highways import HighwayNull, Highways, highways
from theodolite.analysis.saes.modules import CoactivationGraph, Modules, coactivation_graph, graph_of_counts, modules
from theodolite.analysis.saes.persistence import LayerPair, Persistence, persistence
from theodolite.analysis.saes.response_genes import ResponseGenes, response_genes
from theodolite.analysis.saes.responses import Responses, responses
from theodolite.analysis.saes.specificity import Specificity, Unit, cell_means, specificity
from theodolite.analysis.saes.top_genes import TOP_GENES, top_genes

__all__ = [
    "TOP_GENES",
    "AnnotationNull",
    "Annotations",
    "AxisAlignment",
    "CellPairs",
    "CoactivationGraph",
    "EdgeDensity",
    "EdgeNull",
    "ExplainedVariance",
    "FiringControlled",
    "GeneSets",
    "HighwayNull",
    "Highways",
    "LayerPair",
    "Modules",
    "Persistence",
    "ResponseGenes",
    "Responses",
    "Specificity",
    "Unit",
    "annotate",
    "axis_alignment",
    "cell_means",
    "cell_pairs",
    "coactivation_graph",
    "edge_density",
    "explained_variance",
    "firing_controlled",
    "graph_of_counts",
    "highways",
    "modules",
    "persistence",
    "response_genes",
    "responses",
    "specificity",
    "subspace_share",
    "top_genes",
]
