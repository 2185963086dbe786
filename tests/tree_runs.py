"""Campaigns about planted trees of cells, run in this process with a worker of their own."""

from __future__ import annotations

from pathlib import Path

from theodolite.agents import assemble, run_campaign
from theodolite.experiments import LocalRunner, Setting, campaign_run, load_campaign, prepare
from theodolite.experiments.workspace import Workspace
from theodolite.store import Ledger

SIZES = {"genes": 80, "cells": 5}
SMALL = {"features": ["residual", "drift"], "fitters": ["landmark_isomap"]}
"""Six candidates, so that a campaign takes seconds."""


def run(file: Path) -> tuple[Setting, Ledger]:
    """Run a campaign file in a workspace beside it, and return its setting and its ledger, open."""
    workspace = Workspace.at(file.parent / "ledger")
    setting = prepare(load_campaign(file), workspace)
    ledger = Ledger.open(workspace.ledger) if workspace.ledger.exists() else Ledger.create(workspace.ledger)
    with LocalRunner.for_campaign(setting, ledger.ops) as runner:
        campaign = campaign_run(setting, ledger, runner)
        team = assemble(campaign)
        run_campaign(campaign, team.executor, team.reviewer, meter=team.meter)
    return setting, ledger
