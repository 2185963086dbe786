"""Running the demo's campaign with something about it changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from theodolite.agents import LintReviewer, Planner, run_campaign
from theodolite.claims import Verdict
from theodolite.data import Reference
from theodolite.experiments import CampaignRun, CampaignSpec, LocalRunner, Workspace, prepare
from theodolite.store import HypothesisRow, Ledger, hypothesis_rows

DEMO = CampaignSpec(name="pbmc-demo")
"""The campaign that `theodolite demo` runs."""


@dataclass(frozen=True)
class Outcome:
    """What a campaign came to."""

    rows: list[HypothesisRow]

    @property
    def registered(self) -> list[HypothesisRow]:
        """Rows whose plan was locked."""
        return [row for row in self.rows if row.verdict is not None]

    @property
    def supported(self) -> list[HypothesisRow]:
        """Rows that ended supported."""
        return [row for row in self.registered if row.verdict is Verdict.SUPPORTED]

    @property
    def judged(self) -> int:
        """Rows with a verdict that says something: neither error nor invalid."""
        return sum(row.verdict not in (Verdict.ERROR, Verdict.INVALID) for row in self.registered)


def run_changed(
    folder: Path, cache: Path, spec: CampaignSpec, references: Iterable[Reference] | None = None
) -> Outcome:
    """Run a campaign in a folder; captures and results are shared through ``cache``."""
    workspace = Workspace.at(folder, cache=cache)
    setting = prepare(spec, workspace, references=references)
    with (
        Ledger.open(workspace.ledger, create=True) as ledger,
        LocalRunner.for_campaign(setting, ledger.ops) as runner,
    ):
        run_campaign(CampaignRun(setting, ledger, runner), Planner(), LintReviewer())
        return Outcome(hypothesis_rows(ledger))
