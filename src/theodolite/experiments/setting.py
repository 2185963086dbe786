"""The setting of a campaign: everything that is fixed before the first look, resolved and hashed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.canonical import canonical_json, digest
from theodolite.claims import Claim, Covariate, Locus, Named
from theodolite.data import (
    DISCOVERY,
    CellSet,
    GeneFamilies,
    GeneStatistics,
    Reference,
    Split,
    Testability,
    testability,
)
from theodolite.data.cells import ROLES
from theodolite.experiments.baseline_loci import BaselineLoci
from theodolite.experiments.campaign import CampaignSpec
from theodolite.experiments.jobs import FITS, Materials
from theodolite.experiments.labels import label_places
from theodolite.experiments.machine import resolved_device
from theodolite.experiments.reference_kinds import REFERENCE_KIND
from theodolite.experiments.seeds import derived_seed
from theodolite.experiments.terms import Terms
from theodolite.experiments.workbench import COVARIATES
from theodolite.experiments.workspace import Workspace
from theodolite.files import write_atomically
from theodolite.gates import (
    BASELINES,
    Ablation,
    baselines_for,
    blinded_spread_bipartite,
    blinded_spread_pairs,
    blinded_spread_set,
    panel_for,
    refits_for,
)
from theodolite.measurements import Coexpression
from theodolite.models.facts import ModelFacts
from theodolite.models.protocol import Device, Dtype
from theodolite.plans import Places
from theodolite.plugins import find_description
from theodolite.prompts import Prompts
from theodolite.tools import ModelShape, Tool, ToolError, ToolParams, closed_list, get_tool
from theodolite.tools.places import places_by_words

__all__ = ["BaselineLoci", "Setting", "adjustment_of"]


def adjustment_of(shape: str) -> tuple[Covariate, ...]:
    """Return what a claim on a measurement shape holds fixed."""
    pairs = (Covariate.CO_EXPRESSION, Covariate.DEGREE) if shape != "GeneScores" else ()
    return tuple(sorted((*COVARIATES, *pairs)))


@dataclass(frozen=True)
class Setting(Terms):
    """A campaign with its inputs resolved.

    Attributes
    ----------
    spec
        The campaign file.
    workspace
        Where it runs.
    model, cells, families
        The inputs.
    references
        Gene sets, the pairs inside each of them for pair claims, and regulons, by id.
    split
        The partition of families and cell units.
    fitted
        By what is fitted on discovery genes (``axes``, ``features``): its artefact by variant, filled in once the fits
        have run.
    loci
        By (variant, tool): the artefact with each baseline's own best place for every reference, chosen on discovery
        genes, and the parameters of the tool by reference.
    coexpressed
        Artefact of the co-expression of each part of the split, by part.
    ablation
        The defence that a calibration study switched off; None in every campaign.
    prompts
        What language models are told; None in a campaign without any.
    matrix
        Which child of which matrix it is, as its row says it; None for a campaign with a file of its own. It is no part
        of the campaign's identity, and nothing depends on it.
    """

    spec: CampaignSpec
    workspace: Workspace
    model: ModelFacts
    cells: CellSet
    families: GeneFamilies
    references: dict[str, Reference]
    split: Split
    fitted: dict[str, dict[str, str]] = field(default_factory=dict)
    loci: dict[tuple[str, str], BaselineLoci] = field(default_factory=dict)
    coexpressed: dict[str, str] = field(default_factory=dict)
    ablation: Ablation | None = None
    prompts: Prompts | None = None
    matrix: Mapping[str, Any] | None = None
    _coexpression: dict[str, Coexpression] = field(default_factory=dict, repr=False)
    _testability: dict[str, dict[str, Testability]] = field(default_factory=dict, repr=False)
    _genes: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    _labelled: dict[tuple[str, str], NDArray[np.intp]] = field(default_factory=dict, repr=False)

    @cached_property
    def contents(self) -> dict[str, str]:
        """Names and content hashes of the inputs; part of the campaign's identity."""
        found = {
            "model": f"{self.model.name} {self.model.sha256}",
            "cells": f"{self.cells.name} {self.cells.sha256}",
            "families": self.families.sha256,
            "references": digest({name: reference.sha256 for name, reference in self.references.items()}),
            "tools": digest({tool.name: [tool.version, tool.source_sha256] for tool in self.tools}),
        }
        if self.spec.descriptions is not None:
            described = {item.name: find_description(item.name) for item in self.spec.descriptions}
            found["descriptions"] = digest({name: [it.version, it.source_sha256] for name, it in described.items()})
        if self.runs_on is not None:
            found["runs_on"] = self.runs_on
        return found if self.prompts is None else {**found, "prompts": self.prompts.sha256}

    @cached_property
    def campaign_id(self) -> str:
        """Name and hash prefix."""
        return self.spec.campaign_id(self.contents)

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The instruments that the campaign may use."""
        return tuple(get_tool(name) for name in self.spec.tools)

    @cached_property
    def placement(self) -> tuple[Device, Dtype]:
        """Device and floating-point type that the model runs on; ``auto`` is decided by what this machine has."""
        return resolved_device(self.spec.device or "cpu"), self.spec.dtype or "float32"

    @property
    def runs_on(self) -> str | None:
        """Device and floating-point type in words, None for those of every campaign that names neither."""
        return None if self.placement == ("cpu", "float32") else " ".join(self.placement)

    @property
    def model_shape(self) -> ModelShape:
        """Size of the model."""
        return ModelShape(self.model.n_layers, self.model.n_heads, read_out=self.model.read_out)

    def testability(self, block: str) -> dict[str, Testability]:
        """Return for each reference whether a block can test it, and why not."""
        if block not in self._testability:
            self._testability[block] = {
                name: testability(reference, self.split, block) for name, reference in self.references.items()
            }
        return self._testability[block]

    @property
    def round_size(self) -> int:
        """Slots a round: as given, else budget over blocks, rounded up."""
        return self.spec.round_size or -(-self.spec.budget.experiments // self.split.k)

    def sesoi(self, shape: str) -> float:
        """Return the smallest effect size of interest of a measurement shape."""
        return float(getattr(self.spec.sesoi, shape))

    def seed(self, *purpose: str) -> int:
        """Derive a seed for a purpose from the campaign's root seed by :class:`numpy.random.SeedSequence`."""
        return derived_seed(self.spec.seed, self.spec.name, *purpose)

    @property
    def fits(self) -> tuple[str, ...]:
        """What any instrument needs fitted on discovery genes."""
        needed = {what for tool in self.tools for what in tool.fits}
        return tuple(what for what in FITS if what in needed)

    def variants_of(self, fit: str) -> tuple[str, ...]:
        """Return of what something is fitted: of the model, of all baselines, and of the model from other seeds."""
        return ("main", *BASELINES, *refits_for((fit,)))

    def variants_for(self, tool: Tool) -> tuple[str, ...]:
        """Return what a claim is measured on: the model, fitting baselines, and what hangs on a seed fitted anew."""
        return ("main", *baselines_for(tool.relation), *refits_for(tool.fits))

    @property
    def paired(self) -> bool:
        """Whether any instrument scores pairs of genes, for which co-expression is held fixed."""
        return any(tool.shape.shape != "GeneScores" for tool in self.tools)

    def coexpression(self, split: str) -> Coexpression:
        """Return the co-expression of a split's genes from counts of the same cells."""
        if split not in self._coexpression:
            from theodolite.data.coexpression import coexpression

            self._coexpression[split] = coexpression(self.cells, self.genes(split))
        return self._coexpression[split]

    def fitted_for(self, tool: Tool) -> dict[str, str]:
        """Return the artefacts that a tool's plans name: fits by variant, and where each baseline does best."""
        fitted = self.fitted_of(tool)
        places = {
            f"loci of {variant}": found.artefact for (variant, name), found in self.loci.items() if name == tool.name
        }
        return {**fitted, **places}

    def fitted_of(self, tool: Tool) -> dict[str, str]:
        """Return by variant the artefact with what a tool needs fitted, empty where it needs nothing."""
        return next((self.fitted[what] for what in tool.fits), {})

    def baseline_params(self, tool: Tool, reference: str, params: ToolParams) -> dict[str, dict[str, int | str | None]]:
        """Return the parameters of a tool by baseline: its own best place for a reference, else the claim's."""
        own = {
            variant: self.loci[variant, tool.name].params
            for variant in baselines_for(tool.relation)
            if (variant, tool.name) in self.loci
        }
        same = params.model_dump(mode="json")
        return {variant: own.get(variant, {}).get(reference, same) for variant in baselines_for(tool.relation)}

    def blinded_spread(self, shape: str, reference: str, block: str) -> float:
        """Return the null spread of AUROC - 0.5 for a reference in a block, from random scores."""
        seed = self.seed("blinded-power")
        labels = self.labels(reference, block)
        families = self.split_families(block)
        mean = self.gene_statistic(Covariate.MEAN, block)
        if shape == "BipartiteScores":
            genes = self.genes(block)
            rows = [genes.index(gene) for gene in self.regulators(block)]
            return blinded_spread_bipartite(
                labels,
                tuple(families[row] for row in rows),
                families,
                mean,
                self.gene_statistic(Covariate.DROPOUT, block),
                seed,
                coexpression=self.coexpression(block).estimators(self.regulators(block), genes)[0],
                panel=panel_for(shape, self.ablation),
            )
        variance = self.gene_statistic(Covariate.VARIANCE, block)
        spread = blinded_spread_set if shape == "GeneScores" else blinded_spread_pairs
        return spread(labels, families, mean, variance, seed)

    @property
    def shared_cell_units(self) -> int:
        """Donors, batches or cells that discovery and confirmation have in common: all, for forwards see all cells."""
        return len(self.split.units.cell_units)

    def genes(self, split: str) -> tuple[str, ...]:
        """Return the genes of a split that the model knows, in the model's order."""
        if split not in self._genes:
            chosen = set(self.split.genes(split))
            self._genes[split] = tuple(gene for gene in self.model.genes if gene in chosen)
        return self._genes[split]

    @cached_property
    def _regulating(self) -> frozenset[str]:
        regulons = (reference for reference in self.references.values() if reference.kind == "regulon")
        return frozenset().union(*(regulon.regulators for regulon in regulons))

    def regulators(self, split: str) -> tuple[str, ...]:
        """Return the genes of a split that regulate anything in any regulon of the campaign, in the model's order."""
        return tuple(gene for gene in self.genes(split) if gene in self._regulating)

    def split_families(self, split: str) -> tuple[str, ...]:
        """Return the family of each gene of a split."""
        return tuple(str(family) for family in self.families.of(self.genes(split)))

    @cached_property
    def statistics(self) -> GeneStatistics:
        """Gene statistics from counts of the cells."""
        return self.cells.gene_statistics()

    def gene_statistic(self, name: Covariate, split: str) -> NDArray[np.float64]:
        """Return one statistic (n,) of a split's genes."""
        position = {gene: row for row, gene in enumerate(self.statistics.genes)}
        column = self.statistics.matrix((name,))[:, 0]
        return column[[position[gene] for gene in self.genes(split)]]

    def labels(self, reference: str, split: str) -> NDArray[np.bool_]:
        """Return the labels of a reference in a split.

        Shape (n,) for a set, a symmetric (n, n) for pairs, and for a regulon (r, n): regulators of the split by genes
        of the split. Pairs inside a family, and so of a gene with itself, are never labelled.
        """
        genes = self.genes(split)
        chosen = self.references[reference]
        rows = self.regulators(split) if chosen.kind == "regulon" else genes
        # Every look asks for all of them again.
        if (reference, split) not in self._labelled:
            found = label_places(chosen, rows, genes, self.split_families(split))
            self._labelled[reference, split] = found
        labels = np.zeros((len(genes),) if chosen.kind == "set" else (len(rows), len(genes)), dtype=bool)
        labels.reshape(-1)[self._labelled[reference, split]] = True
        return labels

    def claim(self, tool: Tool, reference: str) -> Claim:
        """Return the one claim that a tool can make of a reference in this campaign."""
        return Claim(
            object=tool.object,
            relation=tool.relation,
            reference=self.references[reference].named,
            model=Named(name=self.model.name, sha256=self.model.sha256),
            context=Named(name=self.cells.name, sha256=self.cells.sha256),
            adjustment=adjustment_of(tool.shape.shape),
        )

    def params_at(self, tool: Tool, locus: Locus) -> ToolParams:
        """Return the parameters with which a tool reads a locus.

        Raises
        ------
        ToolError
            If the tool has no such locus in this model.
        """
        try:
            return places_by_words(tool.params, self.model_shape)[str(locus)]
        except KeyError:
            raise ToolError(
                f"{tool.name} has no {locus} in {self.model.name}; see `theodolite tools describe {tool.name}`"
            ) from None

    def places(self, tool: Tool) -> Places:
        """Return the closed list of places at which a tool can read this model.

        Raises
        ------
        ToolError
            If it has fewer than two.
        """
        return closed_list(tool, self.model_shape)

    def references_for(self, tool: Tool) -> tuple[Reference, ...]:
        """Return the references that a tool's shape can be held against."""
        kind = REFERENCE_KIND[tool.shape.shape]
        return tuple(reference for reference in self.references.values() if reference.kind == kind)

    @property
    def references_document(self) -> bytes:
        """All references as canonical JSON, kept as an artefact so that verdicts can be recomputed."""
        return canonical_json(
            {
                name: {
                    "kind": reference.kind,
                    "title": reference.title,
                    "sha256": reference.sha256,
                    "members": reference.members,
                }
                for name, reference in self.references.items()
            }
        ).encode()

    @cached_property
    def split_document(self) -> bytes:
        """The split as canonical JSON: genes of every part with their families, and the regulators among them.

        A campaign without regulons names no regulators, so that its document is what earlier versions wrote.
        """
        parts = {part: self.genes(part) for part in (DISCOVERY, *self.split.blocks)}
        names = [gene for genes in parts.values() for gene in genes]
        families = dict(zip(names, map(str, self.families.of(names)), strict=True))
        document: dict[str, object] = {"sha256": self.split.sha256, "parts": parts, "families": families}
        if self._regulating:
            document["regulators"] = {part: self.regulators(part) for part in parts}
        if self.model.tokenise is not None:
            document["captured"] = self.model.genes
        if self.spec.descriptions:
            # The hash of cells covers their labels, and not which of these says what.
            document["roles"] = {role: getattr(self.cells, role) for role in ROLES}
        return canonical_json(document).encode()

    def materials(self) -> Materials:
        """Write the split file and return what a worker needs to find its inputs."""
        split_file = self.workspace.folder / "splits" / f"{digest(self.split_document.decode())[:16]}.json"
        if not split_file.is_file():
            write_atomically(split_file, self.split_document)
        # What a job measures depends on regulators, surveyed genes and anchors too, and its hash names none of them.
        apart = self._regulating or self.model.tokenise is not None or self.spec.descriptions or self.spec.manifold
        results = self.workspace.results / split_file.stem if apart else self.workspace.results
        return Materials(
            model=self.spec.place(self.spec.model),
            cells=self.spec.placed_cells,
            split_file=str(split_file),
            artefacts=str(self.workspace.artefacts),
            results=str(results),
            cache=str(self.workspace.cache),
            threads=self.spec.threads,
            plugins=tuple(self.spec.place(place) for place in self.spec.plugins),
            device=self.placement[0],
            dtype=self.placement[1],
        )
