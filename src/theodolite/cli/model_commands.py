"""``models``: what the package carries, and the training of the compact model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from theodolite.cli.console import print_json, results
from theodolite.cli.errors import UserError
from theodolite.cli.tool_commands import JsonOption

__all__ = ["app", "train_app"]

app = typer.Typer(help="The models that can be surveyed.", no_args_is_help=True, rich_markup_mode=None)
train_app = typer.Typer(help="Train a model.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(train_app, name="train")


@app.command("list")
def list_models(as_json: JsonOption = False) -> None:
    """List the packaged models."""
    from rich.table import Table

    from theodolite.models.facts import available_models, model_facts

    known = [model_facts(name) for name in available_models()]
    if as_json:
        print_json(
            [
                {
                    "name": facts.name,
                    "sha256": facts.sha256,
                    "genes": len(facts.genes),
                    "n_layers": facts.n_layers,
                    "n_heads": facts.n_heads,
                    "width": facts.width,
                }
                for facts in known
            ]
        )
        return
    if not known:
        raise UserError("the package carries no model; train one with `theodolite models train compact --out DIR`")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("model", "genes", "layers", "heads", "width", "sha256"):
        table.add_column(column, no_wrap=True)
    for facts in known:
        sizes = (len(facts.genes), facts.n_layers, facts.n_heads, facts.width)
        table.add_row(facts.name, *map(str, sizes), facts.sha256[:16])
    results().print(table)


@train_app.command("compact")
def train_compact_model(
    out: Annotated[Path, typer.Option("--out", help="Folder of the checkpoint; its name is the model's name.")],
    cells: Annotated[str, typer.Option(help="'pbmc' (packaged) or the path of an .h5ad file with raw counts.")] = "pbmc",
    layer: Annotated[str, typer.Option(help="Where an .h5ad file keeps its counts: X, raw, or a layer.")] = "X",
    gene_column: Annotated[str | None, typer.Option(help="Column of an .h5ad file with gene symbols.")] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Start anew where DIR holds a run that can go on.")] = False,
    steps: Annotated[int, typer.Option(help="Optimiser steps.")] = 2000,
    cells_per_step: Annotated[int, typer.Option(help="Cells drawn at each step.")] = 16,
    genes_per_step: Annotated[int, typer.Option(help="Genes drawn for each cell.")] = 384,
    mask_share: Annotated[float, typer.Option(help="Share of genes whose value is hidden.")] = 0.15,
    learning_rate: Annotated[float, typer.Option(help="Peak rate of AdamW.")] = 2e-3,
    warmup: Annotated[int, typer.Option(help="Steps up to the peak rate.")] = 100,
    weight_decay: Annotated[float, typer.Option(help="Decoupled decay of matrices.")] = 0.01,
    held_out_share: Annotated[float, typer.Option(help="Share of cells that is never trained on.")] = 0.1,
    evaluation_masks: Annotated[int, typer.Option(help="Fixed masks drawn for each held-out cell.")] = 8,
    eval_every: Annotated[int, typer.Option(help="Steps between held-out scores.")] = 100,
    save_every: Annotated[int, typer.Option(help="Steps between writes of the state.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of split, weights, masks and every step.")] = 0,
    threads: Annotated[int, typer.Option(help="torch threads; part of what fixes the last bits.")] = 2,
    width: Annotated[int, typer.Option(help="Width of the residual stream.")] = 64,
    n_layers: Annotated[int, typer.Option(help="Encoder blocks.")] = 3,
    n_heads: Annotated[int, typer.Option(help="Attention heads a block.")] = 4,
    feedforward: Annotated[int, typer.Option(help="Hidden width of the feed-forward layers.")] = 128,
    dropout: Annotated[float, typer.Option(help="Share dropped from residual updates in training.")] = 0.1,
) -> None:
    """Train a compact transformer on masked expression; the same command again continues an interrupted run.

    Prints the held-out error beside that of the gene mean and of a shrinkage-covariance regression.
    """
    from theodolite.cli.training import train

    train(
        out=out,
        cells=cells,
        layer=layer,
        gene_column=gene_column,
        restart=restart,
        settings={
            "steps": steps,
            "cells_per_step": cells_per_step,
            "genes_per_step": genes_per_step,
            "mask_share": mask_share,
            "learning_rate": learning_rate,
            "warmup": warmup,
            "weight_decay": weight_decay,
            "held_out_share": held_out_share,
            "evaluation_masks": evaluation_masks,
            "eval_every": eval_every,
            "save_every": save_every,
            "seed": seed,
            "threads": threads,
        },
        shape={
            "width": width,
            "n_layers": n_layers,
            "n_heads": n_heads,
            "feedforward": feedforward,
            "dropout": dropout,
        },
    )
