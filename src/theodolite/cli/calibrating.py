"""``calibrate``: the realised error rates of whole campaigns in worlds of known truth."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theodolite.cli.console import results, say
from theodolite.cli.errors import UserError
from theodolite.cli.exit_codes import ExitCode
from theodolite.cli.logs import logging_to

if TYPE_CHECKING:
    from theodolite.calibration.criteria import Criterion
    from theodolite.calibration.summary import Summary
    from theodolite.calibration.workers import Progress

__all__ = ["calibrate"]

_WIDE = 130
"""Columns of a table that goes to a file."""


def calibrate(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of results; the same one again continues.")] = Path(
        "theodolite-calibration"
    ),
    quick: Annotated[
        bool, typer.Option("--quick", help="A small study with wider limits, for every change of the code.")
    ] = False,
    campaigns: Annotated[
        int | None, typer.Option(min=1, help="Campaigns a proposer in the standard world; 200, or 16 with --quick.")
    ] = None,
    null: Annotated[
        int | None, typer.Option("--null-campaigns", min=1, help="Campaigns a proposer where no claim is true; 64.")
    ] = None,
    tests: Annotated[int | None, typer.Option(min=1, help="Tests a campaign; 40, or 16 with --quick.")] = None,
    q: Annotated[float, typer.Option("--q", min=0.001, max=0.499, help="False-discovery rate of the stream.")] = 0.10,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Processes of one thread each; as many as cores where not given.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Root of all worlds and proposers.")] = 1,
    ablations: Annotated[
        bool, typer.Option("--ablations/--no-ablations", help="Also run with one safeguard off at a time.")
    ] = True,
    ablated: Annotated[int | None, typer.Option(min=1, help="Campaigns a proposer of each ablation; 16.")] = None,
    full: Annotated[
        int | None, typer.Option(min=0, help="Campaigns also run through the graph and a ledger file; 16, or 1.")
    ] = None,
) -> None:
    """Run campaigns by adversarial proposers in planted worlds, and hold realised error rates against q.

    Ends with 1 if a bound is crossed. Interrupted, the same command continues; every finished campaign is kept.
    """
    if quick and (null is not None or ablated is not None):
        raise UserError(
            "--quick has arms of its own and takes neither --null-campaigns nor --ablated; leave these out, or leave "
            "--quick out"
        )
    if ablated is not None and not ablations:
        raise UserError("--no-ablations runs none, and --ablated says how many; give one of them")
    from theodolite.cli.progress import counted, waiting

    with waiting("Loading the libraries"):
        from theodolite.calibration.criteria import QUICK, Limits, criteria
        from theodolite.calibration.figure import draw
        from theodolite.calibration.study import Store, StudyError, quick_study, standard_study
        from theodolite.calibration.summary import summarise
        from theodolite.calibration.tables import machine, markdown
        from theodolite.calibration.workers import run_study
        from theodolite.files import write_atomically

    given = {"campaigns": campaigns, "tests": tests, "full": full, "null": null}
    given["ablated"] = ablated if ablations else 0
    chosen = {name: value for name, value in given.items() if value is not None}
    if quick:
        chosen.pop("ablated", None)
        study = quick_study(**chosen, q=q, seed=seed)
    else:
        study = standard_study(**chosen, q=q, seed=seed)
    store = Store(out)
    started = time.monotonic()
    try:
        with logging_to(None), counted("Campaigns", study.campaigns) as show:

            def tell(progress: Progress) -> None:
                show(progress.done, f"{progress.note} {_left(progress, time.monotonic() - started)}".strip())

            run_study(study, store, processes=processes or os.cpu_count() or 1, notify=tell)
    except StudyError as error:
        raise UserError(str(error)) from error
    summary = summarise(store.all_results(study), q=q, tests=study.terms.tests, seed=seed)
    found = criteria(summary, QUICK if quick else Limits(ablations=ablations))
    made = {"command": _command(), "commit": _commit(), "machine": machine()}
    text = markdown(summary, found, command=made["command"], commit=made["commit"], made_on=made["machine"])
    document = {
        "made": made,
        "study": study.model_dump(mode="json"),
        "criteria": [{**item.model_dump(), "passed": item.passed} for item in found],
        "summary": summary.model_dump(mode="json"),
    }
    write_atomically(out / "calibration.json", _json(document))
    write_atomically(out / "calibration.md", text.encode())
    draw(summary, out / "calibration.svg", out / "calibration.png")
    _show(summary, found)
    say(f"Table, numbers and figure: {out / 'calibration.md'}, .json, .svg, .png")
    if not all(item.passed for item in found):
        say("A criterion is not met.", style="bold red")
        raise typer.Exit(ExitCode.PROBLEM)


def _show(summary: Summary, found: list[Criterion]) -> None:
    from rich.table import Table as RichTable

    from theodolite.calibration.tables import tables

    console = results()
    if not console.is_terminal:
        console.width = max(console.width, _WIDE)
    for table in tables(summary, found):
        console.print(table.title, style="bold")
        shown = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for index, column in enumerate(table.columns):
            shown.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
        for row in table.rows:
            shown.add_row(*row)
        console.print(shown)
        console.print()


def _left(progress: Progress, seconds: float) -> str:
    """Return how long is left, from the pace of what was run now; nothing before the first campaign."""
    run = progress.done - progress.found
    if not run or progress.done == progress.total:
        return ""
    minutes = (progress.total - progress.done) * seconds / run / 60
    return f"(about {minutes:.0f} min left)" if minutes >= 1 else "(less than a minute left)"


def _json(document: object) -> bytes:
    import json

    return (json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n").encode()


def _command() -> str:
    """Return the command as given, without what does not change its results: the folder and the processes."""
    words = iter(sys.argv[1:])
    kept = []
    for word in words:
        if word in ("--out", "-o", "--processes"):
            next(words, None)
        elif not word.startswith(("--out=", "--processes=")):
            kept.append(word)
    return " ".join(["theodolite", *kept])


def _commit() -> str:
    """Return the commit of the checkout that the package is run from, else its version."""
    import subprocess

    import theodolite

    answers = []
    # The first fails where the package merely lies inside somebody else's checkout.
    for words in (["ls-files", "--error-unmatch", "__init__.py"], ["describe", "--always", "--dirty", "--abbrev=12"]):
        try:
            asked = subprocess.run(
                ["git", *words],
                cwd=Path(theodolite.__file__).parent,
                capture_output=True,
                text=True,
                timeout=10,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return f"of version {theodolite.__version__}"
        answers.append(asked.stdout.strip())
    return answers[-1]
