"""``models verify``: hold a checkpoint to what its model was trained for, on one's own cells."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from theodolite.cli.console import print_json, results, say
from theodolite.cli.errors import UserError
from theodolite.cli.exit_codes import ExitCode
from theodolite.cli.tool_commands import JsonOption

__all__ = ["verify_model"]


def verify_model(
    name: Annotated[str, typer.Argument(help="Name of an added model, or folder of a checkpoint.")],
    cells: Annotated[str, typer.Option(help="'pbmc' (packaged) or the path of a file with raw counts.")],
    layer: Annotated[str, typer.Option(help="Where the file keeps its counts: X, raw, or a layer.")] = "X",
    gene_column: Annotated[str | None, typer.Option(help="Column with gene symbols.")] = None,
    donor: Annotated[str | None, typer.Option(help="Column with donors, of which whole ones are held out.")] = None,
    batch: Annotated[str | None, typer.Option(help="Column with batches, where there are no donors.")] = None,
    species: Annotated[str, typer.Option(help="Species of the cells.")] = "human",
    held_out: Annotated[
        str | None,
        typer.Option(help="The donor or batch to predict, best one the model never saw; drawn if absent."),
    ] = None,
    most: Annotated[int, typer.Option(help="Cells that are predicted, and that rivals are fitted on, at most.")] = 500,
    seed: Annotated[int, typer.Option(help="Seed of what is held out and hidden.")] = 1,
    device: Annotated[str, typer.Option(help="Where the model runs: auto, cpu, cuda or mps.")] = "auto",
    threads: Annotated[int | None, typer.Option(help="torch threads.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify a model: parameters, token coverage, masked prediction beside rivals, known neighbours.

    Thresholds are fixed in the code. The record lies beside the checkpoint, and names its content hash; verdicts of
    campaigns on a model that no such record calls verified say so. Exit code 1 where a check fails.
    """
    from theodolite.cli.progress import waiting

    with waiting("Loading the model and the cells"):
        from theodolite.experiments.campaign import CellsSpec
        from theodolite.experiments.inputs import load_cells
        from theodolite.models.batches import resolve_device, resolve_dtype
        from theodolite.models.registry import load_model, model_folder
        from theodolite.models.verifying import write_verification
        from theodolite.models.verifying.checks import hold_out, verify

        try:
            where = resolve_device(device)  # type: ignore[arg-type]
        except (ValueError, KeyError) as error:
            raise UserError(f"--device {device!r}: {error}") from error
        if threads is not None:
            import torch

            torch.set_num_threads(threads)
        folder = model_folder(name)
        model = load_model(name).placed(where, resolve_dtype("float32"))
        found = load_cells(
            CellsSpec(source=cells, layer=layer, gene_column=gene_column, donor=donor, batch=batch, species=species)
        )
    if most < 2:
        raise UserError(f"--most {most}: two cells at least are needed on either side")
    rivals, predicted, words = hold_out(found, most, seed, held_out)
    about: dict[str, Any] = {
        "cells": {"name": found.name, "sha256": found.sha256},
        "held_out": words,
        "n_predicted": len(predicted.cells),
        "n_fitted": len(rivals.cells),
        "seed": seed,
        "device": str(where),
    }
    if not as_json:
        say(
            f"{model.name} on {found.name}: {len(predicted.cells)} cells are predicted ({words}), rivals are fitted on "
            f"{len(rivals.cells)} others."
        )
    checks = []
    with waiting("Verifying"):
        for check in verify(model, rivals, predicted, seed):
            checks.append(check)
    path = write_verification(folder, model.sha256, checks, about)
    passed = all(check.passed for check in checks)
    if as_json:
        from dataclasses import asdict

        print_json({"model": model.name, "verified": passed, "checks": [asdict(check) for check in checks], **about})
    else:
        _print(model.name, checks, path)
    if not passed:
        raise typer.Exit(ExitCode.PROBLEM)


def _print(name: str, checks: list[Any], path: Path) -> None:
    console = results()
    for check in checks:
        mark = "held  " if check.passed else "FAILED"
        console.print(f"{mark}  {check.name}", style="green" if check.passed else "red", highlight=False)
        console.print(f"        {check.sentence}", highlight=False)
    failed = sum(not check.passed for check in checks)
    verdict = "verified" if not failed else f"not verified: {failed} of {len(checks)} checks failed"
    console.print(f"\n{name} is {verdict}. Record: {path}", highlight=False, soft_wrap=True)
    if failed:
        console.print("Campaigns on it run all the same, and every verdict says [unverified model].", markup=False)
