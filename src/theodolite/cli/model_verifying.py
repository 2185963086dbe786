"""``models verify``: hold a checkpoint to what its model was trained for, on one's own cells."""

from __future__ import annotations

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
    ensembl_column: Annotated[
        str | None, typer.Option(help="Column with Ensembl ids of genes; found by its name if left out.")
    ] = None,
    aliases: Annotated[
        str | None, typer.Option(help="'packaged' or a table by which genes are renamed to today's symbols.")
    ] = None,
    donor: Annotated[str | None, typer.Option(help="Column with donors, of which whole ones are held out.")] = None,
    batch: Annotated[str | None, typer.Option(help="Column with batches, where there are no donors.")] = None,
    species: Annotated[str, typer.Option(help="Species of the cells.")] = "human",
    held_out: Annotated[
        str | None,
        typer.Option(
            help="The donor or batch to predict, which the model never saw; that of its training.json, else drawn."
        ),
    ] = None,
    most: Annotated[
        int, typer.Option(min=50, help="Cells that are predicted, and that rivals are fitted on, at most.")
    ] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Seed of what is held out and hidden.")] = 1,
    device: Annotated[str, typer.Option(help="Where the model runs: auto, cpu, cuda or mps.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="torch threads.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify a model: parameters, token coverage, masked prediction beside rivals, known neighbours.

    Thresholds are fixed in the code. A model trained here is held to the plate that its training.json calls unseen;
    50 cells at least are needed on either side. The record lies beside the checkpoint, names its content hash and keeps
    earlier attempts; verdicts of campaigns on a model that no such record calls verified say so. Exit code 1 where a
    check fails.
    """
    from theodolite.cli.progress import waiting

    with waiting("Loading the model and the cells"):
        from theodolite.experiments.campaign import CellsSpec
        from theodolite.experiments.inputs import load_cells
        from theodolite.models.batches import resolve_device, resolve_dtype
        from theodolite.models.registry import load_model, model_folder
        from theodolite.models.verifying import check_writable, earlier_attempts, write_verification
        from theodolite.models.verifying.checks import check_kind, hold_out, verify
        from theodolite.models.verifying.unseen import choose_unit, read_plates

        try:
            where = resolve_device(device)  # type: ignore[arg-type]
        except (ValueError, KeyError) as error:
            raise UserError(f"--device {device!r}: {error}") from error
        if threads is not None:
            import torch

            torch.set_num_threads(threads)
        folder = model_folder(name)
        model = load_model(name).placed(where, resolve_dtype("float32"))
        check_kind(model)
        found = load_cells(
            CellsSpec(
                source=cells,
                layer=layer,
                gene_column=gene_column,
                ensembl_column=ensembl_column,
                aliases=aliases,
                donor=donor,
                batch=batch,
                species=species,
            )
        )
    unit = choose_unit(found, read_plates(folder), held_out, seed)
    rivals, predicted, words = hold_out(found, most, seed, unit)
    check_writable(folder)
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
    passed = all(check.passed for check in checks)
    before = sum(attempt.get("model_sha256") == model.sha256 for attempt in earlier_attempts(folder))
    # Said before it is kept: what cost hours to compute is not lost to a disk that fills up meanwhile.
    if as_json:
        from dataclasses import asdict

        print_json({"model": model.name, "verified": passed, "checks": [asdict(check) for check in checks], **about})
    else:
        _print(model.name, checks, before)
    path = write_verification(folder, model.sha256, checks, about)
    if not as_json:
        results().print(f"Record: {path}", highlight=False, soft_wrap=True)
    if not passed:
        raise typer.Exit(ExitCode.PROBLEM)


def _print(name: str, checks: list[Any], before: int) -> None:
    console = results()
    for check in checks:
        mark = "held  " if check.passed else "FAILED"
        console.print(f"{mark}  {check.name}", style="green" if check.passed else "red", highlight=False)
        console.print(f"        {check.sentence}", highlight=False)
    failed = sum(not check.passed for check in checks)
    verdict = "verified" if not failed else f"not verified: {failed} of {len(checks)} checks failed"
    console.print(f"\n{name} is {verdict}.", highlight=False, soft_wrap=True)
    if before:
        console.print(
            f"These weights were tried {before} time{'s' if before > 1 else ''} before; the record says on what."
        )
    if failed:
        console.print("Campaigns on it run all the same, and every verdict says [unverified model].", markup=False)
