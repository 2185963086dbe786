"""Descriptions of a whole model as typed instruments that make no claim: one mechanism, one module a family.

A description reads a subject (one set of genes, the model on them, the references) and returns what it saw as a
measurement, numbers with their controls, and a sentence. ``theodolite.tl.describe`` runs it on an AnnData, a campaign
on its discovery genes.
"""

from __future__ import annotations

from theodolite.descriptions import (
    ablation,
    attention,
    attention_states,
    attention_targets,
    attention_value,
    feature_cells,
    feature_layers,
    feature_responses,
    features,
    geometry,
    geometry_classes,
    geometry_edges,
    geometry_poles,
    patching,
    saes,
)
from theodolite.descriptions.described import ABOUT, Described, facts_of, load_described
from theodolite.descriptions.fitting import Offered, check_fit
from theodolite.descriptions.registry import (
    STANDING,
    Description,
    DescriptionParams,
    description,
    descriptions,
    get_description,
)
from theodolite.descriptions.subject import READABLE, DescriptionError, Subject

__all__ = [
    "ABOUT",
    "READABLE",
    "STANDING",
    "Described",
    "Description",
    "DescriptionError",
    "DescriptionParams",
    "Offered",
    "Subject",
    "ablation",
    "attention",
    "attention_states",
    "attention_targets",
    "attention_value",
    "check_fit",
    "description",
    "descriptions",
    "facts_of",
    "feature_cells",
    "feature_layers",
    "feature_responses",
    "features",
    "geometry",
    "geometry_classes",
    "geometry_edges",
    "geometry_poles",
    "get_description",
    "load_described",
    "patching",
    "saes",
]
