"""The table of verdicts, for eyes: claim, gate and next step in words, numbers beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from theodolite.cli.console import results

if TYPE_CHECKING:
    from rich.table import Table

    from theodolite.reports import VerdictLine

__all__ = ["effect_text", "evidence_text", "number", "print_counts", "print_verdicts", "unmet_text"]

STYLES = {
    "supported": "bold green",
    "refuted": "magenta",
    "inconclusive": "yellow",
    "invalid": "red",
    "error": "bold red",
    "pending": "cyan",
    "refused": "dim",
}

LEGEND = (
    "AUROC: chance that a member of the reference lies beyond a non-member in the claimed direction, with its 95 % "
    "interval; 0.5 is coin-flipping. p: share of the reshuffled draws that did as well, in the hardest null. "
    "level: what the error stream asks of p. Supported means that the model encodes this beyond the named "
    "controls; it does not say that biology does it."
)


def number(value: float) -> str:
    """Return a probability in short: ``0.31``, ``0.012``, ``2e-04``, ``1.1e-03``."""
    if value >= 0.01:
        return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"
    return f"{value:.1e}".replace(".0e", "e")


def effect_text(line: VerdictLine) -> str:
    """Return ``AUROC 0.84 (0.75-0.91)``, or that nothing was measured."""
    if line.auroc is None or line.low is None or line.high is None:
        return "not measured"
    return f"AUROC {line.auroc:.2f} ({line.low:.2f}-{line.high:.2f})"


def evidence_text(line: VerdictLine) -> str:
    """Return evidence against its level: ``p 2e-04 / 1.1e-03``; nothing where no level was spent."""
    if line.p is None:
        return "no level spent"
    return f"p {number(line.p)} / {'not settled' if line.level is None else number(line.level)}"


def unmet_text(line: VerdictLine) -> str:
    """Return the first unmet gate; with its sentence where it kept a test from being made at all."""
    if line.first_unmet is None:
        return "none" if line.outcome != "pending" else "not judged yet"
    return f"{line.first_unmet}: {line.unmet_sentence}" if line.outcome == "invalid" else line.first_unmet


def print_verdicts(lines: Sequence[VerdictLine]) -> None:
    """Print hypotheses to standard output, with what the words mean."""
    console = results()
    if not lines:
        console.print("No hypothesis yet.")
        return
    console.print(_table(lines))
    console.print(LEGEND, style="dim")


def print_counts(counts: dict[str, int]) -> None:
    """Print how often each outcome occurs, on one line."""
    from rich.text import Text

    parts = Text(" · ").join(Text(f"{count} {outcome}", style=STYLES[outcome]) for outcome, count in counts.items())
    results().print(parts)


def _table(lines: Sequence[VerdictLine]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 1, 0), pad_edge=False, expand=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("claim, first unmet gate, what to do next", ratio=1)
    table.add_column("effect (95 %)\np / level", no_wrap=True)
    for line in lines:
        verdict = Text(line.outcome, style=STYLES[line.outcome])
        words = Text(line.claim, style="bold" if line.outcome == "supported" else "")
        words.append(f"\nunmet: {unmet_text(line)}", style="not bold")
        if line.next_step:
            words.append(f"\nnext: {line.next_step}", style="not bold dim")
        for below in (*line.tags, line.slot):
            verdict.append(f"\n{below}", style="not bold dim")
        table.add_row(verdict, words, f"{effect_text(line)}\n{evidence_text(line)}")
    return table
