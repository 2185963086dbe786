"""A conversation that ends in a typed action, or in a row that says why not: the ladder, repair turns, refusals."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from theodolite.agents.llm.answers import (
    Action,
    ActionDef,
    Invalid,
    action_schema,
    function_schemas,
    parse_action,
)
from theodolite.agents.llm.calls import Caller, Role, Rung
from theodolite.agents.llm.replies import Completion
from theodolite.prompts import Prompts, clean_text, fence
from theodolite.store import CallStatus, EntryKind, MalformedCode, entry_id

__all__ = ["LADDER", "REPAIRS", "Conversation", "NoAnswer", "Sampling"]

LADDER: Final[tuple[Rung, ...]] = ("tools", "json_schema", "json_object", "text")
"""How an answer is asked for, best first; a server that does not accept one is asked by the next."""

REPAIRS: Final = 2
"""Turns after an unusable answer in which the validator is quoted."""

_MOST_ECHOED = 1500
_ONE_OBJECT = 'Answer with one JSON object, {"action": …, "arguments": {…}}, and nothing else.'


class NoAnswer(Exception):
    """A conversation without a usable answer; it is a row by now.

    Attributes
    ----------
    code
        Why.
    """

    def __init__(self, code: MalformedCode, problems: Sequence[str]) -> None:
        super().__init__(f"{code}: {problems[-1] if problems else ''}")
        self.code = code


@dataclass(frozen=True)
class Sampling:
    """How a model is asked to write; None leaves it to the server."""

    temperature: float | None = None
    most_tokens: int = 2000


@dataclass
class Conversation:
    """One exchange with a model about one thing.

    Attributes
    ----------
    caller, prompts, role, model, sampling
        Who asks whom, and how.
    name
        Its name within the campaign; calls and rows are named after it.
    """

    caller: Caller
    prompts: Prompts
    role: Role
    model: str
    name: str
    sampling: Sampling = Sampling()
    _messages: list[dict[str, Any]] = field(default_factory=list)
    _context: dict[str, Any] | None = None
    _turn: int = 0
    _rung: int = 0
    _calls: list[str] = field(default_factory=list)
    _system: str = ""

    def open(self, system: str, first: Callable[[], tuple[str, dict[str, Any] | None]]) -> dict[str, Any] | None:
        """Begin with a system prompt and a first message.

        Parameters
        ----------
        system
            The system prompt.
        first
            Makes the first message and the record of the query behind it; not called where the opening is recorded,
            for the ledger it was made from has grown.

        Returns
        -------
        dict or None
            The record of the query, as it was made or as it is recorded.
        """
        rejected = self.caller.rejected_rungs(self.role, self.model, self.name)
        self._rung = next((place for place, rung in enumerate(LADDER) if rung not in rejected), len(LADDER) - 1)
        recorded = self.caller.opening(self.name)
        if recorded is None:
            text, self._context = first()
        else:
            messages, self._context = recorded
            text = str(messages[1]["content"])
        self._system = system
        self._messages = [{"role": "user", "content": text}]
        return self._context

    @property
    def turns(self) -> int:
        """Calls so far, without those that were tried again."""
        return self._turn

    def say(self, text: str) -> None:
        """Answer the model's last action."""
        self._messages.append({"role": "user", "content": text})

    def act(self, actions: Sequence[ActionDef]) -> Action:
        """Return the model's next action.

        Raises
        ------
        NoAnswer
            After two repair turns, a refusal, or where no rung of the ladder is accepted; written as a row.
        """
        problems: list[str] = []
        unusable = 0
        while True:
            completion = self._ask(actions)
            match completion.status:
                case CallStatus.REJECTED:
                    problems.append(f"{LADDER[self._rung]}: {completion.detail}")
                    if self._rung + 1 == len(LADDER):
                        raise self._give_up("rejected", problems)
                    self._rung += 1
                    continue
                case CallStatus.REFUSED:
                    raise self._give_up("refused", [*problems, completion.detail])
                case CallStatus.CUT_OFF:
                    problem = "the answer reached its length limit before it was complete; answer more briefly"
                case _:
                    try:
                        action = parse_action(completion, actions)
                    except Invalid as error:
                        problem = str(error)
                    else:
                        self._echo(json.dumps({"action": action.name, "arguments": action.plain}, ensure_ascii=False))
                        return action
            problems.append(problem)
            unusable += 1
            if unusable > REPAIRS:
                cut = completion.status is CallStatus.CUT_OFF
                raise self._give_up("cut_off" if cut else "invalid", problems)
            self._repair(completion, problem, actions)

    def undecided(self) -> NoAnswer:
        """Write the row of a conversation that used up its turns, and return the error to raise."""
        return self._give_up("undecided", [f"no claim after {self._turn} turns"])

    def _ask(self, actions: Sequence[ActionDef]) -> Completion:
        self._turn += 1
        rung = LADDER[self._rung]
        answer = self.caller.ask(
            self.role, self.model, self.name, self._turn, rung, self._body(rung, actions),
            self._context if self._turn == 1 else None,
        )  # fmt: skip
        self._calls.append(answer.call)
        return answer.completion

    def _body(self, rung: Rung, actions: Sequence[ActionDef]) -> dict[str, Any]:
        own = self.caller.settings.own_server
        how = self._how(rung, actions)
        system = {"role": "system", "content": f"{self._system}\n\n{how}".strip()}
        body: dict[str, Any] = {"model": self.model, "messages": [system, *self._messages]}
        # Hosted reasoning models know one name of the limit, own servers the other.
        body["max_tokens" if own else "max_completion_tokens"] = self.sampling.most_tokens
        if self.sampling.temperature is not None:
            body["temperature"] = self.sampling.temperature
        match rung:
            case "tools":
                body |= {"tools": function_schemas(actions), "tool_choice": "auto"}
                if not own:
                    body["parallel_tool_calls"] = False
            case "json_schema":
                schema = {"name": "answer", "schema": action_schema(actions)}
                body["response_format"] = {"type": "json_schema", "json_schema": schema}
            case "json_object":
                body["response_format"] = {"type": "json_object"}
            case "text":
                pass
        return body

    @staticmethod
    def _how(rung: Rung, actions: Sequence[ActionDef]) -> str:
        if rung == "tools":
            return "# How to answer\n\nCall exactly one function."
        if rung == "json_schema":
            return f"# How to answer\n\n{_ONE_OBJECT}"
        schema = json.dumps(action_schema(actions), ensure_ascii=False, sort_keys=True)
        return f"# How to answer\n\n{_ONE_OBJECT} It must fit this JSON schema:\n\n{schema}"

    def _echo(self, text: str) -> None:
        self._messages.append({"role": "assistant", "content": text})

    def _repair(self, completion: Completion, problem: str, actions: Sequence[ActionDef]) -> None:
        called = "; ".join(f"{call.name}({call.arguments})" for call in completion.calls)
        self._echo(clean_text(completion.text or called or "(nothing)", _MOST_ECHOED) or "(nothing)")
        names = ", ".join(action.name for action in actions)
        how = f"Actions: {names}. {'Call exactly one function.' if LADDER[self._rung] == 'tools' else _ONE_OBJECT}"
        # The validator quotes what the model wrote, which may quote data.
        self.say(self.prompts.render("repair", problem=fence("validator", problem), how=how))

    def _give_up(self, code: MalformedCode, problems: Sequence[str]) -> NoAnswer:
        payload = {
            "conversation": self.name,
            "role": self.role,
            "model": self.model,
            "code": code,
            "problems": [clean_text(problem, 600) for problem in problems],
            "calls": list(self._calls),
        }
        caller = self.caller
        identifier = entry_id(caller.subject, EntryKind.MALFORMED, name=self.name)
        caller.ledger.append_once(EntryKind.MALFORMED, identifier, caller.subject, payload)
        return NoAnswer(code, problems)
