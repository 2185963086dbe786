"""Training of a small Geneformer from the command line: cells, progress bar, and scores beside the rivals."""

from __future__ import annotations

import shlex
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theodolite.cli.console import results, say
from theodolite.cli.errors import UserError
from theodolite.cli.progress import counted, waiting

if TYPE_CHECKING:
    from theodolite.models.geneformer.training import MiniReport
    from theodolite.models.geneformer.training_settings import MiniSettings

__all__ = ["train"]


def train(
    *,
    out: Path,
    cells: str,
    layer: str,
    gene_column: str | None,
    batch: str,
    dictionaries: Path | None,
    restart: bool,
    settings: dict[str, Any],
) -> None:
    """Train and print the report; options are those of ``theodolite models train geneformer-mini``.

    Raises
    ------
    UserError
        If the state in ``out`` belongs to another run, with the remedy.
    TrainingError, CellDataError, CheckpointError
        If settings, cells or dictionaries cannot be used.
    """
    with waiting("Loading torch and the cells"):
        from theodolite.experiments.campaign import CellsSpec
        from theodolite.experiments.inputs import load_cells
        from theodolite.models.geneformer.mini import published_dictionary
        from theodolite.models.geneformer.training import train_mini
        from theodolite.models.geneformer.training_settings import MiniSettings
        from theodolite.models.training_folder import STATE_FILE
        from theodolite.models.training_settings import TrainingError

        chosen = MiniSettings(**settings)
        known = None if dictionaries is None else published_dictionary(dictionaries)
        found = load_cells(CellsSpec(source=cells, layer=layer, gene_column=gene_column, batch=batch))
    resuming = not restart and (out / STATE_FILE).is_file()
    if resuming:
        say(f"{out} holds a training state: continuing it. Give --restart to begin anew.")
    words = ["theodolite", "models", "train", "geneformer-mini", "--cells", cells, "--batch", batch, "--layer", layer]
    words += ["--gene-column", gene_column] if gene_column else []
    words += ["--dictionaries", str(dictionaries)] if dictionaries else []
    command = shlex.join([*words, *_options(chosen), "--out", out.name])
    with counted("Training", chosen.steps) as update:
        latest = ""

        def progress(done: int, total: int, numbers: dict[str, Any]) -> None:
            nonlocal latest
            if "held_out_nats" in numbers:
                latest = f"(held-out plate {numbers['held_out_nats']:.3f} nats)"
            update(done, latest)

        try:
            report = train_mini(found, chosen, out, known=known, resume=not restart, progress=progress, command=command)
        except TrainingError as error:
            raise UserError(f"{error} (--restart begins anew)" if resuming else str(error)) from error
    _print(report, out)


def _options(settings: MiniSettings) -> list[str]:
    """Return what differs from the recipe, and always steps and seed."""
    words: list[str] = []
    for field in fields(settings):
        value = getattr(settings, field.name)
        if field.name in ("steps", "seed") or value != field.default:
            words += [f"--{field.name.replace('_', '-')}", str(value)]
    return words


def _print(report: MiniReport, out: Path) -> None:
    from rich.table import Table

    found = report.evaluation
    console = results()
    # Two tables, for one with both would not fit into 80 columns.
    for what, own, rows in (
        (
            "named first",
            f"{found.accuracy:.2%}",
            [(name, f"{r.accuracy:.2%}", r.accuracy_gain, r.accuracy_interval) for name, r in found.rivals.items()],
        ),
        (
            "nats",
            f"{found.nats:.3f}",
            [(name, f"{r.nats:.3f}", r.nats_gain, r.nats_interval) for name, r in found.rivals.items()],
        ),
    ):
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(f"hidden genes of {report.held_out}", no_wrap=True)
        table.add_column(what, justify="right")
        table.add_column("the model's advantage", no_wrap=True)
        table.add_row(out.name, own, "")
        shown = "{:+.2%}" if what == "named first" else "{:+.3f}"
        for name, value, gain, (low, high) in rows:
            table.add_row(name, value, f"{shown.format(gain)} [{shown.format(low)}, {shown.format(high)}]")
        console.print(table)
    console.print(
        f"{report.steps} steps on {report.n_training_cells} cells; {found.n_hidden} hidden genes of {found.n_cells} "
        f"cells of the plate that was held out; 95 % intervals of a bootstrap over cells. Checkpoint: {out}",
        soft_wrap=True,
    )
