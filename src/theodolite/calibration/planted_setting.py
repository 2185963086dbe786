"""Planted worlds as campaigns meet them: a setting without files, and a runner without processes.

What belongs to a structure (cells, statistics, labels, co-expression, power, measurements of its baselines) is computed
once and shared by all campaigns on it.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from theodolite.calibration.planted_runner import PlantedRunner
from theodolite.calibration.records import Terms, Truth, TruthKind
from theodolite.claims import Direction, Hypothesis
from theodolite.data import GeneStatistics, Testability
from theodolite.data.planted import PlantedActivations, PlantedStructure, WorldKind, plant_structure
from theodolite.experiments import CampaignSpec, Setting, Workspace
from theodolite.experiments.workbench import COVARIATES
from theodolite.gates.ablation import Ablation
from theodolite.measurements import Coexpression
from theodolite.models.planted import PlantedModel, counts_attention

__all__ = ["PlantedRunner", "PlantedSetting", "PlantedWorld", "SharedStructure", "planted_setting", "planted_worlds"]

_MEMORY = Path("/dev/shm")
_ROOM = 2**30
"""Bytes free in memory below which result files go to disk; containers often have far less."""
_TOOL = "attention.regulation"


@dataclass(frozen=True, eq=False)
class SharedStructure:
    """What all settings of one structure have in common, computed when first asked for.

    Attributes
    ----------
    structure
        The world.
    """

    structure: PlantedStructure
    testability: dict[str, dict[str, Testability]] = field(default_factory=dict, repr=False)
    coexpression: dict[str, Coexpression] = field(default_factory=dict, repr=False)
    genes: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    families: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    labels: dict[tuple[str, str, str], NDArray[np.bool_]] = field(default_factory=dict, repr=False)
    spreads: dict[tuple[str, ...], float] = field(default_factory=dict, repr=False)
    documents: dict[str, bytes] = field(default_factory=dict, repr=False)

    @cached_property
    def statistics(self) -> GeneStatistics:
        """Gene statistics from counts of the cells."""
        return self.structure.cells.gene_statistics()

    @cached_property
    def covariates(self) -> NDArray[np.float64]:
        """Shape (n, 3): the columns that a workbench shows."""
        return self.statistics.matrix(COVARIATES)

    @cached_property
    def counts(self) -> NDArray[np.float32]:
        """Attention of the variant ``counts``."""
        return counts_attention(self.structure)

    @cached_property
    def folder(self) -> tempfile.TemporaryDirectory[str]:
        """A folder for result files that vanishes with this object, in memory where the machine has enough of it."""
        roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _ROOM
        place = _MEMORY if roomy else None
        return tempfile.TemporaryDirectory(prefix="theodolite-planted-", dir=place)


@dataclass(frozen=True)
class PlantedSetting(Setting):
    """A campaign in a planted world; equal to a :class:`Setting` in all that it answers.

    Attributes
    ----------
    activations
        The model, and the truth.
    shared
        What it has in common with other settings of the structure.
    """

    activations: PlantedActivations = field(kw_only=True, repr=False)
    shared: SharedStructure = field(kw_only=True, repr=False)

    @cached_property
    def statistics(self) -> GeneStatistics:
        """Gene statistics from counts of the cells."""
        return self.shared.statistics

    @property
    def units(self) -> str:
        """What the gates take for homology families: genes, each for itself, where that safeguard is off."""
        return "genes" if self.ablation == Ablation.NO_FAMILY_BLOCK else "families"

    def genes(self, split: str) -> tuple[str, ...]:
        """Return the genes of a part of the split, in the model's order."""
        if split not in self.shared.genes:
            self.shared.genes[split] = super().genes(split)
        return self.shared.genes[split]

    def split_families(self, split: str) -> tuple[str, ...]:
        """Return the family of each gene of a part, or its own name where paralogues count as independent."""
        if self.units == "genes":
            return self.genes(split)
        if split not in self.shared.families:
            self.shared.families[split] = super().split_families(split)
        return self.shared.families[split]

    def labels(self, reference: str, split: str) -> NDArray[np.bool_]:
        """Return the edges of a reference in a part, regulators by genes."""
        key = (self.references[reference].sha256, split, self.units)
        if key not in self.shared.labels:
            found = super().labels(reference, split)
            found.setflags(write=False)
            self.shared.labels[key] = found
        return self.shared.labels[key]

    def blinded_spread(self, shape: str, reference: str, block: str) -> float:
        """Return the null spread of AUROC - 0.5 for a reference in a block, from random scores."""
        seed = str(self.seed("blinded-power"))
        key = (shape, self.references[reference].sha256, block, str(self.ablation), seed)
        if key not in self.shared.spreads:
            self.shared.spreads[key] = super().blinded_spread(shape, reference, block)
        return self.shared.spreads[key]

    @property
    def references_document(self) -> bytes:
        """All references as canonical JSON."""
        key = self.contents["references"]
        if key not in self.shared.documents:
            self.shared.documents[key] = super().references_document
        return self.shared.documents[key]


