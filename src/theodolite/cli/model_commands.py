"""``models``: what the package carries, and the training of the project's own models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from theodolite.cli.console import print_json, results
from theodolite.cli.errors import UserError
from theodolite.cli.model_adding import add_model
from theodolite.cli.model_verifying import verify_model
from theodolite.cli.tool_commands import JsonOption, PluginOption

if TYPE_CHECKING:
    from theodolite.models.facts import ModelFacts

__all__ = ["app", "train_app"]

app = typer.Typer(help="The models that can be surveyed.", no_args_is_help=True, rich_markup_mode=None)
train_app = typer.Typer(help="Train a model.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(train_app, name="train")
app.command("add")(add_model)
app.command("verify")(verify_model)


@app.command("list")
def list_models(plugin: PluginOption = None, as_json: JsonOption = False) -> None:
    """List the packaged models, those that were added, and those of plug-ins."""
    from rich.table import Table

    from theodolite.models.facts import CheckpointError, available_models
    from theodolite.models.offered import offered_models
    from theodolite.models.shelf import changed_files, read_card, registered_models
    from theodolite.plugins import find_facts, load_installed, load_plugins

    load_plugins(plugin or ())
    load_installed("models")
    known: dict[str, ModelFacts | str] = {}
    added = registered_models()
    for name in (*available_models(), *added, *offered_models()):
        # One that cannot be read is shown as such, beside the others.
        try:
            known[name] = read = find_facts(name)
            if name in added and read_card(added[name]).model_sha256 != read.sha256:
                changed = ", ".join(changed_files(added[name])) or "its dictionaries"
                known[name] = f"{changed} changed since it was added; add it again"
        except (CheckpointError, OSError) as error:
            known[name] = str(error)
    if as_json:
        print_json([_told(name, facts) for name, facts in known.items()])
        return
    if not known:
        raise UserError("the package carries no model; train one with `theodolite models train compact --out DIR`")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("model", "genes", "layers", "heads", "width", "verified", "sha256"):
        table.add_column(column, no_wrap=True)
    for name, facts in known.items():
        if isinstance(facts, str):
            table.add_row(name, "damaged")
            continue
        verified = "yes" if facts.verified else "no"
        sizes = (len(facts.genes), facts.n_layers, facts.n_heads, facts.width, verified)
        table.add_row(facts.name, *map(str, sizes), facts.sha256[:16])
    console = results()
    console.print(table)
    for name, facts in known.items():
        if isinstance(facts, str):
            console.print(f"{name} is damaged: {facts}", markup=False, highlight=False, soft_wrap=True)


def _told(name: str, facts: ModelFacts | str) -> dict[str, Any]:
    if isinstance(facts, str):
        return {"name": name, "damaged": facts}
    return {
        "name": facts.name,
        "sha256": facts.sha256,
        "genes": len(facts.genes),
        "n_layers": facts.n_layers,
        "n_heads": facts.n_heads,
        "width": facts.width,
        "expects": facts.expects,
        "verified": facts.verified,
    }


@train_app.command("compact")
def train_compact_model(
    out: Annotated[Path, typer.Option("--out", help="Folder of the checkpoint; its name is the model's name.")],
    cells: Annotated[
        str, typer.Option(help="'pbmc' (packaged), or a file or folder with raw counts (docs/cells.md).")
    ] = "pbmc",
    layer: Annotated[str, typer.Option(help="Where a file keeps its counts: X, raw, a layer, or auto.")] = "X",
    gene_column: Annotated[str | None, typer.Option(help="Column with the names of genes.")] = None,
    species: Annotated[str, typer.Option(help="Species of the cells; checked against their genes.")] = "human",
    restart: Annotated[
        bool, typer.Option("--restart", help="Start anew where DIR holds a run that can go on.")
    ] = False,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps.")] = None,
    cells_per_step: Annotated[int | None, typer.Option(help="Cells drawn at each step.")] = None,
    genes_per_step: Annotated[int | None, typer.Option(help="Genes drawn for each cell.")] = None,
    mask_share: Annotated[float | None, typer.Option(help="Share of genes whose value is hidden.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak rate of AdamW.")] = None,
    warmup: Annotated[int | None, typer.Option(help="Steps up to the peak rate.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Decoupled decay of matrices.")] = None,
    held_out_share: Annotated[float | None, typer.Option(help="Share of cells that is never trained on.")] = None,
    evaluation_masks: Annotated[int | None, typer.Option(help="Fixed masks drawn for each held-out cell.")] = None,
    eval_every: Annotated[int | None, typer.Option(help="Steps between held-out scores.")] = None,
    save_every: Annotated[int | None, typer.Option(help="Steps between writes of the state.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of split, weights, masks and every step.")] = None,
    threads: Annotated[int | None, typer.Option(help="torch threads; they may change the last bits.")] = None,
    width: Annotated[int | None, typer.Option(help="Width of the residual stream.")] = None,
    n_layers: Annotated[int | None, typer.Option(help="Encoder blocks.")] = None,
    n_heads: Annotated[int | None, typer.Option(help="Attention heads a block.")] = None,
    feedforward: Annotated[int | None, typer.Option(help="Hidden width of the feed-forward layers.")] = None,
    dropout: Annotated[float | None, typer.Option(help="Share dropped from residual updates in training.")] = None,
) -> None:
    """Train a compact transformer on masked expression; the same command again continues an interrupted run.

    Prints the held-out error beside that of the gene mean and of a shrinkage-covariance regression. What is not given
    is as in the recipe of the packaged model.
    """
    from theodolite.cli.training import train

    settings = {
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
    }
    shape = {
        "width": width,
        "n_layers": n_layers,
        "n_heads": n_heads,
        "feedforward": feedforward,
        "dropout": dropout,
    }
    train(
        out=out,
        cells=cells,
        layer=layer,
        gene_column=gene_column,
        species=species,
        restart=restart,
        settings={name: value for name, value in settings.items() if value is not None},
        shape={name: value for name, value in shape.items() if value is not None},
    )


@train_app.command("geneformer-mini")
def train_small_geneformer(
    cells: Annotated[str, typer.Option(help="An .h5ad file of human cells with raw counts and Ensembl ids.")],
    batch: Annotated[str, typer.Option(help="Column of obs with plates or donors; one of them is held out.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the checkpoint; its name is the model's name.")],
    layer: Annotated[str, typer.Option(help="Where the file keeps its counts: X, raw, or a layer.")] = "X",
    gene_column: Annotated[
        str | None, typer.Option(help="Column of var with gene names; its index if left out.")
    ] = None,
    dictionaries: Annotated[
        Path | None,
        typer.Option(help="Folder with the dictionaries of Geneformer; else all genes with an Ensembl id are known."),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start anew where DIR holds a run that can go on.")
    ] = False,
    held_out: Annotated[str | None, typer.Option(help="Plate or donor never trained on; the last by name.")] = None,
    genes: Annotated[int | None, typer.Option(help="Genes of the vocabulary: those in most training cells.")] = None,
    context: Annotated[int | None, typer.Option(help="Tokens of a cell at most, two special ones included.")] = None,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps.")] = None,
    cells_per_step: Annotated[int | None, typer.Option(help="Cells drawn at each step.")] = None,
    mask_share: Annotated[float | None, typer.Option(help="Share of a cell's genes that is hidden.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak rate of AdamW.")] = None,
    warmup: Annotated[int | None, typer.Option(help="Steps up to the peak rate.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Decoupled decay of matrices.")] = None,
    evaluation_masks: Annotated[int | None, typer.Option(help="Fixed masks drawn for each held-out cell.")] = None,
    eval_every: Annotated[int | None, typer.Option(help="Steps between held-out scores.")] = None,
    save_every: Annotated[int | None, typer.Option(help="Steps between writes of the state.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of weights, masks and every step.")] = None,
    threads: Annotated[int | None, typer.Option(help="torch threads; they may change the last bits.")] = None,
    layers: Annotated[int | None, typer.Option(help="Transformer blocks.")] = None,
    width: Annotated[int | None, typer.Option(help="Width of the residual stream.")] = None,
    heads: Annotated[int | None, typer.Option(help="Attention heads a block.")] = None,
    feedforward: Annotated[int | None, typer.Option(help="Hidden width of the feed-forward layers.")] = None,
    dropout: Annotated[float | None, typer.Option(help="Share dropped from attention and residual updates.")] = None,
) -> None:
    """Train a small model in the format of Geneformer on cells at hand; the same command continues a broken run.

    It is no Geneformer: it has seen these cells alone. Prints how well it names hidden genes of the held-out plate,
    beside the frequencies of genes, of genes by rank, and itself with its context spoiled.
    """
    from theodolite.cli.training_geneformer import train

    settings = {
        "held_out": held_out,
        "genes": genes,
        "context": context,
        "steps": steps,
        "cells_per_step": cells_per_step,
        "mask_share": mask_share,
        "learning_rate": learning_rate,
        "warmup": warmup,
        "weight_decay": weight_decay,
        "evaluation_masks": evaluation_masks,
        "eval_every": eval_every,
        "save_every": save_every,
        "seed": seed,
        "threads": threads,
        "layers": layers,
        "width": width,
        "heads": heads,
        "feedforward": feedforward,
        "dropout": dropout,
    }
    train(
        out=out,
        cells=cells,
        layer=layer,
        gene_column=gene_column,
        batch=batch,
        dictionaries=dictionaries,
        restart=restart,
        settings={name: value for name, value in settings.items() if value is not None},
    )
