"""Tokens and money: as the server says, or estimated and flagged; prices from the settings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from theodolite.agents.llm.settings import ModelPrice
from theodolite.canonical import canonical_json

__all__ = ["cost_of", "estimated_tokens", "model_family", "request_tokens"]

_BYTES_A_TOKEN = 3.5
"""Byte-pair vocabularies take some four bytes of English a token; gene symbols and JSON take fewer."""

_FAMILIES = {
    "OpenAI": ("gpt", "chatgpt", "o1", "o3", "o4", "o5", "davinci", "codex"),
    "Anthropic": ("claude",),
    "Google": ("gemini", "gemma", "palm"),
    "Meta": ("llama", "meta-llama", "codellama"),
    "Mistral": ("mistral", "mixtral", "ministral", "magistral", "devstral", "codestral"),
    "Qwen": ("qwen", "qwq"),
    "DeepSeek": ("deepseek",),
    "Microsoft": ("phi",),
    "xAI": ("grok",),
}


def estimated_tokens(text: str) -> int:
    """Return about how many tokens a text has, rather too many than too few."""
    return math.ceil(len(text.encode("utf-8", errors="replace")) / _BYTES_A_TOKEN)


def request_tokens(body: Mapping[str, Any]) -> int:
    """Return about how many tokens a request has: its messages, and the schemas that go with them."""
    return estimated_tokens(
        canonical_json({key: body[key] for key in ("messages", "tools", "response_format") if key in body})
    )


def cost_of(tokens_in: int, tokens_out: int, price: ModelPrice | None) -> float:
    """Return US dollars, rounded to a hundred-millionth; 0 without a price."""
    return 0.0 if price is None else round((tokens_in * price.input + tokens_out * price.output) / 1e6, 8)


def model_family(model: str) -> str:
    """Return who made a model, by its name; the letters that it begins with where nobody is known."""
    name = model.rpartition("/")[2].lower()
    for maker, prefixes in _FAMILIES.items():
        if name.startswith(prefixes):
            return maker
    letters = "".join(char if char.isalpha() else " " for char in name).split()
    return letters[0] if letters else name
