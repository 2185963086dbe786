"""Manifolds of cells: fitters, rulers and scores of what a latent space says of a known order (arXiv 2603.10261).

Every function takes arrays. None of them is a claim: no level is spent here, and nothing is locked.
"""

from __future__ import annotations

from theodolite.analysis.manifold.diffusion import DiffusionMap, diffusion_map
from theodolite.analysis.manifold.embedding import Embedding, Fitter, unsupervised
from theodolite.analysis.manifold.graph import NeighbourGraph, neighbour_graph
from theodolite.analysis.manifold.isomap import Isomap, LandmarkIsomap, isomap, landmark_isomap
from theodolite.analysis.manifold.scaling import GeodesicMDS, geodesic_mds

__all__ = [
    "DiffusionMap",
    "Embedding",
    "Fitter",
    "GeodesicMDS",
    "Isomap",
    "LandmarkIsomap",
    "NeighbourGraph",
    "diffusion_map",
    "geodesic_mds",
    "isomap",
    "landmark_isomap",
    "neighbour_graph",
    "unsupervised",
]
