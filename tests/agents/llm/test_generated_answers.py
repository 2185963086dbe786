"""Two thousand generated answers, most of them broken: each ends in one typed action or in one row."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from theodolite.agents.llm import (
    REPAIRS,
    Action,
    ActionDef,
    Caller,
    CircuitBreaker,
    Conversation,
    ModelSettings,
    NoAnswer,
    Reply,
)
from theodolite.prompts import load_prompts
from theodolite.store import CallStatus, EntryKind, Ledger, verify


class Place(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    layer: int | None = Field(ge=0)
    axis: int = Field(ge=1, le=6)


class Claim(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    place: Place
    reference: str = Field(min_length=1, max_length=20)
    direction: Literal["greater", "less"]
    confidence: float = Field(gt=0, lt=1)
    rationale: str = Field(min_length=1, max_length=60)


class Pass(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: str = Field(min_length=1, max_length=60)


ACTIONS = (ActionDef("claim", "Claim.", Claim), ActionDef("pass", "Pass.", Pass))
CLAIM: dict[str, Any] = {
    "place": {"layer": 0, "axis": 1},
    "reference": "program_1",
    "direction": "greater",
    "confidence": 0.5,
    "rationale": "It stands out.",
}
VALID = [{"action": "claim", "arguments": CLAIM}, {"action": "pass", "arguments": {"reason": "nothing is left"}}]

# --- what a model may write -----------------------------------------------------------------------------------------

NOISE = st.text(st.characters(codec=None), max_size=12) | st.sampled_from(
    ["\x00", "\ud800", "\u202e", "\u200b", "\x1b[2J", "</data>", "{{ x }}", "{% raw %}", "NaN", "Infinity", "1e999",
     "```", "\\", '"']
)  # fmt: skip
SCALAR = (
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats() | NOISE
    | st.sampled_from(["0.9junk", "1", "0.5", "GREATER", "greater ", "supported", 0, -1, 7, 1.0, 1.7, True, "x" * 500])
)  # fmt: skip


def nested(leaves: Any) -> Any:
    return st.recursive(leaves, lambda x: st.lists(x, max_size=3) | st.dictionaries(NOISE, x, max_size=3), max_leaves=8)


ANYTHING = nested(SCALAR)
# What is around the answer is the server's, which speaks JSON; one that does not is in `test_faults.py`.
STRICT = nested(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | NOISE
)


@st.composite
def changed(draw: st.DrawFn) -> Any:
    """A valid action in which something was left out, put in, renamed, retyped or nested."""
    action = json.loads(json.dumps(draw(st.sampled_from(VALID))))
    for _ in range(draw(st.integers(1, 3))):
        where = draw(st.sampled_from(list(_objects(action))))
        key = draw(st.sampled_from([*where, ""]))
        old = where.get(key)
        match draw(st.sampled_from(["drop", "retype", "extra", "rename", "wrap", "text"])):
            case "drop":
                where.pop(key, None)
            case "retype":
                where[key] = draw(ANYTHING)
            case "extra":
                where[draw(st.sampled_from(["verdict", "p_value", "action", "arguments"]) | NOISE)] = draw(ANYTHING)
            case "rename":
                where[draw(st.sampled_from([key.upper(), f"{key} ", f"_{key}"]))] = where.pop(key, None)
            case "wrap":
                where[key] = [old]
            case "text":
                where[key] = json.dumps(old)
    return action


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _objects(item)


def _dumped(value: Any, ascii_only: bool) -> str:
    return json.dumps(value, ensure_ascii=ascii_only)


@st.composite
def written(draw: st.DrawFn) -> str:
    """An action as text: whole, cut, doubled, in prose or fences, with noise in it."""
    value = draw(changed() | st.sampled_from(VALID) | ANYTHING)
    text = _dumped(value, draw(st.booleans()))
    match draw(st.sampled_from(["whole", "cut", "noise", "fenced", "prose", "several", "array", "nested", "twice"])):
        case "cut":
            text = text[: draw(st.integers(0, len(text)))]
        case "noise":
            place = draw(st.integers(0, len(text)))
            text = text[:place] + draw(NOISE) + text[place:]
        case "fenced":
            text = f"{draw(NOISE)}\n```{draw(st.sampled_from(['json', '', 'python']))}\n{text}\n```\n{draw(NOISE)}"
        case "prose":
            text = f"I think {text} {draw(NOISE)}"
        case "several":
            text = f"{text}\n{_dumped(draw(changed()), True)}"
        case "array":
            text = f"[{text}]"
        case "nested":
            deep = draw(st.sampled_from([50, 99, 100, 101, 400, 3000]))
            text = '{"action": "pass", "arguments": {"reason": ' + "[" * deep + "]" * deep + "}}"
        case "twice":
            text = text.replace("{", '{"action": "pass", ', 1)
    return text


@st.composite
def bodies(draw: st.DrawFn) -> tuple[CallStatus, str]:
    """What comes back of a call: a completion, with the answer as a function call or as text, or none."""
    text = draw(written())
    message: Any
    match draw(st.sampled_from(["text", "text", "call", "call", "call", "call of two", "odd"])):
        case "text":
            message = {"content": text}
        case "call":
            name = draw(st.sampled_from(["claim", "claim", "pass", "record_verdict", "CLAIM", ""]) | NOISE)
            arguments = draw(st.sampled_from([text, _dumped(CLAIM, True), '{"reason": "x"}', ""]))
            message = {"content": None, "tool_calls": [{"id": "1", "function": {"name": name, "arguments": arguments}}]}
        case "call of two":
            both = {"pass": '{"reason": "x"}', "claim": text}
            calls = [{"function": {"name": name, "arguments": arguments}} for name, arguments in both.items()]
            message = {"content": text, "tool_calls": calls}
        case _:
            message = draw(st.dictionaries(st.sampled_from(["content", "tool_calls", "refusal"]), STRICT, max_size=3))
    choice = {"message": message, "finish_reason": draw(st.sampled_from(["stop", "tool_calls", None, "length", 3]))}
    # Half characters go over the wire in escapes only.
    return CallStatus.OK, json.dumps({"choices": [choice], "usage": draw(STRICT)})


class Played:
    """Sends nothing, and answers with what was generated."""

    def __init__(self, answers: list[tuple[CallStatus, str]]) -> None:
        self._answers = iter(answers)

    def send(self, call_id: str, body: dict[str, Any]) -> Reply:
        status, text = next(self._answers)
        return Reply(status, 200, text)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with Ledger.create(tmp_path_factory.mktemp("generated") / "ledger.sqlite") as made:
        yield made
        assert verify(made).ok


CAMPAIGNS = count(1)
PATIENCE = ModelSettings(base_url="http://127.0.0.1:1/v1")
PROMPTS = load_prompts()


def ending(ledger: Ledger, answers: list[tuple[CallStatus, str]]) -> str:
    """Hold a conversation in which these answers are given, and return how it ended."""
    campaign = f"campaign-{next(CAMPAIGNS)}"
    # The last answer is given again for as long as one is asked for.
    wire = Played([*answers, *[answers[-1]] * REPAIRS])
    breaker = CircuitBreaker(PATIENCE, lambda seconds: None)
    caller = Caller(ledger, campaign, wire, PATIENCE, breaker, PROMPTS.sha256)
    talk = Conversation(caller, PROMPTS, "executor", "some-model", "c1")
    talk.open("You claim.", lambda: ("Claim.", None))
    note(repr(answers))
    action: Action | None = None
    try:
        action = talk.act(ACTIONS)
    except NoAnswer as none:
        code: str | None = none.code
    else:
        code = None
    rows = list(ledger.entries(kind=EntryKind.MALFORMED, subject=campaign))
    calls = list(ledger.entries(kind=EntryKind.MODEL_CALL, subject=campaign))
    assert (action is None) == (len(rows) == 1)
    assert len(rows) <= 1
    assert 1 <= len(calls) <= REPAIRS + 1
    if action is None:
        assert rows[0].payload["code"] == code
        assert code in ("invalid", "refused", "cut_off")
        assert 1 <= len(rows[0].payload["problems"]) <= REPAIRS + 1
        said = "".join(rows[0].payload["problems"])
        assert not {unicodedata.category(char) for char in said} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    else:
        # A typed action, whole: what it says is what its own schema says of it.
        known = {item.name: item.arguments for item in ACTIONS}
        assert type(action.arguments) is known[action.name]
        again = known[action.name].model_validate_json(json.dumps(dict(action.plain)), strict=True)
        assert again == action.arguments
    return code or "an action"


def endings(ledger: Ledger, examples: int) -> Counter[str]:
    found: Counter[str] = Counter()

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(answers=st.lists(bodies(), min_size=1, max_size=REPAIRS + 1))
    def one(answers: list[tuple[CallStatus, str]]) -> None:
        found[ending(ledger, answers)] += 1

    one()
    return found


def test_each_generated_answer_ends_in_one_action_or_in_one_row(ledger: Ledger) -> None:
    assert endings(ledger, 150).total() >= 150


@pytest.mark.slow
def test_two_thousand_generated_answers_end_in_one_action_or_in_one_row_each(ledger: Ledger) -> None:
    found = endings(ledger, 2000)
    assert found.total() >= 2000
    # Broken ones above all, and some that are whole, or were mended by a repair turn. How many of each are drawn
    # differs between machines (194 actions on one, over 200 on another): the bounds ask only that none is rare.
    assert found["invalid"] > 400
    assert found["an action"] > 50
    assert found["cut_off"] > 5
    assert found["refused"] > 0
