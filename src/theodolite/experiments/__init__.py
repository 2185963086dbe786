"""Experiments: from a campaign file to judged rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from theodolite.lazy import lazy_names

if TYPE_CHECKING:
    from theodolite.experiments.campaign import CampaignError, CampaignSpec, load_campaign
    from theodolite.experiments.checking import Check, put_check, recorded_check, unfit
    from theodolite.experiments.jobs import JobOutcome, JobSpec, Materials
    from theodolite.experiments.journal import Event, StepError
    from theodolite.experiments.looking import Look
    from theodolite.experiments.preparing import prepare
    from theodolite.experiments.registration import Power, Refusal, Registrar
    from theodolite.experiments.rounds import CampaignRun
    from theodolite.experiments.runner import LocalRunner, Runner
    from theodolite.experiments.setting import Setting
    from theodolite.experiments.starting import campaign_run
    from theodolite.experiments.template import TEMPLATE
    from theodolite.experiments.workspace import Workspace

__all__ = [
    "TEMPLATE",
    "CampaignError",
    "CampaignRun",
    "CampaignSpec",
    "Check",
    "Event",
    "JobOutcome",
    "JobSpec",
    "LocalRunner",
    "Look",
    "Materials",
    "Power",
    "Refusal",
    "Registrar",
    "Runner",
    "Setting",
    "StepError",
    "Workspace",
    "campaign_run",
    "load_campaign",
    "prepare",
    "put_check",
    "recorded_check",
    "unfit",
]

__getattr__ = lazy_names(
    __name__,
    {
        "campaign": (
            "CampaignError",
            "CampaignSpec",
            "load_campaign",
        ),
        "checking": (
            "Check",
            "put_check",
            "recorded_check",
            "unfit",
        ),
        "jobs": (
            "JobOutcome",
            "JobSpec",
            "Materials",
        ),
        "journal": (
            "Event",
            "StepError",
        ),
        "looking": ("Look",),
        "preparing": ("prepare",),
        "registration": (
            "Power",
            "Refusal",
            "Registrar",
        ),
        "rounds": ("CampaignRun",),
        "runner": (
            "LocalRunner",
            "Runner",
        ),
        "setting": ("Setting",),
        "starting": ("campaign_run",),
        "template": ("TEMPLATE",),
        "workspace": ("Workspace",),
    },
)
