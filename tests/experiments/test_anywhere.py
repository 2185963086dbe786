"""A claim about "any" place goes through a campaign as every other does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from theodolite.agents import LintReviewer
from theodolite.claims import Direction, Hypothesis
from theodolite.experiments import CampaignRun
from theodolite.experiments.replay import verify_decisions
from theodolite.experiments.setting import Setting
from theodolite.measurements import load_measurement
from theodolite.plans import Plan
from theodolite.reports import slot_life
from theodolite.store import EntryKind, Ledger, hypothesis_rows, refusal_rows, verify
from theodolite.tools import ToolError

ANY = {"kind": "any"}


@pytest.fixture
def finished(open_campaign: Callable[..., Any], make_hypothesis: Any, strongest: Any, go_round: Any) -> CampaignRun:
    """A round with a planted program anywhere, the same at one place, and a decoy anywhere."""
    run = open_campaign()
    tail = strongest(run, "program_1").direction
    go_round(
        run,
        1,
        [
            make_hypothesis(run, "program_1", locus=ANY, direction=tail, parents=()),
            make_hypothesis(run, "decoy_1", locus=ANY),
            strongest(run, "program_1"),
        ],
    )
    return run
