"""Are the proportions of RNA mixtures recovered when whole mixtures are held out? A recovery check, and no finding.

RNA of three lung-cancer lines was mixed in seven proportions and diluted to four amounts (sc_mixology). What is
measured is linear in the proportions by construction, so that least squares on counts is what nothing should beat, and
a table in which a model came first would be about the table. RNA amount goes with depth, so that scores are within one
amount.

Each of the seven mixtures is held out whole; all choices are made on the other six. The model is a compact transformer
trained on cells of five lines, three of which were mixed, and on no mixture.

Needs the folder that ``THEODOLITE_SHARED_DATA`` names; without it the script says so and ends. A folder named by
``THEODOLITE_COMPACT`` keeps the model between runs.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from lib.mixture_rows import Bench, recovery_rows
from lib.real_cells import LINES, layer_rows, mixtures, most_variable, trained
from lib.record import write_evidence
from lib.recovery import estimate
from lib.regulons import MIXOLOGY, shared_data

from theodolite.data import load_cells
from theodolite.measurements import Variant, VariantKind
from theodolite.models.training import TrainSettings

FLOOR = "least squares on counts"
GENES = 400
SETTINGS = TrainSettings(steps=1500, genes_per_step=240)


def above_counts(rows: list[dict[str, Any]]) -> None:
    """Add to each row how far its error is above that of least squares on counts, paired by mixture."""
    errors = {row["row"]: (row["error"]["mean"]["value"], np.array(row["error"].pop("without"))) for row in rows}
    least, least_without = errors[FLOOR]
    for row in rows:
        row["rho"].pop("without")
        whole, without = errors[row["row"]]
        row["above_counts"] = estimate(np.array(whole - least), without - least_without)


def main() -> None:
    """Train, hold out, score, and write the table."""
    data = shared_data()
    if data is None:
        print("SKIPPED: no real data; name their folder by THEODOLITE_SHARED_DATA")
        return
    started = time.monotonic()
    mixed = mixtures(data)
    lines = load_cells(data / MIXOLOGY, layer="X", species="human", gene_column="symbol", labels=["cell_line"])
    known = set(mixed.cells.genes)
    common = [gene for gene in lines.genes if gene in known]
    # Chosen on the cells that the model is trained on, so that no mixture has a say.
    genes = [common[place] for place in most_variable(lines.log1p_cp10k(common), GENES)]
    with tempfile.TemporaryDirectory() as folder:
        made = trained("lines", lines, genes, SETTINGS, Path(folder))
    print(made.record, flush=True)
    layers, static = layer_rows(made.model, mixed.cells)
    untrained, _ = layer_rows(made.model.variant(Variant(VariantKind.UNTRAINED)), mixed.cells)
    bench = Bench.of(mixed, genes, layers, untrained, static)
    rows: list[dict[str, Any]] = []
    for row in recovery_rows(bench):
        rows.append(row)
        print(f"{row['row']:55} {row['error']['mean']} {row['rho']['mean']}", flush=True)
    above_counts(rows)
    result = {
        "pseudo_cells": len(mixed.names),
        "mixtures": dict(sorted(Counter(mixed.names).items())),
        "amounts": dict(sorted(Counter(mixed.amounts).items(), key=lambda item: float(item[0]))),
        "anchors": len(bench.anchor_names),
        "lines": list(LINES),
        "intervals": "jackknife over seven mixtures, t with six degrees of freedom",
        "model": {"trained_on": "mixology cell lines, five lines, no mixture", **made.record},
        "rows": rows,
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    finite = all(np.isfinite(row["error"]["mean"]["value"]) for row in rows)
    write_evidence("rna_mixtures", "recovery of RNA mixtures that were held out whole", result, finite)


if __name__ == "__main__":
    main()
