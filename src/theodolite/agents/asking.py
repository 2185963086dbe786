"""A person's question in words: a language model chooses one claim from the menus, and decides nothing.

It sees the menus and the question, never a result. Only the coordinator of a campaign writes the chain, and one may be
running; so the calls are recorded on a ledger in memory, and handed in: the coordinator takes them up as rows, which
count against the campaign's budgets.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from theodolite.agents.actions import Menu, menu_of
from theodolite.agents.llm.answers import ActionDef
from theodolite.agents.llm.breaker import CircuitBreaker
from theodolite.agents.llm.calls import Caller
from theodolite.agents.llm.conversation import Conversation, NoAnswer, Sampling
from theodolite.agents.llm.settings import ModelSettings
from theodolite.agents.llm.wire import OpenAIWire, Wire
from theodolite.canonical import canonical_json
from theodolite.claims import Hypothesis
from theodolite.experiments import Setting
from theodolite.experiments.handed import ROW_KIND, ProposalError, Spent, spent_by_people
from theodolite.experiments.menus import persons_claim, places_of, references_to_test
from theodolite.prompts import clean_text, fence
from theodolite.store import EntryKind, Ledger, spending

__all__ = ["Asked", "ask_for_claim", "executor_model"]

_PLACES: Final = 12
"""Places of an instrument that the menus name in words; the schema of its parameters gives the rest."""


class NoneFits(BaseModel):
    """Nothing on the menus comes close."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: str = Field(min_length=1, max_length=600, description="why nothing on the menus answers the question")


@dataclass(frozen=True)
class Asked:
    """What came of a question.

    Attributes
    ----------
    hypothesis
        The claim that was chosen, None where none fits.
    reason
        Why, in the model's words.
    spent
        What it cost.
    """

    hypothesis: Hypothesis | None
    reason: str
    spent: Spent


def executor_model(setting: Setting) -> str | None:
    """Return the model that proposes in a campaign, None where the planner does."""
    agents = setting.spec.agents
    return None if agents is None else agents.models.get("executor")


def ask_for_claim(
    setting: Setting,
    ledger: Ledger,
    block: str,
    question: str,
    person: str,
    *,
    settings: ModelSettings | None = None,
    wire: Wire | None = None,
    warn: Callable[[str], None] = lambda said: None,
) -> Asked:
    """Let the campaign's executor model choose the claim that comes closest to a question.

    Parameters
    ----------
    setting
        The campaign.
    ledger
        Its ledger, into whose inbox the calls are put, whatever comes of them.
    block
        The hold-out block that the claim would be tested on; only what it can test is on the menus.
    question, person
        What is asked, and who asks.
    settings, wire
        As for :func:`theodolite.agents.assemble`.
    warn
        Told when calls begin to fail.

    Raises
    ------
    ProposalError
        If the campaign names no model, its budget of tokens or money is spent, or the model gave no usable answer.
    CampaignPaused
        If the server does not answer.
    SettingsError, CallsForbidden
        If the settings cannot be read or forbid calls.
    """
    model = executor_model(setting)
    if model is None or setting.prompts is None or setting.spec.agents is None:
        raise ProposalError(
            "a question in words needs a language model, and the campaign file names none as executor: choose with "
            "--tool, --reference and --place, or in a terminal"
        )
    _refuse_spent(setting, ledger)
    settings = settings or ModelSettings.read()
    prompts, agents, campaign = setting.prompts, setting.spec.agents, setting.campaign_id
    menu = menu_of(setting)
    actions = _actions(setting, menu, block)
    sent = wire or OpenAIWire(settings)
    with Ledger.in_memory(artefacts=ledger.artefacts.folder) as scratch:
        # A person waits: a server that is down is said to be after the first pauses, and is not probed for long.
        breaker = CircuitBreaker(settings.model_copy(update={"probes": 0}))
        caller = Caller(scratch, campaign, sent, settings, breaker, prompts.sha256, warn=warn)
        talk = Conversation(
            caller, prompts, "executor", model, f"q{uuid.uuid4().hex[:12]}-person",
            Sampling(agents.temperature, agents.answer_tokens),
        )  # fmt: skip
        system = prompts.render(
            "person", question=fence("question", question), menus=fence("menus", _menus(setting, block))
        )
        try:
            talk.open(system, lambda: ("Choose now.", None))
            action = talk.act(actions)
        except NoAnswer as error:
            raise ProposalError(
                f"{model} gave no usable answer ({error}); put it otherwise, or choose with --tool, --reference and "
                "--place"
            ) from error
        finally:
            _hand_in(ledger, scratch, campaign, person)
        total = spending(scratch, campaign)
        spent = Spent(total.tokens, total.cost, total.unpriced)
    if isinstance(action.arguments, NoneFits):
        return Asked(None, clean_text(action.arguments.reason, 600), spent)
    tool = menu.claims[_claim_name(action.name)]
    chosen = action.arguments
    why = clean_text(chosen.rationale, 600)
    found = persons_claim(
        setting,
        block,
        tool=tool.name,
        reference=chosen.reference,
        place=str(chosen.place.locus()),
        direction=chosen.direction.value,
        rationale=f"asked: {question}; {why}",
    )
    return Asked(found, why, spent)


