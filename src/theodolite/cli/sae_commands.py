"""``saes``: train sparse autoencoders on a model's activations, and tell what a folder holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from theodolite.cli.console import print_json, results, say
from theodolite.cli.errors import UserError
from theodolite.cli.tool_commands import JsonOption

if TYPE_CHECKING:
    from theodolite.models.protocol import FoundationModel
    from theodolite.models.sites import Site
    from theodolite.saes.layers import LayerSummary

__all__ = ["app"]

app = typer.Typer(help="Sparse autoencoders: train them, describe them.", no_args_is_help=True, rich_markup_mode=None)


@app.command("train")
def train(
    model: Annotated[str, typer.Argument(help="Name of a model, or folder of a checkpoint.")],
    cells: Annotated[str, typer.Option(help="'pbmc' (packaged) or the path of a file with raw counts.")],
    out: Annotated[Path, typer.Option(help="Folder of the activations and the autoencoders; goes on where it ended.")],
    at: Annotated[str, typer.Option(help="Layers of the residual stream, 0 the embedding: 1,3 or 0-4 or all.")] = "all",
    features: Annotated[
        int | None, typer.Option(min=1, help="Size of the dictionary; four times the model's width if left out.")
    ] = None,
    k: Annotated[
        int | None,
        typer.Option(min=1, help="Active features a token; an eighth of the width, at most 32, if left out."),
    ] = None,
    sparsity: Annotated[str, typer.Option(help="topk, or batchtopk with a threshold.")] = "topk",
    widths: Annotated[
        str | None, typer.Option(help="Matryoshka: sizes of dictionaries within, ascending, as 64,256.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps.")] = 2_000,
    rows: Annotated[int, typer.Option(min=1, help="Tokens in each step.")] = 4_096,
    seeds: Annotated[int, typer.Option(min=1, help="Dictionaries of each layer, from seeds 0, 1, ...")] = 1,
    held_out: Annotated[
        float, typer.Option(help="Share of cells that is never trained on; whole donors or batches where there are.")
    ] = 0.1,
    most: Annotated[int, typer.Option(min=2, help="Cells that are read, evenly over those there are.")] = 2_000,
    layer: Annotated[str, typer.Option(help="Where the file keeps its counts: X, raw, or a layer.")] = "X",
    gene_column: Annotated[str | None, typer.Option(help="Column with gene symbols.")] = None,
    donor: Annotated[str | None, typer.Option(help="Column with donors.")] = None,
    batch: Annotated[str | None, typer.Option(help="Column with batches, where there are no donors.")] = None,
    species: Annotated[str, typer.Option(help="Species of the cells.")] = "human",
    untrained: Annotated[
        bool, typer.Option("--untrained", help="Of the model with random weights, as a control.")
    ] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Train anew where OUT holds autoencoders.")] = False,
    device: Annotated[str, typer.Option(help="Where model and training run: auto, cpu, cuda or mps.")] = "auto",
    threads: Annotated[int, typer.Option(min=1, help="Threads.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Train sparse autoencoders of a model's residual stream on cells, a layer after the other.

    Activations are written to OUT/activations in half precision, then each layer and seed is trained, with a score on
    cells that were held out. Broken off, the same command goes on. Each folder OUT/residual.N/seed-S (of layer 0
    OUT/embedding/seed-S) holds sae_weights.safetensors and cfg.json, which SAELens reads, the report training.json and
    a log; OUT/layers.json sums them up.
    """
    from theodolite.cli.progress import waiting

    with waiting("Loading torch, the model and the cells"):
        from theodolite.experiments.campaign import CellsSpec
        from theodolite.experiments.inputs import load_cells
        from theodolite.measurements import Variant, VariantKind
        from theodolite.models.batches import resolve_device, resolve_dtype
        from theodolite.models.registry import load_model
        from theodolite.models.stepping import torch_threads
        from theodolite.saes import SAESettings, hold_out_cells, usual_size

        try:
            where = resolve_device(device)  # type: ignore[arg-type]
        except (ValueError, KeyError) as error:
            raise UserError(f"--device {device!r}: {error}") from error
        found = load_model(model)
        sites = _sites(at, found)
        size, active = usual_size(found.width, features, k)
        settings = SAESettings(
            features=size,
            k=active,
            sparsity=sparsity,  # type: ignore[arg-type]  # checked by the settings
            widths=_numbers("--widths", widths) if widths else (),
            steps=steps,
            rows=rows,
            threads=threads,
        )
        read = load_cells(
            CellsSpec(source=cells, layer=layer, gene_column=gene_column, donor=donor, batch=batch, species=species)
        ).take_evenly(most)
        groups = None if read.unit_kind == "cell" else read.units
        apart = hold_out_cells(len(read.cells), groups, held_out, settings.seed)
        kind = VariantKind.UNTRAINED if untrained else VariantKind.MAIN
    say(
        f"{found.name}{', untrained' if untrained else ''} on {read.name}: {len(read.cells):,} cells, of which "
        f"{int(apart.sum()):,} are held out"
        + {"donor": " (whole donors)", "batch": " (whole batches)"}.get(read.unit_kind, "")
        + f"; {settings.features:,} features, {settings.k} active."
    )
    with torch_threads(threads):
        placed = found.placed(where, resolve_dtype("float32"))
        store = _stored(placed, read, sites, out / "activations", Variant(kind))
        summaries = _trained(store, sites, settings, range(seeds), apart, out, str(where), resume=not restart)
    if as_json:
        from dataclasses import asdict

        print_json([asdict(summary) | {"medians": summary.medians} for summary in summaries])
        return
    _print(summaries, out)


