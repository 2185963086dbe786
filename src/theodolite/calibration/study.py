"""A study: which campaigns are run in which worlds, and the folder of results from which it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ValidationError

from theodolite.calibration.records import CampaignResult, ProposerName, Terms
from theodolite.data.planted import WorldKind
from theodolite.files import write_atomically
from theodolite.gates import CATALOGUE_VERSION, DECISION_VERSION
from theodolite.gates.ablation import Ablation
from theodolite.records import Closed

__all__ = ["ACTIVATIONS", "Arm", "Cell", "Store", "Study", "StudyError", "Unit", "quick_study", "standard_study"]

ACTIVATIONS = 8
"""Draws of the model on each structure."""

_PAIR = (ProposerName.RANDOM, ProposerName.P_HACKER)
_ABLATIONS: tuple[tuple[Ablation, WorldKind, tuple[ProposerName, ...]], ...] = (
    (Ablation.NO_LOCK, WorldKind.GLOBAL_NULL, (ProposerName.PEEKER,)),
    (Ablation.NO_FAMILY_BLOCK, WorldKind.PARALOGUE, _PAIR),
    (Ablation.NO_CONFOUND_GATE, WorldKind.DEGREE, _PAIR),
    (Ablation.NO_DEDUP, WorldKind.STANDARD, (ProposerName.ALIAS_MAKER,)),
    (Ablation.NO_ASSAY_GATE, WorldKind.STANDARD, (ProposerName.CONTROL_GAMER,)),
    (Ablation.NO_REVIEWER, WorldKind.STANDARD, (ProposerName.P_HACKER,)),
)
"""Each safeguard with the world and the proposers that it is there for."""


class StudyError(ValueError):
    """A study that cannot be run or continued as it was asked for."""


class Arm(Closed):
    """Campaigns that differ in structure, activation and proposer only.

    Attributes
    ----------
    world, ablation
        The kind of world, and the safeguard that is off.
    proposers
        Who proposes.
    campaigns
        Campaigns a proposer: the i-th is on structure i // 8, activation i % 8.
    """

    world: WorldKind
    ablation: Ablation | None
    proposers: tuple[ProposerName, ...]
    campaigns: int


class Cell(Closed):
    """One campaign to run."""

    activation: int
    proposer: ProposerName
    ablation: Ablation | None
    full: bool

    def done_by(self, result: CampaignResult) -> bool:
        """Return whether a result of the same unit is this campaign, with the graph beside it where that is asked."""
        same = (self.activation, self.proposer, self.ablation) == (result.activation, result.proposer, result.ablation)
        return same and (result.through_graph is not None or not self.full)


class Unit(Closed):
    """All campaigns on one structure of one world: a process runs them one after another and shares what is dear."""

    world: WorldKind
    structure: int
    cells: tuple[Cell, ...]

    @property
    def name(self) -> str:
        """Name of the unit and of its file."""
        return f"{self.world.value}-{self.structure:02d}"


class Study(Closed):
    """What is run.

    Attributes
    ----------
    seed
        Root of the worlds' and the proposers' seeds.
    terms
        Tests, error rate and round size of every campaign.
    arms
        Worlds, ablations, proposers and numbers of campaigns.
    full
        Campaigns of the standard world that are also run through the graph and a ledger file.
    catalogue, decision
        Versions that judge; a folder of results is continued under the same only.
    """

    seed: int
    terms: Terms
    arms: tuple[Arm, ...]
    full: int
    catalogue: str = CATALOGUE_VERSION
    decision: str = DECISION_VERSION

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """The units, longest first, so that no process is left with a long one at the end."""
        cells: dict[tuple[WorldKind, int], list[Cell]] = {}
        through_graph = self.full
        for arm in self.arms:
            for campaign in range(arm.campaigns):
                structure, activation = divmod(campaign, ACTIVATIONS)
                for proposer in arm.proposers:
                    full = through_graph > 0 and arm.world is WorldKind.STANDARD and arm.ablation is None
                    through_graph -= full
                    cell = Cell(activation=activation, proposer=proposer, ablation=arm.ablation, full=full)
                    cells.setdefault((arm.world, structure), []).append(cell)
        made = [
            Unit(world=world, structure=structure, cells=tuple(sorted(found, key=lambda cell: cell.activation)))
            for (world, structure), found in cells.items()
        ]
        return tuple(sorted(made, key=lambda unit: (-len(unit.cells), unit.name)))

    @property
    def campaigns(self) -> int:
        """Number of campaigns, those through the graph counted once."""
        return sum(len(unit.cells) for unit in self.units)

    def seed_of(self, unit: Unit, cell: Cell | None = None) -> int:
        """Return the seed of a structure, or of the proposer of one of its campaigns."""
        words = [self.seed, list(WorldKind).index(unit.world), unit.structure]
        if cell is not None:
            words += [1 + cell.activation, list(ProposerName).index(cell.proposer)]
        return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> 1)


def standard_study(
    *, campaigns: int = 200, null: int = 64, ablated: int = 16, tests: int = 40, q: float = 0.10, seed: int = 1,
    full: int = 16,
) -> Study:  # fmt: skip
    """Return the study of the documentation: eight proposers in two worlds, and the ablations with their controls.

    Parameters
    ----------
    campaigns
        Campaigns a proposer in the standard world.
    null
        Campaigns a proposer in the global null.
    ablated
        Campaigns a proposer of each ablation, and of its control in the same world; 0 for no ablations.
    tests, q
        Tests of a campaign and its error rate.
    seed
        Root seed.
    full
        Campaigns also run through the graph.
    """
    everyone = tuple(ProposerName)
    arms = [
        Arm(world=WorldKind.STANDARD, ablation=None, proposers=everyone, campaigns=campaigns),
        Arm(world=WorldKind.GLOBAL_NULL, ablation=None, proposers=everyone, campaigns=null),
    ]
    if ablated:
        arms += [
            Arm(world=world, ablation=None, proposers=_PAIR, campaigns=ablated)
            for world in (WorldKind.PARALOGUE, WorldKind.DEGREE)
        ]
        arms += [
            Arm(world=world, ablation=ablation, proposers=proposers, campaigns=ablated)
            for ablation, world, proposers in _ABLATIONS
        ]
    return Study(seed=seed, terms=Terms(tests=tests, q=q), arms=tuple(arms), full=full)


def quick_study(*, campaigns: int = 16, tests: int = 16, q: float = 0.10, seed: int = 1, full: int = 1) -> Study:
    """Return the study that runs on every change: three proposers in the standard world, one in the global null."""
    few = (ProposerName.GREEDY, ProposerName.P_HACKER, ProposerName.PADDER)
    arms = (
        Arm(world=WorldKind.STANDARD, ablation=None, proposers=few, campaigns=campaigns),
        Arm(world=WorldKind.GLOBAL_NULL, ablation=None, proposers=(ProposerName.PEEKER,), campaigns=campaigns),
    )
    return Study(seed=seed, terms=Terms(tests=tests, q=q), arms=arms, full=full)


class Store:
    """The folder of a study: ``study.json``, and one file of JSON lines a unit.

    A file is replaced whole after each campaign, so that an interrupted study loses the campaign under way, no more.

    Parameters
    ----------
    folder
        Made if it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def lock(self, study: Study) -> None:
        """Write what the study is, or check that the folder holds results of the same one.

        Arms may be added and grow; seed, terms and versions may not change.

        Raises
        ------
        StudyError
            If the folder holds results under another seed, other terms or another catalogue.
        """
        path = self.folder / "study.json"
        if path.is_file():
            recorded = self.study()
            for field in ("seed", "terms", "catalogue", "decision"):
                before, now = getattr(recorded, field), getattr(study, field)
                if before != now:
                    raise StudyError(
                        f"{self.folder} holds a study with {field} {_plain(before)!r}, asked for is {_plain(now)!r}; "
                        "give the same, or another folder with --out"
                    )
        write_atomically(path, (study.model_dump_json(indent=2) + "\n").encode())

    def study(self) -> Study:
        """Return the study whose results the folder holds.

        Raises
        ------
        StudyError
            If there is none, or it cannot be read.
        """
        path = self.folder / "study.json"
        try:
            return Study.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            raise StudyError(f"{path} is no study ({error}); run `theodolite calibrate --out {self.folder}`") from error

    def results(self, unit: Unit) -> list[CampaignResult]:
        """Return the finished campaigns of a unit, whether or not the study still asks for them."""
        path = self._path(unit)
        if not path.is_file():
            return []
        return [CampaignResult.model_validate_json(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def put(self, unit: Unit, results: list[CampaignResult]) -> None:
        """Replace the finished campaigns of a unit."""
        lines = "".join(result.model_dump_json() + "\n" for result in results)
        write_atomically(self._path(unit), lines.encode())

    def all_results(self, study: Study) -> Iterator[CampaignResult]:
        """Yield the finished campaigns that a study asks for, unit by unit."""
        for unit in study.units:
            found = self.results(unit)
            yield from (result for result in found if any(cell.done_by(result) for cell in unit.cells))

    def _path(self, unit: Unit) -> Path:
        return self.folder / "campaigns" / f"{unit.name}.jsonl"


def _plain(value: object) -> object:
    return value.model_dump() if isinstance(value, BaseModel) else value
