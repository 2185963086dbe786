"""The setting of a campaign: everything that is fixed before the first look, resolved and hashed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

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
    UnitTable,
    choose_k,
    load_families,
    load_programs,
    make_split,
    member_pairs,
    testability,
)
from theodolite.experiments.campaign import CampaignError, CampaignSpec
from theodolite.experiments.inputs import load_cells
from theodolite.experiments.jobs import Materials
from theodolite.experiments.workbench import COVARIATES
from theodolite.files import write_atomically
from theodolite.models.facts import ModelFacts, model_facts
from theodolite.tools import ModelShape, Tool, ToolError, ToolParams, get_tool

__all__ = ["PACKAGED", "PROGRAMS", "Setting", "Workspace", "prepare"]

PROGRAMS = "programs"
"""What a campaign file calls the packaged gene programs."""
PACKAGED = "packaged"
"""What a campaign file calls the packaged homology families."""


@dataclass(frozen=True)
class Workspace:
    """The folder of a ledger and of what its campaigns keep.

    Attributes
    ----------
    folder
        Holds ``ledger.sqlite``, ``artefacts/`` (by content hash), ``checkpoints.sqlite`` (of the graph, expendable) and
        ``worker.log``.
    cache
        Folder of captures and of ``results/`` (by job hash); several workspaces may share one.
    """

    folder: Path
    cache: Path

    @classmethod
    def at(cls, folder: Path, cache: Path | None = None) -> Workspace:
        """Return the workspace at a folder, made if it does not exist."""
        folder.mkdir(parents=True, exist_ok=True)
        return cls(folder.resolve(), (cache or folder / "cache").resolve())

    @property
    def ledger(self) -> Path:
        """The ledger's file."""
        return self.folder / "ledger.sqlite"

    @property
    def artefacts(self) -> Path:
        """Folder of the artefact store."""
        return self.folder / "artefacts"

    @property
    def results(self) -> Path:
        """Folder of result files."""
        return self.cache / "results"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints of the graph."""
        return self.folder / "checkpoints.sqlite"

    @property
    def worker_log(self) -> Path:
        """What the worker printed."""
        return self.folder / "worker.log"


@dataclass(frozen=True)
class Setting:
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
        Gene sets and, for pair claims, the pairs inside each of them, by id.
    split
        The partition of families and cell units.
    fitted
        Hash of the axes fitted on discovery genes by variant, filled in once the fits have run.
    """

    spec: CampaignSpec
    workspace: Workspace
    model: ModelFacts
    cells: CellSet
    families: GeneFamilies
    references: dict[str, Reference]
    split: Split
    fitted: dict[str, str] = field(default_factory=dict)
    _testability: dict[str, dict[str, Testability]] = field(default_factory=dict, repr=False)

    @cached_property
    def contents(self) -> dict[str, str]:
        """Names and content hashes of the inputs; part of the campaign's identity."""
        return {
            "model": f"{self.model.name} {self.model.sha256}",
            "cells": f"{self.cells.name} {self.cells.sha256}",
            "families": self.families.sha256,
            "references": digest({name: reference.sha256 for name, reference in self.references.items()}),
            "tools": digest({tool.name: [tool.version, tool.source_sha256] for tool in self.tools}),
        }

    @cached_property
    def campaign_id(self) -> str:
        """Name and hash prefix."""
        return self.spec.campaign_id(self.contents)

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The instruments that the campaign may use."""
        return tuple(get_tool(name) for name in self.spec.tools)

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
        words = [int(digest([self.spec.name, *purpose])[start : start + 8], 16) for start in (0, 8, 16, 24)]
        return int(np.random.SeedSequence([self.spec.seed, *words]).generate_state(1, np.uint64)[0] >> 1)

    @property
    def untrained(self) -> str:
        """The untrained variant beside every claim: the same for all campaigns, so that none can choose it."""
        return "untrained(0)"

    def genes(self, split: str) -> tuple[str, ...]:
        """Return the genes of a split that the model knows, in the model's order."""
        chosen = set(self.split.genes(split))
        return tuple(gene for gene in self.model.genes if gene in chosen)

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
        """Return the labels of a reference in a split: (n,) for sets, a symmetric (n, n) matrix for pairs."""
        genes = self.genes(split)
        chosen = self.references[reference]
        if chosen.kind == "set":
            return np.array([gene in chosen.gene_set for gene in genes])
        families = np.array(self.split_families(split))
        position = {gene: row for row, gene in enumerate(genes)}
        matrix = np.zeros((len(genes), len(genes)), dtype=bool)
        for first, second in chosen.pairs:
            if first in position and second in position:
                matrix[position[first], position[second]] = matrix[position[second], position[first]] = True
        return np.asarray(matrix & (families[:, None] != families[None, :]))

    def claim(self, tool: Tool, reference: str) -> Claim:
        """Return the one claim that a tool can make of a reference in this campaign."""
        return Claim(
            object=tool.object,
            relation=tool.relation,
            reference=self.references[reference].named,
            model=Named(name=self.model.name, sha256=self.model.sha256),
            context=Named(name=self.cells.name, sha256=self.cells.sha256),
            adjustment=tuple(sorted(COVARIATES)),
        )

    def params_at(self, tool: Tool, locus: Locus) -> ToolParams:
        """Return the parameters with which a tool reads a locus.

        Raises
        ------
        ToolError
            If the tool has no such locus in this model.
        """
        for params in tool.params.enumerate(self.model_shape):
            if params.locus() == locus:
                return params
        raise ToolError(f"{tool.name} has no {locus} in {self.model.name}; see `theodolite tools describe {tool.name}`")

    def references_for(self, tool: Tool) -> tuple[Reference, ...]:
        """Return the references that a tool's shape can be held against."""
        kind = "set" if tool.shape.shape == "GeneScores" else "pairs"
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
        """The split as canonical JSON: genes of either part with their families."""
        parts = {part: self.genes(part) for part in (DISCOVERY, *self.split.blocks)}
        names = [gene for genes in parts.values() for gene in genes]
        families = dict(zip(names, map(str, self.families.of(names)), strict=True))
        return canonical_json({"sha256": self.split.sha256, "parts": parts, "families": families}).encode()

    def materials(self) -> Materials:
        """Write the split file and return what a worker needs to find its inputs."""
        split_file = self.workspace.folder / "splits" / f"{digest(self.split_document.decode())[:16]}.json"
        if not split_file.is_file():
            write_atomically(split_file, self.split_document)
        return Materials(
            model=self.spec.place(self.spec.model),
            cells=self.spec.cells.model_copy(update={"source": self.spec.place(self.spec.cells.source)}),
            split_file=str(split_file),
            artefacts=str(self.workspace.artefacts),
            results=str(self.workspace.results),
            cache=str(self.workspace.cache),
            threads=self.spec.threads,
        )