def _numbers(option: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError as error:
        raise UserError(f"{option} {text!r}: give whole numbers with commas between them, as 64,256") from error


def _sites(text: str, model: FoundationModel) -> list[Site]:
    """Return the residual streams that ``all``, ``1,3`` or ``0-4`` means.

    Raises
    ------
    UserError
        If it means none, or one that the model does not have.
    """
    from theodolite.models.sites import residual

    if text == "all":
        return [residual(number) for number in range(model.n_layers + 1)]
    wanted: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise UserError(f"--at {text!r}: give layers with commas between them (1,3), a span (0-4), or all")
        wanted += range(int(first), int(last or first) + 1)
        if dash and int(last) < int(first):
            raise UserError(f"--at {text!r}: {part.strip()} ends before it begins; give a span as 0-4")
    if max(wanted) > model.n_layers:
        raise UserError(f"--at {text!r}: {model.name} has the layers 0 (the embedding) to {model.n_layers}")
    return [residual(number) for number in dict.fromkeys(wanted)]


def _stored(model: FoundationModel, cells: Any, sites: list[Site], folder: Path, variant: Any) -> Any:
    from theodolite.cli.progress import counted
    from theodolite.models.activations import write_activations

    with counted("Writing activations", len(cells.cells)) as update:
        return write_activations(
            model,
            model.tokenise(cells),
            cells.cells,
            folder,
            cells_sha256=cells.sha256,
            tokeniser={"context": model.context},
            variant=variant,
            sites=sites,
            said=say,
            progress=lambda done, total: update(done, "", total),
        )


def _trained(
    store: Any, sites: list[Site], settings: Any, seeds: range, apart: Any, out: Path, device: str, *, resume: bool
) -> tuple[LayerSummary, ...]:
    from theodolite.cli.progress import counted
    from theodolite.saes.layers import train_layers

    order = {(site, seed): number for number, (site, seed) in enumerate((s, n) for s in sites for n in seeds)}
    new: set[tuple[Site, int]] = set()
    with counted("Training", len(order) * settings.steps) as update:

        def progress(site: Site, seed: int, done: int, total: int, latest: dict[str, Any]) -> None:
            explained = latest.get("explained_variance")
            new.add((site, seed))
            note = "" if explained is None else f", explained variance {explained:.3f}, dead {latest['dead']:.1%}"
            update(order[site, seed] * total + done, f"({site}, seed {seed}{note})")

        summaries = train_layers(
            store, sites, settings, list(seeds), apart, out, device=device, resume=resume, progress=progress
        )
    if there := len(order) - len(new):
        say(f"{there} of {len(order)} autoencoders had been trained before; --restart trains them anew.")
    return summaries


def _print(summaries: tuple[LayerSummary, ...], out: Path) -> None:
    from rich.table import Table

    from theodolite.saes import MATCHED

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("site", no_wrap=True)
    for name in ("gamma", "explained variance", "active", "dead", f"matched at {MATCHED:g}"):
        table.add_column(name, justify="right")
    for summary in summaries:
        middle = summary.medians
        matched = middle["matched"]
        table.add_row(
            summary.site,
            f"{summary.gamma:.2f}",
            f"{middle['explained_variance']:.3f}",
            f"{middle['active']:.1f}",
            f"{middle['dead']:.1%}",
            "one seed" if matched is None else f"{matched:.0%}",
        )
    results().print(table)
    results().print(
        f"On tokens of held-out cells, medians over {len(summaries[0].explained_variance)} "
        f"seed{'s' if len(summaries[0].explained_variance) > 1 else ''}. Autoencoders: {out}",
        soft_wrap=True,
        highlight=False,
    )


@app.command("describe")
def describe(
    folder: Annotated[Path, typer.Argument(help="Folder of an autoencoder, written here or by SAELens.")],
    as_json: JsonOption = False,
) -> None:
    """Tell what an autoencoder is: its sizes, how features are chosen, what it was trained on."""
    from theodolite.saes import load_sae
    from theodolite.saes.files import CONFIGURATION

    if not (folder / CONFIGURATION).is_file() and (within := sorted(folder.glob(f"*/seed-*/{CONFIGURATION}"))):
        raise UserError(
            f"{folder} holds {len(within)} autoencoders; name the folder of one, such as {within[0].parent}"
        )
    found = load_sae(folder)
    plain = {"features": found.features, "width": found.width, "k": found.k, "about": found.about}
    if as_json:
        print_json(plain)
        return
    chosen = (
        "those above a threshold" if found.k is None else "the largest" if found.k == 1 else f"the {found.k} largest"
    )
    lines = [f"{found.features:,} features of a width of {found.width:,}; of a token {chosen} are active"]
    lines += _origin(found.about) or ["it does not say what it was trained on"]
    for line in lines:
        results().print(line, highlight=False, soft_wrap=True)


def _origin(about: dict[str, Any]) -> list[str]:
    """Return in lines what an autoencoder says that it was trained on and how; nothing where it says nothing."""
    rows, settings = about.get("rows", {}), about.get("settings", {})
    lines = []
    if "site" in rows:
        lines.append(f"site: {rows['site']}, tokens of {rows['genes']} genes")
        lines.append(f"model: {rows['model_sha256'][:12]}…, {rows['variant']}")
        apart = f"{rows['held_out_cells']:,} were held out"
        lines.append(f"cells: {rows['cells']:,}, of which {apart} ({rows['cells_sha256'][:12]}…)")
    elif "rows" in rows:
        lines.append(f"rows: {rows['rows']:,}, of which {rows['held_out_rows']:,} were held out")
    if settings:
        within = ", ".join(map(str, settings["widths"]))
        lines.append(
            f"training: {settings['sparsity']}, {settings['steps']:,} steps of {settings['rows']:,}, seed "
            f"{settings['seed']}" + (f", dictionaries of {within} features within" if within else "")
        )
    return lines
