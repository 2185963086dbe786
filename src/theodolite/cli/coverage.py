"""``coverage``: what the campaigns of a ledger or of a file could ask, and what was tried, judged and never tried."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from theodolite.cli.campaign_commands import NewWorkspace
from theodolite.cli.console import print_json, results
from theodolite.cli.errors import UserError
from theodolite.cli.tool_commands import JsonOption
from theodolite.cli.workspaces import LEDGER_FILE, find_ledger, workspace_of

if TYPE_CHECKING:
    from rich.table import Table

    from theodolite.reports.coverage import ChildCoverage, Coverage, ToolCoverage

__all__ = ["coverage", "print_coverage", "table_of"]

WIDE = 90
"""Columns of a terminal from which tables have room between their columns."""


def coverage(
    place: Annotated[
        Path | None,
        typer.Argument(
            metavar="[WORKSPACE or FILE]",
            help="Folder of the ledger, or a campaign file, whose campaigns alone are shown, begun or not; where not "
            "given, the only ledger here.",
        ),
    ] = None,
    workspace: NewWorkspace = None,
    as_json: JsonOption = False,
) -> None:
    """Show what was tried, judged and never tried, by campaign and instrument.

    A claim is a place of the model by a reference that can be tested. Claims without a locked plan were never tried,
    whether they were looked at, refused, or not thought of.
    """
    of_file = place is not None and place.is_file() and place.name != LEDGER_FILE
    settings = []
    if of_file:
        from theodolite.cli.matrices import prepared_all

        assert place is not None
        folder = workspace_of(place, workspace)
        settings = prepared_all(place, folder)
        path = folder / LEDGER_FILE
    else:
        if place is not None and workspace is not None:
            raise UserError(
                f"{str(place)!r} and --workspace {str(workspace)!r} both name a workspace; keep one of them"
            )
        path = find_ledger(place or workspace)
    from theodolite.reports.coverage import coverage as count
    from theodolite.store import Ledger

    with ExitStack() as stack:
        ledger = stack.enter_context(Ledger.open(path, read_only=True)) if path.is_file() else None
        found = count(ledger, settings)
    if as_json:
        print_json(found)
    else:
        print_coverage(found)


def print_coverage(found: Coverage) -> None:
    """Print the campaigns by model, cells, references and seed, then each by instrument, then all together."""
    _print_children(found)
    _print_tools(found)
    _print_totals(found)


def _print_children(found: Coverage) -> None:
    """Print a line for each campaign."""
    console = results()
    wide = console.width >= WIDE
    console.print("Campaigns", style="bold")
    table = table_of(
        words=("", "model", "cells", "references", "seed"),
        numbers=(*(("claims",) if wide else ()), "tried", "judged", "supported", "untried"),
    )
    for number, child in enumerate(found.children, start=1):
        table.add_row(
            str(number), child.model, child.cells, child.references, str(child.seed),
            *((_sum(tool.claims for tool in child.tools),) if wide else ()),
            _sum(tool.registered for tool in child.tools),
            _sum(tool.judged for tool in child.tools),
            _sum(tool.outcomes.get("supported", 0) for tool in child.tools),
            _sum(tool.never_tried for tool in child.tools),
            "complete" if child.state.startswith("stopped") else child.state,
        )  # fmt: skip
    console.print(table)


def table_of(words: tuple[str, ...], numbers: tuple[str, ...]) -> Table:
    """Make a table of campaigns: columns of words that may break, then of numbers that may not, then their state."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2 if results().width >= WIDE else 1, 0, 0))
    for heading in words:
        justify: Literal["left", "right"] = "right" if heading in ("", "seed") else "left"
        table.add_column(heading, justify=justify, overflow="fold", min_width=len(heading))
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True, min_width=9)
    return table


def _print_tools(found: Coverage) -> None:
    """Print a line for each instrument of each campaign; names of campaigns are longer than any column."""
    console = results()
    width = 2 + max((len(tool.tool) for child in found.children for tool in child.tools), default=10)
    headings = ("claims", "looked", "proposed", "refused", "locked", "judged", "untried")
    console.print()
    console.print(f"{'instrument':<{width}}" + "".join(f"{heading:>{len(heading) + 1}}" for heading in headings))
    for number, child in enumerate(found.children, start=1):
        console.print(f"{number} {child.campaign}", style="bold", soft_wrap=True)
        for tool in child.tools:
            cells = (
                _number(tool.claims), str(tool.looked), str(tool.proposed), str(sum(tool.refused.values())),
                str(tool.registered), str(tool.judged), _number(tool.never_tried),
            )  # fmt: skip
            line = "".join(f"{cell:>{len(heading) + 1}}" for heading, cell in zip(headings, cells, strict=True))
            console.print(f"{'  ' + tool.tool:<{width}}{line}", soft_wrap=True)
    _print_endings(found)


def _print_endings(found: Coverage) -> None:
    """Print how what was locked ended, and why what was not was refused, a line an instrument."""
    console = results()
    told = [
        f"  {number} {tool.tool}: {_ending(tool)}"
        for number, child in enumerate(found.children, start=1)
        for tool in child.tools
        if tool.outcomes or tool.refused
    ]
    if told:
        console.print("\nHow it ended", style="bold")
    for line in told:
        console.print(line)


def _ending(tool: ToolCoverage) -> str:
    refused = ", ".join(f"{number} {code.replace('_', ' ')}" for code, number in tool.refused.items())
    parts = [", ".join(f"{number} {name}" for name, number in tool.outcomes.items())]
    parts += [f"refused {refused}"] if refused else []
    return "; ".join(part for part in parts if part)


def _print_totals(found: Coverage) -> None:
    console = results()
    totals = found.totals
    of = "" if totals.claims is None else f" of {totals.claims:,} distinct claims, {totals.never_tried:,} never tried"
    ended = ", ".join(f"{number} {name}" for name, number in totals.outcomes.items())
    hypotheses = "hypothesis" if totals.registered == 1 else "hypotheses"
    console.print(f"\nIn all: {totals.registered} distinct {hypotheses} tried{of}{f'; {ended}' if ended else ''}.")
    repeated = _repeats(found.children)
    if repeated:
        console.print(
            "Campaigns of one model and cell set can make the same claims: what one tried, another does not try again."
        )
    if totals.claims is None:
        console.print("-: the ledger does not say how many places there are; give the campaign file in its place.")


def _repeats(children: tuple[ChildCoverage, ...]) -> bool:
    pairs = [(child.model, child.cells) for child in children]
    return len(set(pairs)) < len(pairs)


def _sum(numbers: Iterable[int | None]) -> str:
    listed = list(numbers)
    known = [number for number in listed if number is not None]
    return _number(sum(known) if len(known) == len(listed) else None)


def _number(number: int | None) -> str:
    return "-" if number is None else str(number)
