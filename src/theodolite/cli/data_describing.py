"""``data describe``: what a file of cells holds, what would be made of it, and the lines for a campaign file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from theodolite.cli.console import print_json, results
from theodolite.cli.tool_commands import JsonOption

__all__ = ["describe"]

_WIDTH = 16
_SHOWN = 6


def describe(
    source: Annotated[str, typer.Argument(help="'pbmc', or a file, folder or query of cells (docs/cells.md).")],
    layer: Annotated[str, typer.Option(help="Matrix with the counts: X, raw, a layer, or auto to look.")] = "auto",
    species: Annotated[str | None, typer.Option(help="Check this species; what genes say if not given.")] = None,
    gene_column: Annotated[str | None, typer.Option(help="Column with the names of genes, or index.")] = None,
    ensembl_column: Annotated[str | None, typer.Option(help="Column with Ensembl ids, or index.")] = None,
    aliases: Annotated[str | None, typer.Option(help="'packaged' or a table by which genes are renamed.")] = None,
    donor: Annotated[str | None, typer.Option(help="Column with donors.")] = None,
    batch: Annotated[str | None, typer.Option(help="Column with batches.")] = None,
    cell_type: Annotated[str | None, typer.Option(help="Column with cell types.")] = None,
    condition: Annotated[str | None, typer.Option(help="Column with conditions.")] = None,
    perturbation: Annotated[str | None, typer.Option(help="Column with perturbed genes; needs --control.")] = None,
    control: Annotated[str | None, typer.Option(help="Value of that column of unperturbed cells.")] = None,
    families: Annotated[Path | None, typer.Option(help="Table of gene families; the packaged if not given.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the split that is shown.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Describe cells: counts, genes, species, roles, and the blocks that a split would make.

    Nothing is written, but for a Census query, whose cells are fetched into a file beside it.
    """
    from theodolite.cli.progress import waiting

    given = {
        "layer": layer,
        "species": species,
        "gene_column": gene_column,
        "ensembl_column": ensembl_column,
        "aliases": aliases,
        "donor": donor,
        "batch": batch,
        "cell_type": cell_type,
        "condition": condition,
        "perturbation": perturbation,
        "control": control,
    }
    with waiting("Reading the cells"):
        told = _describe(source, given, families, seed)
    if as_json:
        print_json(told)
    else:
        _print(told)


def _describe(source: str, given: Mapping[str, Any], families: Path | None, seed: int) -> dict[str, Any]:
    from theodolite.data import load_families, read_cells
    from theodolite.data.describing import describe_cells, describe_read
    from theodolite.experiments.campaign import CellsSpec
    from theodolite.experiments.inputs import PBMC, load_cells

    table = load_families(families)
    if source == PBMC:
        words = {name: value for name, value in given.items() if value is not None}
        return describe_cells(load_cells(CellsSpec(source=PBMC, **words)), table, seed=seed)
    told = describe_read(read_cells(source, **given), table, seed=seed)
    told["campaign"] = _campaign(source, given, told)
    return told


def _campaign(source: str, given: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, str]:
    """Return the keys of a campaign file's section ``cells`` that read the same cells."""
    keys = {"source": source, "layer": told["matrix"]["layer"], "species": told["species"]["declared"]}
    keys |= {name: value for name, value in given.items() if value is not None and name not in keys}
    if keys["layer"] == "X":
        del keys["layer"]
    if keys["species"] == "human":
        del keys["species"]
    return keys


def _print(told: Mapping[str, Any]) -> None:
    console = results()
    for title, lines in _lines(told):
        for number, line in enumerate(lines):
            console.print(f"{'' if number else title:<{_WIDTH}}{line}", soft_wrap=True)


