"""``status``: how the campaigns of a workspace stand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theodolite.cli.console import print_json, results
from theodolite.cli.descriptions import print_descriptions
from theodolite.cli.errors import UserError
from theodolite.cli.tool_commands import JsonOption
from theodolite.cli.workspaces import campaign_id, find_ledger

if TYPE_CHECKING:
    from theodolite.reports import AgentsStanding, CampaignStanding, Standing
    from theodolite.reports.waiting import Waiting
    from theodolite.store import LeaseRow

__all__ = ["status"]


def status(
    workspace: Annotated[
        Path | None, typer.Argument(help="Folder of the ledger; where not given, the only one here.")
    ] = None,
    watched: Annotated[
        bool, typer.Option("--watch", help="Show what runs, live, until it ends; Ctrl-C leaves it running.")
    ] = False,
    campaign: Annotated[
        str | None, typer.Option("--campaign", help="Which one to --watch: its id or its name.")
    ] = None,
    interval: Annotated[
        float | None, typer.Option(min=0.2, max=3600, help="Seconds between two looks with --watch; 2 where not given.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show how the campaigns of a workspace stand: rounds, slots, error stream, hold-out blocks, last entries.

    With --watch, the campaign that runs: its round, jobs, budgets and newest rows. In a pipe, a line for every change;
    with --json, an object.
    """
    path = find_ledger(workspace)
    if watched:
        from theodolite.cli.watching import watch

        watch(path, campaign=campaign_id(path, campaign), interval_s=interval or 2.0, as_json=as_json)
        return
    if interval is not None:
        raise UserError(f"--interval is {interval:g}, but without --watch there is one look only; give --watch too")
    if campaign is not None:
        raise UserError(f"--campaign is {campaign!r}, but without --watch all campaigns are shown; give --watch too")
    from theodolite.reports import standing
    from theodolite.reports.waiting import waiting
    from theodolite.store import Ledger

    with Ledger.open(path, read_only=True) as ledger:
        found = standing(ledger)
        waits = waiting(ledger)
    if as_json:
        print_json({**vars(found), "waiting": waits})
    else:
        _print(found)
        _print_waiting(waits)


def _print(found: Standing) -> None:
    console = results()
    console.print(f"Ledger {found.ledger}: {found.entries} entries, head {found.head[:16]}", soft_wrap=True)
    for lease in found.coordinators:
        console.print(_coordinator(lease), soft_wrap=True, markup=False)
    for campaign in found.campaigns:
        _print_campaign(campaign)
    console.print("\nError streams", style="bold")
    for stream in found.streams:
        of = "" if stream.n_max is None else f" of {stream.n_max}"
        rate = "" if stream.q is None else f", false-discovery rate {100 * stream.q:g} %"
        console.print(f"  {stream.stream}: {stream.t}{of} tests spent, {stream.supports} claims supported{rate}")
    retired = sum(block.retired_in_round is not None for block in found.blocks)
    console.print("\nHold-out blocks", style="bold")
    console.print(f"  {retired} of {found.blocks_in_split} have returned a support and are spent")
    console.print("\nLast entries", style="bold")
    for entry in found.last:
        console.print(f"  {entry.seq:>5}  {entry.at[:19]}  {entry.id}", soft_wrap=True)


def _coordinator(lease: LeaseRow) -> str:
    if lease.life.value == "stale":
        return f"Left unfinished by {lease}, which is gone; `theodolite run` continues."
    return f"Coordinated by {lease}."


def _print_campaign(campaign: CampaignStanding) -> None:
    console = results()
    console.print(f"\nCampaign {campaign.campaign}", style="bold")
    budget = "" if campaign.budget is None else f" of {campaign.budget}"
    console.print(f"  {campaign.model} on {campaign.cells}")
    console.print(f"  rounds closed: {campaign.rounds_closed}; experiments registered: {campaign.registered}{budget}")
    for label, counts in (("slots", campaign.slots), ("outcomes", campaign.outcomes)):
        if counts:
            console.print(f"  {label}: {', '.join(f'{count} {name}' for name, count in counts.items())}")
    if campaign.agents is not None:
        _print_agents(campaign.agents)
    if campaign.seconds:
        console.print(f"  run for {campaign.seconds:,.0f} s in all")
    if campaign.stopped is not None:
        console.print(f"  stopped: {campaign.stopped}", soft_wrap=True)
    elif campaign.last_end is not None:
        console.print(f"  waiting: {campaign.last_end}", soft_wrap=True)
    elif not campaign.slots and not campaign.seconds:
        console.print("  opened; nothing is proposed yet")
    else:
        console.print("  under way")
    print_descriptions(campaign.descriptions)


def _print_agents(agents: AgentsStanding) -> None:
    console = results()
    spent = agents.spending
    console.print(f"  executor {agents.executor}, reviewer {agents.reviewer}", soft_wrap=True, markup=False)
    if agents.warning is not None:
        console.print(f"  Warning: {agents.warning}", style="bold yellow", soft_wrap=True, markup=False)
    money = f", ${spent.cost:,.2f}" if spent.unpriced < spent.calls else ""
    guessed = f" (usage of {spent.estimated} calls estimated)" if spent.estimated else ""
    console.print(f"  {spent.calls} calls, {spent.tokens_in:,} tokens in, {spent.tokens_out:,} out{money}{guessed}")
    if spent.unpriced and spent.tokens:
        console.print(
            f"  no price is set for {spent.unpriced} of them, so no money is counted there ([models.prices] of the "
            "settings)",
            soft_wrap=True,
        )
    failed = {name: count for name, count in agents.outcomes.items() if name != "ok"}
    for label, counts in (("calls that failed", failed), ("conversations without an answer", agents.malformed)):
        if counts:
            console.print(f"  {label}: {', '.join(f'{count} {name}' for name, count in counts.items())}")
    if agents.repeats:
        console.print(f"  repeated actions: {agents.repeats}")
    for mark in agents.marks:
        console.print(f"  {mark.percent} % or more of the budget of {mark.budget.replace('_', ' ')} is spent")
    for wish in agents.wishes:
        console.print(f"  the executor misses a {wish}", soft_wrap=True, markup=False)


def _print_waiting(waits: Waiting) -> None:
    console = results()
    if not (waits.proposals or waits.approvals or waits.unrecorded):
        return
    console.print("\nPeople", style="bold")
    for item in waits.proposals:
        late = "; never taken up, for the campaign is complete" if item.late else ""
        console.print(
            f"  proposal {item.number} of {item.person} for {item.campaign}: {item.claim_text}{late}", soft_wrap=True
        )
    for campaign, awaited in waits.by_campaign.items():
        answered = sum(item.handed_in is not None for item in awaited)
        slots = ", ".join(f"{item.of} {item.subject.rpartition('/')[2]}" for item in awaited)
        console.print(f"  {campaign} waits for approval: {slots} ({answered} answered)", soft_wrap=True)
    for campaign, spent in waits.unrecorded.items():
        console.print(
            f"  {campaign}: questions of people cost {spent.tokens:,} tokens, ${spent.cost:,.4f}, not in the chain yet",
            soft_wrap=True,
        )
