"""Tokens, money, and who made a model."""

from __future__ import annotations

import pytest

from theodolite.agents.llm import ModelPrice, cost_of, estimated_tokens, model_family
from theodolite.agents.llm.usage import request_tokens


def test_an_estimate_grows_with_the_text_and_is_rather_too_large() -> None:
    assert estimated_tokens("") == 0
    # 19 words of English are some 25 tokens for today's vocabularies.
    text = "A claim that is not supported is as welcome as one that is: what counts is the worth of testing."
    assert 20 <= estimated_tokens(text) <= 40
    assert estimated_tokens("表現") > estimated_tokens("ab")


def test_a_request_counts_messages_and_schemas() -> None:
    bare = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    assert request_tokens({**bare, "tools": [{"type": "function"}]}) > request_tokens(bare) > 0


def test_money_is_per_million_tokens() -> None:
    assert cost_of(2_000_000, 500_000, ModelPrice(input=1.5, output=6.0)) == 6.0
    assert cost_of(1_000, 1_000, None) == 0.0


@pytest.mark.parametrize(
    ("model", "maker"),
    [
        ("gpt-5.1", "OpenAI"),
        ("o4-mini", "OpenAI"),
        ("openai/gpt-oss-120b", "OpenAI"),
        ("claude-opus-5", "Anthropic"),
        ("meta-llama/Llama-3.3-70B-Instruct", "Meta"),
        ("llama3.2:3b", "Meta"),
        ("Qwen/Qwen3-32B", "Qwen"),
        ("mixtral:8x7b", "Mistral"),
        ("Gemma-3-27b-it", "Google"),
        ("house-model-7", "house"),
    ],
)
def test_the_maker_is_known_by_the_name(model: str, maker: str) -> None:
    assert model_family(model) == maker