def prepare(spec: CampaignSpec, workspace: Workspace, *, references: Iterable[Reference] | None = None) -> Setting:
    """Resolve a campaign's inputs; nothing is written.

    Parameters
    ----------
    spec
        The campaign file.
    workspace
        Where it will run.
    references
        Gene sets to use in place of those that the file names; for calibration with permuted names.

    Raises
    ------
    CampaignError
        If model and cells do not fit together or nothing can be tested.
    """
    model = model_facts(spec.place(spec.model))
    cells = load_cells(spec.cells, spec.place(spec.cells.source))
    missing = sorted(set(model.genes) - set(cells.genes))
    if missing:
        raise CampaignError(
            f"{len(missing)} of the {len(model.genes)} genes of model {model.name!r} are not in cells {cells.name!r} "
            f"(such as {', '.join(missing[:3])}; these have {', '.join(cells.genes[:3])}); "
            "give human gene symbols, from another var column by `cells: {gene_column: ...}` where need be"
        )
    families = load_families(_file(spec, "families", PACKAGED))
    if references is None:
        references = load_programs(_file(spec, "references", PROGRAMS))
    sets = tuple(references)
    both = (*sets, *(member_pairs(reference) for reference in sets))
    units = UnitTable.of(cells, families)
    split = make_split(units, spec.split.seed, k=choose_k(both, units, spec.split.seed))
    setting = Setting(spec, workspace, model, cells, families, {reference.id: reference for reference in both}, split)
    found = setting.testability(split.blocks[0])
    if not any(item.testable for item in found.values()):
        first = next(iter(found.values()))
        raise CampaignError(f"no reference can be tested on these cells: {first.reason}; {first.remedy}")
    return setting


def _file(spec: CampaignSpec, key: str, packaged: str) -> Path | None:
    value: str = getattr(spec, key)
    if value == packaged:
        return None
    file = Path(spec.place(value))
    if not file.is_file():
        raise CampaignError(f"{key} is {value!r}: neither {packaged!r} nor a file that exists; give the path of one")
    return file
