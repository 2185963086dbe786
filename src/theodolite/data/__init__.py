"""Cells, references, gene families, splits and planted worlds."""

from __future__ import annotations

from theodolite.data.cells import CellSet, GeneStatistics, UnitKind
from theodolite.data.coexpression import coexpression
from theodolite.data.counts import CellDataError, CellErrorCode, validate_counts
from theodolite.data.families import FamilyTableError, GeneFamilies, load_families, read_families
from theodolite.data.loading import ReadCells, load_cells, open_cells, read_cells
from theodolite.data.offered import OfferError, offer_references, offered_references, references_called
from theodolite.data.pairing import confidence_tiers, of_kind, with_pairs
from theodolite.data.pbmc import load_pbmc
from theodolite.data.permutations import PermutedReferences, permute_gene_names
from theodolite.data.perturbations import (
    EffectTable,
    EffectTableError,
    PerturbedCells,
    effect_references,
    effects_tested,
    of_effects,
    perturbed_cells,
    read_effects,
)
from theodolite.data.references import (
    Reference,
    ReferenceTableError,
    load_programs,
    member_pairs,
    read_programs,
    within_sizes,
)
from theodolite.data.regulons import RegulonTable, read_collectri, read_tf_classes, read_trrust, regulon_references
from theodolite.data.splits import (
    CONFIRMATION,
    DEFAULT_SPLIT_SEED,
    DISCOVERY,
    Split,
    SplitError,
    UnitTable,
    make_split,
)
from theodolite.data.stage_graphs import (
    StageGraph,
    StageGraphError,
    StageStep,
    load_stage_graphs,
    read_stage_graphs,
)
from theodolite.data.testable import Testability, choose_common_k, choose_k, testability
from theodolite.data.worlds import PlantedCells, planted_cells

__all__ = [
    "CONFIRMATION",
    "DEFAULT_SPLIT_SEED",
    "DISCOVERY",
    "CellDataError",
    "CellErrorCode",
    "CellSet",
    "FamilyTableError",
    "GeneFamilies",
    "GeneStatistics",
    "OfferError",
    "PermutedReferences",
    "PlantedCells",
    "ReadCells",
    "Reference",
    "ReferenceTableError",
    "RegulonTable",
    "Split",
    "SplitError",
    "StageGraph",
    "StageGraphError",
    "StageStep",
    "Testability",
    "UnitKind",
    "UnitTable",
    "choose_common_k",
    "choose_k",
    "coexpression",
    "load_families",
    "load_cells",
    "load_pbmc",
    "load_programs",
    "load_stage_graphs",
    "make_split",
    "member_pairs",
    "offer_references",
    "offered_references",
    "open_cells",
    "permute_gene_names",
    "planted_cells",
    "read_cells",
    "read_collectri",
    "read_families",
    "read_programs",
    "read_stage_graphs",
    "read_tf_classes",
    "read_trrust",
    "references_called",
    "regulon_references",
    "testability",
    "validate_counts",
    "EffectTable",
    "EffectTableError",
    "PerturbedCells",
    "effect_references",
    "perturbed_cells",
    "read_effects",
    "effects_tested",
    "of_effects",
    "confidence_tiers",
    "of_kind",
    "with_pairs",
    "within_sizes",
]
