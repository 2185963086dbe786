"""What cells are like, as plain data: counts, names, species, roles, and the blocks that a split would make of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from theodolite.data.aliases import PACKAGED, load_aliases
from theodolite.data.cells import CellSet
from theodolite.data.families import GeneFamilies
from theodolite.data.loading import ReadCells
from theodolite.data.perturbations import perturbed_cells
from theodolite.data.species import check_species, species_evidence
from theodolite.data.splits import DEFAULT_SPLIT_SEED, DISCOVERY, MOST_BLOCKS, SplitError, UnitTable, make_split

__all__ = ["candidate_columns", "describe_cells", "describe_read"]

_HINTS = {
    "donor": re.compile(r"donor|patient|subject|individual|person|participant|animal|mouse_id", re.IGNORECASE),
    "batch": re.compile(
        r"batch|plate|library|lane|channel|sample|run|chemistry|assay|replicate|gem_group", re.IGNORECASE
    ),
    "cell_type": re.compile(r"cell_?type|celltype|cell_?line|annotation|louvain|leiden|cluster", re.IGNORECASE),
    "condition": re.compile(r"condition|treatment|disease|stim|status|timepoint|time_point", re.IGNORECASE),
    "perturbation": re.compile(r"perturb|guide|grna|sgrna|knock|target_gene", re.IGNORECASE),
}
_MOST_LEVELS = 50
_EXAMPLES = 5


def describe_read(read: ReadCells, families: GeneFamilies, *, seed: int = DEFAULT_SPLIT_SEED) -> dict[str, Any]:
    """Describe cells that were read from a file.

    Parameters
    ----------
    read
        The cells and how they came to be.
    families
        The table of families that a split would cut.
    seed
        Seed of that split.

    Returns
    -------
    dict
        Plain data, ready for JSON.
    """
    report = read.genes
    told = describe_cells(read.cells, families, seed=seed)
    told["source"] = {"path": str(read.stored.path), "form": read.stored.form, "notes": list(read.notes)}
    told["matrix"] = {
        "layer": read.layer,
        "why": read.why,
        "kinds": {name: kind.value for name, kind in read.stored.kinds().items()},
    }
    told["gene_names"] = {
        "columns": report.columns,
        "named_by": report.named_by,
        "ensembl_by": report.ensembl_by or None,
        "matched": report.matched,
        "renamed": _some([f"{old} -> {new}" for old, new in report.renamed]),
        "summed": _some([f"{gene} ({len(columns)} columns)" for gene, columns in report.summed]),
        "dropped": _some([f"{name}: {why}" for name, why in report.dropped]),
        "ambiguous": _some(list(report.ambiguous)),
    }
    told["columns"] = candidate_columns(read.stored.obs)
    return told


def describe_cells(cells: CellSet, families: GeneFamilies, *, seed: int = DEFAULT_SPLIT_SEED) -> dict[str, Any]:
    """Describe cells, wherever they come from; see :func:`describe_read`."""
    depth = np.asarray(cells.counts.sum(axis=1, dtype=np.int64))
    genes_a_cell = np.diff(cells.counts.indptr)
    evidence = species_evidence(cells.genes, cells.ensembl)
    later = load_aliases(PACKAGED).current
    earlier = [f"{gene} -> {later[gene]}" for gene in cells.genes if gene in later] if cells.species == "human" else []
    return {
        "name": cells.name,
        "origin": cells.origin,
        "sha256": cells.sha256,
        "cells": len(cells.cells),
        "genes": len(cells.genes),
        "counts": {
            "whole_numbers": True,  # nothing else becomes a cell set
            "stored": int(cells.counts.nnz),
            "share_zero": 1 - cells.counts.nnz / (len(cells.cells) * len(cells.genes)),
            "largest": int(cells.counts.data.max()),
            "depth": _quartiles(depth),
            "genes_a_cell": _quartiles(genes_a_cell),
            "warning": _evenness(depth),
        },
        "ensembl": None if cells.ensembl is None else sum(map(bool, cells.ensembl)),
        "earlier_symbols": _some(earlier),
        "species": {
            "declared": cells.species,
            "evidence": evidence.words,
            "check": check_species(cells.species, evidence),
        },
        "roles": {role: _levels(column, cells.label(column)) for role, column in cells.roles.items()},
        "perturbation": _perturbation(cells),
        "split": _split(cells, families, seed),
    }


def _some(found: Sequence[str]) -> dict[str, Any]:
    return {"number": len(found), "examples": list(found[:_EXAMPLES])}


def _quartiles(values: Any) -> dict[str, float]:
    names = ("least", "lower_quartile", "median", "upper_quartile", "most")
    found = np.quantile(values, (0, 0.25, 0.5, 0.75, 1))
    return {name: float(value) for name, value in zip(names, found, strict=True)}


def _evenness(depth: Any) -> str | None:
    low, high = int(depth.min()), int(depth.max())
    if len(depth) < 10 or high - low > 0.01 * high:
        return None
    return (
        f"every cell has nearly the same total ({low:,} to {high:,}): these may be rounded values per cell total, or "
        "counts drawn down to one depth; look where the matrix comes from"
    )


def _levels(column: str, values: Sequence[str]) -> dict[str, Any]:
    counted = Counter(values)
    return {"column": column, "levels": len(counted), "cells": dict(counted.most_common(_MOST_LEVELS))}


def _perturbation(cells: CellSet) -> dict[str, Any] | None:
    if cells.perturbation is None:
        return None
    found = perturbed_cells(cells)
    return {
        "control": found.control,
        "targets": len(found.cells_of),
        "cells_a_target": _quartiles(list(found.cells_of.values())),
        "not_genes": _some(found.not_genes),
    }


def candidate_columns(obs: Any) -> list[dict[str, Any]]:
    """List the columns of cells with their number of values, and the role that name and values speak for.

    Parameters
    ----------
    obs
        Table of cells.
    """
    told = []
    for column in obs.columns:
        name = str(column)
        levels, missing = int(obs[column].nunique()), int(obs[column].isna().sum())
        fitting = missing == 0 and 2 <= levels <= max(2, len(obs) // 2) and obs[column].dtype.kind != "f"
        role = next((role for role, hint in _HINTS.items() if fitting and hint.search(name)), None)
        told.append({"column": name, "levels": levels, "missing": missing, "may_be": role})
    return told


def _split(cells: CellSet, families: GeneFamilies, seed: int) -> dict[str, Any]:
    units = UnitTable.of(cells, families)
    found: list[dict[str, Any]] = []
    reason = None
    for k in range(1, MOST_BLOCKS + 1):
        try:
            split = make_split(units, seed, k=k)
        except SplitError as error:
            reason = str(error)
            break
        parts = {
            part: {
                "families": len(split.families(part)),
                "genes": len(split.genes(part)),
                "units": len(split.cell_units(part)),
            }
            for part in (DISCOVERY, *split.blocks)
        }
        found.append({"blocks": k, "parts": parts})
    return {
        "seed": seed,
        "unit_of_cells": units.cell_unit_kind,
        "units_of_cells": len(units.cell_units),
        "families": len(units.families),
        "family_table": families.version,
        "genes_with_family": sum(family is not None for _, family in units.gene_family),
        "splits": found,
        "no_more_blocks": reason,
    }
