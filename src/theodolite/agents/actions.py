"""What an executor may do, made from the registry: look, claim, ask for something, pass. Nothing else exists for it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from theodolite.agents.llm.answers import ActionDef
from theodolite.claims import Author, Direction, Hypothesis
from theodolite.experiments import CampaignRun, Setting
from theodolite.prompts import clean_text
from theodolite.tools import Tool, ToolError, ToolParams

__all__ = ["AskFor", "ClaimArguments", "Menu", "Pass", "menu_of"]

_LONGEST = 600


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClaimArguments(_Closed):
    """What of a claim a model chooses; the rest follows from the campaign.

    Attributes
    ----------
    place
        Parameters of the tool.
    reference
        Name of a reference.
    direction
        Which end counts as evidence.
    rationale
        Why, in a sentence or two.
    """

    place: Any
    reference: str = Field(min_length=1, max_length=80, description="name of a reference from the list")
    direction: Direction = Field(description="'greater': the reference scores higher; 'less': lower (axes only)")
    rationale: str = Field(min_length=1, max_length=_LONGEST, description="why it is worth a test, in two sentences")


class AskFor(_Closed):
    """Something that is missing."""

    what: Literal["tool", "reference", "model", "cells"] = Field(description="what kind of thing is missing")
    name: str = Field(min_length=1, max_length=80, description="what you would call it")
    reason: str = Field(min_length=1, max_length=_LONGEST, description="what it would let you ask")


class Pass(_Closed):
    """Nothing is worth a test."""

    reason: str = Field(min_length=1, max_length=_LONGEST, description="why")


@dataclass(frozen=True)
class Menu:
    """The actions of a campaign.

    Attributes
    ----------
    actions
        All of them.
    looks, claims
        The tool behind each look and each claim, by the name of the action.
    """

    actions: tuple[ActionDef, ...]
    looks: dict[str, Tool]
    claims: dict[str, Tool]

    def hypothesis(self, run: CampaignRun, name: str, chosen: ClaimArguments, parents: tuple[str, ...]) -> Hypothesis:
        """Return the typed hypothesis that a claim of a model amounts to; identity and hashes are the campaign's."""
        tool = self.claims[name]
        return Hypothesis(
            claim=run.setting.claim(tool, chosen.reference),
            locus=chosen.place.locus(),
            direction=chosen.direction,
            tool=f"{tool.name}@{tool.version}",
            rationale=clean_text(chosen.rationale, _LONGEST) or "(none given)",
            parents=parents,
            author=Author.EXECUTOR,
        )


def action_name(verb: str, tool: Tool) -> str:
    """Return the name of an action on a tool: letters, digits and ``_``, at most 64."""
    return re.sub(r"[^A-Za-z0-9]+", "_", f"{verb}_{tool.name}")[:64]


def menu_of(setting: Setting) -> Menu:
    """Return the actions that a campaign's tools and references allow."""
    looks = {action_name("look", tool): tool for tool in setting.tools}
    claims = {action_name("claim", tool): tool for tool in setting.tools}
    actions = [
        ActionDef(
            name,
            f"Look at one place on the discovery genes with {tool.name}: {tool.summary}",
            tool.params,
            partial(_admitted, setting, tool),
        )
        for name, tool in looks.items()
    ]
    actions += [
        ActionDef(
            name,
            f"Propose that {tool.object} {tool.relation.value.replace('_', ' ')} a reference at one place.",
            _claim_arguments(tool.params),
            _claim_check(setting, tool),
        )
        for name, tool in claims.items()
    ]
    actions += [
        ActionDef("ask_for", "Note a tool, reference, model or cells that you miss, for people to read.", AskFor),
        ActionDef("pass", "Say that nothing here is worth a test.", Pass),
    ]
    return Menu(tuple(actions), looks, claims)


@lru_cache(maxsize=64)
def _claim_arguments(params: type[ToolParams]) -> type[ClaimArguments]:
    return create_model(
        f"{params.__name__}Claim",
        __base__=ClaimArguments,
        place=(params, Field(description="the place that the claim is about")),
    )


def _admitted(setting: Setting, tool: Tool, params: ToolParams) -> None:
    try:
        tool.check_params(params.model_dump(mode="json"), setting.model_shape)
    except ToolError as error:
        raise ValueError(str(error)) from error


def _claim_check(setting: Setting, tool: Tool) -> Callable[[Any], None]:
    def check(chosen: ClaimArguments) -> None:
        _admitted(setting, tool, chosen.place)
        names = [reference.id for reference in setting.references_for(tool)]
        if chosen.reference not in names:
            close = difflib.get_close_matches(chosen.reference, names, n=3)
            hint = f"; did you mean {' or '.join(close)}?" if close else f"; such as {', '.join(names[:3])}"
            raise ValueError(f"reference {chosen.reference!r} is none that {tool.name} can be held against{hint}")
        if not tool.relation.two_sided and chosen.direction is not Direction.GREATER:
            raise ValueError(f"claims of {tool.name} have no other side: direction is 'greater'")

    return check
