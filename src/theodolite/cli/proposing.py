"""``propose``: a person's question becomes one typed claim from the campaign's menus, and waits for a round."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theodolite.cli.approving import PersonOption, person_named
from theodolite.cli.campaign_commands import NewWorkspace
from theodolite.cli.console import print_json, results, say
from theodolite.cli.errors import UserError
from theodolite.cli.matrices import ChildOption, prepared_one
from theodolite.cli.workspaces import LEDGER_FILE, workspace_of

if TYPE_CHECKING:
    from theodolite.claims import Hypothesis
    from theodolite.experiments import Setting
    from theodolite.experiments.handed import HandedProposal
    from theodolite.store import Ledger

__all__ = ["propose"]

_LISTED = 60
"""Places that a menu lists; of more, a person types the words."""


@dataclass(frozen=True)
class _Given:
    tool: str | None
    reference: str | None
    place: str | None
    direction: str | None
    because: str

    @property
    def complete(self) -> bool:
        return None not in (self.tool, self.reference, self.place)


def propose(
    file: Annotated[Path, typer.Argument(help="The campaign file.")],
    question: Annotated[
        str, typer.Argument(help="The question in words; the campaign's executor model chooses the claim, you confirm.")
    ] = "",
    tool: Annotated[str | None, typer.Option(help="Instrument of the campaign.")] = None,
    reference: Annotated[str | None, typer.Option(help="Name of a reference.")] = None,
    place: Annotated[
        str | None,
        typer.Option(help="Where: words ('layer 1 axis 2', 'any place'), or the tool's parameters as JSON."),
    ] = None,
    direction: Annotated[str | None, typer.Option(help="Which end is claimed: greater or less.")] = None,
    because: Annotated[str, typer.Option("--because", help="Why it is worth a test.")] = "",
    person: PersonOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take what the model chooses without asking.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only show what would be handed in, as JSON; nothing is written.")
    ] = False,
    workspace: NewWorkspace = None,
    child: ChildOption = None,
) -> None:
    """Hand in a claim of your own; the campaign registers, tests and judges it as any other, once.

    It is put together from the campaign's menus: by options, by choosing in a terminal, or by a language model from a
    question in words. It may be handed in while the campaign runs. After a test on a hold-out block was judged you may
    have seen it, so your claim is tested on a block that is untouched, else marked as tested on a reused one.
    """
    from theodolite.cli.progress import waiting

    if check and None in (tool, reference, place):
        raise UserError("--check needs the whole claim: --tool, --reference and --place")
    folder = workspace_of(file, workspace)
    setting = prepared_one(file, folder, child)
    with waiting("Loading the statistics"):
        from theodolite.agents.asking import executor_model
        from theodolite.experiments.handed import HandedProposal, hand_in_proposal, refuse_late
        from theodolite.experiments.proposals import block_for_people
        from theodolite.prompts import clean_text
        from theodolite.store import Ledger

    given = _Given(tool, reference, place, direction, clean_text(because, 600))
    asked = clean_text(question, 600)
    with ExitStack() as stack:
        path = folder / LEDGER_FILE
        ledger = stack.enter_context(Ledger.open(path, read_only=check)) if path.is_file() else None
        if ledger is not None:
            refuse_late(ledger, setting.campaign_id, setting.spec.budget.experiments)
        block, reused = (setting.split.blocks[0], False) if ledger is None else block_for_people(setting, ledger)
        if reused and setting.spec.spent_blocks == "stop":
            raise UserError(
                "tests were judged on every hold-out block, and the campaign says `spent_blocks: stop`: nothing that a "
                "person proposes can be tested; start another campaign file with `spent_blocks: continue`"
            )
        name = "" if check else person_named(person)
        model = None
        if asked and not given.complete and executor_model(setting) is not None:
            ledger = ledger or stack.enter_context(_new_ledger(setting))
            chosen, model = _by_model(setting, ledger, block, asked, name, yes)
        else:
            chosen = _from_menus(setting, block, given, asked)
        handed = HandedProposal(hypothesis=chosen, question=asked, model=model)
        said = [] if ledger is None else _seen_before(setting, ledger, chosen)
        if check:
            print_json(_checked(setting, handed, said, block, reused))
            return
        for words in said:
            say(words)
        ledger = ledger or stack.enter_context(_new_ledger(setting))
        number = hand_in_proposal(ledger, setting.campaign_id, name, handed)
        _show(setting, ledger, chosen, number, name, str(file))


def _new_ledger(setting: Setting) -> Ledger:
    from theodolite.experiments import Workspace
    from theodolite.store import Ledger

    place = setting.workspace
    Workspace.at(place.folder, place.cache)
    return Ledger.open(place.ledger, create=True)


def _from_menus(setting: Setting, block: str, given: _Given, question: str) -> Hypothesis:
    """Return the claim that options say, with what they leave out chosen in a terminal."""
    from theodolite.experiments.menus import directions_of, persons_claim, places_of, references_to_test, tool_named

    missing = [
        name for name, value in (("tool", given.tool), ("reference", given.reference), ("place", given.place))
        if value is None
    ]  # fmt: skip
    if missing and not _terminal():
        no_model = "a question in words needs a language model, and the campaign file names none as executor; "
        verb = "is" if len(missing) == 1 else "are"
        raise UserError(
            f"{no_model if question else ''}--{' and --'.join(missing)} {verb} not given, and there is no terminal to "
            "choose in; `theodolite plan FILE` shows instruments and references"
        )
    tools = [(item.name, item.summary) for item in setting.tools]
    tool = tool_named(setting, given.tool or _choose("instrument", tools))
    listed = [(item.id, item.title) for item in references_to_test(setting, tool, block)]
    reference = given.reference or _choose("reference", listed)
    place = given.place or _choose("place", [(words, "") for words in places_of(setting, tool)])
    ends = directions_of(tool)
    direction = given.direction
    if direction is None and len(ends) > 1 and _terminal():
        direction = _choose("end", [(end.value, "") for end in ends])
    why = given.because or question
    if not why and _terminal():
        why = typer.prompt("Why is it worth a test", default="", show_default=False)
    return persons_claim(
        setting, block, tool=tool.name, reference=reference, place=place, direction=direction, rationale=why
    )


def _terminal() -> bool:
    return sys.stdin.isatty()


def _choose(what: str, options: Sequence[tuple[str, str]]) -> str:
    """Return what a person picks from a numbered menu, by its number or its words."""
    if not options:
        raise UserError(f"there is no {what} to choose from here")
    console = results()
    console.print(f"\nWhich {what}?", style="bold")
    for number, (name, title) in enumerate(options[:_LISTED], start=1):
        console.print(f"  {number:>3}  {name}{f'  {title}' if title else ''}", soft_wrap=True)
    if len(options) > _LISTED:
        last = options[-1][0]
        console.print(f"       and {len(options) - _LISTED} more, to {last!r}: type the words", soft_wrap=True)
    names = [name for name, _ in options]
    while True:
        said = str(typer.prompt("Number or words")).strip()
        if said in names:
            return said
        if said.isdigit() and 1 <= int(said) <= len(options):
            return names[int(said) - 1]
        titled = [name for name, title in options if title and title.casefold() == said.casefold()]
        if len(titled) == 1:
            return titled[0]
        console.print(f"{said!r} is neither a number from 1 to {len(options)} nor on the list.", soft_wrap=True)


def _by_model(
    setting: Setting, ledger: Ledger, block: str, question: str, person: str, yes: bool
) -> tuple[Hypothesis, str]:
    """Return what the campaign's model chose and the person confirmed, and the model's name."""
    from theodolite.agents.asking import ask_for_claim, executor_model
    from theodolite.cli.progress import waiting

    model = str(executor_model(setting))
    if not yes and not _terminal():
        raise UserError("a language model is to choose, and there is no terminal to confirm in; add --yes")
    with waiting(f"Asking {model}"):
        asked = ask_for_claim(setting, ledger, block, question, person, warn=say)
    console = results()
    price = f"{asked.spent.tokens:,} tokens, ${asked.spent.cost:.4f}"
    price += " (no price is known of some)" if asked.spent.unpriced else ""
    console.print(f"{model} ({price}; it counts against the campaign's budget):", soft_wrap=True)
    if asked.hypothesis is None:
        raise UserError(f"no claim on the menus fits: {asked.reason}")
    console.print(f"  {_words(setting, asked.hypothesis)}", style="bold")
    console.print(f"  {asked.reason}")
    if not yes and not typer.confirm("Hand this in"):
        raise UserError("nothing was handed in")
    return asked.hypothesis, model


def _seen_before(setting: Setting, ledger: Ledger, chosen: Hypothesis) -> list[str]:
    """Refuse a claim that waits already; return what a person should know of the tests that it had."""
    from theodolite.experiments.handed import refuse_twice, tested_before

    refuse_twice(ledger, setting.campaign_id, chosen.id)
    return [
        f"Note: it was tested as {row.subject} ({'not judged yet' if row.verdict is None else row.verdict.value}); "
        "only an inconclusive one may come back, on an unused block, and any other is refused as a duplicate."
        for row in tested_before(ledger, chosen.id)
    ]


def _checked(setting: Setting, handed: HandedProposal, said: list[str], block: str, reused: bool) -> dict[str, object]:
    """Return what would be handed in, for a program that hands it in itself."""
    return {
        "campaign": setting.campaign_id,
        "proposal": handed.model_dump(mode="json"),
        "claim": _words(setting, handed.hypothesis),
        "block": block,
        "reused": reused,
        "notes": said,
    }


def _show(setting: Setting, ledger: Ledger, chosen: Hypothesis, number: int, person: str, file: str) -> None:
    from theodolite.experiments.proposals import block_for_people
    from theodolite.store import WHOLE_LEDGER, split_scope

    console = results()
    block, reused = block_for_people(setting, ledger)
    console.print(_words(setting, chosen), style="bold")
    console.print(f"Queued as number {number} of campaign {setting.campaign_id}, proposed by {person}.", soft_wrap=True)
    if reused:
        console.print(
            "Tests were judged on every hold-out block, and you may have seen them: it is tested on a used one, in the "
            f"stream {setting.spec.error.stream}/reused, and what comes of it carries [reused hold-out]."
        )
    else:
        console.print(
            f"As things stand it is tested on {block}, on which nothing was judged; should that change before a round "
            "takes it up, then on another such block, or marked [reused hold-out]."
        )
    own = {WHOLE_LEDGER, split_scope(setting.split.sha256)}
    lease = next((row for row in ledger.ops.leases() if row.alive and own.intersection(row.scopes)), None)
    when = (
        f"{lease.name!r} (process {lease.pid}) takes it up when its next round begins"
        if lease is not None
        else f"`theodolite run {file}` takes it up in its next round"
    )
    console.print(f"When: {when}. `theodolite status` shows what waits.", soft_wrap=True)


def _words(setting: Setting, chosen: Hypothesis) -> str:
    from theodolite.experiments.wording import claim_text

    title = setting.references[chosen.claim.reference.name].title
    return claim_text(chosen.claim, chosen.locus, chosen.direction, title)
