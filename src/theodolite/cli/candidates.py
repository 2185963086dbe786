"""The table of a search, for eyes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from theodolite.cli.console import results

if TYPE_CHECKING:
    from theodolite.reports import CandidateLine

__all__ = ["print_candidates"]

LEGEND = (
    "Tried on discovery donors; nothing here is a test. score: the least of six mean correlations with the ruler "
    "(rows, donors and branches held out, over all pairs and within branches). gain: how far held-out donors are "
    "beyond the best baseline. Those that may meet the gates come first; fits by LET, which reads the ruler, come last."
)


def print_candidates(lines: Sequence[CandidateLine]) -> None:
    """Print what a search tried, best first."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("ruler", "place", "features", "fitter"):
        table.add_column(name, overflow="fold")
    for name in ("score", "gain", "trust"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in lines:
        numbers = (_number(line.score), _number(line.gain), _number(line.trust))
        refused = line.reason if line.ruler is None else line.ruler
        style = "" if line.fit else "dim"
        table.add_row(refused, line.place, line.features, line.fitter, *numbers, style=style)
    console = results()
    console.print(table)
    console.print(LEGEND, style="dim")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