def planted_setting(
    activations: PlantedActivations, spec: CampaignSpec, workspace: Workspace, *, shared: SharedStructure | None = None
) -> PlantedSetting:
    """Return the setting of a campaign in a planted world; nothing is read and nothing is written.

    Model, cells, references, families and split are the world's, whatever the file names; a file's split seed must be
    the world's.

    Parameters
    ----------
    activations
        The model.
    spec
        The campaign: budget, error rate, tools, seed.
    workspace
        Where it runs.
    shared
        What other settings of the same structure have computed; made anew where not given.

    Raises
    ------
    ValueError
        If ``shared`` is of another structure, or the file asks for another split.
    """
    structure = activations.structure
    shared = shared or SharedStructure(structure)
    if shared.structure is not structure:
        raise ValueError("`shared` belongs to another structure; pass the one of this structure, or none")
    if spec.split.seed != structure.split.seed:
        raise ValueError(
            f"split.seed is {spec.split.seed!r}; this world is dealt for seed {structure.split.seed}, give that"
        )
    return PlantedSetting(
        spec,
        workspace,
        PlantedModel(activations, shared.counts).facts,
        structure.cells,
        structure.families,
        {reference.id: reference for reference in structure.references},
        structure.split,
        _coexpression=shared.coexpression,
        _testability=shared.testability,
        activations=activations,
        shared=shared,
    )


@dataclass(frozen=True, eq=False)
class PlantedWorld:
    """One model on a structure, as the calibration study meets it.

    Attributes
    ----------
    kind, structure, activation
        Which kind of world, which structure and which model of it.
    activations
        The model, and the truth.
    shared
        What it has in common with other models of the structure.
    """

    kind: str
    structure: int
    activation: int
    activations: PlantedActivations = field(repr=False)
    shared: SharedStructure = field(repr=False)

    def spec(self, terms: Terms) -> CampaignSpec:
        """Return the campaign file: the same for every proposer, and but for the model for every world of a structure.

        So seeds are the structure's, and draws of nulls are shared by all campaigns on it.
        """
        return CampaignSpec.model_validate(
            {
                "name": "calibration",
                "seed": self.shared.structure.seed,
                "model": "planted",
                "cells": {"source": "planted", "species": "planted", "donor": "donor"},
                "references": "planted",
                "families": "planted",
                "tools": (_TOOL,),
                "budget": {"experiments": terms.tests, "retire_after": None},
                "round_size": terms.round_size,
                "error": {"q": terms.q},
                "threads": 1,
            }
        )

    def setting(self, terms: Terms, workspace: Workspace, ablation: Ablation | None) -> Setting:
        """Return the setting of a campaign."""
        setting = planted_setting(self.activations, self.spec(terms), workspace, shared=self.shared)
        return setting if ablation is None else replace(setting, ablation=ablation)

    def runner(self, setting: Setting) -> PlantedRunner:
        """Return a runner for a setting of this world.

        Raises
        ------
        TypeError
            If the setting is of no planted world.
        """
        if not isinstance(setting, PlantedSetting):
            raise TypeError(f"a {type(setting).__name__} is of no planted world; make it with `setting`")
        return PlantedRunner(setting)

    def truth(self, hypothesis: Hypothesis, block: str) -> Truth:
        """Return what is true of a hypothesis, and the planted effect in its direction; the same in every block.

        Parameters
        ----------
        hypothesis
            Its reference is known by content, under whatever name.
        block
            Where it was tested.
        """
        found = self.activations.truth[self._reference_ids[hypothesis.claim.reference.sha256], str(hypothesis.locus)]
        if hypothesis.direction is Direction.LESS:
            return Truth(kind=TruthKind.NULL, effect=-found.effect)
        if found.kind != "true":
            return Truth(kind=TruthKind(found.kind), effect=found.effect)
        large = found.effect >= self.spec(Terms()).sesoi.BipartiteScores
        return Truth(kind=TruthKind.TRUE if large else TruthKind.SMALL, effect=found.effect)

    @cached_property
    def _reference_ids(self) -> dict[str, str]:
        return {reference.sha256: reference.id for reference in self.shared.structure.references}


def planted_worlds(kind: WorldKind, seed: int, *, structure: int, activations: int) -> tuple[PlantedWorld, ...]:
    """Return the models of one structure, which is drawn here.

    Parameters
    ----------
    kind
        Kind of world.
    seed
        Seed of the structure, and with their numbers of its models.
    structure
        Number under which results name the structure.
    activations
        How many models.
    """
    shared = SharedStructure(plant_structure(seed, kind))
    return tuple(
        PlantedWorld(kind.value, structure, number, PlantedActivations(shared.structure, number), shared)
        for number in range(activations)
    )
