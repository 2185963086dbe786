"""Campaigns about planted trees in this process, small enough for seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from worlds import InProcessRunner

from theodolite.agents import LintReviewer, run_campaign
from theodolite.agents.anchor_planner import AnchorPlanner
from theodolite.calibration.tree_campaigns import write_tree_campaign
from theodolite.experiments import Workspace, campaign_run, prepare
from theodolite.experiments.campaign import load_campaign
from theodolite.experiments.manifolds.run import ManifoldRun
from theodolite.experiments.manifolds.setting import ManifoldSetting
from theodolite.store import Entry, EntryKind, Ledger

__all__ = ["SMALL", "looks", "opened_tree", "prepared_tree", "run_tree", "small_tree"]

SMALL = {"genes": 80, "stages": 3}
ONE_FITTER = {"fitters": ["landmark_isomap"], "features": ["residual"]}


def small_tree(folder: Path, shape: Any = "tree", *, seed: int = 3, world: Any = None, **overrides: Any) -> Path:
    """Write a campaign of one fitter and one feature about 12 donors and 80 genes; return its file."""
    said = {**ONE_FITTER, **overrides.pop("manifold", {})}
    return write_tree_campaign(folder, seed, shape, world={**SMALL, **(world or {})}, manifold=said, **overrides)


def prepared_tree(file: Path, folder: Path | None = None) -> ManifoldSetting:
    """Resolve a campaign file; nothing is run."""
    setting = prepare(load_campaign(file), Workspace.at(folder or file.with_suffix(".theodolite")))
    assert isinstance(setting, ManifoldSetting)
    return setting


@contextmanager
def opened_tree(file: Path, folder: Path | None = None) -> Iterator[ManifoldRun]:
    """Yield the campaign of a file on a ledger, its jobs run in this process."""
    setting = prepared_tree(file, folder)
    with Ledger.open(setting.workspace.ledger, create=True) as ledger:
        run = campaign_run(setting, ledger, InProcessRunner(setting.materials()))
        assert isinstance(run, ManifoldRun)
        yield run


def run_tree(file: Path, folder: Path | None = None) -> str:
    """Run a whole campaign, or continue it, and return why it stopped."""
    with opened_tree(file, folder) as run:
        return run_campaign(run, AnchorPlanner(), LintReviewer())


def looks(folder: Path) -> list[Entry]:
    """Return the rows of a search."""
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        return list(ledger.entries(kind=EntryKind.LOOK))
