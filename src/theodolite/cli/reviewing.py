"""``reviewers``: try a reviewer on sealed plants and clean shams, and see what its cap is worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theodolite.cli.console import print_json, results, say
from theodolite.cli.errors import UserError
from theodolite.cli.tool_commands import JsonOption
from theodolite.cli.workspaces import LEDGER_FILE, WorkspaceOption, find_ledger

if TYPE_CHECKING:
    from rich.table import Table

    from theodolite.agents import LintReviewer, ModelReviewer
    from theodolite.calibration.plants import Standing
    from theodolite.store import Ledger

__all__ = ["app"]

app = typer.Typer(
    help="Try reviewers on sealed plants, and see what their caps are worth.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

SUBJECT = "reviewers"
"""What trials outside of campaigns are recorded under."""


@app.command("trials")
def trials(
    workspace: WorkspaceOption = None,
    reviewer: Annotated[str, typer.Option(help="Which reviewer: lint, or the name of a language model.")] = "lint",
    seed: Annotated[int, typer.Option(min=0, help="Fixes the items; another seed gives fresh ones.")] = 1,
    per_class: Annotated[int, typer.Option(min=1, help="Plants of each of the 13 classes; as many shams.")] = 10,
) -> None:
    """Give a reviewer sealed plants and shams and record what it says; a folder without a ledger gets one."""
    path = find_ledger(None) if workspace is None else workspace / LEDGER_FILE
    from theodolite.calibration.plants import DEFECTS, give, put_trial, sealed_items
    from theodolite.cli.progress import counted
    from theodolite.store import Ledger, trial_rows

    total, given = 2 * len(DEFECTS) * per_class, 0
    with (
        Ledger.open(path, create=True) as ledger,
        ledger.coordinator("theodolite reviewers trials"),
        counted("Giving the reviewer sealed items", total) as count,
    ):
        chosen = _reviewer(reviewer, ledger)
        known = {row.trial for row in trial_rows(ledger, chosen.name, subject=SUBJECT)}
        for done, sealed in enumerate(sealed_items(seed, per_class), start=1):
            if sealed.name not in known:
                put_trial(ledger, SUBJECT, give(chosen, sealed))
                given += 1
            count(done, "")
    say(f"Gave {given} items that it had not had before; `theodolite reviewers show` tells how it did.")


@app.command("show")
def show(
    workspace: WorkspaceOption = None,
    figure: Annotated[Path | None, typer.Option(help="Also draw it, as .png or .svg.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what reviewers caught by class, their false alarms, and whether their caps bind."""
    path = find_ledger(workspace)
    if figure is not None and figure.suffix not in (".png", ".svg"):
        raise UserError(f"--figure is {str(figure)!r}; it ends in .png or .svg")
    from theodolite.reports.reviewers import reviewer_agreements, reviewer_standings, save_reviewer_figure
    from theodolite.store import Ledger

    with Ledger.open(path, read_only=True) as ledger:
        found, agreements = reviewer_standings(ledger), reviewer_agreements(ledger)
    if figure is not None:
        if not found:
            raise UserError(f"no reviewer was tried in {path}; run `theodolite reviewers trials` first")
        save_reviewer_figure(found, figure)
    if as_json:
        print_json({"reviewers": [_plain(standing) for standing in found], "agreements": agreements})
        return
    console = results()
    if not found:
        console.print("No reviewer was tried yet: run `theodolite reviewers trials`.")
        return
    for standing in found:
        _print_standing(standing)
    for pair in agreements:
        kappa = "" if pair.kappa is None else f", kappa {pair.kappa:.2f}"
        console.print(f"{pair.first} and {pair.second} agree on {pair.share:.0%} of {pair.items} items{kappa}.")
    if figure is not None:
        say(f"Drew {figure}.")


def _reviewer(name: str, ledger: Ledger) -> LintReviewer | ModelReviewer:
    """Return the reviewer of code, or a language model; its calls are rows under the same subject as the trials."""
    from theodolite.agents import LintReviewer, outside_reviewer

    return LintReviewer() if name == "lint" else outside_reviewer(name, ledger, SUBJECT, say)


def _plain(standing: Standing) -> dict[str, object]:
    def one(found: object) -> dict[str, object]:
        return {name: getattr(found, name) for name in ("plants", "caught", "rate", "lower")}

    simple = (
        "reviewer", "shams", "false_alarms", "upper", "d_prime", "auroc", "predicted", "predicted_right", "log_loss",
    )  # fmt: skip
    return {
        **{name: getattr(standing, name) for name in simple},
        "standing": standing.standing.value,
        "beyond_code": one(standing.beyond_code),
        "classes": {code: one(found) for code, found in standing.classes.items()},
    }


def _print_standing(standing: Standing) -> None:
    from theodolite.reports.reviewers import standing_sentence

    console = results()
    console.print(standing_sentence(standing), style="bold", soft_wrap=True)
    console.print(_table(standing))
    parts = []
    if standing.d_prime is not None and standing.auroc is not None:
        parts.append(f"d' {standing.d_prime:.1f}; a plant is capped lower than a sham with AUROC {standing.auroc:.2f}")
    if standing.predicted:
        parts.append(f"verdict of {standing.predicted_right} of {standing.predicted} shams predicted from the plan")
    if standing.log_loss is not None:
        parts.append(f"log-loss {standing.log_loss:.2f} nats")
    console.print("; ".join(parts), style="dim", soft_wrap=True)
    console.print()


def _table(standing: Standing) -> Table:
    from rich.table import Table

    from theodolite.gates.advisory import BEYOND_CODE
    from theodolite.reports.reviewers import DEFECT_WORDS

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("class", no_wrap=True)
    table.add_column("caught", justify="right", no_wrap=True)
    table.add_column("at least (95 %)", justify="right", no_wrap=True)
    for code, one in standing.classes.items():
        words = DEFECT_WORDS[code] + (" *" if code in BEYOND_CODE else "")
        lower = "-" if one.lower is None else f"{100 * one.lower:.0f} %"
        table.add_row(words, f"{one.caught} of {one.plants}", lower)
    upper = "-" if standing.upper is None else f"at most {100 * standing.upper:.0f} %"
    table.add_row("clean items objected to", f"{standing.false_alarms} of {standing.shams}", upper)
    table.caption = "* not always told by code: the standing rests on these"
    table.caption_justify = "left"
    return table
