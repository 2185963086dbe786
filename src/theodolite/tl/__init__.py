"""Instruments on an AnnData, in the scverse manner: ``key_added``, ``copy``, results in ``var``, ``varp`` and ``varm``.

What is stored describes a model on cells. It is no held-out claim: axes are fitted on the genes that are measured.
``measure`` draws no null; ``describe`` draws nulls and reports controls, of a whole model, and spends no level. Claims
are locked and judged by campaigns (``theodolite run``).
"""

from __future__ import annotations

from typing import Any

from theodolite.descriptions import DescriptionError, get_description
from theodolite.tl.captures import forget
from theodolite.tl.describing import describe
from theodolite.tl.errors import MeasureError, MemoryLimitError
from theodolite.tl.instruments import instrument
from theodolite.tl.manifolds import manifold_search
from theodolite.tl.measuring import measure
from theodolite.tl.reading import as_anndata, read_anndata
from theodolite.tl.settings import Settings, settings
from theodolite.tl.vectors import capture
from theodolite.tools import get_tool

__all__ = [
    "DescriptionError",
    "MeasureError",
    "MemoryLimitError",
    "Settings",
    "as_anndata",
    "attention_edge_recovery",
    "attention_edges",
    "attention_matched",
    "attention_peak",
    "attention_retention",
    "attention_stratified",
    "attention_stability",
    "attention_trend",
    "axis_separation",
    "capture",
    "co_pole",
    "compartment_progression",
    "confidence_gradient",
    "depth_profile",
    "depth_signals",
    "describe",
    "dictionary_quality",
    "edge_recovery",
    "effective_rank",
    "feature_alignment",
    "feature_annotation",
    "feature_highways",
    "feature_modules",
    "feature_pairs",
    "feature_value",
    "feature_patching",
    "feature_persistence",
    "feature_responses",
    "feature_specificity",
    "forget",
    "gene_class",
    "head_sets",
    "incremental_value",
    "instrument",
    "intrinsic_dimension",
    "layer_choice",
    "lineage_convergence",
    "manifold_search",
    "mean_ablation",
    "measure",
    "pair_proximity",
    "pbmc",
    "perturbation_ranking",
    "proximity_peak",
    "proximity_stability",
    "proximity_trend",
    "read_anndata",
    "regulation",
    "regulation_peak",
    "regulation_stability",
    "regulation_trend",
    "regulator_peak",
    "regulator_proximity",
    "regulator_stability",
    "regulator_trend",
    "settings",
    "signed_edge_recovery",
    "similarity_residuals",
    "uniform_attention",
    "zero_ablation",
]

axis_separation = instrument(get_tool("geometry.axis_separation"))
pair_proximity = instrument(get_tool("geometry.pair_proximity"))
regulator_proximity = instrument(get_tool("geometry.regulator_proximity"))
attention_edges = instrument(get_tool("attention.edges"), name="attention_edges")
regulation = instrument(get_tool("attention.regulation"))
feature_value = instrument(get_tool("saes.feature_value"))
zero_ablation = instrument(get_tool("ablation.zero_ablation"))
mean_ablation = instrument(get_tool("ablation.mean_ablation"))
uniform_attention = instrument(get_tool("ablation.uniform_attention"))
attention_trend = instrument(get_tool("depth.attention_trend"))
attention_peak = instrument(get_tool("depth.attention_peak"))
attention_stability = instrument(get_tool("depth.attention_stability"))
regulation_trend = instrument(get_tool("depth.regulation_trend"))
regulation_peak = instrument(get_tool("depth.regulation_peak"))
regulation_stability = instrument(get_tool("depth.regulation_stability"))
proximity_trend = instrument(get_tool("depth.proximity_trend"))
proximity_peak = instrument(get_tool("depth.proximity_peak"))
proximity_stability = instrument(get_tool("depth.proximity_stability"))
regulator_trend = instrument(get_tool("depth.regulator_trend"))
regulator_peak = instrument(get_tool("depth.regulator_peak"))
regulator_stability = instrument(get_tool("depth.regulator_stability"))

effective_rank = instrument(get_description("geometry.effective_rank"))
depth_profile = instrument(get_description("attention.depth_profile"))
attention_edge_recovery = instrument(get_description("attention.edge_recovery"), name="attention_edge_recovery")
layer_choice = instrument(get_description("attention.layer_choice"))
attention_retention = instrument(get_description("attention.retention"), name="attention_retention")
perturbation_ranking = instrument(get_description("attention.perturbation_ranking"))
incremental_value = instrument(get_description("attention.incremental_value"))
attention_matched = instrument(get_description("attention.matched"), name="attention_matched")
attention_stratified = instrument(get_description("attention.stratified"), name="attention_stratified")
head_sets = instrument(get_description("ablation.head_sets"))
intrinsic_dimension = instrument(get_description("geometry.intrinsic_dimension"))
co_pole = instrument(get_description("geometry.co_pole"))
compartment_progression = instrument(get_description("geometry.compartment_progression"))
confidence_gradient = instrument(get_description("geometry.confidence_gradient"))
edge_recovery = instrument(get_description("geometry.edge_recovery"))
signed_edge_recovery = instrument(get_description("geometry.signed_edge_recovery"))
similarity_residuals = instrument(get_description("geometry.similarity_residuals"))
gene_class = instrument(get_description("geometry.gene_class"))
depth_signals = instrument(get_description("geometry.depth_signals"))
lineage_convergence = instrument(get_description("geometry.lineage_convergence"))
dictionary_quality = instrument(get_description("saes.dictionary_quality"))
feature_annotation = instrument(get_description("saes.feature_annotation"))
feature_alignment = instrument(get_description("saes.feature_alignment"))
feature_pairs = instrument(get_description("saes.feature_pairs"))
feature_modules = instrument(get_description("saes.feature_modules"))
feature_patching = instrument(get_description("saes.feature_patching"))
feature_specificity = instrument(get_description("saes.feature_specificity"))
feature_persistence = instrument(get_description("saes.feature_persistence"))
feature_responses = instrument(get_description("saes.feature_responses"))
feature_highways = instrument(get_description("saes.feature_highways"))


def pbmc() -> Any:
    """Return the 700 packaged blood cells as an AnnData with counts of 765 genes.

    Their totals are over these genes only, so that normalised values are larger than those of a campaign on ``pbmc``,
    which knows the totals over all genes.
    """
    from theodolite.data import load_pbmc

    return as_anndata(load_pbmc())
