"""The table of verdicts, for eyes: claim, gate and next step in words, numbers beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from theodolite.cli.console import results

if TYPE_CHECKING:
    from rich.table import Table

    from theodolite.reports import TierLine, VerdictLine
    from theodolite.store import HypothesisRow, RejudgementRow

__all__ = [
    "effect_text",
    "evidence_text",
    "number",
    "print_counts",
    "print_rejudgements",
    "print_tiers",
    "print_verdicts",
    "unmet_text",
]

STYLES = {
    "supported": "bold green",
    "refuted": "magenta",
    "inconclusive": "yellow",
    "invalid": "red",
    "error": "bold red",
    "pending": "cyan",
    "refused": "dim",
}

GENES = (
    "AUROC: chance that a member of the reference lies beyond a non-member in the claimed direction, with its 95 % "
    "interval; 0.5 is coin-flipping."
)
"""What is measured of claims about genes."""
LEGEND = (
    "p: share of the reshuffled draws that did as well, in the hardest null; e: what a bettor against that null won "
    "from 1. level: what the error stream asks: a smaller p, or a larger e. Supported means that the model encodes "
    "this beyond the named controls; it does not say that biology does it."
)
STABLE = (
    "A claim that something is stable is supported where its AUROC lies near 0.5: a change that would count is ruled "
    "out on either side. No baseline is asked, for an untrained model is stable too: it says nothing of what the model "
    "encodes, and is to be read beside a supported claim that the same reference stands high."
)
"""What such a support means, for the legend speaks of others."""
ANCHORS = (
    "rho: Spearman's correlation of distances between groups of cells in the latent space with those on the ruler, "
    "over donors that neither the search nor a fit saw, with its 95 % interval over donors; 0 is no order."
)
"""What is measured of claims about anchors."""
UNVERIFIED = (
    "the model was not shown to do what it was trained for when its campaign was opened. `theodolite models verify` "
    "asks; what was opened before stays as it is."
)
"""What that tag means."""


def number(value: float) -> str:
    """Return a probability in short: ``0.31``, ``0.012``, ``2e-04``, ``1.1e-03``."""
    if value >= 0.01:
        return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"
    return f"{value:.1e}".replace(".0e", "e")


def effect_text(line: VerdictLine) -> str:
    """Return ``AUROC 0.84 (0.75-0.91)``, of anchors ``rho``, or that nothing was measured."""
    if line.effect is None or line.low is None or line.high is None:
        return "not measured"
    return f"{line.scale} {line.effect:.2f} ({line.low:.2f}-{line.high:.2f})"


def evidence_text(line: VerdictLine) -> str:
    """Return evidence against its level: ``p 2e-04 / 1.1e-03``, ``e 812 / 380``; nothing where no level was spent."""
    if line.e is not None and line.required is not None:
        return f"e {line.e:,.3g} / {line.required:,.0f}"
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
    from theodolite.claims import Tag

    console = results()
    if not lines:
        console.print("No hypothesis yet.")
        return
    campaigns = list(dict.fromkeys(line.campaign for line in lines))
    for campaign in campaigns:
        # Slots are numbered in each campaign anew.
        if len(campaigns) > 1:
            console.print(f"\nCampaign {campaign}", style="bold", soft_wrap=True)
        console.print(_table([line for line in lines if line.campaign == campaign]))
    scales = {line.scale for line in lines}
    measured = [words for scale, words in (("AUROC", GENES), ("rho", ANCHORS)) if scale in scales]
    console.print(" ".join([*measured, LEGEND]), style="dim")
    if any(line.of_no_effect for line in lines):
        console.print(STABLE, style="dim")
    if any(Tag.UNVERIFIED_MODEL.value in line.tags for line in lines):
        console.print(f"{Tag.UNVERIFIED_MODEL.value}: {UNVERIFIED}", style="dim", markup=False)


def print_counts(counts: dict[str, int], reused: int = 0) -> None:
    """Print how often each outcome occurs, on one line, and how many supports carry no guarantee."""
    from rich.text import Text

    parts = Text(" · ").join(Text(f"{count} {outcome}", style=STYLES[outcome]) for outcome, count in counts.items())
    results().print(parts)
    if reused:
        which = "one of the supported was" if reused == 1 else f"{reused} of the supported were"
        results().print(
            f"{which.capitalize()} tested on a hold-out block that had returned a support before: a tag and no "
            "guarantee, in an error stream of its own.",
            style="dim",
        )


def print_rejudgements(again: Sequence[RejudgementRow], first: Mapping[str, HypothesisRow]) -> None:
    """Print what a newer catalogue says of tests that an older one settled, beside their first verdict."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console = results()
    if not again:
        console.print("Every test of this ledger was judged under today's catalogue.")
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 1, 0), pad_edge=False, expand=True)
    for name in ("first verdict", f"catalogue {again[0].catalogue}"):
        table.add_column(name, no_wrap=True)
    table.add_column("claim, first unmet gate", ratio=1)
    for row in again:
        slot = first[row.subject]
        before = slot.verdict.value if slot.verdict is not None else "pending"
        words = Text(slot.claim_text)
        words.append(f"\nunmet: {row.first_unmet or 'none'}", style="dim")
        table.add_row(
            Text(before, style=STYLES[before]), Text(row.verdict.value, style=STYLES[row.verdict.value]), words
        )
    console.print(table)
    console.print("First verdicts stand, and so do levels: these rows were added.", style="dim")


def print_tiers(tiers: Sequence[TierLine]) -> None:
    """Print what other rules would say of each test of each stream."""
    from rich import box
    from rich.table import Table

    console = results()
    if not tiers:
        console.print("No test has spent a level yet.")
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, expand=True)
    for name in ("stream", "t", "verdict", "headline", "candidate", "re-audit"):
        table.add_column(name, no_wrap=True)
    table.add_column("claim", ratio=1)
    for line in tiers:
        marks = ["yes" if held else "" for held in (line.headline, line.candidate, line.retro)]
        table.add_row(line.stream, str(line.t), line.verdict, *marks, line.claim)
    console.print(table)
    console.print(
        "Headline: alpha-spending, no false claim at all among them at the stream's rate. Candidate: LORD++, worth a "
        "second look. Re-audit: online e-BH over the whole stream, worth registering anew. Only the verdict binds.",
        style="dim",
    )


def _table(lines: Sequence[VerdictLine]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 1, 0), pad_edge=False, expand=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("claim, first unmet gate, what to do next", ratio=1)
    table.add_column("effect (95 %)\nevidence / level", no_wrap=True)
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
