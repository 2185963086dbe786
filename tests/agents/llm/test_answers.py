"""From what a model wrote to a typed action, or to words that say what is wrong."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from theodolite.agents.llm import ActionDef, Completion, Invalid, ToolCall, parse_action
from theodolite.agents.llm.answers import action_schema, function_schemas
from theodolite.store import CallStatus


class Look(BaseModel):
    model_config = ConfigDict(extra="forbid")
    layer: int | None = Field(ge=0, le=3, description="layer")
    side: Literal["left", "right"] = "left"


class Score(BaseModel):
    model_config = ConfigDict(extra="forbid")
    confidence: float = Field(gt=0, lt=1)


def _not_three(look: Look) -> None:
    if look.layer == 3:
        raise ValueError("layer 3 is closed")


ACTIONS = (ActionDef("look", "Look somewhere.", Look, _not_three), ActionDef("score", "Score it.", Score))


def said(text: str) -> Completion:
    return Completion(CallStatus.OK, text)


def called(name: str, arguments: str) -> Completion:
    return Completion(CallStatus.OK, calls=(ToolCall("1", name, arguments),))


def answer(action: str, **arguments: Any) -> str:
    return json.dumps({"action": action, "arguments": arguments})


@pytest.mark.parametrize(
    "completion",
    [
        called("look", '{"layer": 2}'),
        said(answer("look", layer=2)),
        said(f"Sure, here it is:\n```json\n{answer('look', layer=2)}\n```\nGood luck!"),
        said(f"I think {answer('look', layer=2)} is best."),
        said(f"```\n{answer('look', layer=2)}\n```\n```json\n{answer('look', layer=2)}\n```"),
    ],
    ids=["function", "object", "fenced", "embedded", "said twice alike"],
)
def test_one_action_is_found_however_it_is_wrapped(completion: Completion) -> None:
    found = parse_action(completion, ACTIONS)
    assert (found.name, found.arguments) == ("look", Look(layer=2))
    assert found.plain == {"layer": 2}


@pytest.mark.parametrize(
    ("completion", "words"),
    [
        (said(""), "empty"),
        (said("I would look at layer two."), "no JSON object"),
        (said('{"action": "look", "arguments": {"layer": 2'), "not JSON"),
        (said(answer("record_verdict", verdict="supported")), "there is no action 'record_verdict'"),
        (said('{"verdict": "supported"}'), "must have exactly 'action' and 'arguments'"),
        (said('{"action": "look", "arguments": {"layer": 1}, "p": 0}'), "must have exactly"),
        (said('{"action": 1, "arguments": {}}'), "'action' must be a string"),
        (said('{"action": "look", "arguments": [2]}'), "'arguments' an object"),
        (said(answer("look", layer="2")), "layer"),
        (said(answer("look", layer=2.0)), "layer"),
        (said(answer("look", layer=True)), "layer"),
        (said(answer("look", layer=9)), "less than or equal to 3"),
        (said(answer("look", layer=1, threshold=0.9)), "threshold"),
        (said(answer("look", layer=3)), "layer 3 is closed"),
        (said(answer("score", confidence="0.9junk")), "confidence"),
        (said(answer("score", confidence=1.7)), "less than 1"),
        (said('{"action": "score", "arguments": {"confidence": NaN}}'), "NaN"),
        (said(f"{answer('look', layer=1)}\n```json\n{answer('look', layer=2)}\n```"), "not JSON|2 different"),
        (said(f"```json\n{answer('look', layer=1)}\n```\n```json\n{answer('look', layer=2)}\n```"), "2 different"),
        (called("look", "layer 2"), "not JSON"),
        (called("look", "[2]"), "must be a JSON object"),
        (called("drop_tables", "{}"), "there is no action"),
        (
            Completion(CallStatus.OK, calls=(ToolCall("1", "look", "{}"), ToolCall("2", "look", "{}"))),
            "call exactly one",
        ),
    ],
)
def test_what_is_no_action_is_told_why(completion: Completion, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        parse_action(completion, ACTIONS)


def test_schemas_are_closed_and_ask_for_every_field() -> None:
    function = function_schemas(ACTIONS)[0]["function"]
    assert function["name"] == "look"
    assert function["parameters"]["required"] == ["layer", "side"]
    assert function["parameters"]["additionalProperties"] is False
    schema = action_schema(ACTIONS)
    assert [option["properties"]["action"]["enum"] for option in schema["anyOf"]] == [["look"], ["score"]]
    assert "anyOf" not in action_schema(ACTIONS[:1])
    assert "$ref" not in json.dumps(schema)
