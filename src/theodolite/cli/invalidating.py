"""``ledger nodes`` and ``ledger invalidate``: what verdicts rest on, and what falls where something of it is bad."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from theodolite.cli.approving import PersonOption, person_named
from theodolite.cli.console import print_json, results
from theodolite.cli.errors import UserError
from theodolite.cli.slot_view import way_text
from theodolite.cli.tool_commands import JsonOption
from theodolite.cli.workspaces import WorkspaceOption, find_ledger

if TYPE_CHECKING:
    from theodolite.experiments.invalidating import Falling, Invalidation
    from theodolite.reports.leaning import Leaning
    from theodolite.reports.run_again import RunAgain
    from theodolite.store import Ledger

__all__ = ["invalidate_node", "list_nodes"]

_MANY = 60
"""Nodes that a listing without ``--all`` prints of a kind."""


def list_nodes(
    workspace: WorkspaceOption = None,
    kind: Annotated[str | None, typer.Option(help="Only this kind, such as tool or reference.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Jobs too, and all of a kind.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List what verdicts rest on: models, cells, references, tools, gates, and what was made of them."""
    path = find_ledger(workspace)
    from theodolite.experiments.dependence import dependence
    from theodolite.experiments.invalidating import bad_nodes
    from theodolite.store import Ledger, invalidation_rows

    with Ledger.open(path, read_only=True) as ledger:
        counted = dependence(ledger).nodes()
        said = {row.id: row for row in invalidation_rows(ledger)}
        bad = {node: said[identifier] for identifier, nodes in bad_nodes(ledger).items() for node in nodes}
    kinds = list(dict.fromkeys(node.kind for node in counted))
    if kind is not None and kind not in kinds:
        raise UserError(f"--kind is {kind!r}; verdicts of this ledger rest on {', '.join(kinds) or 'nothing yet'}")
    chosen = [(node, count) for node, count in counted.items() if kind in (None, node.kind)]
    if as_json:
        print_json(
            [
                {
                    "node": str(node),
                    "kind": node.kind,
                    "name": node.name,
                    "sha256": node.sha256,
                    "title": node.title,
                    "verdicts": count,
                    "invalidated": None if node not in bad else bad[node].reason,
                }
                for node, count in chosen
            ]
        )
        return
    console = results()
    if not chosen:
        console.print("No test yet, so that nothing rests on anything.")
        return
    for of in dict.fromkeys(node.kind for node, _ in chosen):
        mine = sorted(((node, count) for node, count in chosen if node.kind == of), key=lambda item: -item[1])
        if of == "job" and not every and kind is None:
            console.print(f"{len(mine)} jobs; --kind job lists them", style="dim")
            continue
        shown = mine if every else mine[:_MANY]
        for node, count in shown:
            title = f"  {node.title}" if node.title else ""
            fell = f"  INVALIDATED by {bad[node].person}: {bad[node].reason}" if node in bad else ""
            console.print(f"{count:>5}  {node}{title}{fell}", soft_wrap=True, style="red" if fell else None)
        if len(shown) < len(mine):
            console.print(f"       and {len(mine) - len(shown)} more of this kind; --all lists them", style="dim")
    console.print(
        "Verdicts that rest on each. `theodolite ledger invalidate NODE --reason TEXT` turns them.", style="dim"
    )


