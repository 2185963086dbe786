"""Agents: they propose and object; they compute no number that decides anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from theodolite.lazy import lazy_names

if TYPE_CHECKING:
    from theodolite.agents.budgets import BudgetSpent, Meter
    from theodolite.agents.executor import ModelExecutor
    from theodolite.agents.halting import CampaignPaused, Halt, halt_on_signals
    from theodolite.agents.llm import CallsForbidden, ModelSettings, SettingsError
    from theodolite.agents.loop import NODES, Conversing, Executor, Reviewer, Surveying, run_campaign
    from theodolite.agents.model_reviewer import ModelReviewer
    from theodolite.agents.planner import Planner
    from theodolite.agents.replaying import Replayed, ReplayError, replay_campaign
    from theodolite.agents.reviewer import LintReviewer
    from theodolite.agents.team import Team, assemble, outside_reviewer, refuse_unusable, same_family

__all__ = [
    "NODES",
    "BudgetSpent",
    "CallsForbidden",
    "CampaignPaused",
    "Conversing",
    "Executor",
    "Halt",
    "LintReviewer",
    "Meter",
    "ModelExecutor",
    "ModelReviewer",
    "ModelSettings",
    "Planner",
    "ReplayError",
    "Replayed",
    "Reviewer",
    "SettingsError",
    "Surveying",
    "Team",
    "assemble",
    "halt_on_signals",
    "outside_reviewer",
    "refuse_unusable",
    "replay_campaign",
    "run_campaign",
    "same_family",
]

__getattr__ = lazy_names(
    __name__,
    {
        "budgets": (
            "BudgetSpent",
            "Meter",
        ),
        "executor": ("ModelExecutor",),
        "halting": (
            "CampaignPaused",
            "Halt",
            "halt_on_signals",
        ),
        "llm": (
            "CallsForbidden",
            "ModelSettings",
            "SettingsError",
        ),
        "loop": (
            "NODES",
            "Conversing",
            "Executor",
            "Reviewer",
            "Surveying",
            "run_campaign",
        ),
        "model_reviewer": ("ModelReviewer",),
        "planner": ("Planner",),
        "replaying": (
            "Replayed",
            "ReplayError",
            "replay_campaign",
        ),
        "reviewer": ("LintReviewer",),
        "team": (
            "Team",
            "assemble",
            "outside_reviewer",
            "refuse_unusable",
            "same_family",
        ),
    },
)
