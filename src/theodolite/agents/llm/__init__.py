"""Language models on any server of the chat-completions protocol: calls as rows, typed answers, limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from theodolite.lazy import lazy_names

if TYPE_CHECKING:
    from theodolite.agents.llm.answers import Action, ActionDef, Invalid, parse_action
    from theodolite.agents.llm.breaker import CircuitBreaker
    from theodolite.agents.llm.calls import Answer, Caller, call_name
    from theodolite.agents.llm.conversation import LADDER, REPAIRS, Conversation, NoAnswer, Sampling
    from theodolite.agents.llm.replies import Completion, Reply, ToolCall, read_completion, strict_json
    from theodolite.agents.llm.settings import CALLS_VARIABLE, ModelPrice, ModelSettings, SettingsError, calls_allowed
    from theodolite.agents.llm.usage import cost_of, estimated_tokens, model_family
    from theodolite.agents.llm.wire import CallsForbidden, OpenAIWire, Wire, scrubbed

__all__ = [
    "CALLS_VARIABLE",
    "LADDER",
    "REPAIRS",
    "Action",
    "ActionDef",
    "Answer",
    "Caller",
    "CallsForbidden",
    "CircuitBreaker",
    "Completion",
    "Conversation",
    "Invalid",
    "ModelPrice",
    "ModelSettings",
    "NoAnswer",
    "OpenAIWire",
    "Reply",
    "Sampling",
    "SettingsError",
    "ToolCall",
    "Wire",
    "call_name",
    "calls_allowed",
    "cost_of",
    "estimated_tokens",
    "model_family",
    "parse_action",
    "read_completion",
    "scrubbed",
    "strict_json",
]

__getattr__ = lazy_names(
    __name__,
    {
        "answers": (
            "Action",
            "ActionDef",
            "Invalid",
            "parse_action",
        ),
        "breaker": ("CircuitBreaker",),
        "calls": (
            "Answer",
            "Caller",
            "call_name",
        ),
        "conversation": (
            "LADDER",
            "REPAIRS",
            "Conversation",
            "NoAnswer",
            "Sampling",
        ),
        "replies": (
            "Completion",
            "Reply",
            "ToolCall",
            "read_completion",
            "strict_json",
        ),
        "settings": (
            "CALLS_VARIABLE",
            "ModelPrice",
            "ModelSettings",
            "SettingsError",
            "calls_allowed",
        ),
        "usage": (
            "cost_of",
            "estimated_tokens",
            "model_family",
        ),
        "wire": (
            "CallsForbidden",
            "OpenAIWire",
            "Wire",
            "scrubbed",
        ),
    },
)
