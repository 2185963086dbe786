"""From what a model wrote to a typed action: extracted, parsed strictly, validated; what is wrong is quoted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ValidationError

from theodolite.agents.llm.replies import Completion, NotJson, strict_json

__all__ = ["Action", "ActionDef", "Invalid", "action_schema", "function_schemas", "parse_action"]

_MOST_QUOTED = 600


class Invalid(ValueError):
    """An answer that is no action; the message is what the model is told."""


@dataclass(frozen=True)
class ActionDef:
    """Something that a model may do.

    Attributes
    ----------
    name
        At most 64 letters, digits, ``_`` and ``-``.
    description
        What it does, for the model.
    arguments
        Its arguments; strict and closed.
    check
        Looks at valid arguments once more and raises ValueError for what the types cannot say.
    """

    name: str
    description: str
    arguments: type[BaseModel]
    check: Callable[[Any], None] | None = None


@dataclass(frozen=True)
class Action:
    """What a model chose to do."""

    name: str
    arguments: Any
    plain: Mapping[str, Any]


def parse_action(completion: Completion, actions: Sequence[ActionDef]) -> Action:
    """Return the one action in an answer: a function call, or JSON in its text.

    Raises
    ------
    Invalid
        Saying what is wrong.
    """
    known = {action.name: action for action in actions}
    if len(completion.calls) > 1:
        raise Invalid(f"{len(completion.calls)} functions were called; call exactly one")
    if completion.calls:
        call = completion.calls[0]
        return _validated(known, call.name, _object(call.arguments or "{}", "the arguments"))
    # Prose around the object is let pass; two different objects are not, for nobody chose between them.
    found = _objects(completion.text)
    if not found:
        said = completion.text.strip()
        raise Invalid("there is no JSON object in the answer" if said else "the answer is empty")
    distinct = {json.dumps(item, sort_keys=True) for item in found}
    if len(distinct) > 1:
        raise Invalid(f"there are {len(distinct)} different JSON objects in the answer; give exactly one")
    content = found[0]
    if set(content) != {"action", "arguments"}:
        keys = ", ".join(map(repr, sorted(content)))[:200]
        raise Invalid(f"the object has the keys {keys or 'none'}; it must have exactly 'action' and 'arguments'")
    if not isinstance(content["action"], str) or not isinstance(content["arguments"], dict):
        raise Invalid("'action' must be a string and 'arguments' an object")
    return _validated(known, content["action"], content["arguments"])


def _object(text: str, what: str) -> dict[str, Any]:
    try:
        found = strict_json(text)
    except NotJson as error:
        raise Invalid(f"{what}: {error}") from None
    if not isinstance(found, dict):
        raise Invalid(f"{what} must be a JSON object, got {_short(found)}")
    return found


def _objects(text: str) -> list[dict[str, Any]]:
    """Return the JSON objects at the top level of a text, whatever stands around them.

    Raises
    ------
    Invalid
        If there are braces, but no object in any of them.
    """
    found, problem = [], None
    for segment in _braced(text):
        try:
            found.append(_object(segment, "the answer"))
        except Invalid as error:
            problem = problem or error
    if not found and problem is not None:
        raise problem
    return found


def _braced(text: str) -> Iterator[str]:
    """Yield every balanced ``{…}`` of a text, and what follows a brace that is never closed."""
    start, depth, quoted, escaped = 0, 0, False, False
    for place, char in enumerate(text):
        if quoted:
            quoted, escaped = not (char == '"' and not escaped), char == "\\" and not escaped
        elif char == '"' and depth:
            quoted = True
        elif char == "{":
            start = start if depth else place
            depth += 1
        elif char == "}" and depth:
            depth -= 1
            if depth == 0:
                yield text[start : place + 1]
    if depth:
        yield text[start:]


def _validated(known: Mapping[str, ActionDef], name: str, arguments: dict[str, Any]) -> Action:
    if name not in known:
        raise Invalid(f"there is no action {name[:80]!r}; there are {', '.join(known)}")
    action = known[name]
    try:
        # From JSON, so that strict types still take an enum from its word and a tuple from a list.
        parsed = action.arguments.model_validate_json(json.dumps(arguments), strict=True)
        if action.check is not None:
            action.check(parsed)
    except ValidationError as error:
        raise Invalid(_explained(name, error)) from None
    except ValueError as error:
        raise Invalid(f"{name}: {error}"[:_MOST_QUOTED]) from None
    return Action(name, parsed, arguments)


def _explained(name: str, error: ValidationError) -> str:
    said = [
        f"{'.'.join(map(str, item['loc'])) or 'arguments'}: {item['msg']}, got {_short(item['input'])}"
        for item in error.errors(include_url=False)[:5]
    ]
    return f"{name}: {'; '.join(said)}"[:_MOST_QUOTED]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def function_schemas(actions: Sequence[ActionDef]) -> list[dict[str, Any]]:
    """Return actions as functions of the chat-completions protocol."""
    return [
        {
            "type": "function",
            "function": {
                "name": action.name,
                "description": action.description,
                "parameters": _schema(action.arguments),
            },
        }
        for action in actions
    ]


def action_schema(actions: Sequence[ActionDef]) -> dict[str, Any]:
    """Return the JSON schema of an answer in text: one action with its arguments."""
    options = [
        {
            "type": "object",
            "description": action.description,
            "properties": {"action": {"type": "string", "enum": [action.name]}, "arguments": _schema(action.arguments)},
            "required": ["action", "arguments"],
            "additionalProperties": False,
        }
        for action in actions
    ]
    return options[0] if len(options) == 1 else {"anyOf": options}


@lru_cache(maxsize=256)
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return a model's schema as strict servers want it: closed, every field required, references written out."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    found: dict[str, Any] = _closed(schema, definitions)
    return found


def _closed(value: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_closed(item, definitions) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        return _closed(definitions[value["$ref"].rpartition("/")[2]], definitions)
    found = {key: _closed(item, definitions) for key, item in value.items() if key not in ("title", "default")}
    if found.get("type") == "object" and "properties" in found:
        found["required"] = list(found["properties"])
        found["additionalProperties"] = False
    return found
