"""A language model as executor: it looks at discovery genes through typed tools, then makes one typed claim."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from theodolite.agents.actions import AskFor, Menu, menu_of
from theodolite.agents.budgets import BudgetSpent, Meter
from theodolite.agents.context import executor_context
from theodolite.agents.llm.answers import Action, ActionDef
from theodolite.agents.llm.calls import Caller
from theodolite.agents.llm.conversation import Conversation, NoAnswer, Sampling
from theodolite.canonical import digest
from theodolite.claims import Hypothesis
from theodolite.experiments import CampaignRun, Event, Look
from theodolite.prompts import Prompts, clean_text, fence
from theodolite.store import BudgetName, EntryKind, entry_id
from theodolite.tools import Tool

__all__ = ["ModelExecutor"]

_FAILURES: Final = 2
"""Conversations in a row without a usable answer after which a round goes on with what it has."""
_SPARE_TURNS: Final = 4
"""Turns beyond the looks of a conversation: for repeats, for what it asks for, and for the claim."""
_SHOWN: Final = 12
_BUDGETS: Final[tuple[BudgetName, ...]] = ("experiments", "looks", "repeats")
"""What it is told of. Tokens and money are spent by the reviewer as well, on records of the hold-out block: what is
left of them would tell how those came out."""


class ModelExecutor:
    """Proposes hypotheses by conversation with a language model, one conversation a slot.

    Parameters
    ----------
    caller, prompts, meter
        Who sends, what is said, and what may be spent.
    model, sampling
        Which model, and how it writes.
    """

    barren_rounds = 3
    """Rounds in a row in which nothing could be registered after which there is no progress."""

    def __init__(self, caller: Caller, prompts: Prompts, meter: Meter, model: str, sampling: Sampling) -> None:
        self._caller = caller
        self._prompts = prompts
        self._meter = meter
        self._sampling = sampling
        self.model = model
        self.name = f"model executor 1 ({model})"

    def converse(self, run: CampaignRun, round_number: int, free: range) -> Iterator[Hypothesis]:
        """Yield up to as many hypotheses as slots are free; each is written before the next one is asked for."""
        menu, slots = menu_of(run.setting), len(free)
        failures, slot = 0, free.start
        for number in range(1, slots + 1):
            run.notify(Event("ask the executor", number - 1, slots, self.model))
            try:
                found = _Exchange(self, run, menu, round_number, number, slot).run()
            except NoAnswer:
                failures += 1
                if failures == _FAILURES:
                    break
                continue
            except BudgetSpent:
                break
            failures = 0
            if found is None:
                break
            slot += 1
            yield found
        run.notify(Event("ask the executor", slots, slots, self.model))

    def conversation(self, name: str) -> Conversation:
        """Return a new conversation under a name."""
        return Conversation(self._caller, self._prompts, "executor", self.model, name, self._sampling)

    def left(self) -> dict[str, float | None]:
        """Return what is left of each budget."""
        return {name: self._meter.left(name) for name in _BUDGETS}

    @property
    def prompts(self) -> Prompts:
        """The templates in force."""
        return self._prompts


class _Exchange:
    """One conversation, from its context to a claim."""

    def __init__(
        self, executor: ModelExecutor, run: CampaignRun, menu: Menu, round_number: int, number: int, slot: int
    ) -> None:
        self._executor = executor
        self._run = run
        self._menu = menu
        self._round = round_number
        self._number = number
        self._slot = slot
        self._name = f"r{round_number:02d}.c{number:02d}-executor"
        self._talk = executor.conversation(self._name)
        self._looks = 0
        self._taken: list[Look] = []
        self._seen: set[str] = set()

    def run(self) -> Hypothesis | None:
        """Return the claim, None if the model passed.

        Raises
        ------
        NoAnswer, BudgetSpent
            As named.
        """
        context = self._talk.open(self._executor.prompts.render("executor"), self._context)
        self._looks = int((context or {})["looks"])
        last = self._looks + _SPARE_TURNS
        for turn in range(1, last + 1):
            action = self._talk.act(self._offered(turn == last))
            signature = digest([action.name, dict(action.plain)])
            if action.name in self._menu.claims:
                return self._claim(action, signature)
            if action.name == "pass":
                return None
            if signature in self._seen:
                self._repeat(action.name, signature)
                self._talk.say(self._looked(None, "You have this answer already. Do something else."))
                continue
            self._seen.add(signature)
            if isinstance(action.arguments, AskFor):
                self._wish(action.arguments)
                self._talk.say(self._looked(None, "Noted for people to read. Go on with what there is."))
            else:
                self._look(self._menu.looks[action.name], action)
        raise self._talk.undecided()

    def _context(self) -> tuple[str, dict[str, Any]]:
        left = self._executor.left()
        most = self._run.setting.spec.agents
        assert most is not None
        remaining = left["looks"]
        looks = most.looks_a_claim if remaining is None else min(most.looks_a_claim, int(remaining))
        return executor_context(
            self._run,
            self._executor.prompts,
            round_number=self._round,
            conversation=self._number,
            looks=looks,
            left=left,
            most_tokens=most.context_tokens,
        )

    def _offered(self, last: bool) -> tuple[ActionDef, ...]:
        """Return what may be done now: no look once they are spent, and only a claim or a pass on the last turn."""
        left = self._looks - len(self._taken)
        return tuple(
            action
            for action in self._menu.actions
            if not (action.name in self._menu.looks and (left <= 0 or last)) and not (action.name == "ask_for" and last)
        )

    def _look(self, tool: Tool, action: Action) -> None:
        look = self._run.look(tool, action.arguments)
        self._taken.append(look)
        left = self._looks - len(self._taken)
        note = f"{left} looks are left before the claim." if left > 0 else "No look is left: claim, or pass."
        self._talk.say(self._looked(look, note))

    def _looked(self, look: Look | None, note: str) -> str:
        shown = "" if look is None else fence("result of the look", self._result(look))
        return self._executor.prompts.render("looked", result=shown, note=note)

    def _result(self, look: Look) -> dict[str, Any]:
        """Return what a look shows: the references that stand out most, by what they add to the best baseline."""
        testable = self._run.setting.testability(self._run.block)
        rows = [
            {
                "reference": name,
                "effect": round(effect, 3),
                "n": n,
                "gain": round(look.margins[name].gain, 3) if name in look.margins else None,
                "gain_error": round(look.margins[name].gain_error, 3) if name in look.margins else None,
            }
            for name, (effect, n) in look.effects.items()
            if testable[name].testable
        ]
        rows.sort(key=lambda row: (-_interest(row), str(row["reference"])))
        return {
            "tool": look.tool.name,
            "at": str(look.params.locus()),
            "unit": "AUROC - 0.5 on discovery genes",
            "strongest": rows[:_SHOWN],
            "others": max(len(rows) - _SHOWN, 0),
            "failed": not look.effects,
        }

    def _claim(self, action: Action, signature: str) -> Hypothesis:
        tool = self._menu.claims[action.name]
        at = str(action.arguments.place.locus())
        parents = tuple(
            look.id for look in self._taken if look.tool.name == tool.name and str(look.params.locus()) == at
        )
        found = self._menu.hypothesis(self._run, action.name, action.arguments, parents)
        if self._run.proposed_before(found.id, self._round, self._slot):
            self._repeat(action.name, signature)
        return found

    def _repeat(self, action: str, signature: str) -> None:
        payload = {
            "conversation": self._name,
            "turn": self._talk.turns,
            "action": action,
            "signature": signature,
        }
        self._put(EntryKind.REPEAT, f"{self._name}.t{self._talk.turns:02d}", payload)

    def _wish(self, asked: AskFor) -> None:
        payload = {
            "conversation": self._name,
            "what": asked.what,
            "name": clean_text(asked.name, 80) or "(no name)",
            "reason": clean_text(asked.reason, 600),
        }
        self._put(EntryKind.WISH, f"{self._name}.t{self._talk.turns:02d}", payload)

    def _put(self, kind: EntryKind, name: str, payload: dict[str, Any]) -> None:
        campaign = self._run.setting.campaign_id
        self._run.ledger.append_once(kind, entry_id(campaign, kind, name=name), campaign, payload)


def _interest(row: dict[str, Any]) -> float:
    gain = row["gain"]
    return float(gain) if gain is not None else abs(float(row["effect"])) - 1.0
