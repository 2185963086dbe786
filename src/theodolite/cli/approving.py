"""``approve``: what waits for a person, and what the person says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from theodolite.cli.console import print_json, results
from theodolite.cli.errors import UserError
from theodolite.cli.tool_commands import JsonOption
from theodolite.cli.workspaces import WorkspaceOption, find_ledger

if TYPE_CHECKING:
    from theodolite.judgements import Settlement
    from theodolite.reports.awaiting import Asked

__all__ = ["PersonOption", "approve", "person_named"]

PersonOption = Annotated[
    str | None, typer.Option("--person", help="Your name; it stays in the ledger. Asked for in a terminal.")
]


def approve(
    slots: Annotated[
        list[str] | None, typer.Argument(metavar="[SLOT]...", help="Slots that wait (r01.s003); none lists them.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Everything that waits.")] = False,
    reject: Annotated[
        bool, typer.Option("--reject", help="Withdraw the plans, or hold the verdicts to inconclusive.")
    ] = False,
    because: Annotated[str, typer.Option("--because", help="Why; needed with --reject.")] = "",
    person: PersonOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what waits for people, or approve it; it takes effect when `theodolite run` goes on.

    A campaign file asks for it with `approve: registrations`, `verdicts` or `both`. A plan that is rejected is
    withdrawn before it runs; it spends its level only where tests on its block were judged before. A verdict that is
    rejected ends as inconclusive at most. Nothing can be raised.
    """
    path = find_ledger(workspace)
    from theodolite.experiments.approvals import awaited, choose_awaited, hand_in_approvals
    from theodolite.reports.awaiting import asked
    from theodolite.store import Ledger

    if not slots and not every:
        if reject or because:
            raise UserError("nothing is named to reject: give slots such as r01.s003, or --all")
        with Ledger.open(path, read_only=True) as ledger:
            waiting = asked(ledger)
        if as_json:
            print_json([_plain(item) for item in waiting])
        else:
            _show(waiting)
        return
    if slots and every:
        raise UserError(f"--all and {', '.join(map(repr, slots))} are both given; name slots, or take all")
    with Ledger.open(path) as ledger:
        chosen = choose_awaited(awaited(ledger), slots or [], every)
        name = person_named(person)
        hand_in_approvals(ledger, chosen, not reject, name, because)
    said = "Rejected" if reject else "Approved"
    names = ", ".join(item.subject.rpartition("/")[2] for item in chosen)
    results().print(f"{said} by {name}: {names}. It takes effect when `theodolite run` goes on.", soft_wrap=True)


def person_named(given: str | None) -> str:
    """Return the name that a person gives, asked for in a terminal.

    Raises
    ------
    UserError
        If there is none.
    """
    import sys

    from theodolite.prompts import clean_text

    if given is None and sys.stdin.isatty():
        given = typer.prompt("Your name, as the ledger keeps it")
    name = clean_text(given or "", 80)
    if not name:
        raise UserError("say who you are with --person NAME; the ledger keeps it beside what you hand in")
    return name


def _plain(asked: Asked) -> dict[str, object]:
    item, settlement = asked.item, asked.settlement
    return {
        "campaign": item.campaign,
        "slot": item.subject.rpartition("/")[2],
        "of": item.of,
        "claim": item.claim_text,
        "prereg_sha256": item.prereg_sha256,
        "handed_in": item.handed_in,
        "verdict": None if settlement is None else settlement.model_dump(mode="json"),
    }


def _show(waiting: list[Asked]) -> None:
    from rich.padding import Padding

    console = results()
    if not waiting:
        console.print("Nothing waits for a person.")
        return
    for asked in waiting:
        item, plan = asked.item, asked.plan
        what = "plan, before it runs" if item.of == "registration" else "verdict, before it is recorded"
        console.print(f"{item.subject}: {what}", style="bold", soft_wrap=True)
        console.print(Padding(item.claim_text, (0, 0, 0, 2)))
        by = plan.hypothesis
        console.print(Padding(f"proposed by {asked.author} with {by.tool}: {by.rationale}", (0, 0, 0, 2)))
        reused = " (used before)" if plan.block.reused else ""
        console.print(
            f"  on {plan.block.id.rpartition('/')[2]}{reused}; {plan.reference_in_block} members in "
            f"{plan.families_in_block} families; smallest detectable AUROC {0.5 + plan.minimum_detectable_effect:.2f}",
            soft_wrap=True,
        )
        if asked.settlement is not None:
            _show_settlement(asked.settlement)
        if item.handed_in is not None:
            console.print(f"  answered by {item.handed_in}; `theodolite run` takes it up")
    console.print("\nApprove with: theodolite approve SLOT... --person NAME (or --all; --reject --because TEXT)")


def _show_settlement(settlement: Settlement) -> None:
    from rich.padding import Padding

    console = results()
    tags = "".join(f" {tag.value}" for tag in settlement.tags)
    console.print(f"  It would be {settlement.verdict.value}{tags}.")
    for gate in settlement.gates:
        mark = {True: "met", False: "NOT met", None: "does not apply"}[gate.passed]
        numbers = "" if gate.number is None else f" {gate.number:.3g}"
        numbers += "" if gate.number is None or gate.threshold is None else f" against {gate.threshold:.3g}"
        console.print(Padding(f"{gate.gate} {gate.title}: {mark}{numbers}. {gate.sentence}", (0, 0, 0, 4)))
