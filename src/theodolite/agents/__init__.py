"""Agents: they propose and object; they compute no number that decides anything."""

from __future__ import annotations

from theodolite.agents.loop import NODES, Executor, Reviewer, run_campaign
from theodolite.agents.planner import Planner
from theodolite.agents.reviewer import LintReviewer

__all__ = ["NODES", "Executor", "LintReviewer", "Planner", "Reviewer", "run_campaign"]