def _lines(told: Mapping[str, Any]) -> Iterable[tuple[str, list[str]]]:
    counts, source, species = told["counts"], told.get("source"), told["species"]
    yield "cells", [f"{told['name']}: {told['cells']:,} cells x {told['genes']:,} genes, sha256 {told['sha256'][:16]}"]
    if source:
        yield "file", [f"{source['path']} ({source['form']})", *source["notes"]]
        matrix = told["matrix"]
        kinds = [f"{name}: {kind}" + (" <- taken" if name == matrix["layer"] else "") for name, kind in
                 matrix["kinds"].items()]  # fmt: skip
        yield "matrices", [*kinds, f"({matrix['why']})"]
    else:
        yield "origin", [told["origin"]]
    yield (
        "counts",
        [
            f"whole numbers, all {counts['stored']:,} of them; largest {counts['largest']:,}; "
            f"{counts['share_zero']:.1%} of entries are zero",
            f"depth: {_five(counts['depth'])}",
            f"genes a cell: {_five(counts['genes_a_cell'])}",
            *([f"Look: {counts['warning']}"] if counts["warning"] else []),
        ],
    )
    yield "genes", list(_gene_lines(told))
    yield "species", [f"{species['declared']}: {species['check']}", f"evidence: {species['evidence']}"]
    yield "roles", [_role(role, found) for role, found in told["roles"].items()] or ["none is declared"]
    if told["perturbation"]:
        yield "perturbation", list(_perturbation_lines(told["perturbation"]))
    if told.get("columns"):
        yield "columns", [_column(column) for column in told["columns"]]
    yield "split", list(_split_lines(told["split"]))
    if told.get("campaign"):
        import yaml

        text = yaml.safe_dump({"cells": told["campaign"]}, sort_keys=False, allow_unicode=True)
        yield "campaign file", text.splitlines()


def _five(found: Mapping[str, float]) -> str:
    low, first, middle, third, high = (f"{value:,.0f}" for value in found.values())
    return f"median {middle}, quartiles {first} to {third}, from {low} to {high}"


def _gene_lines(told: Mapping[str, Any]) -> Iterable[str]:
    names = told.get("gene_names")
    if names:
        by = names["ensembl_by"]
        yield (
            f"{names['columns']:,} columns named by {names['named_by']!r}: {names['matched']:,} are a gene each under "
            "that name"
        )
        for what in ("renamed", "summed", "dropped", "ambiguous"):
            if found := names[what]["number"]:
                examples = ", ".join(names[what]["examples"])
                yield f"{found:,} {what}: {examples}{', ...' if found > len(names[what]['examples']) else ''}"
        yield (
            f"Ensembl ids from {by!r}: of {told['ensembl']:,} of {told['genes']:,} genes"
            if by
            else "Ensembl ids: none; --ensembl-column names a column of them"
        )
    earlier = told["earlier_symbols"]
    if earlier["number"]:
        yield (
            f"{earlier['number']:,} earlier symbols that `aliases: packaged` would rename: "
            f"{', '.join(earlier['examples'])}{', ...' if earlier['number'] > len(earlier['examples']) else ''}"
        )


def _role(role: str, found: Mapping[str, Any]) -> str:
    shown = [f"{value} ({cells:,})" for value, cells in list(found["cells"].items())[:_SHOWN]]
    more = ", ..." if found["levels"] > _SHOWN else ""
    return f"{role}: column {found['column']!r}, {found['levels']} levels: {', '.join(shown)}{more}"


def _perturbation_lines(found: Mapping[str, Any]) -> Iterable[str]:
    yield f"{found['control']:,} control cells; {found['targets']:,} targets, cells a target: " + _five(
        found["cells_a_target"]
    )
    if found["not_genes"]["number"]:
        yield f"{found['not_genes']['number']} targets are no genes of these cells: " + ", ".join(
            found["not_genes"]["examples"]
        )


def _column(column: Mapping[str, Any]) -> str:
    missing = f", missing for {column['missing']:,} cells" if column["missing"] else ""
    hint = f" <- may be the {column['may_be'].replace('_', ' ')}" if column["may_be"] else ""
    return f"{column['column']}: {column['levels']:,} values{missing}{hint}"


def _split_lines(split: Mapping[str, Any]) -> Iterable[str]:
    kind = split["unit_of_cells"]
    several = {"batch": "batches"}.get(kind, f"{kind}s")
    advice = "" if kind == "donor" else "; donors would be better, if there are any"
    yield f"units of cells: {split['units_of_cells']:,} {several}{advice}"
    yield (
        f"units of genes: {split['families']:,} families (table {split['family_table']}), which hold "
        f"{split['genes_with_family']:,} genes; genes without a family take no part in tests"
    )
    if not split["splits"]:
        yield f"no split can be made: {split['no_more_blocks']}"
    for item in split["splits"]:
        parts = [
            f"{name} {part['genes']:,} genes / {part['units']:,} {several}" for name, part in item["parts"].items()
        ]
        yield f"{item['blocks']} block{'s' if item['blocks'] > 1 else ''}, seed {split['seed']}: {'; '.join(parts)}"
    empty = [item["blocks"] for item in split["splits"] if not all(part["units"] for part in item["parts"].values())]
    if empty:
        yield f"Look: with {', '.join(map(str, empty))} blocks some part holds no {kind} at all"
