"""Which kind of campaign a setting is run as."""

from __future__ import annotations

from collections.abc import Callable

from theodolite.experiments.checking import Check
from theodolite.experiments.journal import Event
from theodolite.experiments.rounds import CampaignRun
from theodolite.experiments.runner import Runner
from theodolite.experiments.setting import Setting
from theodolite.store import Ledger

__all__ = ["campaign_run"]


def campaign_run(
    setting: Setting,
    ledger: Ledger,
    runner: Runner,
    notify: Callable[[Event], None] | None = None,
    *,
    check: Check | None = None,
) -> CampaignRun:
    """Return the campaign of a setting on its ledger: about genes, or about manifolds of cells."""
    kind = CampaignRun
    if setting.spec.manifold is not None:
        from theodolite.experiments.manifolds.run import ManifoldRun

        kind = ManifoldRun
    return kind(setting, ledger, runner, notify, check=check)
