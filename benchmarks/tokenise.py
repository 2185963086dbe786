"""Rank-value tokenising at 22,530 genes: cells a second, beside plain numpy one cell at a time, in one run.

Reads the mixology cells and the dictionaries of Geneformer where THEODOLITE_SHARED_DATA, or ../shared/data beside the
checkout, has them; made-up cells and dictionaries of the same sizes elsewhere. Fails if the two disagree in any
token.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from theodolite.data import CellSet, load_cells
from theodolite.models.geneformer.dictionaries import GeneDictionary, read_dictionary
from theodolite.models.geneformer.tokeniser import depths, rank_value_tokens
from theodolite.models.geneformer.writing import made_up_genes, write_dictionaries

CELLS, GENES, EXPRESSED = 1_183, 22_530, 6_000
VERSIONS = {"V1": (1, 25_426, 2_048), "V2": (2, 20_275, 4_096)}
PLAIN_CELLS = 200
TARGET = 2_000
REPEATS = 3

Result = TypeVar("Result")


def timed(function: Callable[[], Result]) -> tuple[float, Result]:
    """Return the least wall time of some calls, and what the last returned."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        found = function()
        best = min(best, time.perf_counter() - start)
    return best, found


def shared() -> Path | None:
    """Return the folder of real data, if there is one."""
    named = os.environ.get("THEODOLITE_SHARED_DATA")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    return folder if folder.is_dir() else None


def made_up_cells() -> CellSet:
    """Return cells of the size of the mixology ones."""
    draw = np.random.default_rng(0)
    counts = np.zeros((CELLS, GENES), dtype=np.int32)
    for row in counts:
        row[draw.choice(GENES, EXPRESSED, replace=False)] = draw.geometric(0.3, EXPRESSED)
    names = [f"cell{row}" for row in range(CELLS)]
    return CellSet.from_counts(
        "made-up", counts, list(made_up_genes(GENES)), names, species="human", origin="a benchmark"
    )


def plain(cells: CellSet, dictionary: GeneDictionary, context: int) -> list[NDArray[np.int64]]:
    """Return the tokens of each cell by dense numpy, as the encoding is specified."""
    places = dictionary.vocabulary.places(cells)
    known = places >= 0
    specials = dictionary.specials
    found = []
    for row, n_counts in enumerate(depths(cells)):
        x = cells.counts[[row]].toarray().ravel()
        summed = np.bincount(places[known], weights=x[known], minlength=len(dictionary.ensembl))
        value = summed / n_counts * 10_000 / dictionary.medians
        present = np.flatnonzero(value)
        order = present[np.argsort(-value[present], kind="stable")]
        tokens = dictionary.token_ids[order].astype(np.int64)[: context - specials.framing]
        found.append(tokens if specials.cls is None else np.array([specials.cls, *tokens, specials.eos]))
    return found


def main() -> None:
    """Time both versions on one and two threads."""
    folder = shared()
    if folder is None:
        cells = made_up_cells()
    else:
        cells = load_cells(
            folder / "cells" / "mixology_cell_lines.h5ad", layer="X", species="human", gene_column="index"
        )
    print(f"{len(cells.cells):,} cells of {len(cells.genes):,} genes: {cells.name}")
    for version, (number, size, context) in VERSIONS.items():
        with TemporaryDirectory() as made:
            if folder is None:
                ids = list(made_up_genes(size - 2 * number))
                medians = np.random.default_rng(1).uniform(0.5, 5, len(ids))
                write_dictionaries(Path(made), "made-up", ids, medians, version=number)
            else:
                for path in (folder / "tokenizers").glob("*.pkl"):
                    (Path(made) / path.name).symlink_to(path.resolve())
            dictionary = read_dictionary(Path(made), size)
        some = cells.take_cells(cells.cells[:PLAIN_CELLS])
        rank_value_tokens(some, dictionary, context)
        slow, expected = timed(lambda: plain(some, dictionary, context))  # noqa: B023  called at once
        by_hand = PLAIN_CELLS / slow
        print(f"{version}  plain numpy   {by_hand:8,.0f} cells/s")
        for threads in (1, 2):
            seconds, tokens = timed(lambda: rank_value_tokens(cells, dictionary, context, threads=threads))  # noqa: B023
            speed = len(tokens) / seconds
            print(f"{version}  {threads} thread(s)   {speed:8,.0f} cells/s   ratio {speed / by_hand:5.1f}")
        kept = tokens.take(range(PLAIN_CELLS))
        if not np.array_equal(kept.ids, np.concatenate(expected)):
            raise SystemExit(f"{version}: the kernel and plain numpy disagree")
        print(f"{version}  tokens of {PLAIN_CELLS} cells equal; {speed / TARGET:.1f} times the target of {TARGET:,}")


if __name__ == "__main__":
    main()
