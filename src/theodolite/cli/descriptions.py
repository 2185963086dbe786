"""Descriptions for eyes: the sentence, then what it was made by, and that it claims nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from theodolite.cli.console import results

if TYPE_CHECKING:
    from theodolite.reports import DescriptionLine

__all__ = ["LEGEND", "print_description", "print_descriptions"]

LEGEND = "Descriptions are of the genes to explore. They make no claim and spend no level: nothing of them was tested."
_MOST_REFERENCES = 4
_MOST_VALUES = 8


def print_descriptions(lines: Sequence[DescriptionLine], *, ids: bool = False) -> None:
    """Print a section with every description, the sentence first; nothing where there is none.

    Parameters
    ----------
    lines
        The descriptions.
    ids
        Whether the id of each row is printed below it, by which ``ledger show`` shows it in full.
    """
    if not lines:
        return
    from rich.padding import Padding
    from rich.text import Text

    console = results()
    console.print("\nDescriptions", style="bold")
    for line in lines:
        # The same sentence is said of the model and of a baseline.
        of = "" if line.variant == "main" else f"{line.variant}: "
        console.print(Padding(Text(f"{of}{line.sentence}", style="" if line.done else "red"), (0, 0, 0, 2)))
        console.print(Padding(Text(made_by(line), style="dim"), (0, 0, 0, 6)))
        if ids:
            # Whole on its line, to be copied.
            console.print(Text(f"      {line.id}", style="dim"), soft_wrap=True)
    console.print(Padding(Text(LEGEND, style="dim"), (1, 0, 0, 2)))


def print_description(line: DescriptionLine) -> None:
    """Print one description in full: its numbers, its parameters and its row."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    console = results()
    console.print(line.id, style="bold", soft_wrap=True)
    console.print(Text(line.sentence, style="" if line.done else "red"))
    console.print(line.standing, style="dim")
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    described = {"description": f"{line.description}@{line.version}", "on": line.variant}
    described |= {"held against": ", ".join(line.references)} if line.references else {}
    described |= {"measurement": line.measurement} if line.measurement else {}
    for name, value in {**described, **line.params}.items():
        table.add_row(name, str(value))
    console.print(Padding(table, (0, 0, 0, 2)))
    if line.facts:
        console.print("\nFacts", style="bold")
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in line.facts.items():
            table.add_row(name, _in_short(value))
        console.print(Padding(table, (0, 0, 0, 2)))


def made_by(line: DescriptionLine) -> str:
    """Return in a few words what was run: description, variant, references and parameters."""
    against = ""
    if line.references:
        shown = ", ".join(line.references[:_MOST_REFERENCES])
        more = len(line.references) - _MOST_REFERENCES
        against = f", against {shown}{f' and {more} others' if more > 0 else ''}"
    given = ", ".join(f"{name} {_in_short(value)}" for name, value in line.params.items() if value is not None)
    return f"{line.description} on {line.variant}{against}{f' ({given})' if given else ''}"


def _in_short(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_in_short(item)}" for name, item in value.items())
    if isinstance(value, list):
        shown = ", ".join(_in_short(item) for item in value[:_MOST_VALUES])
        return f"{shown}, ... ({len(value)})" if len(value) > _MOST_VALUES else shown
    return "none" if value is None else str(value)
