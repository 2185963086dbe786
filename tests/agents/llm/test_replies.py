"""What servers send, read with suspicion."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.agents.llm import read_completion, strict_json
from theodolite.agents.llm.replies import NotJson
from theodolite.store import CallStatus


def body(message: dict[str, Any], finish: str = "stop", **more: Any) -> str:
    return json.dumps({"choices": [{"finish_reason": finish, "message": message}], **more})


def test_text_and_usage_are_read() -> None:
    found = read_completion(body({"content": "hello"}, usage={"prompt_tokens": 7, "completion_tokens": 2}))
    assert (found.status, found.text, found.usage) == (CallStatus.OK, "hello", (7, 2))


def test_function_calls_are_read_and_arguments_stay_text() -> None:
    calls = [{"id": "a", "type": "function", "function": {"name": "look", "arguments": '{"layer": 1}'}}]
    found = read_completion(body({"content": None, "tool_calls": calls}, "tool_calls"))
    assert [(call.name, call.arguments) for call in found.calls] == [("look", '{"layer": 1}')]
    # Some local servers send an object where the protocol has a string.
    calls[0]["function"]["arguments"] = {"layer": 1}  # type: ignore[index]
    assert read_completion(body({"tool_calls": calls})).calls[0].arguments == '{"layer": 1}'


def test_content_in_parts_is_joined() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]
    assert read_completion(body({"content": parts})).text == "ab"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (body({"content": "", "refusal": "I will not"}), CallStatus.REFUSED),
        (body({"content": "x"}, "content_filter"), CallStatus.REFUSED),
        (body({"content": "half an ans"}, "length"), CallStatus.CUT_OFF),
        ("", CallStatus.BAD_BODY),
        ("<html>gateway</html>", CallStatus.BAD_BODY),
        ('{"choices": [{"message": {"content": "cut', CallStatus.BAD_BODY),
        ('{"choices": []}', CallStatus.BAD_BODY),
        ('{"choices": [{"message": "text"}]}', CallStatus.BAD_BODY),
        ("[1, 2]", CallStatus.BAD_BODY),
        ("null", CallStatus.BAD_BODY),
        ('{"error": {"message": "overloaded"}}', CallStatus.BAD_BODY),
        ("[" * 100_000, CallStatus.BAD_BODY),
    ],
)
def test_everything_else_has_a_status_of_its_own(text: str, status: CallStatus) -> None:
    found = read_completion(text)
    assert found.status is status
    assert status is CallStatus.OK or found.detail


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        {"prompt_tokens": 5},
        {"prompt_tokens": "5", "completion_tokens": 1},
        {"prompt_tokens": -5, "completion_tokens": 1},
        {"prompt_tokens": True, "completion_tokens": 1},
        {"prompt_tokens": 1.5, "completion_tokens": 1},
        "many",
    ],
)
def test_usage_that_is_no_count_is_no_usage(usage: Any) -> None:
    assert read_completion(body({"content": "x"}, usage=usage)).usage is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": NaN}', "NaN"),
        ('{"a": 1, "a": 2}', "twice"),
        ('{"a": "\\ud800"}', "surrogate"),
        ("0.9junk", "not JSON"),
        ("1" * 10_000, "not JSON"),
        ('{"a": 1} {"b": 2}', "not JSON"),
    ],
)
def test_strict_json_refuses_what_lenient_parsers_take(text: str, said: str) -> None:
    with pytest.raises(NotJson, match=said):
        strict_json(text)


@given(st.text(max_size=200))
def test_no_body_raises(text: str) -> None:
    assert read_completion(text).status in CallStatus
