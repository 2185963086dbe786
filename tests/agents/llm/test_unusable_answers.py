"""Every way in which an answer can be of no use: two repair turns, then a row; and what is kept of any answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chat_server import Answer, act, call, choice, failure, said
from talks import CHOOSE, GOOD, Choice, Talk, always

from theodolite.agents.halting import CampaignPaused
from theodolite.agents.llm import NoAnswer
from theodolite.store import EntryKind

# --- the answer itself: two repair turns, then a row -------------------------------------------------------------

ACTION = json.dumps({"action": "choose", "arguments": GOOD})
FUNCTION = {"name": "choose", "arguments": json.dumps(GOOD)}
HALF = {"name": "choose", "arguments": '{"number": 7'}

TRIED = ["ok"] * 3
ENDS: dict[str, tuple[Answer, list[str], str]] = {
    "a refusal": (choice({"content": None, "refusal": "I cannot help with that."}), ["refused"], "refused"),
    "a filter": (choice({"content": ""}, "content_filter"), ["refused"], "refused"),
    "cut off": (choice({"content": '{"action": "choo'}, "length"), ["cut_off"] * 3, "cut_off"),
    "a call cut off": (choice({"tool_calls": [{"function": HALF}]}, "length"), ["cut_off"] * 3, "cut_off"),
    "nothing": (said(""), TRIED, "invalid"),
    "null": (said(None), TRIED, "invalid"),
    "prose": (said("I choose seven."), TRIED, "invalid"),
    "an unknown function": (call("record_verdict", {"verdict": "supported"}), TRIED, "invalid"),
    "arguments cut short": (call("choose", '{"number": 7, "why": "a'), TRIED, "invalid"),
    "arguments that are no object": (call("choose", "[7]"), TRIED, "invalid"),
    "a number as text": (call("choose", {**GOOD, "number": "7"}), TRIED, "invalid"),
    "a number with junk": (call("choose", {**GOOD, "number": "0.9junk"}), TRIED, "invalid"),
    "a flag for a number": (call("choose", {**GOOD, "number": True}), TRIED, "invalid"),
    "an extra key": (call("choose", {**GOOD, "verdict": "supported"}), TRIED, "invalid"),
    "a key twice": (call("choose", '{"number": 7, "number": 8, "why": "x"}'), TRIED, "invalid"),
    "infinity": (call("choose", '{"number": 1e999, "why": "x"}'), TRIED, "invalid"),
    "half a character": (call("choose", '{"number": 7, "why": "\\ud800"}'), TRIED, "invalid"),
    "10,000 digits": (call("choose", f'{{"number": {"9" * 10_000}, "why": "x"}}'), TRIED, "invalid"),
    "4,000 digits": (call("choose", f'{{"number": {"9" * 4_000}, "why": "x"}}'), TRIED, "invalid"),
    "nested": (call("choose", f'{{"number": {"[" * 5_000}{"]" * 5_000}, "why": "x"}}'), TRIED, "invalid"),
    "two functions": (choice({"tool_calls": [{"function": FUNCTION}] * 2}), TRIED, "invalid"),
    "two objects": (said(f'```\n{ACTION}\n```\n```json\n{{"a": 1}}\n```'), TRIED, "invalid"),
    "tool calls that are none": (choice({"tool_calls": [None, 3, {"function": 4}]}), TRIED, "invalid"),
    "content that is no text": (choice({"content": {"number": 7}}), TRIED, "invalid"),
    "a fence full of line breaks": (said("```" + "\n" * 100_000), TRIED, "invalid"),
    "braces without end": (said("{" * 100_000), TRIED, "invalid"),
}
"""By name: the answer that is given every time, how its calls end, and the code of the row."""


@pytest.mark.parametrize("name", ENDS)
def test_an_answer_that_cannot_be_used_is_repaired_twice_and_then_a_row(talk: Callable[..., Talk], name: str) -> None:
    answer, ends, code = ENDS[name]
    exchange = talk(*[always(answer)] * 9)
    with pytest.raises(NoAnswer) as none:
        exchange.act()
    assert none.value.code == code
    assert exchange.ends == ends
    (row,) = exchange.malformed
    assert row["code"] == code
    assert len(row["problems"]) == len(ends)
    assert row["calls"] == [item.id for item in exchange.rows]


@pytest.mark.parametrize("name", [name for name, (_, ends, _) in ENDS.items() if len(ends) == 3])
def test_a_repaired_answer_is_as_good_as_any_and_leaves_no_malformed_row(talk: Callable[..., Talk], name: str) -> None:
    answer, ends, _ = ENDS[name]
    exchange = talk(always(answer), always(answer))
    assert exchange.act().arguments == Choice(**GOOD)
    assert exchange.ends == [*ends[:2], "ok"]
    assert exchange.malformed == []
    # The validator is quoted, inside a fence.
    said_last = exchange.server.asked[-1].messages[-1]
    assert said_last["role"] == "user"
    assert len(exchange.server.asked[-1].told("validator")) == 2


ACCEPTED = {
    "fenced": said(f"Well.\n```json\n{ACTION}\n```\nThere."),
    "in prose": said(f"I would say {ACTION}, because."),
    "the same twice": said(f"```\n{ACTION}\n```\n```\n{ACTION}\n```"),
    "in parts": choice({"content": [{"type": "text", "text": ACTION}]}),
    "arguments as an object": choice({"tool_calls": [{"function": {"name": "choose", "arguments": GOOD}}]}, "stop"),
    "unknown fields beside it": choice({"content": ACTION, "mood": 3, "reasoning_content": "so"}),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_servers_differ_and_one_clear_action_is_taken(talk: Callable[..., Talk], name: str) -> None:
    exchange = talk(always(ACCEPTED[name]))
    assert exchange.act().arguments == Choice(**GOOD)
    assert exchange.ends == ["ok"]


# --- usage -------------------------------------------------------------------------------------------------------

USAGES: dict[str, Any] = {
    "missing": None,
    "of another kind": {"input_tokens": 4, "output_tokens": 5},
    "negative": {"prompt_tokens": -900, "completion_tokens": 100},
    "boolean": {"prompt_tokens": True, "completion_tokens": True},
    "text": {"prompt_tokens": "900", "completion_tokens": "100"},
    "fractional": {"prompt_tokens": 1.5, "completion_tokens": 1.5},
    "half": {"prompt_tokens": 900},
    "a list": [900, 100],
    "more than a ledger can hold": {"prompt_tokens": 10**30, "completion_tokens": 1},
    "too much to add up": {"prompt_tokens": 2**62, "completion_tokens": 2**62},
}


@pytest.mark.parametrize("name", USAGES)
def test_usage_that_cannot_be_read_is_estimated_and_flagged(talk: Callable[..., Talk], name: str) -> None:
    exchange = talk(lambda asked: act(asked, "choose", GOOD, usage=USAGES[name]))
    exchange.act()
    (row,) = exchange.rows
    assert row.estimated
    length = len(json.dumps(exchange.server.asked[0].body))
    assert length / 6 < row.tokens_in < length
    assert 10 < row.tokens_out < 400


# --- what is kept ------------------------------------------------------------------------------------------------


def test_a_key_is_neither_in_the_ledger_nor_in_the_artefacts(
    talk: Callable[..., Talk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "sk-test-0123456789abcdef0123456789"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    exchange = talk(
        always(failure(401, f"wrong key {key}")),
        always(failure(500, f"{key} is too busy")),
        always(said(f"your key is {key}")),
    )
    with exchange.server:
        with pytest.raises(CampaignPaused) as paused:
            exchange.conversation().act([CHOOSE])
        exchange.conversation().act([CHOOSE])
    assert key not in str(paused.value)
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert kept
    assert not any(key.encode() in content for content in kept)


@pytest.mark.parametrize("key", ["none", "EMPTY", "7", "choose", '"'])
def test_a_word_in_place_of_a_key_is_no_secret(
    talk: Callable[..., Talk], monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    # Local servers want any word; what they answer must not be changed where that word occurs in it.
    monkeypatch.setenv("OPENAI_API_KEY", key)
    exchange = talk(lambda asked: act(asked, "choose", {"number": 7, "why": f"none EMPTY {key}"}))
    assert exchange.act().arguments.why == f"none EMPTY {key}"


def test_what_a_server_says_of_an_error_is_one_plain_line(talk: Callable[..., Talk]) -> None:
    exchange = talk(always(failure(500, "\x1b[31mred\x1b[0m\n# Heading\u202e\x00")))
    exchange.act()
    detail = next(iter(exchange.ledger.entries(kind=EntryKind.MODEL_CALL))).payload["detail"]
    assert detail.isprintable()
