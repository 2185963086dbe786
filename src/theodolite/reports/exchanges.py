"""What was said in a call of a language model: read back from the artefacts that its row names."""

from __future__ import annotations

import json
from dataclasses import dataclass

from theodolite.agents.llm.replies import read_completion
from theodolite.store import ArtefactError, Entry, EntryKind, Ledger

__all__ = ["Exchange", "exchange"]


@dataclass(frozen=True)
class Exchange:
    """A call as people read it.

    Attributes
    ----------
    messages
        Who said what, in order: (role, text).
    answer
        What came back: text, or the functions that the model called, or why there is none.
    """

    messages: tuple[tuple[str, str], ...]
    answer: str


def exchange(ledger: Ledger, entry: Entry) -> Exchange | None:
    """Return what was said in a call, None for a row of another kind or where its artefacts cannot be read."""
    if entry.kind is not EntryKind.MODEL_CALL:
        return None
    try:
        request = json.loads(ledger.artefacts.get(str(entry.payload["request"])))
        response = entry.payload["response"]
        body = None if response is None else ledger.artefacts.get(str(response)).decode("utf-8")
    except ArtefactError:
        return None
    messages = tuple((str(item["role"]), str(item["content"])) for item in request["messages"])
    if body is None:
        return Exchange(messages, f"({entry.payload['status']}: {entry.payload['detail']})")
    found = read_completion(body)
    called = [f"{call.name}({call.arguments})" for call in found.calls]
    return Exchange(
        messages, "\n".join([*([found.text] if found.text else []), *called]) or found.detail or "(nothing)"
    )
