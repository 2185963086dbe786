"""What a server sent, read with suspicion: a chat completion, or the status of what it is instead."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from theodolite.store import CallStatus

__all__ = ["Completion", "NotJson", "Paid", "Reply", "ToolCall", "read_completion", "strict_json"]

_DEEPEST = 100
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")
_MOST_TOKENS = 10**9
"""More than any call can have used; beyond it, a sum could outgrow the ledger's integers."""


class NotJson(ValueError):
    """Text that is no JSON of the strict kind."""


@dataclass(frozen=True)
class Paid:
    """What a call cost in US dollars, and whether the model had a price."""

    cost: float
    priced: bool


@dataclass(frozen=True)
class Reply:
    """The end of one call.

    Attributes
    ----------
    status, http_status
        How it ended.
    body
        What came, text with secrets scrubbed; None where nothing did.
    detail
        In words, where it did not end well.
    retry_after_s
        What the server asked to wait; None where it did not say.
    paid
        What the call was recorded to cost, in a replay; None where that is to be worked out.
    """

    status: CallStatus
    http_status: int | None = None
    body: str | None = None
    detail: str = ""
    retry_after_s: float | None = None
    paid: Paid | None = None


@dataclass(frozen=True)
class ToolCall:
    """A function that the model wants called; ``arguments`` is text that should be JSON."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Completion:
    """A chat completion.

    Attributes
    ----------
    status
        ``ok``, ``refused`` or ``cut_off``; ``bad_body`` if it is none.
    text
        What the model wrote.
    calls
        Functions that it wants called.
    usage
        Tokens in and out; None where the server did not say.
    detail
        What is wrong with it.
    """

    status: CallStatus
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    usage: tuple[int, int] | None = None
    detail: str = ""


def _no_constant(name: str) -> NoReturn:
    raise NotJson(f"{name} is no number of JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise NotJson(f"the key {key!r} is given twice")
        found[key] = value
    return found


def _finite(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):
        raise NotJson(f"{text[:40]} is too large a number")
    return found


def _depth(text: str) -> int:
    """Return how deep brackets are nested in JSON text, those within strings left out."""
    deepest = depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def strict_json(text: str, *, mend: bool = False) -> Any:
    """Return what JSON text says: no NaN, no key twice, no lone surrogates, nothing behind the value, not too deep.

    The same text gives the same answer wherever it is read again: depth is counted, not left to the parser's stack.

    Parameters
    ----------
    text
        JSON.
    mend
        Put question marks in place of lone surrogates, for a whole body is not to be thrown away for one.

    Raises
    ------
    NotJson
        Saying what is wrong and where.
    """
    too_deep = NotJson(f"it is nested more than {_DEEPEST} levels deep")
    if _depth(text) > _DEEPEST:
        raise too_deep
    try:
        found = json.loads(text, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_once)
        plain = json.dumps(found, ensure_ascii=False)
        if mend:
            found = json.loads(plain.encode("utf-8", errors="replace"))
        else:
            plain.encode("utf-8")
    except NotJson:
        raise
    except RecursionError:
        raise too_deep from None
    except UnicodeEncodeError:
        raise NotJson("it holds half a character (a lone surrogate)") from None
    except ValueError as error:  # JSONDecodeError, and integers of thousands of digits
        raise NotJson(f"it is not JSON: {error}") from None
    return found


def read_completion(body: str) -> Completion:
    """Return the chat completion in a body; never raises."""
    try:
        content = strict_json(body, mend=True)
    except NotJson as error:
        return Completion(CallStatus.BAD_BODY, detail=f"the body cannot be read: {error}")
    usage = _usage(content)
    message, finish = _message(content)
    if message is None:
        return Completion(
            CallStatus.BAD_BODY, usage=usage, detail=f"the body is no chat completion: {body[:200]!r} has no message"
        )
    text = _text(message.get("content"))
    refusal = message.get("refusal")
    if (isinstance(refusal, str) and refusal.strip()) or finish == "content_filter":
        said = refusal if isinstance(refusal, str) and refusal.strip() else "the server's filter withheld the answer"
        return Completion(CallStatus.REFUSED, text, usage=usage, detail=said[:500])
    calls = _calls(message.get("tool_calls"))
    if finish == "length":
        return Completion(CallStatus.CUT_OFF, text, usage=usage, detail="the answer reached its length limit")
    return Completion(CallStatus.OK, text, calls, usage)


def _message(content: Any) -> tuple[Mapping[str, Any] | None, Any]:
    choices = content.get("choices") if isinstance(content, Mapping) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, Mapping) or not isinstance(first.get("message"), Mapping):
        return None, None
    return first["message"], first.get("finish_reason")


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):  # parts, as some servers send them
        return "".join(part["text"] for part in content if isinstance(part, Mapping) and _is_text(part))
    return ""


def _is_text(part: Mapping[str, Any]) -> bool:
    return isinstance(part.get("text"), str)


def _calls(found: Any) -> tuple[ToolCall, ...]:
    calls = []
    for number, item in enumerate(found if isinstance(found, list) else ()):
        function = item.get("function") if isinstance(item, Mapping) else None
        if isinstance(function, Mapping):
            arguments = function.get("arguments")
            # Some local servers send an object where the protocol has a string.
            text = arguments if isinstance(arguments, str) else json.dumps(arguments)
            calls.append(ToolCall(str(item.get("id") or f"call_{number}"), str(function.get("name")), text))
    return tuple(calls)


def _usage(content: Any) -> tuple[int, int] | None:
    usage = content.get("usage") if isinstance(content, Mapping) else None
    if not isinstance(usage, Mapping):
        return None
    counts = usage.get("prompt_tokens"), usage.get("completion_tokens")
    # A flag is no count, a negative one would give budget back, and one beyond belief would end the campaign.
    given = [count for count in counts if type(count) is int and 0 <= count <= _MOST_TOKENS]
    return (given[0], given[1]) if len(given) == 2 else None