def _refuse_spent(setting: Setting, ledger: Ledger) -> None:
    recorded, waiting = spending(ledger, setting.campaign_id), spent_by_people(ledger, setting.campaign_id)
    for name, amount in (("tokens", recorded.tokens + waiting.tokens), ("money", recorded.cost + waiting.cost)):
        limit = setting.spec.limit(name)  # type: ignore[arg-type]
        if limit is not None and amount >= limit:
            raise ProposalError(
                f"the campaign's budget of {name} is spent ({amount:g} of {limit:g}): no model can be asked; "
                "choose with --tool, --reference and --place"
            )


def _claim_name(action: str) -> str:
    return action.replace("choose_", "claim_", 1)


def _actions(setting: Setting, menu: Menu, block: str) -> list[ActionDef]:
    """Return the claims of the campaign under names of choices, and the one that says that none fits."""
    found = []
    for action in menu.actions:
        if action.name not in menu.claims:
            continue
        usable = [reference.id for reference in references_to_test(setting, menu.claims[action.name], block)]

        def check(chosen: Any, first: Any = action.check, usable: Iterable[str] = tuple(usable)) -> None:
            first(chosen)
            if chosen.reference not in usable:
                raise ValueError(f"reference {chosen.reference!r} cannot be tested here; choose from the menus")

        found.append(
            replace(
                action,
                name=action.name.replace("claim_", "choose_", 1),
                description=action.description.replace("Propose", "Choose", 1),
                check=check,
            )
        )
    return [*found, ActionDef("none_fits", "Say that no claim on the menus comes close to the question.", NoneFits)]


def _menus(setting: Setting, block: str) -> list[dict[str, Any]]:
    menus = []
    for tool in setting.tools:
        places = list(places_of(setting, tool))
        menus.append(
            {
                "tool": tool.name,
                "reads": tool.object,
                "claims": f"{tool.object} {tool.relation.value} a reference",
                "summary": tool.summary,
                "places": places[:_PLACES],
                "more_places": max(len(places) - _PLACES, 0),
                "references": [
                    {"name": item.id, "title": clean_text(item.title, 120)}
                    for item in references_to_test(setting, tool, block)
                ],
            }
        )
    return menus


def _hand_in(ledger: Ledger, scratch: Ledger, campaign: str, person: str) -> None:
    for entry in scratch.entries():
        if entry.kind in (EntryKind.MODEL_CALL, EntryKind.MALFORMED):
            row = {"kind": entry.kind.value, "id": entry.id, "payload": json.loads(canonical_json(entry.payload))}
            ledger.ops.hand_in(campaign, ROW_KIND, person, canonical_json(row))
