"""Training of the compact model from the command line: cells, progress bar, and scores beside the baselines."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theodolite.cli.console import results, say
from theodolite.cli.errors import UserError
from theodolite.cli.progress import counted, waiting

if TYPE_CHECKING:
    from theodolite.models.training import TrainReport

__all__ = ["train"]


def train(
    *,
    out: Path,
    cells: str,
    layer: str,
    gene_column: str | None,
    species: str,
    restart: bool,
    settings: dict[str, Any],
    shape: dict[str, Any],
) -> None:
    """Train and print the report; options are those of ``theodolite models train compact``.

    Raises
    ------
    UserError
        If a value of the shape is out of range.
    TrainingError, CellDataError
        If settings, cells or the state in ``out`` cannot be used.
    """
    with waiting("Loading torch and the cells"):
        from theodolite.experiments.campaign import CellsSpec
        from theodolite.experiments.inputs import load_cells
        from theodolite.models.compact import CompactConfig
        from theodolite.models.training import TrainingError, TrainSettings, train_command, train_compact
        from theodolite.models.training_folder import STATE_FILE

        chosen = TrainSettings(**settings)
        found = load_cells(CellsSpec(source=cells, layer=layer, gene_column=gene_column, species=species))
        try:
            config = CompactConfig(genes=found.genes, **shape)
        except ValueError as error:
            raise UserError(str(error)) from error
    resuming = not restart and (out / STATE_FILE).is_file()
    if resuming:
        say(f"{out} holds a training state: continuing it. Give --restart to begin anew.")
    command = train_command(chosen, config, out)
    if cells != "pbmc":
        words = ["--cells", cells, "--layer", layer, *(["--gene-column", gene_column] if gene_column else [])]
        words += ["--species", species] if species != "human" else []
        command = command.replace("--cells pbmc", shlex.join(words))
    with counted("Training", chosen.steps) as update:
        latest = ""

        def progress(done: int, total: int, numbers: dict[str, Any]) -> None:
            nonlocal latest
            if "r2" in numbers:
                latest = f"(held-out R² {numbers['r2']:.3f})"
            update(done, latest)

        try:
            report = train_compact(
                found.log1p_cp10k(),
                found.genes,
                chosen,
                shape,
                out,
                resume=not restart,
                progress=progress,
                command=command,
            )
        except TrainingError as error:
            raise UserError(f"{error} (--restart begins anew)" if resuming else str(error)) from error
    _print(report, out)


def _print(report: TrainReport, out: Path) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("predictor of hidden genes in held-out cells", no_wrap=True)
    table.add_column("squared error", justify="right")
    table.add_column("R²", justify="right")
    scores = (
        ("compact model", report.r2),
        ("shrinkage-covariance regression, tuned", report.r2_shrinkage),
        ("shrinkage-covariance regression, Ledoit-Wolf", report.r2_ledoit_wolf),
        ("gene mean", 0.0),
    )
    for name, r2 in scores:
        table.add_row(name, f"{report.gene_mean_mse * (1 - r2):.4f}", f"{r2:.3f}")
    console = results()
    console.print(table)
    console.print(
        f"{report.steps} steps on {report.n_training_cells} cells, {len(report.held_out_cells)} held out; errors are "
        f"in log1p CP10K squared. Checkpoint: {out}",
        soft_wrap=True,
    )
