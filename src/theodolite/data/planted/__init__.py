"""Planted worlds of regulation: a graph, cells, references and activations with the truth of every claim."""

from __future__ import annotations

from theodolite.data.planted.activations import STRENGTHS, PlantedActivations, PlantedTruth, Truth
from theodolite.data.planted.counts import STATES, PlantedCounts, plant_counts
from theodolite.data.planted.graph import PlantedGraph, plant_graph
from theodolite.data.planted.kinds import WorldKind, WorldKnobs
from theodolite.data.planted.structure import PlantedStructure, plant_structure

__all__ = [
    "STATES",
    "STRENGTHS",
    "PlantedActivations",
    "PlantedCounts",
    "PlantedGraph",
    "PlantedStructure",
    "PlantedTruth",
    "Truth",
    "WorldKind",
    "WorldKnobs",
    "plant_counts",
    "plant_graph",
    "plant_structure",
]
