"""Campaigns about planted trees in this process, small enough for seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from worlds import InProcessRunner

from theodolite.agents import LintReviewer, run_campaign
from theodolite.agents.anchor_planner import AnchorPlanner
from theodolite.calibration.tree_campaigns import joined, write_tree_campaign
from theodolite.experiments import Workspace, campaign_run, prepare
from theodolite.experiments.campaign import load_campaign
from theodolite.experiments.manifolds.run import ManifoldRun
from theodolite.experiments.manifolds.setting import ManifoldSetting
from theodolite.store import Entry, EntryKind, Ledger

__all__ = ["Refusing", "TreeWorlds", "rows_of"]

SEEDS = {"tree": 3, "line": 4, "clusters": 5, "none": 6}
"""A world of each shape: a plug-in with the model of a seed can be loaded once."""


@dataclass(frozen=True)
class TreeWorlds:
    """Worlds of a test session, one of each shape: 12 donors and 120 genes, and what models hold of their cells."""

    folder: Path

    def file(self, name: str, shape: Any = "tree", **overrides: Any) -> Path:
        """Write a campaign of one fitter and one feature about a world, and return its file."""
        folder = self.folder / shape
        if not (folder / "campaign.yaml").is_file():
            said = {"fitters": ["landmark_isomap"], "features": ["residual"]}
            write_tree_campaign(folder, SEEDS[shape], shape, world={"genes": 120, "stages": 3}, manifold=said)
        content = yaml.safe_load((folder / "campaign.yaml").read_text(encoding="utf-8"))
        file = folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump(joined({**content, "name": name}, overrides)), encoding="utf-8")
        return file

    def setting(self, file: Path, folder: Path) -> ManifoldSetting:
        """Resolve a campaign file; nothing is run."""
        setting = prepare(load_campaign(file), Workspace.at(folder, self.folder / "cache"))
        assert isinstance(setting, ManifoldSetting)
        return setting

    @contextmanager
    def opened(self, file: Path, folder: Path) -> Iterator[ManifoldRun]:
        """Yield the campaign of a file on the ledger of a folder, its jobs run in this process."""
        setting = self.setting(file, folder)
        with Ledger.open(setting.workspace.ledger, create=True) as ledger:
            run = campaign_run(setting, ledger, InProcessRunner(setting.materials()))
            assert isinstance(run, ManifoldRun)
            yield run

    def run(self, file: Path, folder: Path) -> str:
        """Run a whole campaign, or continue it, and return why it stopped."""
        with self.opened(file, folder) as run:
            return run_campaign(run, AnchorPlanner(), LintReviewer())

    def finished(self, shape: str = "tree") -> Path:
        """Return the workspace of a finished campaign about a world; made once, never to be written to."""
        folder = self.folder / f"finished-{shape}"
        if not folder.is_dir():
            self.run(self.finished_file(shape), folder)
        return folder

    def finished_file(self, shape: str = "tree") -> Path:
        """Return the campaign file of :meth:`finished`."""
        return self.file(f"finished-{shape}", shape)


@dataclass(frozen=True)
class Refusing:
    """A runner in which no fit of the model's first layer comes about."""

    inside: Any

    def submit(self, jobs: Any) -> Iterator[Any]:
        """Yield what comes of the jobs, one after another."""
        for job in jobs:
            (outcome,) = self.inside.submit([job])
            bad = job.params["layer"] == 1 and job.variant == "main"
            yield outcome.model_copy(update={"status": "tool_error", "reason": "in two parts"}) if bad else outcome


def rows_of(folder: Path, kind: EntryKind) -> list[Entry]:
    """Return the rows of a kind."""
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        return list(ledger.entries(kind=kind))
