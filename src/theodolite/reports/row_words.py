"""What rows of the chain, states of slots and jobs, and requests to stop are called in words."""

from __future__ import annotations

__all__ = ["ROW_WORDS", "STATE_WORDS", "STOP_WORDS"]

ROW_WORDS = {
    "campaign": "campaign opened",
    "stream": "error stream locked",
    "split": "split locked",
    "fit": "fitted",
    "look": "look at discovery genes",
    "description": "described on discovery genes",
    "hypothesis": "proposed",
    "refusal": "refused",
    "registration": "plan locked",
    "plan_review": "plan reviewed",
    "result": "measured",
    "failure": "failed",
    "judgement": "judged",
    "record_review": "record reviewed",
    "verdict": "verdict",
    "rejudgement": "judged again",
    "review_trial": "sealed trial of the reviewer",
    "model_call": "call of a model",
    "malformed": "answer of no use",
    "repeat": "repeated action",
    "wish": "something is missed",
    "budget": "mark of a budget passed",
    "control": "control of the reviewer",
    "approval": "word of a person",
    "figure": "figure drawn",
    "tool_check": "tool checked",
    "invalidation": "a node invalidated",
    "invalidated": "verdict turned invalid",
    "round": "round closed",
    "stop": "campaign stopped",
}
"""Kinds of rows in words; a kind that is not here is shown under its own name."""

STATE_WORDS = {"ran": "measured", "registered": "locked", "verdict": "settled", "timeout": "timed out"}
"""States of slots and jobs that another word says better."""

STOP_WORDS = {"round": "after its round", "step": "after the step under way", "now": "at once"}