def invalidate_node(
    node: Annotated[
        str,
        typer.Argument(help="What is bad, as `ledger nodes` names it; a hash may be left out where none is needed."),
    ],
    reason: Annotated[str, typer.Option("--reason", help="What is wrong with it, for whoever reads the ledger.")] = "",
    person: PersonOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Write it without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would fall, and write nothing.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Turn every verdict that rests on something bad to invalid, and list what to run again.

    It shows what would fall, then writes one row with the node, the reason and your name, and one a verdict. Verdicts
    as they were recorded stay in the chain. Levels stay spent and blocks retired; a support that falls raises no later
    level. Nothing that rests on the node is registered any more. It cannot be undone.
    """
    from theodolite.prompts import clean_text
    from theodolite.store import Ledger

    path = find_ledger(workspace)
    why = clean_text(reason, 600)
    if not why and not dry_run:
        raise UserError("say what is wrong with it: --reason TEXT; the ledger keeps it beside every verdict that falls")
    if as_json and not (yes or dry_run):
        raise UserError("--json asks no questions: give --yes to write, or --dry-run to look only")
    if dry_run:
        with Ledger.open(path, read_only=True) as ledger:
            found = _find(ledger, node)
        _tell(found, written=0, as_json=as_json)
        return
    with Ledger.open(path) as ledger, ledger.coordinator("theodolite ledger invalidate"):
        found = _find(ledger, node)
        what = found.what
        if what.reason is not None and not what.missing:
            _tell(found, written=0, as_json=as_json)
            return
        name = what.person or person_named(person)
        if not yes:
            _show(found)
            _confirm(what)
        from theodolite.experiments.invalidating import invalidate

        written = sum(1 for _ in invalidate(ledger, what.nodes, node, reason=why, person=name))
        found = _find(ledger, node)
    _tell(found, written=written, as_json=as_json, shown=not yes)


@dataclass(frozen=True)
class _Found:
    """What invalidating means, and what follows from it."""

    what: Invalidation
    again: list[RunAgain]
    leaning: list[Leaning]


def _find(ledger: Ledger, name: str) -> _Found:
    from theodolite.experiments.dependence import dependence
    from theodolite.experiments.invalidating import invalidation_of
    from theodolite.experiments.nodes import named_nodes
    from theodolite.reports.leaning import leaning
    from theodolite.reports.run_again import run_again

    known = dependence(ledger)
    found = invalidation_of(ledger, named_nodes(name, known.nodes()), name, known)
    return _Found(found, run_again(ledger, found), leaning(ledger, {item.subject for item in found.falling}))


def _confirm(found: Invalidation) -> None:
    if not sys.stdin.isatty():
        raise UserError("nothing was written; give --yes to write it, or --dry-run to look only")
    if not typer.confirm(f"Invalidate {found.node}? It cannot be undone", default=False):
        raise UserError("nothing was written")


def _tell(found: _Found, *, written: int, as_json: bool, shown: bool = False) -> None:
    what = found.what
    if as_json:
        print_json(_plain(found, written))
        return
    console = results()
    if not shown:
        _show(found)
    if what.reason is None:
        console.print("Nothing was written.", style="bold")
    elif written:
        console.print(f"{_count(written, 'verdict')} turned to invalid.", style="bold")
    elif what.missing:
        console.print(f"{_count(len(what.missing), 'verdict')} still to be turned.", style="bold")
    else:
        said = "It was written before, for that reason; another reason, or another person, adds nothing."
        console.print(said, style="bold", soft_wrap=True)
    _print_again(found.again)


def _show(shown: _Found) -> None:
    from rich.padding import Padding
    from rich.text import Text

    from theodolite.cli.verdicts import STYLES

    console, found = results(), shown.what
    if len(found.nodes) > 1:
        console.print(f"{found.node} is {', '.join(map(str, found.nodes))}", style="bold", soft_wrap=True)
    if found.reason is not None:
        console.print(f"{found.node} was invalidated by {found.person}: {found.reason}", soft_wrap=True)
    console.print(
        f"{_count(len(found.falling), 'verdict')} rest on {found.node}{_tally(found.falling)}", soft_wrap=True
    )
    for item in found.falling:
        line = Text(f"  {item.subject}  ")
        line.append(item.verdict.value, style=STYLES[item.verdict.value])
        line.append(" -> invalid" + (" (written)" if item.written else ""))
        console.print(line, soft_wrap=True)
        console.print(Padding(item.claim, (0, 0, 0, 4)))
        console.print(f"    {way_text(item.path)}", style="dim", soft_wrap=True)
    if found.locked:
        console.print(
            f"{_count(len(found.locked), 'test')} locked and without a verdict: {', '.join(found.locked)}. They run as "
            "they were locked, and what they find is turned when it is recorded.",
            soft_wrap=True,
        )
    for support in shown.leaning:
        ends = "would have passed without" if support.holds else "would NOT have passed without"
        text = f"  {support.subject} stands. Its level counted a support that does not stand any more; it {ends}."
        console.print(text, soft_wrap=True)


def _tally(falling: Sequence[Falling]) -> str:
    counted = Counter(item.verdict.value for item in falling)
    return f": {', '.join(f'{count} {verdict}' for verdict, count in counted.items())}" if counted else ""


def _print_again(again: Sequence[RunAgain]) -> None:
    console = results()
    can = [item for item in again if item.command is not None]
    cannot = [item for item in again if item.command is None]
    if can:
        console.print("\nTo run again", style="bold")
        console.print(f"  first: {can[0].first}; then", soft_wrap=True)
        for item in can:
            console.print(f"  {item.command}", soft_wrap=True)
    if cannot:
        console.print("\nCannot be run again", style="bold")
        console.print(f"  {cannot[0].first}", soft_wrap=True)
        for item in cannot:
            console.print(f"  {item.subject}  {item.claim}", soft_wrap=True)


def _plain(shown: _Found, written: int) -> dict[str, Any]:
    found = shown.what
    return {
        "node": found.node,
        "nodes": [{"kind": node.kind, "name": node.name, "sha256": node.sha256} for node in found.nodes],
        "recorded": found.reason is not None,
        "reason": found.reason,
        "person": found.person,
        "written": written,
        "verdicts": found.falling,
        "locked": found.locked,
        "leaning": shown.leaning,
        "run_again": shown.again,
    }


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
